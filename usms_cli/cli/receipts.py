"""`usms receipts`: what became of a run's messages."""

from pathlib import Path
from typing import Annotated

import typer

from usms_cli.cli import options
from usms_cli.cli.calls import number
from usms_cli.cli.guard import guarded
from usms_cli.errors import ExitStatus, UsageError


@guarded
def receipts(
    run: options.Run,
    wait: Annotated[
        float,
        typer.Option(
            "--wait",
            parser=number(0, 10080),
            metavar="MINUTES",
            help="Ask again for so long, until no receipt is missing.",
            show_default="ask once",
        ),
    ] = 0,
    export: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            metavar="FATE FILE",
            help="Write the recipients who are delivered, undelivered or waiting as CSV; the "
            "undelivered can be sent again as they are.",
            rich_help_panel=options.PRINT,
        ),
    ] = None,
    env_file: options.EnvFile = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> ExitStatus:
    """Ask the API what became of a run's messages: delivered, undelivered, or still waiting.

    Receipts come 5 to 10 minutes after a send, some after 12 hours. They are kept with the run.

    For example:

    usms receipts last --wait 30
    """
    from usms_cli.cli.inquiring import ask_and_report
    from usms_cli.cli.terminal import Terminal
    from usms_cli.journal.outcomes import FATES
    from usms_cli.journal.store import Store
    from usms_cli.report.writing import check_writable
    from usms_cli.settings import Settings, state_directory
    from usms_cli.text import quoted

    fate = next((one for one in FATES if export and one == export[0]), None)
    if export and fate is None:
        raise UsageError(
            f"--export: {quoted(export[0])} is not what becomes of a message",
            f"It is one of: {', '.join(FATES)}. `usms show` exports the other outcomes.",
        )
    if export:
        check_writable(export[1])
    store = Store(state_directory())
    return ask_and_report(
        store,
        store.find(run),
        Settings(env_file),
        Terminal(quiet=quiet, json=json, verbose=verbose),
        patience=wait * 60,
        export=(fate, export[1]) if export and fate else None,
    )
