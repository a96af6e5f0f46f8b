"""The sending side of a run: what is pending, which requests were started, what came of them.

One thread owns a ledger. What it writes is on disk when `commit` returns, and not before.
"""

import sqlite3
import time
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec

from usms_cli.batching import Batch, Piece, Task
from usms_cli.journal.outcomes import NOT_LEFT_OUT, PENDING_FROM
from usms_cli.journal.schema import (
    RunReader,
    closed_on_error,
    journal_errors,
    open_for_sending,
)
from usms_cli.journal.settlement import Settlement
from usms_cli.journal.view import Counts, View


class _Unknown(NamedTuple):
    task: int
    template: str
    sender: str
    id: int
    phone: int
    params: bytes


class Ledger(RunReader):
    """A run that is being sent.

    :raises UsageError: the file is no run of this version.
    :raises JournalError: (any method) the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        with journal_errors(path):
            super().__init__(open_for_sending(path), path)
        with closed_on_error(self._connection):
            self._view = View(self._connection, path)
            # Most runs leave nobody out, and need not look for each recipient.
            some = any(self._select(tuple[int], "SELECT 1 FROM left_out LIMIT 1"))
        self.info = self._view.info
        self._call = 0
        self._not_left_out = f"AND {NOT_LEFT_OUT}" if some else ""

    def close(self) -> None:
        self._connection.close()

    def counts(self) -> Counts:
        """Return how many records have each outcome now, with what is not committed yet."""
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
        while rows := list(self._select(_Unknown, _UNKNOWN, (place[0], *place, *place, size))):
            for _, numbered in groupby(enumerate(rows), _without_gap):
                piece = [row for _, row in numbered]
                yield Piece(
                    Task(piece[0].task, piece[0].template, piece[0].sender),
                    [row.id for row in piece],
                    [row.phone for row in piece],
                    [row.params for row in piece],
                )
            place = (rows[-1].task, rows[-1].id)

    def has_accepted(self, task: int) -> bool:
        """Tell whether the API took anybody of a task in this run."""
        query = (
            "SELECT 1 FROM span s JOIN request q ON q.id = s.request "
            "WHERE s.task = ? AND q.accepted > 0 LIMIT 1"
        )
        return any(self._select(tuple[int], query, (task,)))

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
        """Record what came of a request."""
        if batch.resend:
            settlement = settlement.of_resend()
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
                    counts.accepted,
                    counts.failed,
                    counts.unknown,
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
            spans = list(self._select(tuple[int, int, int], query, (task, first, last)))
            for span_first, span_last, owner in spans:
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
            while rows := list(self._select(tuple[int, str, str], query, (place, given_up))):
                for row in rows:
                    yield Task(*row)
                place = self._further(place, rows[-1][0])

    def _next_span(self, task: int, place: int) -> tuple[int, int]:
        """Return the first span of a task that ends after a place."""
        query = (
            "SELECT first, last FROM span WHERE task = :task AND last > :place AND first >= "
            "IFNULL((SELECT MAX(first) FROM span WHERE task = :task AND first <= :place), 0) "
            "ORDER BY first LIMIT 1"
        )
        found = self._select(tuple[int, int], query, {"task": task, "place": place})
        return next(found, (_END, _END))

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
            params = joined[2].split(b"\n")  # JSON, in which no line ends
            if not len(ids) == len(phones) == len(params):
                raise sqlite3.DatabaseError("a recipient is not whole")
            return Piece(task, ids, phones, params)

    def _id_of_pending(self, number: int) -> int:
        query = f"SELECT r.id {PENDING_FROM} ORDER BY r.id LIMIT 1 OFFSET ?"
        return next(self._select(tuple[int], query, (number - 1,)), (_END,))[0]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with journal_errors(self._path):
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection


def _without_gap(numbered: tuple[int, _Unknown]) -> tuple[int, int]:
    """Return what is the same for rows of one task whose ids follow on each other."""
    number, row = numbered
    return row.task, row.id - number


_numbers = msgspec.json.Decoder(tuple[list[int], list[int]]).decode
_END = 1 << 62

_UNKNOWN = f"""
SELECT r.task, t.template, t.sender, r.id, r.phone, r.params
FROM span s CROSS JOIN request q ON q.id = s.request
CROSS JOIN recipient r ON r.task = s.task AND r.id BETWEEN s.first AND s.last
JOIN task t ON t.id = r.task
LEFT JOIN apart a ON a.task = r.task AND a.id = r.id
WHERE (s.task > ? OR s.task = ? AND s.last > ?) AND q.unknown > 0
  AND (r.task, r.id) > (?, ?)
  AND COALESCE(a.outcome, q.outcome) = 'unknown'
  AND {NOT_LEFT_OUT}
ORDER BY s.task, s.first, r.id LIMIT ?
"""
