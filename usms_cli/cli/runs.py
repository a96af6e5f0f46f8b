"""`usms runs`: the runs on this machine, listed and deleted."""

from typing import Annotated

import typer

from usms_cli.cli import options
from usms_cli.cli.guard import guarded, print_error
from usms_cli.errors import ExitStatus, UsageError, UsmsError
from usms_cli.text import count, quoted, quoted_path

_NAMED = 10  # runs, in the question before they are deleted

runs_app = typer.Typer(name="runs", invoke_without_command=True)


@runs_app.callback()
@guarded
def runs(context: typer.Context, json: options.Json = False) -> ExitStatus:
    """List the runs on this machine, newest first.

    For example:

    usms runs --json
    """
    if context.invoked_subcommand:
        return ExitStatus.OK
    from contextlib import closing

    from usms_cli.cli.terminal import Terminal
    from usms_cli.journal.store import Store
    from usms_cli.report.report import report_on_run
    from usms_cli.report.run_list import RunLine, print_runs, write_runs
    from usms_cli.settings import state_directory

    terminal = Terminal(json=json)
    store = Store(state_directory())
    lines: list[RunLine] = []
    names = store.names()
    if not names:
        none = f"there is no run in {quoted_path(store.directory)} yet"
        terminal.notice(f"{none}; begin one with: usms send FILE")
    for name in names:
        try:
            with closing(store.open(name)) as view:
                report = report_on_run(view, running=store.is_running(name))
                lines.append(RunLine.of(report, store.size(name)))
        except UsmsError as error:
            terminal.problem(f"{error.message}. {error.hint}")
    lines.sort(key=lambda line: line.created, reverse=True)
    if json:
        write_runs(lines)
    else:
        print_runs(lines, terminal.out)
    return ExitStatus.OK


@runs_app.command()
@guarded
def delete(
    runs: options.Runs = None,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="All runs begun longer ago, as in 30d, 12h or 90m."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> ExitStatus:
    """Delete runs, with what they know of who was messaged.

    A named run that is deleted may be sent again. A run in use is never deleted.

    For example:

    usms runs delete --older-than 30d
    """
    import time

    from usms_cli.cli.terminal import Terminal
    from usms_cli.journal.store import Store
    from usms_cli.settings import state_directory

    terminal = Terminal()
    store = Store(state_directory())
    names = {store.find(run): None for run in runs or ()}
    if older_than is not None:
        before = time.time() - _seconds(older_than)
        names |= {name: None for name in store.names() if store.begun(name) < before}
    elif not runs:
        raise UsageError(
            "no run is named that is to be deleted",
            "Name some (`usms runs` lists all), or say how old: usms runs delete --older-than 30d",
        )
    listed = ", ".join(list(names)[:_NAMED])
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    question = f"Delete {count(len(names), 'run')}: {listed}{more}?"
    if names and not yes and terminal.can_ask and not terminal.confirm(question):
        raise UsageError("nothing was deleted")
    status = ExitStatus.OK
    for name in names:
        try:
            store.delete(name)
            terminal.notice(f"deleted {name}")
        except UsmsError as error:
            status = error.exit_status
            print_error(error.message, error.hint)
    return status


def _seconds(age: str) -> float:
    units = {"d": 86400.0, "h": 3600.0, "m": 60.0}
    number, unit = age[:-1], age[-1:]
    if unit not in units or not (number.isascii() and number.isdigit() and len(number) < 10):
        raise UsageError(f"--older-than: {quoted(age)} is no age", "Write it as 30d, 12h or 90m.")
    return int(number) * units[unit]
