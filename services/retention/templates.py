"""What a message says: a template chosen by purpose, language and segment, and filled in.

A template is written by people who do not program, and is not trusted: of jinja2's language it may use variables, conditions, one loop at a time
over a list, and a few filters. There is no call, no assignment, no macro, no import, and no way to make a text or a list grow, so its work is
bounded by its own size times that of its variables; the sandbox stands behind that. Undefined variables are errors, never blanks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.environment import Template as Compiled
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedEnvironment

LONGEST_SUBJECT, LONGEST_BODY = 200, 4_000
LONGEST_OUTPUT = 10_000
MOST_NODES = 400
MOST_ENTRIES, MOST_CHARACTERS, DEEPEST = 50, 5_000, 4
"""Of the variables of one message: entries per list, characters of all texts together, levels."""
LONGEST_SEPARATOR = 10
LARGEST_NUMBER = 10**18
ANY = ""
"""As language or segment of a template: for all of them."""

_OF_LOOP = frozenset({"first", "last", "index"})
_LOOPED = "*entries"  # put around what every loop runs over; no template can spell it

FILTERS = frozenset({"capitalize", "default", "first", "join", "last", "length", "lower", "money", "trim", "upper"})
TESTS = frozenset({"defined", "undefined", "none", "eq", "equalto", "ne", "gt", "ge", "lt", "le", "in"})
_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.If, nodes.CondExpr, nodes.For, nodes.Neg,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Filter, nodes.Test, nodes.Keyword, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div,
)  # fmt: skip


class TemplateRefused(ValueError):
    """`line`: from 1, in the part (subject or body) that the text names; None when it is not one line's fault."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


class Key(NamedTuple):
    """What a template is for."""

    channel: str
    purpose: str
    language: str = ANY
    segment: str = ANY


@dataclass(frozen=True, slots=True)
class Template:
    key: Key
    version: int
    subject: str
    body: str

    @property
    def name(self) -> str:
        """`sms/save/zh/gold@3`, with `*` for any."""
        return "/".join(part or "*" for part in self.key) + f"@{self.version}"


class Text(NamedTuple):
    subject: str
    body: str


def fall_back(wanted: Key) -> tuple[Key, ...]:
    """Where to look, in this order: segment and language, language alone, default."""
    return wanted, wanted._replace(segment=ANY), wanted._replace(segment=ANY, language=ANY)


def choose(wanted: Key, in_force: Mapping[Key, Template]) -> Template | None:
    return next((in_force[key] for key in fall_back(wanted) if key in in_force), None)


class _Environment(SandboxedEnvironment):
    """A dot reaches into data only: no attribute or method of any object, and arithmetic is for numbers."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        if isinstance(obj, list) and isinstance(argument, int) and 0 <= argument < len(obj):
            return obj[argument]
        if isinstance(obj, LoopContext) and argument in _OF_LOOP:
            return getattr(obj, argument)
        return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError(f"{operator} is for numbers")
        return super().call_binop(context, operator, left, right)


def money(minor: Any) -> str:
    """1250 -> `12.50`."""
    if not isinstance(minor, int) or abs(minor) > LARGEST_NUMBER:
        raise SecurityError("money is a whole number of minor units")
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def join(entries: Any, separator: Any = "") -> str:
    """Not jinja2's own: that one takes a text for a list of characters, and a text of any length between them."""
    if not isinstance(separator, str) or len(separator) > LONGEST_SEPARATOR:
        raise SecurityError(f"what stands between entries is a text of at most {LONGEST_SEPARATOR} characters")
    return separator.join(map(str, _entries(entries)))


def _entries(value: Any) -> list[Any]:
    """What a loop may run over."""
    if isinstance(value, Undefined):
        iter(value)
    if not isinstance(value, list):
        raise SecurityError("only the entries of a list can be gone through")
    return value


def _environment() -> _Environment:
    made = _Environment(undefined=StrictUndefined, autoescape=False)
    made.globals.clear()
    made.intercepted_binops = frozenset({"+", "-", "*", "/"})
    made.filters = {name: each for name, each in made.filters.items() if name in FILTERS} | {"money": money, "join": join, _LOOPED: _entries}
    made.tests = {name: each for name, each in made.tests.items() if name in TESTS}
    return made


_ENVIRONMENT = _environment()


def check(text: str) -> frozenset[str]:
    """The variables a template takes, with dots (`offer.name`). Raises TemplateRefused with the line."""
    try:
        tree = _ENVIRONMENT.parse(text)
        if sum(1 for _ in tree.find_all(nodes.Node)) > MOST_NODES:
            raise TemplateRefused(f"has more than {MOST_NODES} parts")
        _refuse_forbidden(tree, in_loop=False)
        _compile(text)
    except TemplateSyntaxError as error:
        raise TemplateRefused(error.message or "does not parse", error.lineno) from None
    except (RecursionError, MemoryError, SyntaxError):
        raise TemplateRefused("is nested too deeply") from None
    return frozenset(_variables(tree, frozenset()))


def missing(names: frozenset[str], variables: Mapping[str, Any]) -> list[str]:
    """Those of the names that nothing is given for."""
    return sorted(name for name in names if not _is_given(name.split("."), variables))


def render(template: Template, variables: Mapping[str, Any]) -> Text:
    """Raises TemplateRefused: a variable is missing or too large, or the output is too long."""
    if _characters(variables, depth=0) > MOST_CHARACTERS:
        raise TemplateRefused(f"the variables are longer than {MOST_CHARACTERS} characters together")
    return Text(" ".join(_fill(template.subject, variables).split()), _fill(template.body, variables))


def _fill(text: str, variables: Mapping[str, Any]) -> str:
    parts, length = [], 0
    try:
        for part in _compile(text).generate(variables):
            parts.append(part)
            length += len(part)
            if length > LONGEST_OUTPUT:
                break
    except TemplateError as error:
        raise TemplateRefused(str(error.message or "can not be filled in")[:200]) from None
    except (TypeError, ValueError, ArithmeticError):
        raise TemplateRefused("a variable is not of the kind that the template takes it for") from None
    if length > LONGEST_OUTPUT:
        raise TemplateRefused(f"the output is longer than {LONGEST_OUTPUT} characters")
    return "".join(parts)


@lru_cache(maxsize=256)
def _compile(text: str) -> Compiled:
    tree = _ENVIRONMENT.parse(text)
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _LOOPED, [], [], None, None, lineno=loop.lineno).set_environment(_ENVIRONMENT)
    return _ENVIRONMENT.from_string(tree)


def _refuse_forbidden(node: nodes.Node, *, in_loop: bool) -> None:
    problem = _problem_of(node, in_loop)
    if problem:
        raise TemplateRefused(problem, node.lineno)
    for child in node.iter_child_nodes():
        _refuse_forbidden(child, in_loop=in_loop or isinstance(node, nodes.For))


def _problem_of(node: nodes.Node, in_loop: bool) -> str | None:
    match node:
        case nodes.For():
            return _problem_of_loop(node, in_loop)
        case nodes.Filter() if node.name not in FILTERS:
            return f"there is no filter {node.name}: use one of {', '.join(sorted(FILTERS))}"
        case nodes.Test() if node.name not in TESTS:
            return f"there is no test {node.name}: use one of {', '.join(sorted(TESTS))}"
        case nodes.Name(name=name) | nodes.Getattr(attr=name) if name.startswith("_") or name == "self":
            return f"{name} can not be the name of a variable"
        case nodes.Getitem() if not isinstance(node.arg, nodes.Const):
            return "what stands in brackets has to be a number or a text"
    return None if isinstance(node, _ALLOWED) else f"{type(node).__name__.lower()} is not part of what a template may use"


def _problem_of_loop(node: nodes.For, in_loop: bool) -> str | None:
    if node.recursive or in_loop:
        return "a loop can not stand in a loop"
    if not isinstance(node.target, nodes.Name) or not isinstance(node.iter, nodes.Name | nodes.Getattr | nodes.Getitem):
        return "a loop gives each entry of one variable one name"
    return None


def _variables(node: nodes.Node, local: frozenset[str]) -> Iterator[str]:
    """Of `offer.name` only that, not `offer` too."""
    path = _path(node)
    if path is not None:
        if path[0] not in local:
            yield ".".join(path)
        return
    inner = local | {node.target.name, "loop"} if isinstance(node, nodes.For) and isinstance(node.target, nodes.Name) else local
    for child in node.iter_child_nodes():
        outside = isinstance(node, nodes.For) and child is node.iter
        yield from _variables(child, local if outside else inner)


def _path(node: nodes.Node) -> tuple[str, ...] | None:
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        before, name = _path(node.node), node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        before, name = _path(node.node), str(node.arg.value)
    else:
        return None
    return None if before is None else (*before, name)


def _is_given(path: Sequence[str], variables: Any) -> bool:
    if not path:
        return True
    if isinstance(variables, list) and path[0].isdecimal():
        return int(path[0]) < len(variables) and _is_given(path[1:], variables[int(path[0])])
    return isinstance(variables, Mapping) and path[0] in variables and _is_given(path[1:], variables[path[0]])


def _characters(value: Any, *, depth: int) -> int:
    """Of all texts in it. Refuses what is no text, number, list or object, and what has too many entries or levels."""
    match value:
        case str():
            return len(value)
        case None | bool() | float():
            return 0
        case int() if abs(value) <= LARGEST_NUMBER:
            return 0
        case dict() | list() if len(value) <= MOST_ENTRIES and depth <= DEEPEST:
            return sum(_characters(one, depth=depth + 1) for one in (value.values() if isinstance(value, dict) else value))
    raise TemplateRefused(f"variables are texts, numbers, and lists and objects of them: {MOST_ENTRIES} entries and {DEEPEST} levels at most")
