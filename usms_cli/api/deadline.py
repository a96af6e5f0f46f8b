"""The time that an exchange may take, kept by one thread for all exchanges of a connection.

A timer for each would cost as much as the exchange itself.
"""

import threading
import time
from collections.abc import Callable


class Deadline:
    """Calls `cut` when an exchange has taken `seconds`. Use as a context manager around each."""

    def __init__(self, seconds: float, cut: Callable[[], None]) -> None:
        self._seconds = seconds
        self._cut = cut
        self._at: float | None = None  # when the exchange under way is late
        self._idle = False
        self._closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        with self._changed:
            self._at = time.monotonic() + self._seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()
            elif self._idle:
                self._changed.notify()

    def __exit__(self, *_: object) -> None:
        with self._changed:  # once it is ours, no cut is under way that could hit the next exchange
            self._at = None

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _watch(self) -> None:
        # While exchanges follow each other nobody has to wake this thread: none that begins while
        # it waits is late sooner than it wakes.
        with self._changed:
            while not self._closed:
                self._idle = self._at is None
                left = None if self._at is None else self._at - time.monotonic()
                if left is None or left > 0:
                    self._changed.wait(left)
                else:
                    self._cut()
                    self._at = None
