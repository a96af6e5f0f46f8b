"""A report for people: on a terminal as tables, of which each shows at most twenty rows; elsewhere
as plain aligned text, whole."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from usms_cli.journal.outcomes import FATES, OUTCOMES, Outcome
from usms_cli.journal.view import ReceiptCounts, Row
from usms_cli.report.report import Report, Status, next_steps
from usms_cli.report.templates import print_templates
from usms_cli.text import count, visible, written

SHOWN = 20
_NUMBERS = (
    *("recipients", "records", "accepted", "failed", "unknown", "pending", "delivered"),
    *("age", "size"),
)
_COPIED = ("session number", "run", "phone")  # out of a table, and so in one piece
_NARROW = 8
_BETWEEN = 3  # columns of a table
_SAMPLE = 1000  # rows that the widths of plain columns are taken from

_STYLES = {
    "accepted": "green",
    "failed": "red",
    "unknown": "yellow",
    "pending": "cyan",
    "invalid": "red",
    "delivered": "green",
    "undelivered": "red",
    "waiting": "cyan",
    "complete": "green",
    "stopped": "red",
    "rejected": "red",
}

# Of a report on what was never made a run.
_HEADINGS: dict[Status, str] = {
    "dry-run": "Dry run: nothing was sent",
    "rejected": "Rejected: nothing was sent",
    "stopped": "Stopped: nothing was sent",
    "complete": "Nothing to send",
}


@dataclass(frozen=True)
class Section:
    """A part of a report that is a table of `total` rows. `more` says how to see them all."""

    title: str
    style: str
    columns: tuple[str, ...]
    rows: Iterable[tuple[str, ...]]
    total: int
    more: str = ""
    shown: int = SHOWN


def print_report(report: Report, console: Console) -> None:
    """Print a report to standard output."""
    _print_heading(report, console)
    if report.templates and report.name is None:  # a run's were shown before it was sent
        print_templates(report.templates, console)
    for section in _sections(report):
        print_section(section, console)
    console.print()
    console.print(_totals(report), soft_wrap=True)
    if report.problem and report.name:
        console.print(Text(f"Why it ended: {visible(report.problem)}"), soft_wrap=True)
    _print_last_lines(report, console)


def print_receipts(report: Report, console: Console) -> None:
    """Print what is known of the receipts to standard output, and of the rest the totals."""
    _print_heading(report, console)
    for section in _receipt_sections(report):
        print_section(section, console)
    console.print()
    console.print(_totals(report), soft_wrap=True)
    _print_last_lines(report, console)


def _print_heading(report: Report, console: Console) -> None:
    info = report.view.info
    heading = Text(f"Run {report.name}" if report.name else _HEADINGS[report.status], "bold")
    if report.name:
        heading.append(" · ").append(report.status, _STYLES.get(report.status, ""))
    if info.sandbox:
        heading.append(" · sandbox: nobody was really messaged", "magenta")
    console.print(heading, soft_wrap=True)


def _print_last_lines(report: Report, console: Console) -> None:
    if report.receipts:
        console.print(_receipt_totals(report.receipts), soft_wrap=True)
    for step in next_steps(report):
        console.print(Text(f"{step.what}: {step.command}"), soft_wrap=True)


def _sections(report: Report) -> Iterator[Section]:
    view, counts, name = report.view, report.counts, report.name
    sessions = (
        (
            one.session_no,
            "(several)" if one.template_id is None else one.template_id,
            "(several)" if one.sender_id is None else one.sender_id or "(none)",
            "(not known)" if one.recipients is None else f"{one.recipients:,}",
        )
        for one in view.sessions()
    )
    columns = ("session number", "template", "sender", "recipients")
    how = f"`usms show {name} --json`"
    yield Section("Session numbers", "green", columns, sessions, view.session_count(), how)
    yield _recipients(report, "failed", "Failed", counts.failed)
    yield _recipients(report, "unknown", "Unknown, perhaps messaged", counts.unknown)
    if counts.invalid:
        how = f"`usms show {name} --export invalid FILE`" if name else "`--failures FILE`"
        rows = ((f"{row.source}:{row.line}", row.reason) for row in view.rows("invalid"))
        title = f"Invalid: {counts.invalid:,}"
        yield Section(title, "red", ("where", "reason"), rows, counts.invalid, how)
    yield from _receipt_sections(report)


def _receipt_sections(report: Report) -> Iterator[Section]:
    if report.receipts and report.receipts.undelivered:
        yield _undelivered(report, "reason")
        yield _undelivered(report, "country")


def _undelivered(report: Report, by: Literal["reason", "country"]) -> Section:
    rows = ((what or "(none)", f"{number:,}") for what, number in report.view.undelivered_by(by))
    return Section(
        f"Undelivered, by {by}",
        "red",
        (by, "recipients"),
        rows,
        report.view.count_undelivered_by(by),
        f"`usms show {report.name} --json`",
    )


def _recipients(report: Report, outcome: Outcome, title: str, total: int) -> Section:
    rows: Iterable[Row] = report.view.rows(outcome) if total else ()
    cells = (
        (report.phone(row), " ".join(row.params), row.reason, f"{row.source}:{row.line}")
        for row in rows
    )
    columns = ("phone", "parameters", "reason", "where")
    more = f"`usms show {report.name} --export {outcome} FILE`"
    return Section(f"{title}: {total:,}", _STYLES[outcome], columns, cells, total, more)


def print_section(section: Section, console: Console) -> None:
    """Print a section: its first rows as a table on a terminal, all as plain text elsewhere."""
    if section.total:
        (_print_table if console.is_terminal else _print_plain)(section, console)


def _print_table(section: Section, console: Console) -> None:
    rows = [_cells(row, console) for row in islice(section.rows, section.shown)]
    title = Text(section.title, section.style)
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False
    )
    for column, width in zip(
        section.columns, _widths(section.columns, rows, console.width), strict=True
    ):
        numeric = column in _NUMBERS
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(column, width=width, overflow="fold", justify=justify)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print()
    console.print(table)
    if section.total > section.shown:
        console.print(
            Text(f"and {section.total - section.shown:,} more: {section.more}"), soft_wrap=True
        )


def _cells(row: Iterable[str], console: Console) -> tuple[str, ...]:
    return tuple(written(cell, console.encoding) for cell in row)


def _widths(columns: Sequence[str], rows: Sequence[tuple[str, ...]], room: int) -> list[int]:
    """Return how wide the columns of a table are, of which the widest give way where there is not
    room for all: first those of words, then the heads of numbers, then what is to be copied."""
    room = max(room - _BETWEEN * (len(columns) - 1), len(columns))
    heads = list(map(cell_len, columns))
    cells = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    widths = [min(room, max(pair)) for pair in zip(heads, cells, strict=True)]
    narrow = [min(width, _NARROW) for width in widths]

    def least(*, heads_fold: bool) -> Iterator[int]:
        for place, column in enumerate(columns):
            if column in _NUMBERS:
                yield cells[place] if heads_fold else widths[place]
            else:
                yield widths[place] if column in _COPIED else narrow[place]

    floors = (
        list(least(heads_fold=False)),
        list(least(heads_fold=True)),
        narrow,
        [1] * len(columns),
    )
    floor = next(one for one in floors if sum(one) <= room)
    while sum(widths) > room:
        places = (place for place in range(len(columns)) if widths[place] > floor[place])
        widths[max(places, key=lambda place: widths[place])] -= 1
    return widths


def _print_plain(section: Section, console: Console) -> None:
    rows = (_cells(row, console) for row in section.rows)
    sample = list(islice(rows, _SAMPLE))
    widths = [max(map(cell_len, column)) for column in zip(section.columns, *sample, strict=True)]
    out = console.file
    out.write(f"\n{section.title}\n")
    for row in chain([section.columns], sample, rows):
        cells = []
        for column, cell, width in zip(section.columns, row, widths, strict=True):
            space = " " * (width - cell_len(cell))
            cells.append(space + cell if column in _NUMBERS else cell + space)
        out.write("  ".join(cells).rstrip() + "\n")


def _totals(report: Report) -> Text:
    counts = report.counts
    line = Text(count(counts.records, "record"), "bold")
    separator = ": "
    for outcome in OUTCOMES:
        number = getattr(counts, outcome)
        if number or (outcome == "accepted" and (report.name or report.status == "complete")):
            name = "valid" if outcome == "pending" and report.name is None else outcome
            line.append(separator, "default").append(f"{number:,} {name}", _STYLES.get(outcome, ""))
            separator = ", "
    return line


def _receipt_totals(receipts: ReceiptCounts) -> Text:
    line = Text("Receipts", "bold")
    separator = ": "
    for fate in FATES:
        number = getattr(receipts, fate)
        line.append(separator, "default").append(f"{number:,} {fate}", _STYLES[fate])
        separator = ", "
    return line.append(f"; {count(receipts.parts, 'message part')} charged", "default")
