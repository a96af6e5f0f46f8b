"""A run that is being written. It becomes a run only when it is whole and `publish`ed."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain, repeat
from pathlib import Path

import msgspec

from usms_cli.journal.exclusions import Exclusions
from usms_cli.journal.outcomes import NOT_LEFT_OUT
from usms_cli.journal.schema import RunInfo, create, journal_errors, remove_sides
from usms_cli.journal.view import Pending, View
from usms_cli.journal.writer import COLUMNS, RecipientWriter, Values, tasks_of

CHUNK = 5000  # recipients; SQLite takes 32,766 values in a statement
_KNOWN_TASKS = 10_000


class Draft:
    """The journal while the input is read and checked. Use as a context manager: leaving it without
    `publish` deletes the file.

    :param path: a file that does not exist yet.
    :raises JournalError: (any method) the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records = 0
        self._recipients: Values = []
        self._invalid: list[tuple[int, int, str, bytes, str, str, str]] = []
        self._tasks: dict[tuple[str, str, int], int] = {}
        self._keys: dict[int, bytes] = {}
        self._tally: dict[int, list[int]] = {}
        self._full = CHUNK * COLUMNS
        with journal_errors(path):
            self._connection = create(path)
            self._connection.execute("BEGIN")
        self._writer = RecipientWriter(self._connection, path, CHUNK)
        self._exclusions = Exclusions(self._connection, path)

    def __enter__(self) -> "Draft":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self._connection.close()
        self.path.unlink(missing_ok=True)

    @property
    def records(self) -> int:
        """How many records there are so far."""
        return self._records

    @property
    def exclusions(self) -> Exclusions:
        """Is told of phones never to be sent to, when all recipients are added."""
        self._flush()
        self._writer.wait()
        return self._exclusions

    def begin_source(self, name: str) -> None:
        """Say where the records that follow come from."""
        self._writer.wait()
        with journal_errors(self.path):
            self._connection.execute(
                "INSERT OR REPLACE INTO source VALUES (?, ?)", (self._records + 1, name)
            )

    def add(self, phone: int, template: str, sender: str, params: Sequence[str], line: int) -> None:
        """Add a checked recipient; `phone` is the digits of its E.164 number."""
        task = self._tasks.get((template, sender, len(params))) or self._task(
            template, sender, len(params)
        )
        self._records += 1
        encoded = _encode(params) if params else b""
        self._recipients += (task, self._records, phone, encoded, line)
        self._flush_full()

    def add_all(
        self,
        phones: Sequence[int],
        template: str,
        sender: str,
        params: Sequence[Sequence[str]],
        lines: Sequence[int],
    ) -> None:
        """Do as `add` for several recipients, who have equally many parameters."""
        number = len(params[0])
        task = self._tasks.get((template, sender, number)) or self._task(template, sender, number)
        ids = range(self._records + 1, self._records + 1 + len(phones))
        self._records += len(phones)
        encoded = _encoder.encode_lines(params).splitlines() if number else [b""] * len(phones)
        rows = zip(repeat(task, len(phones)), ids, phones, encoded, lines, strict=True)
        self._recipients += chain.from_iterable(rows)
        self._flush_full()

    def add_invalid(
        self, phone: str, template: str, sender: str, params: Sequence[str], line: int, reason: str
    ) -> None:
        """Add a record that cannot be sent, as far as it could be read."""
        self._records += 1
        row = (self._records, line, phone, _encode(params), template, sender, reason)
        self._invalid.append(row)
        if len(self._invalid) == CHUNK:
            self._flush_invalid()

    def count_vote(self, template: str, sender: str, params: int) -> None:
        """Let a record that is invalid for another reason count for its template's parameters."""
        task = self._tasks.get((template, sender, params)) or self._task(template, sender, params)
        self._tally[task][1] += 1

    def seal(self, info: RunInfo, *, allow_duplicates: bool) -> RunInfo:
        """Judge what can be judged only of the whole, and count.

        :param info: what the run is; its counts and digests are filled in.
        :return: the same with counts and digests.
        """
        self._flush()
        self._flush_invalid()
        return self._writer.run(partial(self._seal, info, allow_duplicates))

    def reject(self, recipients: Iterable[tuple[Pending, str]]) -> None:
        """Make pending recipients of the sealed draft invalid, each for a reason."""
        with journal_errors(self.path):
            self._connection.execute("BEGIN")
            self._connection.executemany(
                "INSERT INTO left_out VALUES (?, ?, 'invalid', ?)",
                [(task, place, reason) for (task, place, _, _), reason in recipients],
            )
            self._connection.execute("COMMIT")

    def recount(self, info: RunInfo) -> RunInfo:
        """Count again after `reject`; return the same with the counts."""
        info = msgspec.structs.replace(info, **self._count())
        with journal_errors(self.path):
            self._connection.execute("UPDATE info SET content = ?", (msgspec.json.encode(info),))
        return info

    def view(self) -> View:
        """Return what the sealed draft holds, to report on."""
        return View(self._connection, self.path)

    def phones_sent_differently(self) -> int:
        """Count the phones that are to get more than one message, with different contents."""
        return self._writer.run(partial(self._number, _SENT_DIFFERENTLY))

    def publish(self, path: Path) -> None:
        """Make the sealed draft the run at `path`, durably and at once."""
        with journal_errors(path):
            self._connection.close()
            _sync(self.path)
            remove_sides(path)  # of a run of this name whose deletion was killed
            self.path.rename(path)
            _sync(path.parent)

    def _task(self, template: str, sender: str, params: int) -> int:
        if len(self._tasks) >= _KNOWN_TASKS:
            self._flush()
        self._writer.wait()
        with journal_errors(self.path):
            if len(self._tasks) >= _KNOWN_TASKS:
                self._flush_tally()
            key = (template, sender, params)
            query = "SELECT id FROM task WHERE (template, sender, params) = (?, ?, ?)"
            row = self._connection.execute(query, key).fetchone()
            if row is None:
                query = "INSERT INTO task (template, sender, params) VALUES (?, ?, ?) RETURNING id"
                row = self._connection.execute(query, key).fetchone()
        task = int(row[0])
        self._tasks[key] = task
        self._keys[task] = _encode((template, sender))
        self._tally[task] = [0, 0]
        return task

    def _flush_full(self) -> None:
        while len(self._recipients) >= self._full:
            self._flush(self._full)

    def _flush(self, end: int | None = None) -> None:
        """Have recipients written: all, or the values up to a place."""
        values = self._recipients[:end]
        del self._recipients[:end]
        for task, number in Counter(tasks_of(values)).items():
            counts = self._tally[task]
            counts[0] += number
            counts[1] += number
        self._writer.write(values, self._keys)

    def _flush_invalid(self) -> None:
        self._writer.wait()
        with journal_errors(self.path):
            self._connection.executemany(
                "INSERT INTO invalid VALUES (?, ?, ?, ?, ?, ?, ?)", self._invalid
            )
        self._invalid.clear()

    def _flush_tally(self) -> None:
        self._connection.executemany(
            "UPDATE task SET records = records + ?, votes = votes + ? WHERE id = ?",
            [(records, votes, task) for task, (records, votes) in self._tally.items()],
        )
        self._tasks.clear()
        self._keys.clear()
        self._tally.clear()

    def _seal(self, info: RunInfo, allow_duplicates: bool) -> RunInfo:
        with journal_errors(self.path):
            self._flush_tally()
            self._judge_parameter_counts()
            exclusions = self._exclusions.apply()
            self._find_repeated_phones()
            if not allow_duplicates:
                self._leave_out_duplicates()
            info = msgspec.structs.replace(
                info, digest=self._writer.digest(), exclusions=exclusions, **self._count()
            )
            self._connection.execute("INSERT INTO info VALUES (?)", (msgspec.json.encode(info),))
            self._connection.execute("COMMIT")
        return info

    def _judge_parameter_counts(self) -> None:
        self._connection.execute(
            """
            CREATE TEMP TABLE best AS
            SELECT template, MIN(params) AS params, COUNT(*) AS ties FROM (
                SELECT template, params,
                    RANK() OVER (PARTITION BY template ORDER BY SUM(votes) DESC) AS place
                FROM task GROUP BY template, params)
            WHERE place = 1 GROUP BY template
            """
        )
        self._connection.execute("CREATE INDEX temp.best_of ON best (template)")
        self._connection.execute(
            """
            UPDATE task SET reason = (
                SELECT CASE
                    WHEN ties > 1 THEN printf(
                        'has %d template parameter%s, but as many records of template "%s" '
                        || 'have another number: none is right',
                        task.params, IIF(task.params = 1, '', 's'), template)
                    WHEN best.params <> task.params THEN printf(
                        'has %d template parameter%s, but most records of template "%s" have %d',
                        task.params, IIF(task.params = 1, '', 's'), template, best.params)
                END
                FROM temp.best WHERE best.template = task.template)
            """
        )
        self._connection.execute("DROP TABLE temp.best")

    def _find_repeated_phones(self) -> None:
        self._connection.execute("CREATE TEMP TABLE repeated (phone INTEGER PRIMARY KEY)")
        self._connection.execute(
            "INSERT INTO temp.repeated "
            "SELECT phone FROM recipient GROUP BY phone HAVING COUNT(*) > 1"
        )

    def _leave_out_duplicates(self) -> None:
        self._connection.execute(
            f"""
            INSERT INTO left_out
            SELECT task, id, 'duplicate', printf('the same as line %d of %s', line_of_first,
                (SELECT name FROM source WHERE first <= first_id ORDER BY first DESC LIMIT 1))
            FROM (
                SELECT r.task, r.id, FIRST_VALUE(r.id) OVER same AS first_id,
                    FIRST_VALUE(line) OVER same AS line_of_first
                FROM recipient r JOIN task t ON t.id = r.task AND t.reason IS NULL
                WHERE phone IN (SELECT phone FROM temp.repeated)
                  AND {NOT_LEFT_OUT}
                WINDOW same AS (PARTITION BY r.task, phone, r.params ORDER BY r.id))
            WHERE id > first_id
            """
        )

    def _number(self, query: str) -> int:
        with journal_errors(self.path):
            return int(self._connection.execute(query).fetchone()[0])

    def _count(self) -> dict[str, int]:
        number = self._number
        left_out = number("SELECT COUNT(*) FROM left_out")
        duplicate = number("SELECT COUNT(*) FROM left_out WHERE outcome = 'duplicate'")
        excluded = number("SELECT COUNT(*) FROM left_out WHERE outcome = 'excluded'")
        sendable = number("SELECT IFNULL(SUM(records), 0) FROM task WHERE reason IS NULL")
        sendable -= left_out
        return {
            "records": self._records,
            "invalid": self._records - sendable - duplicate - excluded,
            "duplicate": duplicate,
            "excluded": excluded,
            "recipients": sendable,
        }


_SENT_DIFFERENTLY = f"""
SELECT COUNT(*) FROM (
    SELECT phone FROM recipient r JOIN task t ON t.id = r.task AND t.reason IS NULL
    WHERE phone IN (SELECT phone FROM temp.repeated)
      AND {NOT_LEFT_OUT}
    GROUP BY phone HAVING COUNT(DISTINCT r.task || ' ' || CAST(r.params AS TEXT)) > 1)
"""
_encoder = msgspec.json.Encoder()
_encode = _encoder.encode


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
