"""`--check-template`: the API is asked for the templates, and the messages are measured."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial

from usms_cli.cli.delivering import reachable
from usms_cli.cli.terminal import Terminal
from usms_cli.errors import InputError, StoppedError, UsmsError
from usms_cli.journal.draft import Draft
from usms_cli.journal.schema import JournalError, Pace
from usms_cli.journal.view import Pending, View
from usms_cli.messages import MOST_CHARACTERS
from usms_cli.settings import Account
from usms_cli.template_check import Reject, check_templates
from usms_cli.template_findings import TemplateChecks
from usms_cli.text import count, quoted

_SHOWN = 20


def check_draft(
    checks: TemplateChecks, draft: Draft, account: Account | None, pace: Pace, terminal: Terminal
) -> UsmsError | None:
    """Check the templates of a sealed draft; recipients whose message is too long become invalid.

    :param checks: what is found is added to these.
    :param account: whom to ask; None: the sandbox.
    :return: why nothing may be sent, apart from those that are invalid.
    :raises UsageError: the address cannot be used.
    """
    return _check(checks, draft.view(), draft.reject, account, pace, terminal)


def check_run(
    checks: TemplateChecks, view: View, account: Account | None, pace: Pace, terminal: Terminal
) -> UsmsError | None:
    """Check the templates of those who are pending of a run that goes on; its records are fixed.

    Otherwise as `check_draft`.
    """
    too_long = 0

    def refuse(recipients: Sequence[tuple[Pending, str]]) -> None:
        nonlocal too_long
        for (_, place, line, _), reason in recipients[: max(0, _SHOWN - too_long)]:
            terminal.problem(f"{view.source_of(place)}:{line}: {reason}")
        too_long += len(recipients)

    problem = _check(checks, view, refuse, account, pace, terminal)
    if problem or not too_long:
        return problem
    if too_long > _SHOWN:
        terminal.problem(f"and {too_long - _SHOWN:,} more")
    name = view.info.name or ""
    return InputError(
        f"nothing was sent: of the run {quoted(name)}, "
        f"{count(too_long, 'pending message has', 'pending messages have')} more than "
        f"{MOST_CHARACTERS} characters",
        "It was begun without --check-template, so they cannot be left out any more; "
        f"`usms resume {name}` leaves it to the API what becomes of them.",
    )


def _check(
    checks: TemplateChecks,
    view: View,
    reject: Reject,
    account: Account | None,
    pace: Pace,
    terminal: Terminal,
) -> UsmsError | None:
    from usms_cli.api.connection import Connection
    from usms_cli.api.templates import ask_for_templates

    try:
        with (
            reachable(account, variables=view.pending_templates()) as reached,
            closing(Connection(reached, pace.timeout)) as connection,
            terminal.progress("Checking messages", view.counts().pending) as watch,
        ):
            ask = partial(ask_for_templates, connection, pace.retries)
            check_templates(view, ask, reject, watch, checks)
    except JournalError:
        raise
    except StoppedError as error:
        return StoppedError(f"nothing was sent: {error.message}", error.hint)
    if not checks.problems:
        return None
    number = f"{checks.problems:,} of {checks.templates:,} templates"
    if checks.templates == 1:
        number = "the template"
    return InputError(f"nothing was sent: {number} cannot be sent with this list")
