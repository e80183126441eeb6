"""Whether a contract only grew: what was a valid event before still is, and what a reader finds in it is still there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

# The greater, or the smaller, the fewer values pass; a bound that was not there before is narrower than none.
LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
WORDED = ("pattern", "format")


def breaks(old: Schema, new: Schema) -> list[str]:
    """What in `new` breaks who relies on `old`; both are whole JSON Schemas with their `$defs`."""
    return list(_Comparison(old, new).of(old, new, ""))


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new

    def of(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        old, new = _resolved(old, self._old), _resolved(new, self._new)
        if "anyOf" in old or "anyOf" in new:
            yield from self._alternatives(old, new, at)
            return
        yield from _types(old, new, at)
        yield from _bounds(old, new, at)
        yield from self._fields(old, new, at)
        for inner in ("items", "additionalProperties"):
            if isinstance(new.get(inner), dict):
                yield from self.of(old[inner] if isinstance(old.get(inner), dict) else {}, new[inner], f"{at}[]")

    def _alternatives(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        """Each old alternative must fit into one of the new ones. Of those it does not fit, the nearest is reported."""
        for before in old.get("anyOf", [old]):
            found = [list(self.of(before, now, at)) for now in new.get("anyOf", [new])]
            yield from min(found, key=len)

    def _fields(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        before, now = old.get("properties", {}), new.get("properties", {})
        yield from (f"{at}.{name}: removed" for name in before if name not in now)
        yield from (f"{at}.{name}: required now" for name in new.get("required", ()) if name not in old.get("required", ()))
        for name in before.keys() & now.keys():
            yield from self.of(before[name], now[name], f"{at}.{name}")


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = root["$defs"][name] | {key: value for key, value in schema.items() if key != "$ref"}
    return schema


def _types(old: Schema, new: Schema, at: str) -> Iterator[str]:
    if "type" in new and old.get("type") not in (new["type"], "integer" if new["type"] == "number" else None):
        yield f"{at}: was {old.get('type', 'anything')}, now {new['type']}"
    before, now = _values(old), _values(new)
    if now is not None:
        if before is None:
            yield f"{at}: only {', '.join(map(str, now))} now"
        else:
            yield from (f"{at}: {value!r} is no value of it any more" for value in before if value not in now)


def _values(schema: Schema) -> list[Any] | None:
    values: list[Any] | None = [schema["const"]] if "const" in schema else schema.get("enum")
    return values


def _bounds(old: Schema, new: Schema, at: str) -> Iterator[str]:
    for name in (*LOWER_BOUNDS, *UPPER_BOUNDS):
        if name not in new:
            continue
        sign = 1 if name in LOWER_BOUNDS else -1
        if name not in old or sign * new[name] > sign * old[name]:
            yield f"{at}: {name} is {new[name]} now, was {old.get(name, 'none')}"
    for name in WORDED:
        if name in new and new[name] != old.get(name):
            yield f"{at}: {name} is {new[name]!r} now, was {old.get(name)!r}"
