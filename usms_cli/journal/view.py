"""The reading side of a run: what it is, how it stands, and its recipients by outcome.

Every list is an iterator over the file: nothing here grows with the run.
"""

import sqlite3
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from usms_cli.journal.figures import Figures
from usms_cli.journal.outcomes import PENDING_FROM, ROWS, Fate, Outcome
from usms_cli.journal.schema import (
    UNANSWERED,
    RunInfo,
    RunReader,
    closed_on_error,
    journal_errors,
    open_for_reading,
)


class Counts(msgspec.Struct, frozen=True):
    """How many records have each outcome; `records` is the sum of the others."""

    records: int
    accepted: int
    failed: int
    unknown: int
    pending: int
    invalid: int
    duplicate: int
    excluded: int


class ReceiptCounts(msgspec.Struct, frozen=True):
    """What became of the messages to the accepted recipients, who are the sum of the first three;
    `parts` is how many message parts were charged."""

    delivered: int
    undelivered: int
    waiting: int
    parts: int


class Session(msgspec.Struct, frozen=True):
    """A session number of the API. None: not the same for all its recipients, or not known."""

    session_no: str
    template_id: str | None
    sender_id: str | None
    recipients: int | None


class Row(NamedTuple):
    """A record as a report shows it.

    `phone` is the digits of the E.164 number, or of an invalid record the text as it was found.
    """

    phone: int | str
    params: list[str]
    template: str
    sender: str
    reason: str
    source: str
    line: int


Pending = tuple[int, int, int, list[str]]
"""A pending recipient: its task, its place in the input, its line and its parameters."""


class LastCall(NamedTuple):
    """How the last call that sent for a run ended; `status` None where it was killed."""

    status: str | None
    problem: str | None


class _Found(NamedTuple):
    id: int
    phone: int | str
    params: bytes
    template: str
    sender: str
    reason: str | None
    line: int


_Number = Annotated[int, msgspec.Meta(ge=0, le=1 << 20)]  # of parameters; a record is no longer


class View(RunReader):
    """A run file, or a sealed draft, to read from.

    :raises JournalError: (any method) the file cannot be read.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        super().__init__(connection, path)
        with closed_on_error(connection):
            found = next(self._select(tuple[bytes], "SELECT content FROM info"), (b"",))
            with journal_errors(path):
                self.info = msgspec.json.decode(found[0], type=RunInfo)

    @classmethod
    def open(cls, path: Path) -> "View":
        """Open a run to read it.

        :raises UsageError: the file is no run of this version.
        """
        with journal_errors(path):
            return cls(open_for_reading(path), path)

    def close(self) -> None:
        self._connection.close()

    @cached_property
    def figures(self) -> Figures:
        """Sums over the run's rows."""
        return Figures(self._connection, self._path)

    def counts(self) -> Counts:
        """Return how many records have each outcome now."""
        accepted, failed, unknown = next(
            self._select(
                tuple[int, int, int],
                "SELECT IFNULL(SUM(accepted), 0), IFNULL(SUM(failed), 0), IFNULL(SUM(unknown), 0) "
                "FROM request",
            )
        )
        info = self.info
        return Counts(
            records=info.records,
            accepted=accepted,
            failed=failed,
            unknown=unknown,
            pending=info.recipients - accepted - failed - unknown,
            invalid=info.invalid,
            duplicate=info.duplicate,
            excluded=info.excluded,
        )

    def receipts(self) -> ReceiptCounts:
        """Return what is known of the receipts; all are waiting where nothing is."""
        delivered, undelivered, parts, accepted = next(
            self._select(
                tuple[int, int, int, int],
                "SELECT IFNULL(SUM(delivered), 0), IFNULL(SUM(undelivered), 0), "
                "IFNULL(SUM(parts), 0), (SELECT IFNULL(SUM(accepted), 0) FROM request) "
                "FROM receipt_count",
            )
        )
        return ReceiptCounts(delivered, undelivered, accepted - delivered - undelivered, parts)

    def has_receipts(self) -> bool:
        """Whether any receipt has come."""
        return any(self._select(tuple[int], "SELECT 1 FROM receipt_count LIMIT 1"))

    def undelivered_by(self, column: Literal["reason", "country"]) -> Iterator[tuple[str, int]]:
        """Yield how many are undelivered for each reason, or in each country (its ISO code, "" for
        a phone of none), the most frequent first."""
        yield from self._select(
            tuple[str, int],
            f"SELECT IFNULL({column}, ''), COUNT(*) FROM receipt WHERE delivered = 0 "
            f"GROUP BY 1 ORDER BY 2 DESC, 1",
        )

    def count_undelivered_by(self, column: Literal["reason", "country"]) -> int:
        """Return how many different reasons or countries there are."""
        query = f"SELECT COUNT(DISTINCT IFNULL({column}, '')) FROM receipt WHERE delivered = 0"
        return next(self._select(tuple[int], query))[0]

    def last_call(self) -> LastCall | None:
        """Return how the last call ended, or None where none has sent for the run."""
        query = "SELECT status, problem FROM call ORDER BY id DESC LIMIT 1"
        return next(self._select(LastCall, query), None)

    def has_unanswered(self) -> bool:
        """Tell whether a request was started whose verdict was never recorded."""
        return any(self._select(tuple[int], "SELECT 1 FROM request WHERE ended IS NULL LIMIT 1"))

    def last_end(self) -> float | None:
        """Return when the last call ended, in Unix seconds, or began where it was killed."""
        query = "SELECT MAX(IFNULL(ended, started)) FROM call"
        return next(self._select(tuple[float | None], query))[0]

    def most_params(self) -> int:
        """Return the largest number of template parameters of any record."""
        query = (
            "SELECT MAX(IFNULL((SELECT MAX(params) FROM task), 0),"
            " IFNULL((SELECT MAX(json_array_length(params)) FROM invalid), 0))"
        )
        return next(self._select(tuple[_Number], query))[0]

    def pending_templates(self) -> Iterator[tuple[str, int]]:
        """Yield each template with pending recipients, and the number of their parameters, in the
        order of the input."""
        yield from self._select(tuple[str, int], _PENDING_TEMPLATES)

    def pending_messages(self, template: str) -> Iterator[Pending]:
        """Yield the pending recipients of a template, by task and then in order.

        A draft may be written while this goes on.
        """
        query = "SELECT id FROM task WHERE template = :template AND reason IS NULL ORDER BY id"
        for (task,) in self._select(tuple[int], query, {"template": template}):
            place = {"task": task, "after": 0}
            while rows := list(self._select(tuple[int, int, bytes], _PENDING_CHUNK, place)):
                for id_, line, params in rows:
                    yield task, id_, line, _decode_params(params) if params else []
                place["after"] = rows[-1][0]

    def sessions(self) -> Iterator[Session]:
        """Yield each session number once, in the order in which they were given."""
        for row in self._select(
            tuple[str, str | None, str | None, int | None],
            """
            SELECT no,
                CASE WHEN COUNT(template) = COUNT(*) AND MIN(template) = MAX(template)
                     THEN MIN(template) END,
                CASE WHEN COUNT(sender) = COUNT(*) AND MIN(sender) = MAX(sender)
                     THEN MIN(sender) END,
                CASE WHEN COUNT(recipients) = COUNT(*) THEN SUM(recipients) END
            FROM session GROUP BY no ORDER BY MIN(rowid)
            """,
        ):
            yield Session(*row)

    def session_count(self) -> int:
        """Return how many session numbers there are."""
        return next(self._select(tuple[int], "SELECT COUNT(DISTINCT no) FROM session"))[0]

    def rows(self, outcome: Outcome | Fate, most: int = -1) -> Iterator[Row]:
        """Yield the records with an outcome or a fate, in the order of the input.

        :param most: only the first so many; less than none: all.
        """
        with journal_errors(self._path):
            for id_, phone, params, template, sender, reason, line in self._select(
                _Found,
                f"{ROWS[outcome]} LIMIT :most",
                {"outcome": outcome, "unanswered": UNANSWERED, "most": most},
            ):
                yield Row(
                    phone=phone,
                    params=_decode_params(params) if params else [],
                    template=template,
                    sender=sender,
                    reason=reason or "",
                    source=self.source_of(id_),
                    line=line,
                )

    def source_of(self, id_: int) -> str:
        """Return the name of the source of the record at a place in the input."""
        return next((name for first, name in self._sources if first <= id_), "")

    @cached_property
    def _sources(self) -> list[tuple[int, str]]:
        return list(
            self._select(tuple[int, str], "SELECT first, name FROM source ORDER BY first DESC")
        )


_decode_params = msgspec.json.Decoder(list[str]).decode

_PENDING_TEMPLATES = f"""
SELECT template, params FROM task sent
WHERE EXISTS (SELECT 1 {PENDING_FROM} AND t.id = sent.id)
GROUP BY template ORDER BY MIN(id)
"""
_PENDING_CHUNK = f"""
SELECT r.id, r.line, r.params {PENDING_FROM} AND t.id = :task AND r.id > :after
ORDER BY r.id LIMIT 1000
"""
