"""The commands of `usms`, put together."""

from typing import Annotated

import typer

from usms_cli import __version__
from usms_cli.cli.calls import Calls
from usms_cli.cli.receipts import receipts
from usms_cli.cli.resume import resume
from usms_cli.cli.runs import runs_app
from usms_cli.cli.sandbox import sandbox
from usms_cli.cli.send import send
from usms_cli.cli.show import show

app = typer.Typer(
    cls=Calls,
    help="Send SMS to everyone in a file through the uSpeedo API: everything is checked first, "
    "nobody is messaged twice, and the report says only what is known."
    "\n\nTo see it work, without an account and with nobody messaged:"
    "\n\nprintf 'phone\\n13800138000\\n' | usms send - -t T1 -s USpeedo --sandbox"
    "\n\nTo have a list of yours checked, with nobody messaged:"
    "\n\nusms send FILE --template ID --sender ID --dry-run",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they would show local variables, a secret among them
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(send)
app.command()(resume)
app.add_typer(runs_app)
app.command()(show)
app.command()(receipts)
app.command()(sandbox)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"usms {__version__}")
        raise typer.Exit


@app.callback()
def _usms(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    pass
