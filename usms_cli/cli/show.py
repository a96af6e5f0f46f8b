"""`usms show`: a run's report again, and as CSV or a page for a browser."""

from pathlib import Path
from typing import Annotated

import typer

from usms_cli.cli import options
from usms_cli.cli.guard import guarded
from usms_cli.errors import ExitStatus, UsageError


@guarded
def show(
    run: options.Run,
    export: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            metavar="OUTCOME FILE",
            help="Write the recipients with an outcome as CSV: accepted, failed, unknown, pending, "
            "invalid, duplicate or excluded; or, as far as receipts are known, delivered, "
            "undelivered or waiting.",
            rich_help_panel=options.PRINT,
        ),
    ] = None,
    failures: options.FailuresFile = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the report as one page for a browser, with counts and no phones.",
            rich_help_panel=options.PRINT,
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> ExitStatus:
    """Print a run's report again, also beside a process that is sending.

    For example:

    usms show last --export failed failed.csv
    """
    from contextlib import closing

    from usms_cli.cli.delivering import finish
    from usms_cli.cli.terminal import Terminal
    from usms_cli.journal.outcomes import FATES, OUTCOMES
    from usms_cli.journal.store import Store
    from usms_cli.report.csv_export import export_outcome
    from usms_cli.report.report import report_on_run
    from usms_cli.report.writing import check_writable
    from usms_cli.settings import state_directory
    from usms_cli.text import quoted

    outcomes = (*OUTCOMES, *FATES)
    outcome = next((one for one in outcomes if export and one == export[0]), None)
    if export and outcome is None:
        raise UsageError(
            f"--export: {quoted(export[0])} is no outcome", f"It is one of: {', '.join(outcomes)}."
        )
    for path in (failures, html, export[1] if export else None):
        if path:
            check_writable(path)
    terminal = Terminal(quiet=quiet, json=json, verbose=verbose)
    store = Store(state_directory())
    name = store.find(run)
    with closing(store.open(name)) as view:
        report = report_on_run(view, running=store.is_running(name))
        finish(report, terminal, failures)
        if export and outcome:
            export_outcome(report, outcome, export[1])
        if html:
            from usms_cli.report.html_page import write_page

            write_page(report, html)
    return ExitStatus.OK
