"""Batches go to the API and verdicts to the ledger: how many at once, when again, when to stop.

One thread, the caller's, owns the ledger and decides; the others write and make requests, and
nothing else.
A request is handed to them only when its start is on disk.
"""

import logging
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Literal

from usms_cli.api.answers import FIRST_BACKOFF, LONGEST_BACKOFF, LONGEST_PAUSE
from usms_cli.api.client import Client
from usms_cli.api.verdicts import NotTaken, Refused, Stop, Taken, Verdict
from usms_cli.batching import Batch, batches
from usms_cli.isolation import TASKS_IN_A_ROW, Isolation, Refusal
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.schema import Pace
from usms_cli.journal.settlement import SentCounts
from usms_cli.rate import Rate
from usms_cli.settle import settle
from usms_cli.text import count

UNKNOWN_IN_A_ROW = 5
_DAY = 86_400.0  # seconds
_READ_AHEAD = 5000  # recipients
_NAMED_TEMPLATES = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a delivery ended, and why if it did not come to its end."""

    status: Literal["done", "stopped", "interrupted"]
    problem: str | None = None


class Delivery:
    """One call's way through what a run has to send.

    :param connect: makes a connection of its own for each thread.
    :param watch: told what has been sent, after each request.
    :param limit: send only to the first so many pending recipients; None: to all.
    :param resend_unknown: send first to those who are unknown now, as the user said.
    """

    def __init__(
        self,
        ledger: Ledger,
        connect: Callable[[], Client],
        pace: Pace,
        watch: Callable[[SentCounts], None],
        *,
        limit: int | None = None,
        resend_unknown: bool = False,
    ) -> None:
        self._ledger = ledger
        self._connect = connect
        self._pace = pace
        self._watch = watch
        self._isolation = Isolation(ledger.has_accepted)
        self._fresh = self._batches(limit, resend_unknown)
        self._next: Batch | None = None
        self._again: deque[Batch] = deque()
        self._jobs: SimpleQueue[tuple[int, Batch] | None] = SimpleQueue()
        self._answers: SimpleQueue[tuple[int, Batch, Verdict] | None] = SimpleQueue()
        self._workers = 0
        self._under_way = 0
        self._proven = False
        self._front: int | None = None
        self._paused_until = 0.0
        self._rate = Rate(pace.rate)
        self._batch_size = min(pace.batch_size, pace.rate or pace.batch_size)
        self._unknown_in_a_row = 0
        self._last_unknown = 0
        self._problem: str | None = None
        self._interruptions = 0
        self._sent = SentCounts()

    def interrupt(self) -> None:
        """Start nothing more; called twice, do not wait for what is under way either.

        May be called from a signal handler.
        """
        self._interruptions += 1
        self._answers.put(None)

    def run(self) -> Ending:
        """Send until all is sent or something ends it.

        :raises JournalError: what is under way cannot be recorded; it stays unknown.
        """
        try:
            while True:
                pause = self._start_what_may_be()
                more = not self._halted and self._has_more()
                if not self._under_way and not more:
                    break
                self._take_answers(None if self._halted else pause)
                if self._interruptions > 1:
                    break
            self._ledger.put_last(self._isolation.given_up)
            self._ledger.commit()
        finally:
            for _ in range(self._workers):
                self._jobs.put(None)
        if self._interruptions:
            return Ending("interrupted", "the run was interrupted by a signal")
        if self._problem:
            return Ending("stopped", self._problem)
        if reasons := list(self._isolation.given_up.values()):
            if len(reasons) > _NAMED_TEMPLATES:
                others = count(len(reasons) - _NAMED_TEMPLATES, "more template")
                reasons[_NAMED_TEMPLATES:] = [f"and {others}"]
            return Ending("stopped", "; ".join(reasons))
        return Ending("done")

    @property
    def _halted(self) -> bool:
        return self._interruptions > 0 or self._problem is not None

    def _batches(self, limit: int | None, resend_unknown: bool) -> Iterator[Batch]:
        size = self._batch_size
        if resend_unknown:
            yield from batches(self._ledger.unknown(size), size, resend=True)
        pieces = self._ledger.pending(max(size, _READ_AHEAD), limit, self._isolation.given_up)
        yield from batches(pieces, size)

    def _start_what_may_be(self) -> float | None:
        """Start what may be started now; return after how many seconds to look again.

        None: after the next answer, and not before.
        """
        starting: list[tuple[int, Batch]] = []
        while not (wait := self._wait()) and (batch := self._choose()):
            if self._workers <= self._under_way:
                self._add_worker()
            request = self._ledger.start(batch)
            _log.info("request %d: %s", request, count(batch.size, "recipient"))
            starting.append((request, batch))
            self._under_way += 1
            self._rate.start(batch.size)
        self._ledger.commit()
        for job in starting:
            self._jobs.put(job)
        return None if wait in (0, math.inf) else wait

    def _wait(self) -> float:
        """Return in how many seconds a request may start: after a pause that the API asked for, and
        when the rate has room for a whole batch."""
        now = time.monotonic()
        return max(0.0, self._paused_until - now, self._rate.wait(self._batch_size, now))

    def _has_more(self) -> bool:
        """Whether anything is left to start; what comes next is made ready by the way."""
        return bool(self._again or self._isolation.active or self._peek())

    def _peek(self) -> Batch | None:
        self._next = self._next or next(self._fresh, None)
        return self._next

    def _choose(self) -> Batch | None:
        """Return the batch to start now, or None where none may be."""
        if self._halted or self._under_way >= self._allowed():
            return None
        if self._again:
            return self._again.popleft()
        if self._isolation.active:
            if self._under_way:
                return None
            if part := self._isolation.next_part():
                return part
            self._record_failures(self._isolation.conclude(self._peek()))
            if part := self._isolation.next_part():
                return part
        return self._choose_fresh()

    def _allowed(self) -> int:
        """Return how many requests may be under way at once.

        The first goes alone, so that a wrong key costs one request. Once one has ended unknown, no
        more than could end so before the run is stopped for it.
        """
        if not self._proven:
            return 1
        if not self._unknown_in_a_row:
            return self._pace.concurrency
        return min(self._pace.concurrency, UNKNOWN_IN_A_ROW - self._unknown_in_a_row)

    def _choose_fresh(self) -> Batch | None:
        while True:
            batch, self._next = self._next or next(self._fresh, None), None
            if batch is None:
                return None
            batch = batch.without(self._isolation.given_up)
            if batch.size:
                break
        first, last = batch.pieces[0].task.id, batch.pieces[-1].task.id
        # Nor is a second request of a task started before somebody of the first was taken.
        if first == self._front and self._under_way and not self._ledger.has_accepted(first):
            self._next = batch
            return None
        self._front = last
        return batch

    def _take_answers(self, timeout: float | None) -> None:
        """Wait for an answer, and record it with all others that have come."""
        with suppress(Empty):
            answer = self._answers.get(timeout=timeout)
            while True:
                if answer is not None:
                    self._record(*answer)
                answer = self._answers.get_nowait()
        self._watch(self._sent)

    def _record(self, request: int, batch: Batch, verdict: Verdict) -> None:
        self._under_way -= 1
        self._rate.answer(batch.size, time.monotonic())
        settlement = settle(verdict, batch)
        self._ledger.settle(request, batch, settlement)
        why = f" ({settlement.reason})" if settlement.reason else ""
        _log.info("request %d: %s%s", request, settlement.verdict, why)
        self._sent += settlement.counts(batch.size)
        ended_unknown = settlement.outcome == "unknown" and len(settlement.apart) < batch.size
        if ended_unknown:
            self._unknown_in_a_row += 1
            self._last_unknown = max(self._last_unknown, request)
        elif request > self._last_unknown:  # one that was started before tells of the time before
            self._unknown_in_a_row = 0
        if self._unknown_in_a_row >= UNKNOWN_IN_A_ROW:
            self._stop(f"{UNKNOWN_IN_A_ROW} requests in a row ended unknown: {settlement.reason}")
        match verdict:
            # A code of 0 without a session number proves nothing, not even of the template.
            case Taken() if settlement.outcome == "accepted":
                self._proven = True
                self._record_failures(self._isolation.taken(batch))
            case Refused(reason):
                self._record_failures(self._isolation.refused(request, batch, reason))
                if self._isolation.everybody_is_refused:
                    self._stop(f"{TASKS_IN_A_ROW} templates in a row were refused: {reason}")
            case Stop(reason):
                self._stop(reason)
            case NotTaken(reason, retry_after):
                self._try_again(batch, reason, retry_after)

    def _record_failures(self, refusals: list[Refusal]) -> None:
        for request, batch in refusals:
            self._ledger.fail(request, batch)
            self._sent += SentCounts(failed=batch.size)

    def _try_again(self, batch: Batch, reason: str, retry_after: float | None) -> None:
        """Let a batch that was surely not taken wait, and everything else with it."""
        batch.tries += 1
        if batch.tries > self._pace.retries:
            self._stop(f"{reason}, after {count(batch.tries, 'try', 'tries')}")
            return
        # Also where the API asks for less: nothing, or a time that has passed on our clock.
        backoff = min(FIRST_BACKOFF * 2 ** (batch.tries - 1), LONGEST_BACKOFF)
        delay = max(retry_after or 0.0, backoff)
        if delay > LONGEST_PAUSE:
            long = f"{delay / 60:.0f} minutes" if delay <= _DAY else "more than a day"
            self._stop(f"{reason}, and asks to wait for {long}")
            return
        self._again.append(batch)
        _log.info("waiting %.1f seconds before trying again", delay)
        pause = delay * random.uniform(1.0, 1.25)  # noqa: S311 (so that processes do not march in step)
        self._paused_until = max(self._paused_until, time.monotonic() + pause)

    def _stop(self, reason: str) -> None:
        self._problem = self._problem or reason

    def _add_worker(self) -> None:
        client = self._connect()
        self._workers += 1
        threading.Thread(target=self._work, args=(client,), daemon=True).start()

    def _work(self, client: Client) -> None:
        while job := self._jobs.get():
            request, batch = job
            self._answers.put((request, batch, client.send(batch.body())))
        client.close()
