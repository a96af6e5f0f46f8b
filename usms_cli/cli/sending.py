"""What `usms send` does, in order: from files to a run on disk, which is then delivered."""

import os
import stat
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from usms_cli.cli.admission import check_same_input, find_equal
from usms_cli.cli.delivering import check_belongs, deliver_and_report, finish
from usms_cli.cli.guard import print_error
from usms_cli.cli.question import agreed
from usms_cli.cli.template_checking import check_draft, check_run
from usms_cli.cli.terminal import Terminal
from usms_cli.errors import ExitStatus, InputError, StoppedError, UsageError, UsmsError
from usms_cli.intake import leave_out, look_at, take_in
from usms_cli.journal.draft import Draft
from usms_cli.journal.schema import Pace, PaceChange, RunInfo
from usms_cli.journal.store import Store, check_name
from usms_cli.journal.view import View
from usms_cli.recipients.check import Checker
from usms_cli.recipients.choices import PhoneCheck
from usms_cli.recipients.exclude import Excluder
from usms_cli.recipients.phones import PhoneReader
from usms_cli.recipients.raw import place
from usms_cli.recipients.source import ReadOptions
from usms_cli.report.report import Report, Status
from usms_cli.report.templates import differences
from usms_cli.report.writing import check_writable
from usms_cli.settings import SENDER_ID, TEMPLATE_ID, Settings, state_directory
from usms_cli.template_findings import TemplateChecks
from usms_cli.text import count, quoted

_SANDBOX = "sandbox"  # the address of a run that starts one, whatever port it gets
_SHOWN_PROBLEMS = 20


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the user wants sent, and how."""

    files: list[str]
    exclude: list[str]
    read_options: ReadOptions
    template: str | None
    sender: str | None
    region: str
    phone_check: PhoneCheck
    skip_invalid: bool
    allow_duplicates: bool
    limit: int | None
    at_most: int | None
    check_template: bool
    dry_run: bool
    sandbox: bool
    name: str | None
    pace: PaceChange
    ask: bool
    failures: Path | None


def send_order(order: Order, settings: Settings, terminal: Terminal) -> ExitStatus:
    """Read and check the whole input, and send it if it may be sent.

    :raises UsmsError: nothing was sent, for a reason that the input or the call gives.
    """
    _check_call(order)
    template = _text(order.template or settings.get(TEMPLATE_ID)) or None
    sender = _text(settings.get(SENDER_ID) if order.sender is None else order.sender)
    asks = order.check_template or not order.dry_run
    account = settings.account() if asks and not order.sandbox else None
    address = account.address if account else _SANDBOX
    with ExitStack() as stack:
        if order.dry_run:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="usms-"))
            store, name, draft_path = None, None, Path(folder, "dry-run.db")
        else:
            store = Store(state_directory())
            name = order.name or store.new_name()
            stack.enter_context(store.lock(name))
            store.sweep()
            draft_path = store.draft_path(name)
        draft = stack.enter_context(Draft(draft_path))
        unreadable = _read(order, draft, template, sender, terminal)
        info = draft.seal(_new_info(order, name, address), allow_duplicates=order.allow_duplicates)
        if number := draft.phones_sent_differently():
            terminal.notice(_about_repeated(number))
        problem = unreadable or _rejection(order, info)
        exists = store is not None and name is not None and store.exists(name)
        templates: TemplateChecks | None = None
        if order.check_template and not problem:
            templates = stack.enter_context(TemplateChecks())
        if store and name and exists and not problem:
            with closing(store.open(name)) as view:
                check_same_input(view, info)
                check_belongs(view.info, account)
                if templates is not None:
                    pace = view.info.pace.changed(order.pace)
                    problem = check_run(templates, view, account, pace, terminal)
        elif templates is not None:
            problem = check_draft(templates, draft, account, info.pace, terminal)
            info = draft.recount(info)
            problem = problem or _rejection(order, info)
        if problem or store is None or name is None:
            return _report_unsent(order, draft, terminal, problem, templates)
        if not exists and not info.recipients:
            return _report_unsent(order, draft, terminal, None, templates)
        if templates:
            terminal.preview(templates)
        if not exists:
            _ask(order, info, draft.view(), store, terminal)
            with store.admission():
                if order.name is None:
                    find_equal(info, store)
                draft.publish(store.path(name))
        return deliver_and_report(
            store,
            name,
            account,
            terminal,
            order.pace,
            limit=order.limit,
            failures=order.failures,
            templates=templates,
        )


def _read(
    order: Order, draft: Draft, template: str | None, sender: str | None, terminal: Terminal
) -> InputError | None:
    """Read and check all files into a draft.

    :param template: for records that name none; `sender` likewise.
    :return: why it ended before the end, to be reported with what was read until then.
    """
    checker = Checker(
        draft,
        template=template,
        sender=sender,
        region=order.region,
        phone_check=order.phone_check,
    )
    progress = partial(terminal.progress, bytes_=True)
    try:
        take_in(order.files, order.read_options, draft, checker, progress, terminal.notice)
        if order.exclude:
            excluder = Excluder(draft.exclusions, order.region)
            leave_out(order.exclude, order.read_options, excluder, progress)
    except InputError as error:
        return error
    return None


def _text(default: str | None) -> str | None:
    """Return a default template or sender without spaces around.

    :raises UsageError: its bytes, of the command line or the environment, are no text.
    """
    if default is None:
        return None
    try:
        default.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"the template or sender {quoted(default)} is no text that can be sent",
            "Type its id as the uSpeedo console shows it.",
        ) from None
    return default.strip()


def _check_call(order: Order) -> None:
    """Find what is wrong with a call, as far as that costs nothing.

    :raises UsageError: an input is not there, or an option is impossible.
    """
    if order.name is not None:
        check_name(order.name)
    PhoneReader(order.region)  # refuses a region that is unknown
    inputs = [*order.files, *order.exclude]
    if inputs.count("-") > 1:
        raise UsageError(
            "standard input (-) is given twice, and can be read only once",
            "Save one of the two as a file, and name that.",
        )
    look_at(inputs, order.read_options)
    if order.failures is None:
        return
    check_writable(order.failures)
    for name in inputs:
        if _is_same_file(order.failures, name):
            raise UsageError(
                f"{place(name)} is an input, and --failures would write over it",
                "Name another file for the failures.",
            )


def _is_same_file(path: Path, name: str) -> bool:
    """Tell whether an input is the file at `path`; one that cannot be looked at is none, and a
    terminal, say, may be both."""
    try:
        found = os.fstat(0) if name == "-" else Path(name).stat()
        return stat.S_ISREG(found.st_mode) and os.path.samestat(found, path.stat())
    except OSError:
        return False


def _new_info(order: Order, name: str | None, address: str) -> RunInfo:
    return RunInfo(
        name=name,
        created=time.time(),
        sandbox=order.sandbox,
        address=address,
        region=order.region.upper(),
        pace=Pace().changed(order.pace),
    )


def _rejection(order: Order, info: RunInfo) -> UsmsError | None:
    if info.invalid and not order.skip_invalid:
        return InputError(
            f"nothing was sent: {info.invalid:,} of {count(info.records, 'record')} "
            f"{'is' if info.invalid == 1 else 'are'} invalid",
            "Mend what is invalid, or leave it out with --skip-invalid. "
            "--failures FILE writes all of it to a file.",
        )
    if order.at_most is not None and info.recipients > order.at_most:
        return InputError(
            f"nothing was sent: {count(info.recipients, 'recipient')}, more than "
            f"--at-most {order.at_most:,} allows",
            "Is it the right file? If it is, allow more with --at-most.",
        )
    return None


def _report_unsent(
    order: Order,
    draft: Draft,
    terminal: Terminal,
    problem: UsmsError | None,
    templates: TemplateChecks | None,
) -> ExitStatus:
    """Report on a draft that stays one: a dry run, one that is rejected, or nothing to send."""
    view = draft.view()
    status: Status = "rejected" if problem else "dry-run" if order.dry_run else "complete"
    if isinstance(problem, StoppedError):
        status = "stopped"
    words = problem.message if problem else None
    report = Report(view, status, view.counts(), name=None, problem=words, templates=templates)
    finish(report, terminal, order.failures)
    if problem:
        if not terminal.shows_report:
            _list_problems(report, terminal)
        print_error(problem.message, problem.hint)
    return report.exit_status()


def _list_problems(report: Report, terminal: Terminal) -> None:
    if report.templates:
        for line in differences(report.templates):
            terminal.problem(line)
    for number, row in enumerate(report.view.rows("invalid")):
        if number == _SHOWN_PROBLEMS:
            rest = report.counts.invalid - _SHOWN_PROBLEMS
            terminal.problem(f"and {rest:,} more; --failures FILE writes all of them")
            break
        terminal.problem(f"{row.source}:{row.line}: {row.reason}")


def _ask(order: Order, info: RunInfo, view: View, store: Store, terminal: Terminal) -> None:
    """Ask on a terminal whether to send; elsewhere say what would be part of the question.

    :raises UsageError: the answer is no, or an equal run is unfinished.
    """
    equal = find_equal(info, store) if order.name is None else None
    asks = order.ask and terminal.can_ask
    if equal:
        sent = f"the run {equal} of the last 24 hours sent the same input"
        if asks:
            terminal.problem(sent)
        else:
            terminal.notice(f"{sent}; it is sent once more")
    if asks and not agreed(info, view, terminal, order.limit):
        raise UsageError("nothing was sent")


def _about_repeated(number: int) -> str:
    phones = count(number, "phone gets", "phones get")
    return f"{phones} more than one message, with different contents"
