"""What can go wrong for a user, each kind with the exit status it ends in.

    UsmsError
    ├── UsageError      2  the call is wrong; nothing was sent
    ├── InputError      3  the input is invalid; nothing was sent
    └── StoppedError    4  stopped early; the rest is pending

A message says what happened and where; `hint` says what to do next. Both are shown as plain text.
"""

from enum import IntEnum


class ExitStatus(IntEnum):
    """How a command ended, for the shell. They are listed in the README."""

    OK = 0
    PROBLEMS = 1
    USAGE = 2
    INPUT = 3
    STOPPED = 4
    INTERRUPTED = 130
    TERMINATED = 143


class UsmsError(Exception):
    """An error that a user can cause or meet; shown as a message, never as a traceback."""

    exit_status: ExitStatus

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(UsmsError):
    """The call is wrong: an option, a missing file, credentials, a name that is taken."""

    exit_status = ExitStatus.USAGE


class InputError(UsmsError):
    """A file of recipients cannot be read as a whole, so nothing may be sent."""

    exit_status = ExitStatus.INPUT


class StoppedError(UsmsError):
    """The run cannot go on, and what is left of it stays pending."""

    exit_status = ExitStatus.STOPPED
