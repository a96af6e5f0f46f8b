"""Recipients of an outcome as CSV, in the columns that `usms send` reads."""

import csv
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from usms_cli.journal.outcomes import Fate, Outcome
from usms_cli.journal.view import Row
from usms_cli.report.report import Report
from usms_cli.report.writing import replacing
from usms_cli.text import visible

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


def _export(
    report: Report, path: Path, rows: Iterable[Row], outcome: Outcome | Fate | None
) -> None:
    width = report.view.most_params()
    header = ["phone", "template_id", "sender_id", *(f"param{n + 1}" for n in range(width))]
    with replacing(path) as file:
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
