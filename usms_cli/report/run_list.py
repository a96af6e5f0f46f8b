"""The list of runs, as a table or JSON."""

import sys
import time
from collections.abc import Sequence

import msgspec
from rich.console import Console

from usms_cli.journal.view import Counts, ReceiptCounts
from usms_cli.report.report import Report, Status
from usms_cli.report.tables import Section, print_section


class RunLine(msgspec.Struct, frozen=True):
    """A run in the list; `created` is in Unix seconds, `receipts` None where none is known."""

    run: str | None
    status: Status
    sandbox: bool
    created: float
    counts: Counts
    receipts: ReceiptCounts | None

    @classmethod
    def of(cls, report: Report) -> "RunLine":
        info = report.view.info
        return cls(
            report.name, report.status, info.sandbox, info.created, report.counts, report.receipts
        )


def print_runs(lines: Sequence[RunLine], console: Console) -> None:
    """Print all runs: how each stands, how many of its records have which outcome, and, where that
    is known of any run, how many messages were delivered."""
    received = any(line.receipts for line in lines)
    rows = (
        (
            line.run or "",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(line.created)),
            f"{line.status} (sandbox)" if line.sandbox else line.status,
            *(
                f"{number:,}"
                for number in (
                    line.counts.records,
                    line.counts.accepted,
                    line.counts.failed,
                    line.counts.unknown,
                    line.counts.pending,
                )
            ),
            *((f"{line.receipts.delivered:,}" if line.receipts else "",) if received else ()),
        )
        for line in lines
    )
    outcomes = ("records", "accepted", "failed", "unknown", "pending")
    columns = ("run", "begun", "status", *outcomes, *(("delivered",) if received else ()))
    print_section(Section("Runs", "bold", columns, rows, len(lines), shown=len(lines)), console)


def write_runs(lines: Sequence[RunLine]) -> None:
    """Write all runs to standard output as a JSON array."""
    sys.stdout.buffer.write(b"[")
    sys.stdout.buffer.write(b",\n".join(map(msgspec.json.encode, lines)))
    sys.stdout.buffer.write(b"]\n")
