"""The command `usms`, also as `python -m usms_cli`."""

from usms_cli.cli.app import app


def main() -> None:
    """Run the command line that this process was called with."""
    app(prog_name="usms")


if __name__ == "__main__":
    main()
