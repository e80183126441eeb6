"""Which fields of a payload are personal data, read off the contracts themselves, and how to change them in a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from shared.contracts.envelope import Personal, PersonalKind

Path = tuple[str, ...]
Fields = tuple[tuple[Path, PersonalKind], ...]
Change = Callable[[PersonalKind, str], str]

EACH = "*"


@cache
def personal_fields(model: type[BaseModel]) -> Fields:
    """(path, kind) of every personal text; `*` in a path stands for each entry of a list."""
    return tuple(one for name, field in model.model_fields.items() for one in _within(field.annotation, (name,), tuple(field.metadata)))


def rewrite(document: dict[str, Any], fields: Fields, change: Change) -> None:
    """Change the personal texts of `document` in place; what is absent stays absent."""
    for path, kind in fields:
        _rewrite_at(document, path, kind, change)


def _within(annotation: Any, path: Path, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[Path, PersonalKind]]:
    for mark in metadata:
        if isinstance(mark, Personal):
            yield path, mark.kind
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from (((*path, *inner), kind) for inner, kind in personal_fields(annotation))
    elif get_origin(annotation) is Annotated:
        yield from _within(annotation.__origin__, path, annotation.__metadata__)
    elif get_origin(annotation) is tuple:
        yield from _within(get_args(annotation)[0], (*path, EACH))
    else:
        for part in get_args(annotation):
            yield from _within(part, path)


def _rewrite_at(holder: Any, path: Path, kind: PersonalKind, change: Change) -> None:
    name, *rest = path
    keys = range(len(holder)) if name == EACH else [name] if name in holder else []
    for key in keys:
        if rest and holder[key] is not None:
            _rewrite_at(holder[key], tuple(rest), kind, change)
        elif isinstance(holder[key], str):
            holder[key] = change(kind, holder[key])
