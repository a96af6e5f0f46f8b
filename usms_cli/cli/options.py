"""Options that several commands share, so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

from usms_cli.cli.calls import number, whole

# Groups of options in the help.
WHAT = "What to send"
FILE = "What the file is"
HOW = "How to send"
PRINT = "What to print"


def _runs_on_disk(incomplete: str) -> list[str]:
    from usms_cli.journal.store import Store
    from usms_cli.settings import state_directory

    names = [*sorted(Store(state_directory()).names(), reverse=True), "last"]
    return [name for name in names if name.startswith(incomplete)]


Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run's name, a unique beginning of one, or `last`.",
        autocompletion=_runs_on_disk,
    ),
]
Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RUN...]",
        help="Names, unique beginnings of them, or `last`.",
        autocompletion=_runs_on_disk,
    ),
]
FailuresFile = Annotated[
    Path | None,
    typer.Option(
        "--failures",
        metavar="FILE",
        help="Write failed recipients and invalid records as CSV, to mend and send again.",
        rich_help_panel=PRINT,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print the report as one JSON object.", rich_help_panel=PRINT),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print problems only.", rich_help_panel=PRINT),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Say what is being done.", rich_help_panel=PRINT),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", rich_help_panel=HOW)]
EnvFile = Annotated[
    Path | None,
    typer.Option(
        "--env-file",
        metavar="FILE",
        help="Read settings from this file.",
        show_default=".env here",
        rich_help_panel=HOW,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        parser=whole(1, 1000),
        metavar="N",
        help="Recipients in one request, 1 to 1000.",
        show_default="1000",
        rich_help_panel=HOW,
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option(
        parser=whole(1, 64),
        metavar="N",
        help="Requests under way at once, 1 to 64.",
        show_default="4",
        rich_help_panel=HOW,
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        parser=number(0.001, 86400),
        metavar="SECONDS",
        help="For one request, from start to last byte.",
        show_default="30",
        rich_help_panel=HOW,
    ),
]
Retries = Annotated[
    int | None,
    typer.Option(
        parser=whole(0, 1000),
        metavar="N",
        help="How often a request that was surely not taken is tried again.",
        show_default="5",
        rich_help_panel=HOW,
    ),
]
Rate = Annotated[
    int | None,
    typer.Option(
        parser=whole(1),
        metavar="N",
        help="At most N recipients handed to the API in any one second.",
        show_default="no limit",
        rich_help_panel=HOW,
    ),
]
