"""Write the pages that repeat what the program says of itself: commands.md and usms.1.

    python docs/generate.py

A test fails where they are not what this would write.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from usms_cli.cli.app import app

DOCS = Path(__file__).parent
_TABLE_ROW = re.compile(r"^\| (.+?) \| (.+?) \|$", re.MULTILINE)
_INLINE = re.compile(r"`([^`]+)`")

# Of a click command, which typer brings along under a name of its own.
Command = Any


def commands() -> Iterator[tuple[str, Command]]:
    """Yield each command with the words that call it, `usms` first."""
    return _within("usms", typer.main.get_command(app))


def help_of(words: str) -> str:
    """Return what a command prints with --help to a pipe."""
    plain = {name: value for name, value in os.environ.items() if name not in _OF_TERMINALS}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "usms_cli", *words.split()[1:], "--help"],
        env=plain | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=True,
    )
    lines = done.stdout.decode().splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def commands_page() -> str:
    """Return the text of commands.md."""
    parts = [
        "# Commands and options\n",
        "What `--help` prints, for each command. The page is written by `python docs/generate.py`.",
        "What goes beyond a line is in [reference.md](reference.md).\n",
    ]
    for words, _ in commands():
        parts.append(f"## `{words}`\n\n```text\n{help_of(words)}\n```\n")
    return "\n".join(parts)


def man_page() -> str:
    """Return the text of usms.1, in the macros of man(7)."""
    lines = [
        '.TH USMS 1 "" "usms" "User Commands"',
        ".SH NAME",
        r"usms \- send SMS to everyone in a file through the uSpeedo API",
        ".SH SYNOPSIS",
    ]
    listed = [(words, one) for words, one in commands() if words != "usms"]
    for words, command in listed:
        lines += [".B " + _roff(words), _roff(_arguments(command)), ".br"]
    lines += [".SH DESCRIPTION", _paragraphs(dict(commands())["usms"].help)]
    lines += [".SH COMMANDS"]
    for words, command in listed:
        lines += [f".SS {_roff(words)} {_roff(_arguments(command))}", _paragraphs(command.help)]
        for option in command.params:
            if option.param_type_name == "option" and option.name != "help":
                lines += [".TP", f".B {_roff(_writing(option))}", _roff(_said(option))]
    lines += [".SH EXIT STATUS", *_table(DOCS.parent / "README.md", "| status | meaning |")]
    lines += [".SH ENVIRONMENT", *_table(DOCS / "reference.md", "| variable | |")]
    return "\n".join(lines) + "\n"


_OF_TERMINALS = ("COLUMNS", "LINES", "FORCE_COLOR", "TERMINAL_WIDTH", "GITHUB_ACTIONS")


def _within(words: str, command: Command) -> Iterator[tuple[str, Command]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _within(f"{words} {name}", inner)


def _arguments(command: Command) -> str:
    named = [one.metavar for one in command.params if one.param_type_name == "argument"]
    return " ".join(["[OPTIONS]", *named])


def _writing(option: Command) -> str:
    if option.is_flag:
        return ", ".join(option.opts)
    choices = getattr(option.type, "choices", None)
    value = option.metavar or ("|".join(choices) if choices else "N")
    return f"{', '.join(option.opts)} {value}"


def _said(option: Command) -> str:
    default = option.show_default
    return f"{option.help or ''} [{default}]" if isinstance(default, str) else option.help or ""


def _paragraphs(text: str) -> str:
    return "\n.PP\n".join(_roff(" ".join(part.split())) for part in text.split("\n\n"))


def _table(path: Path, header: str) -> Iterator[str]:
    """Yield the rows of a table of two columns in a page of ours."""
    text = path.read_text(encoding="utf-8")
    rows = text.split(header)[1].split("\n\n")[0]
    for first, second in _TABLE_ROW.findall(rows):
        yield from (".TP", f".B {_roff(first)}", _roff(second))


def _roff(text: str) -> str:
    """Return text as roff shows it as it is."""
    plain = _INLINE.sub(r"\1", text).replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^([.'])", r"\\&\1", plain, flags=re.MULTILINE)


if __name__ == "__main__":
    (DOCS / "commands.md").write_text(commands_page(), encoding="utf-8")
    (DOCS / "usms.1").write_text(man_page(), encoding="utf-8")
