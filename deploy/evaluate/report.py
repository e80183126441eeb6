"""The figures as tables a person reads, and as lines another program does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deploy.evaluate.figures import OfCause
from deploy.evaluate.metrics import Figures, Share

HEAD = (
    "kind", "warnings", "precision", "by chance", "leave in 60 days", "episodes", "recall", "days after it began", "days before they left",
    "false per 1,000 and month",
)  # fmt: skip


def table(found: Iterable[Figures]) -> str:
    return _markdown(HEAD, (_row(one) for one in found))


def causes(found: Sequence[OfCause]) -> str:
    kinds = [kind for kind in found[0].by_kind if any(one.by_kind[kind] for one in found)] if found else []
    rows = ((one.cause, str(one.figures.recall.of), share(one.figures.recall), *(str(one.by_kind[kind]) for kind in kinds)) for one in found)
    return _markdown(("cause of the drift", "drifts", "warned of in time", *kinds), rows)


def share(one: Share) -> str:
    """In percent, with its bounds."""
    if one.value is None or one.bounds is None:
        return "-"
    low, high = one.bounds
    return f"{one.value:.0%} ({low:.0%} to {high:.0%})"


def _row(one: Figures) -> tuple[str, ...]:
    return (
        one.kind,
        str(one.warnings),
        share(one.precision),
        "-" if one.chance is None else f"{one.chance:.1%}",
        "-" if one.leaves.value is None else f"{one.leaves.value:.0%}",
        str(one.recall.of),
        share(one.recall),
        _number(one.days_after_it_began),
        _number(one.days_before_they_left),
        "-" if one.false_per_1000_months is None else f"{one.false_per_1000_months:.1f}",
    )


def _number(days: float | None) -> str:
    return "-" if days is None else f"{days:g}"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
