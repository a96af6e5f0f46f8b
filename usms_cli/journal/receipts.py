"""What became of the messages: receipts, kept for the accepted recipients of a run.

They are added beside a process that may be sending for the run, so each transaction is short, and
nothing that decides what is sent is written. A receipt never changes an outcome.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from usms_cli.journal.outcomes import NOT_LEFT_OUT
from usms_cli.journal.schema import RunReader, closed_on_error, journal_errors, open_beside
from usms_cli.journal.view import View

_PAGE = 1000  # session numbers looked up at once


class SessionSize(NamedTuple):
    """A session number, and how many recipients at most it is for."""

    no: str
    recipients: int


class Kept(NamedTuple):
    """A receipt as it is kept; `delivered` None while that is not known, `time` 0 where it is not
    said."""

    delivered: bool | None
    parts: int
    time: int
    reason: str


class Addressee(NamedTuple):
    """A recipient whom a receipt of a session may be about, and who has at most one.

    `own`: the session is that of the recipient's template and sender, as far as that is known.
    `elsewhere`: another session had the receipt. `kept` is the one of this session.
    """

    task: int
    id: int
    phone: int
    request: int
    accepted: bool
    own: bool
    elsewhere: bool
    kept: Kept | None


class Change(NamedTuple):
    """A receipt to be kept for an accepted recipient; `country` of one who is undelivered."""

    addressee: Addressee
    receipt: Kept
    country: str | None


class ReceiptBook(RunReader):
    """The receipts of a run, to be added to. For one thread.

    :raises UsageError: the file is no run of this version.
    :raises JournalError: (any method) the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        with journal_errors(path):
            super().__init__(open_beside(path), path)
        with closed_on_error(self._connection), journal_errors(path):
            # Not from the beginning: it would cost each request of a send a page more.
            self._connection.execute("CREATE INDEX IF NOT EXISTS session_of_no ON session (no)")
        self.view = View(self._connection, path)

    def close(self) -> None:
        self._connection.close()

    def sessions(self, *, only_waiting: bool) -> Iterator[SessionSize]:
        """Yield the session numbers of requests with accepted recipients, each once.

        :param only_waiting: only where some recipient's message has no final receipt.
        """
        place = ""
        while rows := list(self._select(SessionSize, _SESSIONS, (only_waiting, place, _PAGE))):
            yield from rows
            place = self._further(place, rows[-1].no)

    @contextmanager
    def updating(self) -> Iterator[None]:
        """Keep what is kept inside all together, and let nobody else write meanwhile."""
        with journal_errors(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def addressees(self, no: str) -> Iterator[Addressee]:
        """Yield everybody, in order, in the requests that a session number of the run came from."""
        session = self._session(no)
        for row in self._select(_Row, _ADDRESSEES, {"no": no}):
            holds = row.holder == session
            yield Addressee(
                row.task,
                row.id,
                row.phone,
                row.request,
                accepted=bool(row.accepted),
                own=bool(row.own),
                elsewhere=not holds and row.holder is not None,
                kept=_kept(row) if holds else None,
            )

    def keep(self, no: str, changes: Iterable[Change]) -> tuple[int, int]:
        """Keep the receipts of a session, in place of those that were kept before.

        :return: how many more are delivered and undelivered.
        """
        session = self._session(no)
        rows = []
        sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
        for addressee, new, country in changes:
            row = (new.delivered, new.parts, new.time, new.reason or None, country)
            rows.append((addressee.task, addressee.id, session, *row))
            for sign, one in ((1, new), (-1, addressee.kept)):
                if one:
                    total = sums[addressee.request]
                    total[0] += sign * (one.delivered is True)
                    total[1] += sign * (one.delivered is False)
                    total[2] += sign * one.parts
        with journal_errors(self._path):
            self._connection.executemany(
                "INSERT OR REPLACE INTO receipt VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
            self._connection.executemany(
                "INSERT INTO receipt_count VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "delivered = delivered + excluded.delivered, "
                "undelivered = undelivered + excluded.undelivered, parts = parts + excluded.parts",
                [(request, *total) for request, total in sums.items()],
            )
        return sum(total[0] for total in sums.values()), sum(total[1] for total in sums.values())

    def _session(self, no: str) -> int:
        query = "SELECT MIN(rowid) FROM session WHERE no = ?"
        return next(self._select(tuple[int], query, (no,)))[0]


class _Row(NamedTuple):
    """An addressee, and the receipt that is kept, of the session `holder`."""

    task: int
    id: int
    phone: int
    request: int
    accepted: int
    own: int
    holder: int | None
    delivered: int | None
    parts: int | None
    time: int | None
    reason: str | None


def _kept(row: _Row) -> Kept:
    delivered = None if row.delivered is None else bool(row.delivered)
    return Kept(delivered, row.parts or 0, row.time or 0, row.reason or "")


# A session has no more recipients than its request, where settling could not say how many.
_SESSIONS = """
SELECT s.no, SUM(IFNULL(s.recipients, q.accepted + q.failed + q.unknown))
FROM session s JOIN request q ON q.id = s.request
LEFT JOIN receipt_count c ON c.request = q.id
WHERE q.accepted > IIF(?, IFNULL(c.delivered + c.undelivered, 0), 0) AND s.no > ?
GROUP BY s.no ORDER BY s.no LIMIT ?
"""

_ADDRESSEES = f"""
SELECT r.task, r.id, r.phone, q.id, COALESCE(a.outcome, q.outcome) = 'accepted',
    t.template IS s.template AND t.sender IS s.sender,
    x.session, x.delivered, x.parts, x.time, x.reason
FROM (SELECT request, MIN(template) AS template, MIN(sender) AS sender
      FROM session WHERE no = :no GROUP BY request) s
JOIN request q ON q.id = s.request
JOIN span p ON p.request = q.id
JOIN recipient r ON r.task = p.task AND r.id BETWEEN p.first AND p.last
JOIN task t ON t.id = r.task
LEFT JOIN apart a ON a.task = r.task AND a.id = r.id
LEFT JOIN receipt x ON x.task = r.task AND x.id = r.id
WHERE {NOT_LEFT_OUT}
ORDER BY r.task, r.id
"""
