"""`python -m deploy.bench.profiled FILE SERVICE worker`: a part, and in FILE at its end where its CPU time went.

Samples of CPU time and not cProfile: that takes as long as the worker itself, and more for many small calls than for few long ones.
"""

from __future__ import annotations

import signal
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

import orjson

from services.__main__ import main

SAMPLE_SECONDS = 0.002


class Samples:
    """`own` counts the function that was running, `within` every function on the stack."""

    def __init__(self) -> None:
        self.own, self.within = Counter[CodeType](), Counter[CodeType]()

    def take(self, _: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self.own[frame.f_code] += 1
        stack = set[CodeType]()
        while frame is not None:
            stack.add(frame.f_code)
            frame = frame.f_back
        self.within.update(stack)

    def table(self) -> list[dict[str, str | float]]:
        total = self.own.total() or 1
        return [{"function": _name(code), "own": self.own[code] / total, "within": count / total} for code, count in self.within.most_common()]


def _name(code: CodeType) -> str:
    folders = Path(code.co_filename).parts
    return f"{'/'.join(folders[-2:])}:{code.co_qualname}"


def profiled() -> None:
    file = Path(sys.argv.pop(1))
    samples = Samples()
    signal.signal(signal.SIGPROF, samples.take)
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
    try:
        main()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        file.write_bytes(orjson.dumps(samples.table()))


if __name__ == "__main__":
    profiled()
