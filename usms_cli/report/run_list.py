"""The list of runs, as a table or JSON."""

import sys
import time
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.filesize import decimal

from usms_cli.journal.view import Counts, ReceiptCounts
from usms_cli.report.report import Report, Status
from usms_cli.report.tables import Section, print_section
from usms_cli.text import count

_OUTCOMES = ("records", "accepted", "failed", "unknown", "pending")
_ALWAYS = ("records", "accepted")


class RunLine(msgspec.Struct, frozen=True):
    """A run in the list; `created` is in Unix seconds, `receipts` None where none is known, `size`
    the bytes that it takes on disk."""

    run: str | None
    status: Status
    sandbox: bool
    created: float
    counts: Counts
    receipts: ReceiptCounts | None
    size: int

    @classmethod
    def of(cls, report: Report, size: int) -> "RunLine":
        """Return the line of a run that takes `size` bytes on disk."""
        info, counts = report.view.info, report.counts
        return cls(
            report.name, report.status, info.sandbox, info.created, counts, report.receipts, size
        )


def print_runs(lines: Sequence[RunLine], console: Console) -> None:
    """Print all runs: how old each is, how it stands, how many of its records have which outcome,
    and what it takes on disk. Outcomes that no run has are left out, to keep the table narrow."""
    now = time.time()
    numbers: dict[str, list[int | None]] = {
        outcome: [getattr(line.counts, outcome) for line in lines] for outcome in _OUTCOMES
    }
    numbers["delivered"] = [line.receipts.delivered if line.receipts else None for line in lines]
    shown = [what for what in numbers if what in _ALWAYS or any(numbers[what])]
    rows = (
        (
            line.run or "",
            _age(now - line.created),
            f"{line.status} (sandbox)" if line.sandbox else line.status,
            *("" if (one := numbers[what][place]) is None else f"{one:,}" for what in shown),
            decimal(line.size),
        )
        for place, line in enumerate(lines)
    )
    columns = ("run", "age", "status", *shown, "size")
    print_section(Section("Runs", "bold", columns, rows, len(lines), shown=len(lines)), console)
    if lines:
        total = f"{count(len(lines), 'run')}, {decimal(sum(line.size for line in lines))}"
        console.print(
            f"{total}. To delete old ones: usms runs delete --older-than 30d", soft_wrap=True
        )


def _age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit, as `runs delete` takes it."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f}{unit}"
    return "now"


def write_runs(lines: Sequence[RunLine]) -> None:
    """Write all runs to standard output as a JSON array."""
    sys.stdout.buffer.write(b"[")
    sys.stdout.buffer.write(b",\n".join(map(msgspec.json.encode, lines)))
    sys.stdout.buffer.write(b"]\n")
