"""A call that cannot be understood is said as every error is: what was wrong, what to type."""

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import typer
from typer.core import TyperGroup

from usms_cli.cli.guard import print_error
from usms_cli.text import quoted

T = TypeVar("T", int, float)


class Calls(TyperGroup):
    """The commands, with typer's errors in the form of ours."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Carry out the command line, and end the process."""
        words = extra.get("args") or sys.argv[1:]
        if not {"--help", "-h"}.isdisjoint(words):
            _show_help_on_any_background()
        try:
            status = super().main(*args, **extra | {"standalone_mode": False})
        except typer.TyperException as error:
            if error.message or isinstance(error, typer.BadParameter):
                print_error(_what(error), self._hint(error, words))
            sys.exit(error.exit_code)  # without a message the help was shown, as nothing was asked
        sys.exit(status)

    def _hint(self, error: typer.TyperException, words: Sequence[str]) -> str:
        context = getattr(error, "ctx", None)
        if context is None:  # the parser of options knows none
            command = next((word for word in words if word in self.commands), "")
            return f"See {' '.join(filter(None, ('usms', command)))} --help."
        return f"{context.get_usage()}\nSee {context.command_path} --help."


def _show_help_on_any_background() -> None:
    """Leave out yellow, which cannot be read on white, and let the examples be plain."""
    from typer import rich_utils

    rich_utils.STYLE_TYPES = "bold"
    rich_utils.STYLE_USAGE = rich_utils.STYLE_HELPTEXT = ""


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return what reads the value of an option as a whole number in a range."""
    return _reader(int, "whole number", least, most)


def number(least: float, most: float | None = None) -> Callable[[str], float]:
    """Return what reads the value of an option as a number in a range."""
    return _reader(float, "number", least, most)


def _reader(kind: type[T], what: str, least: T, most: T | None) -> Callable[[str], T]:
    possible = f"{what} of {least} or more" if most is None else f"{what} from {least} to {most}"

    def read(text: str) -> T:
        try:
            value = kind(text)
        except ValueError:
            value = kind(-1)
        if least <= value and (most is None or value <= most):  # which "nan" is not
            return value
        raise typer.BadParameter(f"{quoted(text)} is no {possible}")

    return read


def _what(error: typer.TyperException) -> str:
    parameter = getattr(error, "param", None)
    if error.message and parameter is not None:
        return f"{parameter.opts[0]}: {_ours(error.message)}"
    return _ours(error.format_message())


def _ours(words: str) -> str:
    """Return typer's words as ours begin and end, and quote."""
    words = re.sub(r"(?<!\w)'([^']*)'", r'"\1"', words.rstrip("."))
    words = re.sub(
        r"^Got unexpected extra argument\(s\) \((.*)\)$", r"too many arguments: \1", words
    )
    return words[:1].lower() + words[1:]
