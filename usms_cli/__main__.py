"""The command `usms`, also as `python -m usms_cli`."""

import sys

from usms_cli.cli.app import app
from usms_cli.cli.guard import output_lost, prepare_streams


def main() -> None:
    """Run the command line that this process was called with."""
    prepare_streams()
    try:
        app(prog_name="usms")
    except OSError as error:  # of the help or the version; a command guards its own
        sys.exit(output_lost(error))


if __name__ == "__main__":
    main()
