"""The sending side of a run: what is pending, which requests were started, what came of them.

One thread owns a ledger. What it writes is on disk when `commit` returns, and not before.
"""

import sqlite3
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from usms_cli.batching import Batch, Piece, Task
from usms_cli.journal.schema import journal_errors, open_for_sending
from usms_cli.journal.view import PENDING, Counts, View

T = TypeVar("T")


class Apart(NamedTuple):
    """A recipient that fared differently from the rest of its request."""

    task: int
    id: int
    outcome: Literal["failed", "unknown"]
    reason: str


class SessionRow(NamedTuple):
    """A session number as it is kept; None: several, or not known."""

    no: str
    template: str | None
    sender: str | None
    recipients: int | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a verdict means for the recipients of a request.

    `outcome` is that of all but those in `apart`; "pending" gives them back.
    """

    verdict: str
    outcome: Literal["accepted", "failed", "unknown", "pending"]
    reason: str | None = None
    apart: Sequence[Apart] = ()
    sessions: Sequence[SessionRow] = ()

    def counts(self, size: int) -> dict[str, int]:
        """Return how many of a request's `size` recipients it makes accepted, failed, unknown."""
        failed = sum(one.outcome == "failed" for one in self.apart)
        counts = {"accepted": 0, "failed": failed, "unknown": len(self.apart) - failed}
        if self.outcome != "pending":
            counts[self.outcome] += size - len(self.apart)
        return counts


class Ledger:
    """A run that is being sent.

    :raises UsageError: the file is no run of this version.
    :raises JournalError: (any method) the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with journal_errors(path):
            self._connection = open_for_sending(path)
        self._view = View(self._connection, path)
        self.info = self._view.info
        self._call = 0
        # Most runs leave nobody out, and need not look for each recipient.
        some = self._select("SELECT 1 FROM left_out LIMIT 1", ())
        self._not_left_out = f"AND {_NOT_LEFT_OUT}" if some else ""

    def close(self) -> None:
        self._connection.close()

    def counts(self) -> Counts:
        return self._view.counts()

    def begin_call(self) -> None:
        """Record that a call starts to send for this run."""
        with self._writing() as connection:
            query = "INSERT INTO call (started) VALUES (?) RETURNING id"
            self._call = connection.execute(query, (time.time(),)).fetchone()[0]
        self.commit()

    def end_call(self, status: str, problem: str | None) -> None:
        """Record how the call ended."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE call SET ended = ?, status = ?, problem = ? WHERE id = ?",
                (time.time(), status, problem, self._call),
            )
        self.commit()

    def commit(self) -> None:
        """Put everything written so far on disk."""
        if self._connection.in_transaction:
            with journal_errors(self._path):
                self._connection.execute("COMMIT")

    def pending(
        self, size: int, first: int | None = None, given_up: Container[int] = ()
    ) -> Iterator[Piece]:
        """Yield the pending recipients by task and in order, in pieces of at most `size`.

        Tasks that were put last come last.

        The ledger may be written while this goes on: what is given back behind the place that the
        iterator has come to is not looked at again.

        :param first: only those among the first so many pending of the input; None: all.
        :param given_up: ids of tasks to pass over, looked at again before each piece.
        """
        end = _END if first is None else self._id_of_pending(first)
        for task in self._tasks():
            place = 0
            while place < end and task.id not in given_up:
                span_first, span_last = self._next_span(task.id, place)
                piece = self._piece(task, place, min(span_first - 1, end), size)
                if piece:
                    yield piece
                place = self._further(place, piece.last if piece else span_last)

    def unknown(self, size: int) -> Iterator[Piece]:
        """Yield the recipients that are unknown now, in pieces of at most `size` without a gap.

        As with `pending`, what becomes unknown behind the iterator is not looked at again.
        """
        place = (0, 0)
        while rows := self._select(_UNKNOWN, (place[0], *place, *place, size)):
            for _, piece in groupby(enumerate(rows), _without_gap):
                tasks, templates, senders, *columns = zip(*(row for _, row in piece), strict=True)
                yield Piece(Task(tasks[0], templates[0], senders[0]), *columns)
            place = (rows[-1][0], rows[-1][3])

    def has_accepted(self, task: int) -> bool:
        """Tell whether the API took anybody of a task in this run."""
        query = (
            "SELECT 1 FROM span s JOIN request q ON q.id = s.request "
            "WHERE s.task = ? AND q.accepted > 0 LIMIT 1"
        )
        return bool(self._select(query, (task,)))

    def put_last(self, tasks: Iterable[int]) -> None:
        """Let the recipients of refused tasks come after all others, from the next call on."""
        with self._writing() as connection:
            query = "UPDATE task SET given_up = 1 WHERE id = ?"
            connection.executemany(query, [(task,) for task in tasks])

    def start(self, batch: Batch) -> int:
        """Record that a request with a batch is started, and return its id.

        Until its verdict is recorded its recipients are `unknown`, which is all that could be said
        of them if the process died now. Commit before the request is made.
        """
        with self._writing() as connection:
            query = (
                "INSERT INTO request (started, resend, outcome, accepted, failed, unknown) "
                "VALUES (?, ?, 'unknown', 0, 0, ?) RETURNING id"
            )
            row = connection.execute(query, (time.time(), batch.resend, batch.size)).fetchone()
            request = int(row[0])
            if batch.resend:
                self._take_over(batch)
            self._own(request, batch)
        return request

    def settle(self, request: int, batch: Batch, settlement: Settlement) -> None:
        """Record what came of a request.

        Whoever was unknown before and was sent again becomes `accepted` or stays `unknown`: that
        the API says no now tells nothing of the request before.
        """
        if batch.resend:
            settlement = _of_resend(settlement)
        counts = settlement.counts(batch.size)
        with self._writing() as connection:
            connection.execute(
                "UPDATE request SET ended = ?, verdict = ?, outcome = ?, reason = ?, "
                "accepted = ?, failed = ?, unknown = ? WHERE id = ?",
                (
                    time.time(),
                    settlement.verdict,
                    settlement.outcome,
                    settlement.reason,
                    *counts.values(),
                    request,
                ),
            )
            if settlement.outcome == "pending":
                connection.execute("DELETE FROM span WHERE request = ?", (request,))
            connection.executemany("INSERT INTO apart VALUES (?, ?, ?, ?)", settlement.apart)
            connection.executemany(
                "INSERT INTO session VALUES (?, ?, ?, ?, ?)",
                [
                    (one.no, request, one.template, one.sender, one.recipients)
                    for one in settlement.sessions
                ],
            )

    def fail(self, request: int, batch: Batch) -> None:
        """Record that a refused request, which gave its recipients back, was right to fail them."""
        if batch.resend:
            return
        with self._writing() as connection:
            connection.execute(
                "UPDATE request SET outcome = 'failed', failed = ? WHERE id = ?",
                (batch.size, request),
            )
            self._own(request, batch)

    def _own(self, request: int, batch: Batch) -> None:
        self._connection.executemany(
            "INSERT INTO span VALUES (?, ?, ?, ?)",
            [(piece.task.id, piece.first, piece.last, request) for piece in batch.pieces],
        )

    def _take_over(self, batch: Batch) -> None:
        """Cut the pieces of a batch, all of them unknown, out of the spans that own them."""
        execute = self._connection.execute
        for piece in batch.pieces:
            task, first, last = piece.task.id, piece.first, piece.last
            query = (
                "SELECT first, last, request FROM span WHERE task = ? AND last >= ? AND first <= ?"
            )
            for span_first, span_last, owner in self._select(query, (task, first, last)):
                execute("DELETE FROM span WHERE (task, first) = (?, ?)", (task, span_first))
                lost = sum(span_first <= id_ <= span_last for id_ in piece.ids)
                execute("UPDATE request SET unknown = unknown - ? WHERE id = ?", (lost, owner))
                for rest in ((span_first, first - 1), (last + 1, span_last)):
                    if rest[0] <= rest[1]:
                        execute("INSERT INTO span VALUES (?, ?, ?, ?)", (task, *rest, owner))
            execute("DELETE FROM apart WHERE task = ? AND id BETWEEN ? AND ?", (task, first, last))

    def _tasks(self) -> Iterator[Task]:
        query = (
            "SELECT id, template, sender FROM task "
            "WHERE id > ? AND given_up = ? AND reason IS NULL ORDER BY id LIMIT 100"
        )
        for given_up in (False, True):
            place = 0
            while rows := self._select(query, (place, given_up)):
                for row in self._checked(rows, list[tuple[int, str, str]]):
                    yield Task(*row)
                place = self._further(place, rows[-1][0])

    def _checked(self, rows: list[tuple[Any, ...]], kind: type[T]) -> T:
        """Return rows as what was written; raise JournalError if they are something else."""
        with journal_errors(self._path):
            return msgspec.convert(rows, kind)

    def _further(self, place: int, found: int) -> int:
        """Return the place that a reading has come to; raise JournalError if it is no further."""
        with journal_errors(self._path):
            if found <= place:
                raise sqlite3.DatabaseError("its rows are not in order")
        return found

    def _next_span(self, task: int, place: int) -> tuple[int, int]:
        """Return the first span of a task that ends after a place."""
        rows = self._select(
            "SELECT first, last FROM span WHERE task = :task AND last > :place AND first >= "
            "IFNULL((SELECT MAX(first) FROM span WHERE task = :task AND first <= :place), 0) "
            "ORDER BY first LIMIT 1",
            {"task": task, "place": place},
        )
        return self._checked(rows, list[tuple[int, int]])[0] if rows else (_END, _END)

    def _piece(self, task: Task, after: int, last: int, size: int) -> Piece | None:
        """Return at most `size` recipients of a task, in order; None if there are none.

        They come as one row: Python lets other threads in before each, and has to wait for its
        turn after.
        """
        query = (
            "SELECT group_concat(id), group_concat(phone), "
            "CAST(group_concat(params, x'0a') AS BLOB) FROM ("
            "SELECT id, phone, params FROM recipient r WHERE task = ? AND id > ? AND id <= ? "
            f"{self._not_left_out} ORDER BY id LIMIT ?)"
        )
        with journal_errors(self._path):
            try:
                row = self._connection.execute(query, (task.id, after, last, size)).fetchone()
            except sqlite3.DataError:  # their parameters are too long for one row
                if size == 1:
                    raise
                return self._piece(task, after, last, size // 2)
            if row[0] is None:
                return None
            joined = msgspec.convert(row, tuple[str, str, bytes])
            ids, phones = _numbers("[[{}],[{}]]".format(*joined))
            # Parameters are JSON, in which no line ends; of one task all have some, or none has.
            params = joined[2].split(b"\n") if joined[2] else [b""] * len(ids)
            if not len(ids) == len(phones) == len(params):
                raise sqlite3.DatabaseError("a recipient is not whole")
            return Piece(task, ids, phones, params)

    def _id_of_pending(self, number: int) -> int:
        rows = self._select(f"{PENDING} ORDER BY r.id LIMIT 1 OFFSET ?", (number - 1,))
        return int(rows[0][0]) if rows else _END

    def _select(
        self, query: str, parameters: Sequence[int] | Mapping[str, int]
    ) -> list[tuple[Any, ...]]:
        with journal_errors(self._path):
            return self._connection.execute(query, parameters).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with journal_errors(self._path):
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection


def _without_gap(numbered: tuple[int, tuple[Any, ...]]) -> tuple[int, int]:
    """Return what is the same for rows of one task whose ids follow on each other."""
    number, (task, _, _, id_, _, _) = numbered
    return task, id_ - number


def _of_resend(settlement: Settlement) -> Settlement:
    apart = [
        one._replace(outcome="unknown", reason=f"{_AGAIN}: {one.reason}")
        for one in settlement.apart
    ]
    if settlement.outcome == "accepted":
        return replace(settlement, apart=apart)
    reason = f"{_AGAIN}: {settlement.reason}"
    return replace(settlement, outcome="unknown", reason=reason, apart=apart)


_numbers = msgspec.json.Decoder(tuple[list[int], list[int]]).decode
_AGAIN = "an earlier request may have taken it; sent again"
_END = 1 << 62

_NOT_LEFT_OUT = "NOT EXISTS (SELECT 1 FROM left_out l WHERE l.task = r.task AND l.id = r.id)"
_UNKNOWN = f"""
SELECT r.task, t.template, t.sender, r.id, r.phone, r.params
FROM span s CROSS JOIN request q ON q.id = s.request
CROSS JOIN recipient r ON r.task = s.task AND r.id BETWEEN s.first AND s.last
JOIN task t ON t.id = r.task
LEFT JOIN apart a ON a.task = r.task AND a.id = r.id
WHERE (s.task > ? OR s.task = ? AND s.last > ?) AND q.unknown > 0
  AND (r.task, r.id) > (?, ?)
  AND COALESCE(a.outcome, q.outcome) = 'unknown'
  AND {_NOT_LEFT_OUT}
ORDER BY s.task, s.first, r.id LIMIT ?
"""
