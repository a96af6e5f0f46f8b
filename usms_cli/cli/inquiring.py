"""What `usms receipts` does, in order: ask, keep, ask again, report."""

import dataclasses
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from usms_cli.api.connection import Connection
from usms_cli.cli.delivering import check_belongs, interruptible, reachable
from usms_cli.cli.terminal import Terminal
from usms_cli.errors import ExitStatus, StoppedError
from usms_cli.inquiry import Inquiry
from usms_cli.journal.outcomes import Fate
from usms_cli.journal.receipts import ReceiptBook
from usms_cli.journal.schema import JournalError
from usms_cli.journal.store import Store
from usms_cli.report.csv_export import export_outcome
from usms_cli.report.report import report_on_run
from usms_cli.report.tables import print_receipts
from usms_cli.settings import Account, Settings


def ask_and_report(
    store: Store,
    name: str,
    settings: Settings,
    terminal: Terminal,
    *,
    patience: float,
    export: tuple[Fate, Path] | None,
) -> ExitStatus:
    """Ask for the receipts of a run, for so many seconds again, and report what is known then.

    :raises UsageError: there is no key pair, or the run did not begin in this mode and at this
        address.
    :raises StoppedError: the API did not answer, or not well, or what it said cannot be kept; the
        report is printed before.
    """
    with store.in_use(name):
        with closing(store.open(name)) as view:
            info, sessions = view.info, view.session_count()
        account = None if info.sandbox else settings.account()
        check_belongs(info, account)
        interrupted: ExitStatus | None = None
        problem: StoppedError | None = None
        if sessions:
            try:
                with reachable(account, store.sandbox_path(name)) as reached:
                    interrupted, problem = _ask(store.path(name), reached, terminal, patience)
            except JournalError as error:
                problem = error
        else:
            terminal.notice("the run has no session number to ask about")
        with closing(store.open(name)) as view:
            report = report_on_run(view, running=store.is_running(name))
            counts = view.receipts()
            report = dataclasses.replace(report, receipts=counts)
            terminal.report(report, print_receipts)
            if export:
                export_outcome(report, *export)
    if interrupted:
        return interrupted
    if problem:
        raise problem
    return ExitStatus.PROBLEMS if counts.undelivered or counts.waiting else ExitStatus.OK


def _ask(
    path: Path, account: Account, terminal: Terminal, patience: float
) -> tuple[ExitStatus | None, StoppedError | None]:
    with closing(ReceiptBook(path)) as book:
        pace = book.view.info.pace
        connect = partial(Connection, account, pace.timeout)
        # An address that cannot be used is an error now.
        connect().close()
        known = book.view.receipts()
        total = known.delivered + known.undelivered + known.waiting
        with terminal.progress("Receipts", total, steady=False) as show:
            shown = 0

            def watch(delivered: int, undelivered: int, pause: float | None) -> None:
                nonlocal shown
                more, shown = delivered + undelivered - shown, delivered + undelivered
                at = time.strftime("%H:%M:%S", time.localtime(time.time() + (pause or 0)))
                notes = (
                    f"{undelivered:,} undelivered" if undelivered else "",
                    f"asking again at {at}" if pause else "",
                )
                show(more, ", ".join(filter(None, notes)))

            watch(known.delivered, known.undelivered, None)
            inquiry = Inquiry(book, connect, pace, watch)
            with interruptible(inquiry.interrupt) as caught:
                problem = inquiry.run(patience)
        for oddity in inquiry.oddities():
            terminal.notice(oddity)
    return (caught[0] if caught else None), problem
