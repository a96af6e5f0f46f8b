"""Recipients of an outcome as CSV, in the columns that `usms send` reads."""

import csv
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TextIO

from usms_cli.errors import UsageError
from usms_cli.journal.view import Fate, Outcome, Row
from usms_cli.report.report import Report
from usms_cli.text import quoted, visible

_FORMULA = ("=", "+", "-", "@")  # what a spreadsheet takes for the beginning of one
_SENDABLE_AGAIN: tuple[Outcome, ...] = ("failed", "invalid")


def export_failures(report: Report, path: Path) -> None:
    """Write failed recipients and invalid records: nobody in the file was messaged by the run.

    :raises UsageError: the file cannot be written.
    """
    rows = chain(report.view.rows("failed"), report.view.rows("invalid"))
    _export(report, path, rows, outcome=None)


def export_outcome(report: Report, outcome: Outcome | Fate, path: Path) -> None:
    """Write the recipients with an outcome or a fate.

    It is named in a column that keeps those who were or may be messaged from being sent again, but
    for the undelivered.

    :raises UsageError: the file cannot be written.
    """
    named = None if outcome in _SENDABLE_AGAIN else outcome
    _export(report, path, report.view.rows(outcome), outcome=named)


def check_writable(path: Path) -> None:
    """Make sure, before anything is sent, that a file can be written there.

    :raises UsageError: it cannot.
    """
    try:
        if path.is_dir():
            raise UsageError(f"cannot write {quoted(str(path), 200)}: it is a directory")
        place = path if _is_special(path) else path.resolve().parent
        if not os.access(place, os.W_OK | (os.X_OK if place != path else 0)):
            raise UsageError(f"cannot write {quoted(str(path), 200)}: no such folder, or not yours")
    except (OSError, RuntimeError) as error:
        raise _unwritable(path, error) from error


def _export(
    report: Report, path: Path, rows: Iterable[Row], outcome: Outcome | Fate | None
) -> None:
    width = report.view.most_params()
    header = ["phone", "template_id", "sender_id", *(f"param{n + 1}" for n in range(width))]
    with _replacing(path) as file:
        # The line end holds both characters that Python before 3.13 would else leave unquoted.
        writer = csv.writer(file, lineterminator="\r\n")
        tail = [] if outcome is None else [outcome]
        writer.writerow([*header, "reason", "source", "line", *(["outcome"] if tail else [])])
        for row in rows:
            params = row.params + [""] * (width - len(row.params))
            place = [_inert(row.reason), _inert(row.source), row.line]
            writer.writerow([report.phone(row), row.template, row.sender, *params, *place, *tail])


def _inert(text: str) -> str:
    """Keep a spreadsheet from taking our own text for a formula; parameters stay what they are.

    Nor may a reason of the API's hold what `usms send` would not read back, such as a NUL.
    """
    text = visible(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """Write beside a file, for its owner alone, and put it in its place when it is whole.

    What a link leads to is replaced, not the link. A device or a pipe is written to as it is.
    """
    try:
        if _is_special(path):
            with path.open("w", encoding="utf-8", newline="") as file:
                yield file
            return
        path = path.resolve()
        descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except (OSError, RuntimeError) as error:
        raise _unwritable(path, error) from error


def _is_special(path: Path) -> bool:
    """Tell whether there is something that a file must not be put in the place of."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


def _unwritable(path: Path, error: Exception) -> UsageError:
    """Return the error for a file that cannot be written; RuntimeError: its links are a circle."""
    why = error.strerror if isinstance(error, OSError) else "its links lead in a circle"
    return UsageError(f"cannot write {quoted(str(path), 200)}: {why}")
