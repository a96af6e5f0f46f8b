"""A run on disk is sent, as far as it can be, and reported: what `send` and `resume` share."""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from usms_cli.api.client import Client
from usms_cli.cli.guard import print_error
from usms_cli.cli.terminal import Terminal
from usms_cli.delivery import Delivery, Ending
from usms_cli.errors import ExitStatus, UsageError, UsmsError
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.schema import JournalError, PaceChange, RunInfo, journal_errors
from usms_cli.journal.settlement import SentCounts
from usms_cli.journal.store import Store
from usms_cli.report.csv_export import export_failures
from usms_cli.report.report import Report, report_on_run
from usms_cli.settings import Account, Secret
from usms_cli.template_findings import TemplateChecks
from usms_cli.text import quoted

_SIGNALS = {
    signal.SIGINT: ExitStatus.INTERRUPTED,
    signal.SIGTERM: ExitStatus.TERMINATED,
    signal.SIGHUP: ExitStatus.TERMINATED,
}


def deliver_and_report(
    store: Store,
    name: str,
    account: Account | None,
    terminal: Terminal,
    pace: PaceChange,
    *,
    limit: int | None = None,
    resend_unknown: bool = False,
    failures: Path | None = None,
    templates: TemplateChecks | None = None,
) -> ExitStatus:
    """Send what is to be sent of a run that this process has locked, then report on the run.

    :param account: whom to send to; None where the run is the sandbox's.
    :param limit: send only to the first so many that are pending.
    :param templates: what was found of the templates before, to report too.
    :return: what the command ends in.
    """
    with closing(store.open(name)) as view:
        before = report_on_run(view, running=False)
    interrupted: ExitStatus | None = None
    broken: JournalError | None = None
    if before.status != "complete" or (resend_unknown and before.counts.unknown):
        try:
            with (
                closing(Ledger(store.path(name))) as ledger,
                reachable(account, store.sandbox_path(name)) as reached,
            ):
                interrupted = _deliver(ledger, reached, terminal, pace, limit, resend_unknown)
        except JournalError as error:
            broken = error
    with closing(store.open(name)) as view:
        report = replace(report_on_run(view, running=False), templates=templates)
        status = interrupted or report.exit_status()
        try:
            finish(report, terminal, failures)
        except UsmsError as error:
            # What was sent was sent, though it could not be written who failed, or anything.
            print_error(error.message, f"It is kept: usms show {name}, with --failures FILE")
            status = status or ExitStatus.PROBLEMS
        if report.problem and not terminal.shows_report:
            _explain(report, name)
        if broken:
            raise broken
    return status


def finish(report: Report, terminal: Terminal, failures: Path | None) -> None:
    """Print a report, and write the failures where they are wanted."""
    try:
        terminal.report(report)
    finally:
        if failures:
            export_failures(report, failures)


def check_belongs(info: RunInfo, account: Account | None) -> None:
    """Make sure that a run goes on in the mode and at the address that it began with.

    :param account: whom this call would send to; None: the sandbox.
    :raises UsageError: it would not.
    """
    if info.sandbox != (account is None):
        began = "in the sandbox" if info.sandbox else "for real"
        raise UsageError(
            f"the run {quoted(info.name or '')} began {began}, and goes on only so",
            f"`usms resume {info.name}` goes on with it as it began; to send otherwise, give "
            "another --run name.",
        )
    if account and account.address != info.address:
        raise UsageError(
            f"the run {quoted(info.name or '')} began at {info.address}, not at {account.address}",
            "A run goes on only at the address it began with: set USPEEDO_BASE_URL to that.",
        )


@contextmanager
def reachable(
    account: Account | None, memory: Path | None = None, variables: Iterable[tuple[str, int]] = ()
) -> Iterator[Account]:
    """Give the account to send with, for the sandbox's after starting it.

    :param memory: a file in which that sandbox remembers what it took.
    :param variables: how many a template has in it, unless its id means something there.
    :raises JournalError: the file cannot be used.
    """
    if account:
        yield account
        return
    from usms_cli.sandbox import Sandbox

    with journal_errors(memory) if memory else nullcontext():
        sandbox = Sandbox(store=memory, variables=variables)
    with sandbox:
        yield Account(sandbox.address, "sandbox", Secret("needs-no-secret"))


def _deliver(
    ledger: Ledger,
    account: Account,
    terminal: Terminal,
    change: PaceChange,
    limit: int | None,
    resend_unknown: bool,
) -> ExitStatus | None:
    pace = ledger.info.pace.changed(change)
    counts = ledger.counts()
    total = min(counts.pending, limit or counts.pending)
    if resend_unknown:
        total += counts.unknown
    # An address that cannot be used is an error now, before anything is recorded.
    Client(account, pace.timeout).close()
    ledger.begin_call()
    with terminal.progress("Sending", total) as show:
        shown = 0

        def watch(sent: SentCounts) -> None:
            nonlocal shown
            more, shown = sent.total - shown, sent.total
            show(more, f"{sent.failed:,} failed" if sent.failed else "")

        delivery = Delivery(
            ledger,
            partial(Client, account, pace.timeout),
            pace,
            watch,
            limit=limit,
            resend_unknown=resend_unknown,
        )
        with interruptible(delivery.interrupt) as caught:
            ending = delivery.run()
    status = _status(ending, ledger)
    try:
        ledger.end_call(status, ending.problem)
    except JournalError:
        if status != "complete":  # what became of everybody is on disk, and says as much
            raise
    return caught[0] if caught else None


def _status(ending: Ending, ledger: Ledger) -> str:
    if ending.status == "done":
        return "limited" if ledger.counts().pending else "complete"
    return ending.status


@contextmanager
def interruptible(interrupt: Callable[[], None]) -> Iterator[list[ExitStatus]]:
    """Let signals end something in good order; gives the list of the statuses of those that came.

    :param interrupt: called for each of them.
    """
    caught: list[ExitStatus] = []

    def handle(number: int, _: object) -> None:
        caught.append(_SIGNALS[signal.Signals(number)])
        interrupt()

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _explain(report: Report, name: str) -> None:
    pending = report.counts.pending
    hint = f"{pending:,} pending; go on with: usms resume {name}" if pending else ""
    print_error(report.problem or "", hint)
