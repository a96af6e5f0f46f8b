"""The receipts of a run: asked for a few calls at once, kept as they come, asked for again.

One thread, the caller's, owns the journal; the others ask and nothing else. Asking does no harm, so
what is under way when the user has enough is not awaited.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from queue import Empty, SimpleQueue

from usms_cli.api.asking import BadAnswerError, NoAnswerError
from usms_cli.api.connection import Connection
from usms_cli.api.receipts import MOST_RECEIPTS, MOST_SESSIONS, Receipts, ask_for_receipts
from usms_cli.errors import StoppedError
from usms_cli.journal.receipts import ReceiptBook, SessionSize
from usms_cli.journal.schema import Pace
from usms_cli.matching import give_out
from usms_cli.text import count, quoted

MOST_BAD_ANSWERS = 5  # in a round: then it is not for what was asked
_FIRST_PAUSE = 5.0  # seconds; receipts come 5 to 10 minutes after a send, a few after 12 hours
_LONGEST_PAUSE = 300.0
_GROWTH = 1.5
_STRANGE_SHOWN = 5

Watch = Callable[[int, int, float | None], None]

_log = logging.getLogger(__name__)


class Inquiry:
    """One call's way to the receipts of a run.

    :param connect: makes a connection of its own for each thread.
    :param pace: how many calls may be under way at once, and how often one is tried again.
    :param watch: told after each answer how many are delivered and undelivered, and while it waits
        also for how many seconds.
    """

    def __init__(
        self, book: ReceiptBook, connect: Callable[[], Connection], pace: Pace, watch: Watch
    ) -> None:
        self._book = book
        self._connect = connect
        self._pace = pace
        self._watch = watch
        self._calls: SimpleQueue[list[str] | None] = SimpleQueue()
        self._answers: SimpleQueue[Receipts | StoppedError | None] = SimpleQueue()
        self._delivered = self._undelivered = 0
        self._workers = 0
        self._interrupted = False
        self._oddities: Counter[str] = Counter()
        self._strange: Counter[str] = Counter()

    def interrupt(self) -> None:
        """Ask nothing more, and wait for nothing. May be called from a signal handler."""
        self._interrupted = True
        self._answers.put(None)

    def run(self, patience: float) -> StoppedError | None:
        """Ask, and for so many seconds again, until no recipient's message is waiting.

        :return: why the last asking did not come to its end, if it did not.
        :raises JournalError: what came cannot be kept.
        """
        give_up = time.monotonic() + patience
        pause = _FIRST_PAUSE
        try:
            begun = time.monotonic()
            self._waiting()
            problem = self._ask_all(only_waiting=False)
            while not self._interrupted and (problem is None or isinstance(problem, NoAnswerError)):
                now = time.monotonic()
                if now >= give_up or not self._waiting():
                    break
                # Never more than half of the time is spent asking.
                self._sleep(min(max(pause, now - begun), give_up - now))
                pause = min(pause * _GROWTH, _LONGEST_PAUSE)
                if not self._interrupted:
                    begun = time.monotonic()
                    problem = self._ask_all(only_waiting=True)
        finally:
            for _ in range(self._workers):
                self._calls.put(None)
        return problem

    def oddities(self) -> Iterator[str]:
        """Yield what was strange in the answers, for people."""
        for what, number in self._oddities.items():
            yield what.format(count(number, "receipt"))
        for word, number in self._strange.most_common(_STRANGE_SHOWN):
            yield (
                f"{count(number, 'receipt has', 'receipts have')} the result {quoted(word)}, "
                "which no document knows: counted as waiting"
            )

    def _ask_all(self, *, only_waiting: bool) -> StoppedError | None:
        """Ask once for each session, and keep what comes."""
        calls = _calls(self._book.sessions(only_waiting=only_waiting))
        under_way = bad = 0
        problem: StoppedError | None = None
        oddities: Counter[str] = Counter()
        strange: Counter[str] = Counter()
        while not self._interrupted:
            go_on = problem is None or (
                isinstance(problem, BadAnswerError) and bad < MOST_BAD_ANSWERS
            )
            while go_on and under_way < self._pace.concurrency and (call := next(calls, None)):
                if self._workers <= under_way:
                    self._add_worker()
                self._calls.put(call)
                under_way += 1
            if not under_way:
                break
            answer = self._answers.get()
            under_way -= 1
            if isinstance(answer, StoppedError):
                bad += isinstance(answer, BadAnswerError)
                problem = answer if isinstance(problem, BadAnswerError | None) else problem
            elif answer:
                self._keep(answer, oddities)
                strange += answer.strange
                self._watch(self._delivered, self._undelivered, None)
        # They come again each time that they are asked for.
        self._oddities |= oddities
        self._strange |= strange
        return problem

    def _keep(self, answer: Receipts, oddities: Counter[str]) -> None:
        oddities[_FOREIGN] += answer.foreign
        for number, receipts in answer.by_session.items():
            with self._book.updating():
                given = give_out(receipts, self._book.addressees(number))
                delivered, undelivered = self._book.keep(number, given.changes)
            self._delivered += delivered
            self._undelivered += undelivered
            oddities[_STRANGER] += given.strangers
            oddities[_NOT_ACCEPTED] += given.not_accepted
            oddities[_SURPLUS] += given.surplus
            oddities[_UNPRICED] += given.unpriced
        _log.info("receipts of %d sessions", len(answer.by_session))

    def _waiting(self) -> int:
        """Return how many are waiting, by what is on disk, to which others may have added."""
        counts = self._book.view.receipts()
        self._delivered, self._undelivered = counts.delivered, counts.undelivered
        return counts.waiting

    def _sleep(self, seconds: float) -> None:
        _log.info("asking again in %.0f seconds", seconds)
        self._watch(self._delivered, self._undelivered, seconds)
        with suppress(Empty):
            self._answers.get(timeout=seconds)

    def _add_worker(self) -> None:
        self._workers += 1
        threading.Thread(target=self._work, name=f"receipts-{self._workers}", daemon=True).start()

    def _work(self) -> None:
        """Ask what is to be asked, until there is no more. In a thread of its own."""
        with closing(self._connect()) as connection:
            while (sessions := self._calls.get()) is not None:
                try:
                    self._answers.put(ask_for_receipts(connection, self._pace.retries, sessions))
                except StoppedError as error:
                    self._answers.put(error)


_FOREIGN = "{} of sessions that were not asked for: not counted"
_STRANGER = "{} with a phone that is nobody's in the session, or could be of several: not counted"
_NOT_ACCEPTED = "{} of recipients who are not accepted: not counted, nor is their outcome changed"
_SURPLUS = "{} more than messages to the same phone: not counted"
_UNPRICED = "{} without a number of message parts: counted as none"


def _calls(sessions: Iterable[SessionSize]) -> Iterator[list[str]]:
    """Put session numbers together into calls whose answers can surely be read."""
    call: list[str] = []
    room = MOST_RECEIPTS
    for session in sessions:
        if call and (len(call) == MOST_SESSIONS or session.recipients > room):
            yield call
            call, room = [], MOST_RECEIPTS
        call.append(session.no)
        room -= session.recipients
    if call:
        yield call
