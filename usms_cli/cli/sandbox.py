"""`usms sandbox`: serve a stand-in for the API."""

from typing import Annotated

import typer

from usms_cli.cli.calls import number, whole
from usms_cli.cli.guard import guarded
from usms_cli.errors import ExitStatus, UsageError


@guarded
def sandbox(
    port: Annotated[
        int,
        typer.Option(
            parser=whole(0, 65535), metavar="N", help="Where to listen; 0 takes any free port."
        ),
    ] = 8080,
    receipt_delay: Annotated[
        float,
        typer.Option(
            parser=number(0),
            metavar="SECONDS",
            help="How long after a send its receipts are there.",
        ),
    ] = 0,
) -> ExitStatus:
    """Serve a stand-in for the API on this machine, until Ctrl-C. Nobody is messaged.

    Certain phones, templates and keys make each outcome happen: see docs/sandbox.md.

    For example:

    usms sandbox --port 8025
    """
    from usms_cli.sandbox import Sandbox

    try:
        server = Sandbox(
            port, receipt_delay=receipt_delay, log=lambda line: typer.echo(line, err=True)
        )
    except OSError as error:
        raise UsageError(
            f"cannot listen on port {port}: {error.strerror}", "Choose another with --port."
        ) from None
    typer.echo(f"Sandbox at {server.address}; any key pair will do. In another terminal:")
    typer.echo(f"  export USPEEDO_BASE_URL={server.address}")
    typer.echo("  export USPEEDO_ACCESSKEY_ID=test USPEEDO_ACCESSKEY_SECRET=test")
    server.serve_forever()
    return ExitStatus.OK
