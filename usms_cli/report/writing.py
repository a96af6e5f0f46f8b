"""How a report gets into a file: whole or not at all, and readable by its owner alone."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from usms_cli.errors import UsageError
from usms_cli.text import quoted_path


def check_writable(path: Path) -> None:
    """Make sure, before anything is sent, that a file can be written there.

    :raises UsageError: it cannot.
    """
    if path == Path("-"):
        raise UsageError(
            'cannot write to "-": an output is a file',
            "Name one, or type /dev/stdout for standard output.",
        )
    try:
        if path.is_dir():
            raise _unwritable(path, "it is a directory")
        if _stream_at(path) is not None:
            return
        place = path if _is_special(path) else path.resolve().parent
        if not os.access(place, os.W_OK | (os.X_OK if place != path else 0)):
            raise _unwritable(path, "no such folder, or not yours")
    except (OSError, RuntimeError) as error:
        raise _unwritable(path, error) from error


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Write beside a file, for its owner alone, and put it in its place when it is whole.

    What a link leads to is replaced, not the link. A device or a pipe is written to as it is, and
    so is where standard output or error goes, behind what was printed there, as far as anybody
    reads it.

    :raises UsageError: it cannot be written.
    """
    try:
        if (descriptor := _stream_at(path)) is not None or _is_special(path):
            target = path if descriptor is None else os.dup(descriptor)
            try:
                with open(target, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
                    yield file
            except BrokenPipeError:  # whoever reads a stream may have enough of it
                if descriptor is None:
                    raise
            return
        path = path.resolve()
        descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except (OSError, RuntimeError) as error:
        raise _unwritable(path, error) from error


def _stream_at(path: Path) -> int | None:
    """Return the descriptor of standard output or error if a path, such as /dev/stdout, is where
    it goes."""
    for stream in (1, 2):
        with suppress(OSError):
            if os.path.samestat(path.stat(), os.fstat(stream)):
                return stream
    return None


def _is_special(path: Path) -> bool:
    """Tell whether there is something that a file must not be put in the place of."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


def _unwritable(path: Path, why: Exception | str) -> UsageError:
    """Return the error for a file that cannot be written; RuntimeError: its links are a circle."""
    if isinstance(why, Exception):
        why = str(why.strerror) if isinstance(why, OSError) else "its links lead in a circle"
    return UsageError(
        f"cannot write {quoted_path(path)}: {why}", "Name a file in a folder where you may write."
    )
