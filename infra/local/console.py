"""Steps on a terminal: one line a step, with a mark, its duration and what came of it."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from typing import Iterator

WIDTH = 44  # of a step's title


class Step:
    """What a step found out, for the end of its line."""

    note = ""


class Steps:
    """Prints steps as they run: a spinner where somebody watches, otherwise a line now and then."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
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
            duration = f"{time.monotonic() - start:6.1f} s"
            self._replace(f"  {self.paint(mark, color)} {title:<{WIDTH}} {self.paint(duration, 2)}  {step.note}".rstrip() + "\n")

    def _tick(self, title: str, start: float, done: threading.Event) -> None:
        frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" if self._live else "…"
        # Without a terminal a line every half minute says that something is going on.
        interval = 0.1 if self._live else 30
        if self._live:
            self._replace(f"  {frames[0]} {title}")
        count = 0
        while not done.wait(interval):
            count += 1
            elapsed = f"{time.monotonic() - start:6.0f} s"
            self._replace(f"  {frames[count % len(frames)]} {title:<{WIDTH}} {self.paint(elapsed, 2)}" + ("" if self._live else "\n"))

    def _replace(self, text: str) -> None:
        sys.stdout.write(f"\r\033[K{text}" if self._live else text)
        sys.stdout.flush()

    def paint(self, text: str, color: int) -> str:
        return f"\033[{color}m{text}\033[0m" if self._color else text

    @property
    def elapsed(self) -> str:
        return f"{time.monotonic() - self._start:.0f} s"


def mask(secret: str) -> str:
    """Enough to recognise a secret, too little to use it."""
    return f"{secret[:4]}{'•' * 8}"
