"""Steps on a terminal: one line a step, with a mark, its duration and what came of it."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

WIDTH = 44  # of a step's title


class Step:
    """What a step found out, for the end of its line."""

    note = ""


class Steps:
    """Prints steps as they run: a spinner where somebody watches, otherwise a line now and then."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._color = self._live and "NO_COLOR" not in os.environ
        self._start = time.monotonic()
        self.passed = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        start = time.monotonic()
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(title, start, done), daemon=True)
        ticker.start()
        step = Step()
        mark, color = "✗", 31
        try:
            yield step
            mark, color = "✓", 32
            self.passed += 1
        finally:
            done.set()
            ticker.join()
            line = self._line(self.paint(mark, color), title, start)
            self._write(f"{line}  {step.note}".rstrip() + "\n")

    def _tick(self, title: str, start: float, done: threading.Event) -> None:
        # Without a terminal a line every half minute says that something is going on.
        frames, interval, end = ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", 0.1, "") if self._live else ("…", 30, "\n")
        for frame in itertools.cycle(frames):
            if done.wait(interval):
                return
            self._write(self._line(frame, title, start) + end)

    def _line(self, mark: str, title: str, start: float) -> str:
        duration = f"{time.monotonic() - start:6.1f} s"
        return f"  {mark} {title:<{WIDTH}} {self.paint(duration, 2)}"

    def _write(self, text: str) -> None:
        sys.stdout.write(f"\r\033[K{text}" if self._live else text)  # in place of the spinner
        sys.stdout.flush()

    def paint(self, text: str, color: int) -> str:
        return f"\033[{color}m{text}\033[0m" if self._color else text

    @property
    def elapsed(self) -> str:
        return f"{time.monotonic() - self._start:.0f} s"


def mask(secret: str) -> str:
    """Enough to recognise a secret, too little to use it."""
    return f"{secret[:4]}{'•' * 8}"
