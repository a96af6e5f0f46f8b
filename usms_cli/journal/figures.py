"""A run in figures: sums over its rows, which name nobody.

Each is a query or two whose sorting SQLite does on disk, and gives back no more than a page can
show, so that ten million recipients are no more to hold than ten. Reasons are summed without what
is about one recipient alone: numbers long enough for a phone, and values found in a record.
"""

import re
import sqlite3
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Literal, NamedTuple

from usms_cli.journal.outcomes import NOT_LEFT_OUT
from usms_cli.journal.schema import UNANSWERED, RunReader, Time


class Tally(NamedTuple):
    """A name, and how many recipients it stands for."""

    name: str
    number: int


class Top(NamedTuple):
    """The names with the largest numbers; `more` others share what is left of `total`."""

    first: list[Tally]
    more: int
    total: int


class Template(NamedTuple):
    """A template and a sender, and for how many recipients they are."""

    template: str
    sender: str
    recipients: int


class Activity(NamedTuple):
    """The requests of a run: how many, when the first was started and when the last one ended."""

    requests: int
    first: float
    last: float


class Timeline(NamedTuple):
    """Recipients handed to the API in spans of `width` seconds, the first of them from `start`."""

    start: float
    width: int
    numbers: list[int]


class _Started(NamedTuple):
    requests: int
    first: Time | None
    last: Time | None


class Figures(RunReader):
    """The figures of a run file.

    :raises JournalError: (any method) the file cannot be read.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        super().__init__(connection, path)
        connection.create_function("without_values", 1, without_values, deterministic=True)
        connection.create_function("without_numbers", 1, without_numbers, deterministic=True)

    def reasons(
        self, outcome: Literal["failed", "unknown", "invalid", "undelivered"], most: int
    ) -> Top:
        """Return the reasons for which most recipients, or invalid records, have an outcome."""
        reasons = _REASONS.get(outcome, _SENT_REASONS)
        query = f"""
            SELECT name, number, COUNT(*) OVER (), SUM(number) OVER () FROM (
                SELECT without_numbers(IFNULL(reason, '')) AS name, SUM(number) AS number
                FROM ({reasons}) GROUP BY name)
            ORDER BY number DESC, name LIMIT :most
            """
        parameters: dict[str, str | int | float] = {
            "outcome": outcome,
            "unanswered": UNANSWERED,
            "most": most,
        }
        rows = list(self._select(tuple[str, int, int, int], query, parameters))
        names, total = rows[0][2:] if rows else (0, 0)
        return Top([Tally(*row[:2]) for row in rows], names - len(rows), total)

    def phones(self, whose: Literal["sendable", "failed"]) -> Iterator[tuple[int, int]]:
        """Yield a phone, the digits of its E.164 number, of each range that there are some in, and
        how many there are: ranges small enough to lie in one country.

        :param whose: of all who are to be sent to, or of those who failed.
        """
        # Seven digits tell a Guernsey mobile from a British one; after +1 three more are enough.
        query = f"""
            SELECT MIN(phone), COUNT(*) FROM ({_PHONES[whose]})
            GROUP BY SUBSTR(phone, 1, CASE SUBSTR(phone, 1, 1) WHEN '1' THEN 4 ELSE 7 END)
            """
        yield from self._select(tuple[int, int], query)

    def templates(self, most: int) -> tuple[list[Template], int]:
        """Return the templates and senders for most recipients, and how many more there are."""
        rows = list(self._select(tuple[str, str, int, int], _TEMPLATES, {"most": most}))
        return [Template(*row[:3]) for row in rows], rows[0][3] - len(rows) if rows else 0

    def sources(self, most: int) -> tuple[list[Tally], int]:
        """Return the first files of the input with their records, and how many more there are."""
        rows = list(self._select(tuple[str, int, int], _SOURCES, {"most": most}))
        return [Tally(*row[:2]) for row in rows], rows[0][2] - len(rows) if rows else 0

    def activity(self) -> Activity | None:
        """Return what requests there were; None: none yet."""
        query = "SELECT COUNT(*), MIN(started), MAX(IFNULL(ended, started)) FROM request"
        requests, first, last = next(self._select(_Started, query))
        return None if first is None or last is None else Activity(requests, first, last)

    def timeline(self, most: int, offset: int) -> Timeline | None:
        """Return when recipients were handed over, in at most so many spans; None: nobody was.

        :param offset: of local time, in seconds from UTC: spans begin at its full minutes or hours.
        """
        query = f"SELECT COUNT(*), MIN(started), MAX(started) FROM request WHERE {_HANDED_OVER} > 0"
        _, first, last = next(self._select(_Started, query))
        if first is None or last is None:
            return None
        # A span more than the time would fill: it need not begin where one does.
        width = next((one for one in _WIDTHS if (last - first) / one < most - 1), None)
        if width is None:
            width = ceil((last - first) / (most - 1) / _DAY) * _DAY
        start = (first + offset) // width * width - offset
        query = f"""
            SELECT CAST((started - :start) / :width AS INTEGER), SUM({_HANDED_OVER})
            FROM request WHERE {_HANDED_OVER} > 0 GROUP BY 1
            """
        numbers = [0] * (int((last - start) // width) + 1)
        for place, number in self._select(tuple[int, int], query, {"start": start, "width": width}):
            if place < len(numbers):  # a process may be sending meanwhile
                numbers[place] = number
        return Timeline(start, width, numbers)


def without_numbers(text: str) -> str:
    """Return text without numbers of seven digits or more: they may be phones."""
    return _LONG_NUMBER.sub("…", text)


def without_values(reason: str) -> str:
    """Return why a record is invalid without what was found in it, which the reason quotes."""
    rest, phones = _PHONE_FOUND.subn("phone: ", reason)
    return rest if phones else _QUOTED.sub('"…"', rest)


_PHONE_FOUND = re.compile(r'\Aphone ".*": ', re.DOTALL)
_QUOTED = re.compile(r'".*"', re.DOTALL)
_LONG_NUMBER = re.compile(r"\+?\(?\d(?:[\s().-]*\d){6,}")

_DAY = 86400
_WIDTHS = (
    *(1, 2, 5, 10, 15, 30),
    *(minutes * 60 for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * 3600 for hours in (1, 2, 3, 6, 12)),
    _DAY,
)
_HANDED_OVER = "accepted + failed + unknown"

# Those that a request's own outcome is the outcome of. Those with one apart are not looked for in
# the requests: there may be one in each, among a thousand that fared well. CROSS JOIN keeps SQLite
# from beginning with the recipients.
_OF_WHOLE_REQUESTS = f"""
FROM request q CROSS JOIN span s ON s.request = q.id
CROSS JOIN recipient r ON r.task = s.task AND r.id BETWEEN s.first AND s.last
WHERE q.outcome = {{outcome}} AND q.failed + q.unknown > 0
  AND NOT EXISTS (SELECT 1 FROM apart a WHERE a.task = r.task AND a.id = r.id)
  AND {NOT_LEFT_OUT}
"""

_SENT_REASONS = f"""
SELECT reason, COUNT(*) AS number FROM apart WHERE outcome = :outcome GROUP BY reason
UNION ALL
SELECT COALESCE(q.reason, CASE WHEN q.ended IS NULL THEN :unanswered END), COUNT(*)
{_OF_WHOLE_REQUESTS.format(outcome=":outcome")} GROUP BY 1
"""

_REASONS = {
    "invalid": """
        SELECT without_values(reason) AS reason, COUNT(*) AS number FROM invalid GROUP BY 1
        UNION ALL
        SELECT reason, SUM(records) FROM task WHERE reason IS NOT NULL AND records > 0
        GROUP BY reason
        UNION ALL
        SELECT reason, COUNT(*) FROM left_out WHERE outcome = 'invalid' GROUP BY reason
        """,
    "undelivered": """
        SELECT reason, COUNT(*) AS number FROM receipt WHERE delivered = 0 GROUP BY reason
        """,
}

_FAILED_PHONES = f"""
SELECT r.phone FROM apart a CROSS JOIN recipient r ON r.task = a.task AND r.id = a.id
WHERE a.outcome = 'failed'
UNION ALL
SELECT r.phone {_OF_WHOLE_REQUESTS.format(outcome="'failed'")}
"""

_SENDABLE_PHONES = f"""
SELECT r.phone FROM recipient r JOIN task t ON t.id = r.task
WHERE t.reason IS NULL AND {NOT_LEFT_OUT}
"""

_PHONES = {"sendable": _SENDABLE_PHONES, "failed": _FAILED_PHONES}

_TEMPLATES = """
SELECT template, sender, SUM(records - left_out), COUNT(*) OVER () FROM (
    SELECT template, sender, records,
        IFNULL((SELECT COUNT(*) FROM left_out l WHERE l.task = t.id), 0) AS left_out
    FROM task t WHERE reason IS NULL)
GROUP BY template, sender HAVING SUM(records - left_out) > 0
ORDER BY 3 DESC, template, sender LIMIT :most
"""

_SOURCES = """
SELECT name, records, COUNT(*) OVER () FROM (
    SELECT name, first, LEAD(first, 1, 1 + (SELECT json_extract(content, '$.records') FROM info))
        OVER (ORDER BY first) - first AS records
    FROM source)
WHERE records > 0 ORDER BY first LIMIT :most
"""
