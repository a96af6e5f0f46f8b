"""What a run file holds, and how one is opened.

Most recipients have no row that changes: a recipient's outcome follows from the span it stands in,
that is from the request that owns it. Only one that fared differently from the rest of its request
has a row of its own in `apart`.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

import msgspec

from usms_cli.errors import StoppedError, UsageError
from usms_cli.text import quoted_path

APPLICATION_ID = 0x75736D73  # "usms", in the header of the file
VERSION = 3
UNANSWERED = "no answer was recorded: whether it was sent cannot be known"
_LONGEST = 64 << 20  # bytes of a row; that of a damaged file may say that it has gigabytes
_AT_ONCE = 100  # rows; to check each alone takes three times as long
_CACHE = "PRAGMA cache_size=-8000"  # KiB: memory does not grow with the run

T = TypeVar("T")
Place = TypeVar("Place", int, str)
Parameters = Mapping[str, str | int | float] | tuple[str | int | float, ...]
Time = Annotated[float, msgspec.Meta(ge=0, lt=1e11)]  # Unix seconds that a date can be made of

_TABLES = """
-- One row: what the run is (RunInfo, as JSON).
CREATE TABLE info (content BLOB NOT NULL);
-- A call of usms that sent for this run, and how it ended; no end where it was killed.
CREATE TABLE call (
    id INTEGER PRIMARY KEY, started REAL NOT NULL, ended REAL, status TEXT, problem TEXT
);
-- Where the records come from: those from id `first` on, until the next source.
CREATE TABLE source (first INTEGER PRIMARY KEY, name TEXT NOT NULL);
-- Records that share a template, a sender and a number of parameters. A reason makes them invalid.
-- `votes` counts also those that are invalid on their own account. `given_up` is 1 where a call
-- found the template or the sender refused: the next one begins with the others.
CREATE TABLE task (
    id INTEGER PRIMARY KEY, template TEXT NOT NULL, sender TEXT NOT NULL, params INTEGER NOT NULL,
    records INTEGER NOT NULL DEFAULT 0, votes INTEGER NOT NULL DEFAULT 0, reason TEXT,
    given_up INTEGER NOT NULL DEFAULT 0,
    UNIQUE (template, sender, params)
);
-- Every readable record. id: its place in the input; phone: the digits of its E.164 number.
CREATE TABLE recipient (
    task INTEGER NOT NULL, id INTEGER NOT NULL, phone INTEGER NOT NULL, params BLOB NOT NULL,
    line INTEGER NOT NULL, PRIMARY KEY (task, id)
) WITHOUT ROWID;
-- Records that cannot be sent, as far as they could be read.
CREATE TABLE invalid (
    id INTEGER PRIMARY KEY, line INTEGER NOT NULL, phone TEXT NOT NULL, params BLOB NOT NULL,
    template TEXT NOT NULL, sender TEXT NOT NULL, reason TEXT NOT NULL
);
-- Recipients that are not to be sent: duplicate, excluded, or invalid since their message is
-- too long.
CREATE TABLE left_out (
    task INTEGER NOT NULL, id INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (task, id)
) WITHOUT ROWID;
-- A request that was started. `outcome` is that of the recipients it owns but for those in `apart`;
-- the three counts are of all it owns. Without an end, its answer was never recorded.
CREATE TABLE request (
    id INTEGER PRIMARY KEY, started REAL NOT NULL, ended REAL, resend INTEGER NOT NULL,
    verdict TEXT, outcome TEXT NOT NULL, reason TEXT,
    accepted INTEGER NOT NULL, failed INTEGER NOT NULL, unknown INTEGER NOT NULL
);
-- Which request owns the recipients of a task from first to last. Spans never overlap; a recipient
-- in none of them is pending.
CREATE TABLE span (
    task INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, request INTEGER NOT NULL,
    PRIMARY KEY (task, first)
) WITHOUT ROWID;
CREATE INDEX span_of_request ON span (request);
CREATE TABLE apart (
    task INTEGER NOT NULL, id INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (task, id)
) WITHOUT ROWID;
-- Session numbers, and the request each came from; a NULL is not the same for, or not known of, all
-- its recipients.
CREATE TABLE session (
    no TEXT NOT NULL, request INTEGER NOT NULL, template TEXT, sender TEXT, recipients INTEGER
);
-- What became of an accepted recipient's message, as the receipt of a session (its first rowid)
-- says. delivered: 1, 0, or NULL while that is not known; country: of an undelivered one's phone.
CREATE TABLE receipt (
    task INTEGER NOT NULL, id INTEGER NOT NULL, session INTEGER NOT NULL, delivered INTEGER,
    parts INTEGER NOT NULL, time INTEGER NOT NULL, reason TEXT, country TEXT,
    PRIMARY KEY (task, id)
) WITHOUT ROWID;
CREATE INDEX undelivered ON receipt (reason, country) WHERE delivered = 0;
-- How many of a request's recipients have which receipt, so that nobody need count the rows.
CREATE TABLE receipt_count (
    request INTEGER PRIMARY KEY, delivered INTEGER NOT NULL, undelivered INTEGER NOT NULL,
    parts INTEGER NOT NULL
);
"""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is sent. `timeout` is in seconds, for a whole request; `rate` is the most
    recipients in any one second, None without a limit."""

    batch_size: int = 1000
    concurrency: int = 4
    timeout: float = 30.0
    retries: int = 5
    rate: int | None = None

    def changed(self, change: "PaceChange") -> "Pace":
        """Return the same with what the change gives."""
        given = {name: value for name, value in change._asdict().items() if value is not None}
        return msgspec.structs.replace(self, **given)


class PaceChange(NamedTuple):
    """What a call says about the pace; None where it says nothing."""

    batch_size: int | None = None
    concurrency: int | None = None
    timeout: float | None = None
    retries: int | None = None
    rate: int | None = None


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is, fixed when its journal was whole.

    `digest` identifies the checked records in order, and `exclusions` those of them that are
    excluded; `created` is in Unix seconds. `recipients`
    counts the records that are to be sent, the other counts those that never are.
    """

    name: str | None
    created: Time
    sandbox: bool
    address: str
    region: str
    pace: Pace
    digest: str = ""
    exclusions: str = ""
    records: int = 0
    invalid: int = 0
    duplicate: int = 0
    excluded: int = 0
    recipients: int = 0


class JournalError(StoppedError):
    """The run file cannot be read or written."""


@contextmanager
def journal_errors(path: Path) -> Iterator[None]:
    """Turn a failure of the disk or of SQLite into a JournalError that names the file.

    So too what cannot be decoded: it is not what was written.
    """
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise JournalError(
            f"cannot use the journal {quoted_path(path)}: {reason}",
            "Nothing is sent that is not on disk first. Check the disk, or name another folder in "
            "USMS_STATE_DIR.",
        ) from error


class RunReader:
    """What a run file holds, as rows of the types that were written to it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def _select(self, kind: type[T], query: str, parameters: Parameters = ()) -> Iterator[T]:
        """Yield the rows that a query finds.

        :param kind: the type of a row, a tuple's; the file is damaged where it is another.
        """
        with journal_errors(self._path):
            cursor = self._connection.execute(query, parameters)
            while rows := cursor.fetchmany(_AT_ONCE):
                yield from msgspec.convert(rows, list[kind])  # type: ignore[valid-type]

    def _further(self, place: Place, found: Place) -> Place:
        """Return the place that a reading in pieces has come to.

        :raises JournalError: it is no further than before, as where rows are in no order.
        """
        with journal_errors(self._path):
            if found <= place:
                raise sqlite3.DatabaseError("its rows are not in order")
        return found


def create(path: Path) -> sqlite3.Connection:
    """Create an empty run file, readable by its owner alone, and open it for filling.

    It is filled without the safety of a log: until it is whole it is nobody's run.
    """
    path.touch(mode=0o600, exist_ok=False)
    connection = _connect(path, threads=True)
    connection.execute(_CACHE)
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.executescript(_TABLES)
    return connection


@contextmanager
def closed_on_error(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Give a connection that was just opened, and close it if what is done first fails."""
    try:
        yield connection
    except BaseException:
        connection.close()
        raise


def open_for_sending(path: Path) -> sqlite3.Connection:
    """Open a whole run so that every commit is on disk when it returns.

    One that was begun before is looked through for damage first, as nobody may be sent to twice or
    forgotten over it: that takes a second for ten million recipients.
    """
    with closed_on_error(_open(path)) as connection:
        if connection.execute("SELECT 1 FROM call LIMIT 1").fetchone():
            found: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found.splitlines()[-1])
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection


def open_beside(path: Path) -> sqlite3.Connection:
    """Open a whole run to add what can be asked for again, also beside a process that is sending.

    A commit need not be on disk when it returns; the other's are, whatever is committed here.
    """
    with closed_on_error(_open(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a whole run to read it, also beside a process that is sending."""
    with closed_on_error(_open(path)) as connection:
        connection.execute("PRAGMA query_only=ON")
        return connection


def remove_sides(path: Path) -> None:
    """Remove what SQLite keeps beside a run file that is not there (any more)."""
    for side in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + side).unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection:
    with closed_on_error(_connect(path)) as connection:
        try:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.OperationalError:  # a full disk, say: no fault of the file
            raise
        except sqlite3.DatabaseError:
            application = version = None
        if application != APPLICATION_ID:
            raise UsageError(
                f"{quoted_path(path)} is not a run of usms, or is damaged",
                f"Move it out of the state directory, or delete it: usms runs delete {path.stem}",
            )
        if version != VERSION:
            raise UsageError(
                f"the run {quoted_path(path)} was written by another version of usms "
                f"(its format is {version}, this version's {VERSION})",
                "Use the version of usms that began the run.",
            )
        connection.execute(_CACHE)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        return connection


def _connect(path: Path, *, threads: bool = False) -> sqlite3.Connection:
    """Connect to a file that is there; `threads`: several will use the connection, in turn."""
    uri = path.absolute().as_uri() + "?mode=rw"
    return sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=10, check_same_thread=not threads
    )
