"""How every command ends: an error a user can cause as a message, an interruption as its status."""

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, ParamSpec, TextIO

import typer

from usms_cli.errors import ExitStatus, UsmsError
from usms_cli.text import WRITTEN_OUT, visible

P = ParamSpec("P")


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


def guarded(command: Callable[P, ExitStatus]) -> Callable[P, None]:
    """Make a Typer command of a function that returns its exit status."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        signal.signal(signal.SIGTERM, _raise_terminated)
        try:
            status = command(*args, **kwargs)
        except UsmsError as error:
            status = error.exit_status
            print_error(error.message, error.hint)
        except Terminated:
            status = ExitStatus.TERMINATED
            print_error("terminated; nothing was sent that is not in the report")
        except KeyboardInterrupt:
            status = ExitStatus.INTERRUPTED
            print_error("interrupted; nothing was sent that is not in the report")
        except BrokenPipeError:
            status = ExitStatus.OK
            forget(sys.stdout)
        except OSError as error:
            status = output_lost(error)
        if status:
            raise typer.Exit(status)

    return run


def print_error(message: str, hint: str = "") -> None:
    """Print what went wrong, and what to do next, to standard error."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    text = Text.assemble(("usms: error: ", "bold red"), visible(message))
    console.print(text, soft_wrap=True)
    for line in hint.splitlines():
        console.print(Text(visible(line)), soft_wrap=True)


def output_lost(error: OSError) -> ExitStatus:
    """Say that standard output cannot be written (a disk that is full, say); return the status."""
    forget(sys.stdout)
    print_error(f"cannot write the output: {error.strerror}")
    return ExitStatus.USAGE


def forget(stream: TextIO) -> None:
    """Go on without standard output or error: whoever read it has enough, or is no more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _StandardError:
    """Standard error that may go away, with a pipe's reader or the terminal: what nobody can read
    is not said, and nothing else changes by it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            forget(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            forget(self._stream)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def prepare_streams() -> None:
    """Let anything be printed, the help too: whatever the encoding of standard output and error
    is, also where one is closed (`>&-`) or goes away."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (for as long as we run)
        getattr(sys, name).reconfigure(errors=WRITTEN_OUT)
    sys.stderr = _StandardError(sys.stderr)


def _raise_terminated(*_: object) -> NoReturn:
    raise Terminated
