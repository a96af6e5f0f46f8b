"""Phones that a run must never be sent to, on disk while its draft is written."""

import hashlib
import sqlite3
from pathlib import Path

from usms_cli.journal.schema import journal_errors

CHUNK = 1000


class Exclusions:
    """Phones in temporary tables of a draft's connection, so that any number of them fits.

    They are kept as they come, and sorted once: that is faster than an index that grows with
    phones in no order, and needs no memory either.

    :raises JournalError: (any method) the tables cannot be written.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._sources = 0
        self._rows: list[tuple[int, int, int]] = []

    def begin_source(self, name: str) -> None:
        """Say where the phones that follow come from; `name` is text to be shown."""
        with journal_errors(self._path):
            if not self._sources:
                self._connection.execute("PRAGMA temp.cache_size=-8000")
                self._connection.execute("CREATE TEMP TABLE staged (phone, source, line)")
                self._connection.execute(
                    "CREATE TEMP TABLE excluding (id INTEGER PRIMARY KEY, name TEXT)"
                )
            self._sources += 1
            row = (self._sources, name)
            self._connection.execute("INSERT INTO temp.excluding VALUES (?, ?)", row)

    def add(self, phone: int, line: int) -> None:
        """Exclude a phone; it may have been excluded before."""
        self._rows.append((phone, self._sources, line))
        if len(self._rows) == CHUNK:
            self._flush()

    def apply(self) -> str:
        """Leave out the recipients with these phones; return what identifies who they are.

        That is "" where there is none. Records that are invalid anyway stay invalid.
        """
        if not self._sources:
            return ""
        self._flush()
        with journal_errors(self._path):
            self._leave_out()
            return self._digest()

    def _leave_out(self) -> None:
        execute = self._connection.execute
        execute(
            "CREATE TEMP TABLE excluded (phone INTEGER PRIMARY KEY, source INTEGER, line INTEGER)"
        )
        execute(
            "INSERT OR IGNORE INTO temp.excluded "
            "SELECT phone, source, line FROM temp.staged ORDER BY phone, source, line"
        )
        execute("DROP TABLE temp.staged")
        execute(
            """
            INSERT INTO left_out
            SELECT r.task, r.id, 'excluded', printf('in %s, line %d', s.name, e.line)
            FROM recipient r JOIN temp.excluded e ON e.phone = r.phone
            JOIN task t ON t.id = r.task AND t.reason IS NULL
            JOIN temp.excluding s ON s.id = e.source
            """
        )

    def _digest(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        found = False
        query = "SELECT task, id FROM left_out WHERE outcome = 'excluded'"
        for row in self._connection.execute(query):
            digest.update(b"%d %d\n" % row)
            found = True
        return digest.hexdigest() if found else ""

    def _flush(self) -> None:
        with journal_errors(self._path):
            self._connection.executemany("INSERT INTO temp.staged VALUES (?, ?, ?)", self._rows)
        self._rows.clear()
