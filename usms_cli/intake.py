"""The whole input is read and checked into a draft, before anything else is decided."""

import logging
import stat
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path

from usms_cli.errors import InputError
from usms_cli.journal.draft import Draft
from usms_cli.recipients.check import Checker
from usms_cli.recipients.csv_file import parse_delimiter
from usms_cli.recipients.decoding import check_encoding
from usms_cli.recipients.exclude import Excluder
from usms_cli.recipients.raw import name_as_text, place
from usms_cli.recipients.source import ReadOptions, open_source

_log = logging.getLogger(__name__)

ShowProgress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


def look_at(files: Iterable[str], options: ReadOptions) -> None:
    """Open each file on disk once, so that a wrong call is said before anything else is asked for.

    A pipe can be read only once, and is left alone. What is wrong in a file is found by `take_in`.

    :raises UsageError: a file is not there, or an option is impossible.
    """
    if options.encoding is not None:
        check_encoding(options.encoding)
    if options.delimiter is not None:
        parse_delimiter(options.delimiter)
    for name in files:
        with suppress(OSError, ValueError):  # which opening it says better
            if name == "-" or not stat.S_ISREG(Path(name).stat().st_mode):
                continue
        with suppress(InputError):
            open_source(name, options).close()


def take_in(
    files: Sequence[str],
    options: ReadOptions,
    draft: Draft,
    checker: Checker,
    progress: ShowProgress,
    notice: Callable[[str], None],
) -> None:
    """Read and check all files, in order.

    :param progress: shows how far a file has come; given its name and its size in bytes.
    :param notice: told of columns that are not used.
    :raises UsageError: a file is not there, or nothing could be sent however good it is.
    :raises InputError: a file cannot be read as what it is.
    """
    for name in files:
        with (
            closing(open_source(name, options)) as source,
            progress(f"Reading {name}", source.size) as watch,
        ):
            _log.info("reading %s as %s", name, source.format)
            draft.begin_source(name_as_text(name))
            checker.check(source.read(watch))
            if source.unused:
                notice(_about_unused(name, source.unused))
    checker.finish()


def leave_out(
    files: Sequence[str], options: ReadOptions, excluder: Excluder, progress: ShowProgress
) -> None:
    """Read the phones that are never to be sent to; nothing else in these files means anything.

    :param options: what is said of the recipients' files. Of it, the encoding counts here, and
        the phone's column where there is such a column.
    :raises UsageError: a file is not there.
    :raises InputError: a file cannot be read as what it is, or a phone in it cannot.
    """
    phones_only = ReadOptions(
        encoding=options.encoding, phone_column=options.phone_column, phones_only=True
    )
    for name in files:
        with (
            closing(open_source(name, phones_only)) as source,
            progress(f"Reading {name}", source.size) as watch,
        ):
            _log.info("reading %s as %s, to exclude", name, source.format)
            excluder.exclude(name, source.records(watch))


def _about_unused(name: str, columns: Iterable[str]) -> str:
    listed = ", ".join(columns)
    how = "--param COLUMN makes one with a name a template parameter"
    return f"{place(name)}: columns not used: {listed}; {how}"
