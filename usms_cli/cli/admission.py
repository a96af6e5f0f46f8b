"""Whether a run may begin or go on: nobody is sent the same input twice by mistake."""

import time
from contextlib import closing

from usms_cli.errors import UsageError, UsmsError
from usms_cli.journal.schema import RunInfo
from usms_cli.journal.store import Store
from usms_cli.journal.view import View
from usms_cli.report.report import report_on_run
from usms_cli.text import quoted

_DAY = 86400.0


def check_same_input(view: View, info: RunInfo) -> None:
    """Make sure that a run that exists would send to those whom this call names.

    :raises UsageError: the input is another, or others are excluded from what is pending.
    """
    run = view.info
    if run.digest != info.digest:
        raise UsageError(
            f"the run {quoted(run.name or '')} was for other input, and a named run happens once",
            f"Give this input another --run name; `usms show {run.name}` shows the other's report.",
        )
    if run.exclusions != info.exclusions and view.counts().pending:
        raise UsageError(
            f"nothing was sent: the run {quoted(run.name or '')} is unfinished, and was begun "
            "with others excluded than now",
            f"`usms show {run.name} --export pending FILE` writes who is pending.",
        )


def find_equal(info: RunInfo, store: Store) -> str | None:
    """Look for runs of an equal input: what an unnamed call must not send again by mistake.

    :return: the name of one that was complete in the last day, if any.
    :raises UsageError: one is unfinished, or may be.
    """
    complete = None
    for name in store.names():
        running = store.is_running(name)
        try:
            with closing(store.open(name)) as view:
                if (view.info.digest, view.info.sandbox) != (info.digest, info.sandbox):
                    continue
                status = report_on_run(view, running=running).status
                ended = view.last_end()
        except UsmsError as error:
            if not store.exists(name):  # any more
                continue
            raise UsageError(
                f"nothing was sent: it cannot be known whether the run {quoted(name)} had the same "
                f"input, and is unfinished: {error.message}",
                "Name this run, so that it need not be known: --run NAME. Or, if you are sure that "
                f"the other is not needed any more: usms runs delete {name}",
            ) from error
        if status != "complete":
            raise UsageError(
                f"nothing was sent: the run {quoted(name)} had the same input, and is unfinished",
                f"Go on with it: usms resume {name}. To send this input once more on purpose, "
                "name the run: --run NAME.",
            )
        if ended is not None and time.time() - ended < _DAY:
            complete = name
    return complete
