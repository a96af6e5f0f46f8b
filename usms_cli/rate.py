"""How many recipients may be handed to the API in any one second.

The API takes a request's recipients at some instant between its start and its answer, which nobody
here can know. So a request counts from its start until a second after its answer: then no window of
one second, on whatever clock, holds more than the rate.
"""

import math
from collections import deque

WINDOW = 1.0  # seconds


class Rate:
    """Keeps to at most `limit` recipients in any one second; None: no limit.

    Times are in seconds of one monotonic clock, and never go back.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._under_way = 0
        self._answered: deque[tuple[float, int]] = deque()
        self._counted = 0

    def wait(self, size: int, now: float) -> float:
        """Return in how many seconds a request with `size` recipients may start: 0 for now, and
        infinity where an answer must come first."""
        if self._limit is None:
            return 0.0
        while self._answered and self._answered[0][0] + WINDOW < now:
            self._counted -= self._answered.popleft()[1]
        room = self._limit - self._under_way - self._counted
        ready = now
        for at, number in self._answered:
            if room >= size:
                break
            room += number
            ready = at + WINDOW
        return ready - now if room >= size else math.inf

    def start(self, size: int) -> None:
        """Count a request that starts now."""
        if self._limit is not None:
            self._under_way += size

    def answer(self, size: int, now: float) -> None:
        """Count a request that was answered, or will not be waited for any longer."""
        if self._limit is None:
            return
        self._under_way -= size
        self._answered.append((now, size))
        self._counted += size
