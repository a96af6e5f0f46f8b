"""`usms send`: read, check, journal, ask, send, report."""

from typing import Annotated

import typer

from usms_cli.cli import options
from usms_cli.cli.calls import whole
from usms_cli.cli.guard import guarded
from usms_cli.errors import ExitStatus
from usms_cli.recipients.choices import Format, PhoneCheck


@guarded
def send(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Recipients; `-` is standard input."),
    ],
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            "-t",
            metavar="ID",
            help="Template for records that name none.",
            show_default="USPEEDO_TEMPLATE_ID",
            rich_help_panel=options.WHAT,
        ),
    ] = None,
    sender: Annotated[
        str | None,
        typer.Option(
            "--sender",
            "-s",
            metavar="ID",
            help='Sender for records that name none; "" means none.',
            show_default="USPEEDO_SENDER_ID",
            rich_help_panel=options.WHAT,
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="COLUMN",
            help="Column that fills {1}, the next time {2}, and so on.",
            show_default="param1, param2 and so on",
            rich_help_panel=options.WHAT,
        ),
    ] = None,
    phone_column: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Which column is the phone.",
            show_default="by name",
            rich_help_panel=options.WHAT,
        ),
    ] = None,
    region: Annotated[
        str,
        typer.Option(
            metavar="CC",
            help="Country of numbers written without a country code.",
            rich_help_panel=options.WHAT,
        ),
    ] = "CN",
    phone_check: Annotated[
        PhoneCheck,
        typer.Option(
            help="`valid`: in a range given to mobiles; `possible`: of a right length.",
            rich_help_panel=options.WHAT,
        ),
    ] = "valid",
    skip_invalid: Annotated[
        bool,
        typer.Option(
            "--skip-invalid",
            help="Send the good records although others are invalid.",
            rich_help_panel=options.WHAT,
        ),
    ] = False,
    allow_duplicates: Annotated[
        bool,
        typer.Option(
            "--allow-duplicates",
            help="Send identical records each time they occur.",
            rich_help_panel=options.WHAT,
        ),
    ] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="FILE",
            help="Never send to the phones in FILE, of any format; may be repeated.",
            show_default=False,
            rich_help_panel=options.WHAT,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            parser=whole(1),
            metavar="N",
            help="Send to the first N now and leave the rest pending.",
            show_default="all",
            rich_help_panel=options.WHAT,
        ),
    ] = None,
    at_most: Annotated[
        int | None,
        typer.Option(
            parser=whole(0),
            metavar="N",
            help="Refuse an input with more than N recipients.",
            show_default="no limit",
            rich_help_panel=options.WHAT,
        ),
    ] = None,
    check_template: Annotated[
        bool,
        typer.Option(
            "--check-template",
            help="First ask the API for each template: it must be approved and have as many "
            "variables as the records have parameters. Shows what the messages will cost.",
            rich_help_panel=options.WHAT,
        ),
    ] = False,
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format", show_default="from name and content", rich_help_panel=options.FILE
        ),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="C",
            help="What separates a CSV's cells.",
            show_default="from content",
            rich_help_panel=options.FILE,
        ),
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Which sheet of a workbook (.xlsx).",
            show_default="the only one",
            rich_help_panel=options.FILE,
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How text is encoded.",
            show_default="UTF-8, or UTF-16 with a BOM",
            rich_help_panel=options.FILE,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Do everything but the sending.", rich_help_panel=options.HOW
        ),
    ] = False,
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox",
            help="Send to a stand-in for the API started for this run.",
            rich_help_panel=options.HOW,
        ),
    ] = False,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="NAME",
            help="Name this run; a named run happens once.",
            show_default="a dated name",
            rich_help_panel=options.HOW,
        ),
    ] = None,
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
    """Send SMS to everyone in FILE: read and check it all, then send, then report.

    For example, first as a dry run, then for real:

        usms send recipients.csv --template T1 --sender USpeedo --dry-run

        usms send recipients.csv --template T1 --sender USpeedo
    """
    from usms_cli.cli.sending import Order, send_order
    from usms_cli.cli.terminal import Terminal
    from usms_cli.journal.schema import PaceChange
    from usms_cli.recipients.source import ReadOptions
    from usms_cli.settings import Settings

    order = Order(
        files=files,
        exclude=exclude or [],
        read_options=ReadOptions(
            format=format_,
            delimiter=delimiter,
            sheet=sheet,
            encoding=encoding,
            phone_column=phone_column,
            params=tuple(param or ()),
        ),
        template=template,
        sender=sender,
        region=region,
        phone_check=phone_check,
        skip_invalid=skip_invalid,
        allow_duplicates=allow_duplicates,
        limit=limit,
        at_most=at_most,
        check_template=check_template,
        dry_run=dry_run,
        sandbox=sandbox,
        name=run,
        pace=PaceChange(batch_size, concurrency, timeout, retries, rate),
        ask=not yes,
        failures=failures,
    )
    terminal = Terminal(quiet=quiet, json=json, verbose=verbose)
    return send_order(order, Settings(env_file), terminal)
