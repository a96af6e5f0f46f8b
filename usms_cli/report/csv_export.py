"""Recipients of an outcome as CSV, in the columns that `usms send` reads."""

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TextIO

from usms_cli.errors import UsageError
from usms_cli.journal.view import Outcome, Row
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


def export_outcome(report: Report, outcome: Outcome, path: Path) -> None:
    """Write the recipients with an outcome, named in a column that keeps them from being resent.

    :raises UsageError: the file cannot be written.
    """
    named = None if outcome in _SENDABLE_AGAIN else outcome
    _export(report, path, report.view.rows(outcome), outcome=named)


def check_writable(path: Path) -> None:
    """Make sure, before anything is sent, that a file can be written there.

    :raises UsageError: it cannot.
    """
    if path.is_dir():
        raise UsageError(f"cannot write {quoted(str(path), 200)}: it is a directory")
    writable = os.access(path, os.W_OK) if _is_special(path) else _is_folder_ours(path)
    if not writable:
        raise UsageError(f"cannot write {quoted(str(path), 200)}: no such folder, or not yours")


def _export(report: Report, path: Path, rows: Iterable[Row], outcome: Outcome | None) -> None:
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


def _is_special(path: Path) -> bool:
    """Tell whether a path is a pipe or a device, such as /dev/null: they are not to be replaced."""
    return path.exists() and not path.is_file()


def _is_folder_ours(path: Path) -> bool:
    return os.access(path.resolve().parent, os.W_OK | os.X_OK)


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """Write beside a file, for its owner alone, and put it in its place when it is whole."""
    try:
        if _is_special(path):
            with path.open("w", encoding="utf-8", newline="") as file:
                yield file
            return
        path = path.resolve()  # of a link, what it leads to is written
        descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"cannot write {quoted(str(path), 200)}: {error.strerror}") from error
