"""Checked recipients go into a draft: thousands in one statement, in a thread of its own.

SQLite lets go of the interpreter while a statement runs, so the next records are read meanwhile. A
statement for each recipient would take twice as long, and ask for the interpreter after each.
"""

import hashlib
import sqlite3
from array import array
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from usms_cli.journal.schema import journal_errors

T = TypeVar("T")

COLUMNS = 5  # task, id, phone, params, line
Values = list[int | bytes]


def tasks_of(values: Values) -> list[int]:
    """Return the tasks of recipients whose columns stand one after the other."""
    return values[0::COLUMNS]  # type: ignore[return-value]


class RecipientWriter:
    """Writes recipients, and makes a digest of them: of keys, phones and parameters in order.

    While it writes, nobody else may use the connection; `wait` before.

    :param rows: how many recipients come at once as a rule.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, rows: int) -> None:
        self._connection = connection
        self._path = path
        row = f"({', '.join('?' * COLUMNS)})"
        self._one = f"INSERT INTO recipient VALUES {row}"
        self._many = f"INSERT INTO recipient VALUES {', '.join([row] * rows)}"
        self._full = rows * COLUMNS
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._writing: Future[None] | None = None
        self._digests = [hashlib.blake2b(digest_size=16) for _ in range(3)]

    def write(self, values: Values, keys: Mapping[int, bytes]) -> None:
        """Begin to write recipients, once those before are written.

        :param values: the columns of one after the other; not to be changed any more.
        :param keys: what stands for each task in the digest.
        :raises JournalError: those before could not be written.
        """
        self.wait()
        self._writing = self._thread.submit(self._write, values, keys)

    def wait(self) -> None:
        """Wait until everything is written.

        :raises JournalError: it could not be.
        """
        if self._writing:
            self._writing.result()

    def run(self, task: Callable[[], T]) -> T:
        """Do something else with the connection once everything is written, in the same thread.

        A statement may take long, and Python acts on a signal only between its own steps: here
        Ctrl-C ends the statement instead of waiting for it.

        :raises JournalError: what came before could not be written; and what `task` raises.
        """
        self.wait()
        doing = self._thread.submit(task)
        try:
            return doing.result()
        except BaseException:
            self._connection.interrupt()
            raise

    def digest(self) -> str:
        """Return what identifies all recipients that were written."""
        return hashlib.blake2b(
            b"".join(one.digest() for one in self._digests), digest_size=16
        ).hexdigest()

    def close(self) -> None:
        """End the thread; what it is writing is written."""
        self._thread.shutdown()

    def _write(self, values: Values, keys: Mapping[int, bytes]) -> None:
        with journal_errors(self._path):
            if len(values) == self._full:
                self._connection.execute(self._many, values)
            else:
                self._connection.executemany(self._one, zip(*[iter(values)] * COLUMNS, strict=True))
        phones: list[int] = values[2::COLUMNS]  # type: ignore[assignment]
        params: list[bytes] = values[3::COLUMNS]  # type: ignore[assignment]
        # Keys and parameters are JSON, in which no line ends: no two inputs look the same.
        columns = (
            b"".join(map(keys.__getitem__, tasks_of(values))),
            array("q", phones).tobytes(),
            b"\n".join([*params, b""]),
        )
        for digest, column in zip(self._digests, columns, strict=True):
            digest.update(column)
