"""Stopping a run at a point where it can go on."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):
    """Training stopped on request; its state was handed on.

    Attributes:
        epoch: in which it stopped.
        batches: done in that epoch.
    """

    def __init__(self, epoch: int, batches: int) -> None:
        super().__init__(f"interrupted in epoch {epoch} after {batches} batches")
        self.epoch = epoch
        self.batches = batches


class StopRequest:
    """Whether the process was asked to stop: false until SIGINT or SIGTERM arrives.

    Attributes:
        signal: the number of the signal, 0 before.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._at_once = False

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signal != 0

    def at_once(self) -> None:
        """From here on, stop at the next signal; and now, if there was one."""
        self._at_once = True
        if self.signal:
            raise KeyboardInterrupt

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, the first SIGINT or SIGTERM is a request; a second one stops at once."""

        def note(number: int, frame: FrameType | None) -> None:
            again, self.signal = self.signal != 0, number
            if again or self._at_once:
                raise KeyboardInterrupt

        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
