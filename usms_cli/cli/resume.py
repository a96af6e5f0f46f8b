"""`usms resume`: go on with a run."""

from typing import Annotated

import typer

from usms_cli.cli import options
from usms_cli.cli.guard import guarded
from usms_cli.errors import ExitStatus, UsageError


@guarded
def resume(
    run: options.Run,
    resend_unknown: Annotated[
        bool,
        typer.Option(
            "--resend-unknown",
            help="Send also to those who may have been messaged already: perhaps twice.",
            rich_help_panel=options.WHAT,
        ),
    ] = False,
    batch_size: options.BatchSize = None,
    concurrency: options.Concurrency = None,
    rate: options.Rate = None,
    timeout: options.Timeout = None,
    retries: options.Retries = None,
    env_file: options.EnvFile = None,
    yes: options.Yes = False,
    failures: options.FailuresFile = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> ExitStatus:
    """Go on with a run that was interrupted, stopped or limited: send what is pending.

    For example:

    usms resume last
    """
    from contextlib import closing

    from usms_cli.cli.delivering import check_belongs, deliver_and_report
    from usms_cli.cli.terminal import Terminal
    from usms_cli.journal.schema import PaceChange
    from usms_cli.journal.store import Store
    from usms_cli.report.writing import check_writable
    from usms_cli.settings import Settings, state_directory
    from usms_cli.text import count

    terminal = Terminal(quiet=quiet, json=json, verbose=verbose)
    settings = Settings(env_file)
    store = Store(state_directory())
    name = store.find(run)
    if failures:
        check_writable(failures)
    with store.lock(name):
        with closing(store.open(name)) as view:
            info, counts = view.info, view.counts()
        account = None if info.sandbox else settings.account()
        check_belongs(info, account)
        if resend_unknown and counts.unknown and not yes and terminal.can_ask:
            question = f"{count(counts.unknown, 'recipient')} may have been messaged. Send again?"
            if not terminal.confirm(question):
                raise UsageError("nothing was sent")
        return deliver_and_report(
            store,
            name,
            account,
            terminal,
            PaceChange(batch_size, concurrency, timeout, retries, rate),
            resend_unknown=resend_unknown,
            failures=failures,
        )
