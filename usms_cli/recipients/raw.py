"""The bytes of an input: a file, a pipe or standard input, opened once and read in blocks.

A file on disk can be read several times and is watched for changes; a pipe can be read once,
unless `RawFile.spool` has first copied it to a temporary file.
"""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import IO

from usms_cli.errors import InputError, UsageError
from usms_cli.text import visible

BLOCK = 1 << 18

OnBytes = Callable[[int], None]


def place(name: str, line: int | None = None) -> str:
    """Return how a message names an input, or a line of it; `name` is as the user typed it."""
    shown = "standard input" if name == "-" else visible(name)
    return shown if line is None else f"{shown}, line {line}"


def name_as_text(name: str) -> str:
    """Return a file's name, which may hold bytes that are no text, as one that can be kept."""
    return name.encode(errors="backslashreplace").decode()


class RawFile:
    """An input as bytes. `head` is its first block, `size` is None where nobody can know it."""

    def __init__(self, name: str) -> None:
        """Open `name`, `-` being standard input.

        Raises UsageError if there is no such file or it may not be read, InputError if it is a
        directory or holds nothing.
        """
        self.name = name
        self._file = _open(name)
        self._ours = name != "-"
        self._state = _state(self._file)
        self._rewindable = self._file.seekable()
        self._start = self._file.tell() if self._rewindable else 0
        self.size = self._state[0] - self._start if self._state else None
        self.head = self._read()
        if not self.head:
            self.close()
            raise InputError(
                f"{place(name)} is empty: it holds no bytes at all",
                "Is it the right file? An export without records has at least a header line.",
            )

    def blocks(self, on_bytes: OnBytes | None = None) -> Iterator[bytes]:
        """Yield all bytes from the first on, telling `on_bytes` how many each block has.

        Passes over a rewindable input are independent of each other. Raises InputError if the
        bytes cannot be read or, at the end, if the file was changed since it was opened.
        """
        position = self._start
        block = self.head
        while block:
            if on_bytes:
                on_bytes(len(block))
            yield block
            position += len(block)
            block = self._read(position)
        self.check_unchanged()

    @property
    def file(self) -> IO[bytes]:
        """The open file, for a reader that goes to and fro in it; `spool` a pipe before."""
        self._file.seek(self._start)
        return self._file

    def check_unchanged(self) -> None:
        """Raise InputError if the file was changed since it was opened."""
        if self._state != _state(self._file):
            raise InputError(
                f"{place(self.name)} was changed while it was read",
                "Wait until the program that writes it has finished, then try again.",
            )

    def spool(self) -> None:
        """Make sure of a second pass: copy what cannot be rewound to a nameless temporary file.

        Raises InputError if there is no room for the copy.
        """
        if self._rewindable:
            return
        copy = tempfile.TemporaryFile()  # noqa: SIM115  mode 0600, and gone when closed
        try:
            copy.write(self.head)
            shutil.copyfileobj(self._file, copy, BLOCK)
            copy.flush()
        except OSError as error:
            copy.close()
            raise InputError(
                f"{place(self.name)} could not be kept in a temporary file: {error.strerror}",
                "Give it as a file, or set TMPDIR to a directory on a disk with more room.",
            ) from error
        self.close()
        self._file, self._state, self._rewindable = copy, _state(copy), True
        self._ours = True

    def close(self) -> None:
        """Close the file; standard input stays open, since it is not ours."""
        if self._ours:
            self._file.close()

    def _read(self, position: int | None = None) -> bytes:
        try:
            if position is not None and self._rewindable:
                self._file.seek(position)
            return self._file.read(BLOCK)
        except OSError as error:
            raise InputError(
                f"{place(self.name)} cannot be read: {error.strerror}",
                "Check the file or its disk.",
            ) from error


def _open(name: str) -> IO[bytes]:
    if name == "-":
        if sys.stdin is None:
            raise UsageError("standard input is closed", "Give a file, or pipe the records in.")
        return sys.stdin.buffer
    try:
        return open(name, "rb")  # noqa: PTH123  (RawFile.close closes it)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {place(name)}", "Check its name and folder.") from error
    except IsADirectoryError as error:
        raise InputError(
            f"{place(name)} is a directory, not a file of recipients",
            "Name the files in it one by one.",
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            f"{place(name)} cannot be opened: {reason}", "Check its name, and who may read it."
        ) from error


def _state(file: IO[bytes]) -> tuple[int, int] | None:
    """Return size and time of change of a file on disk, None for anything else."""
    try:
        status = os.fstat(file.fileno())
    except OSError:  # a stand-in for standard input, without a descriptor
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None
