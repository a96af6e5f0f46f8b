"""What all answers of the API have in common: a code and a message, a status, when to come back."""

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import msgspec

WRONG_KEY = 215398  # "Failed to parse token"
SERVER_ERROR = 215400

# Seconds before something is tried again: at first, at most, and at most if the API asks for it.
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 30.0
LONGEST_PAUSE = 600.0

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding an answer raises where it is not what it should be."""


class Reply(msgspec.Struct, rename="pascal"):
    """An answer's code and message; the documents show the code as a number."""

    ret_code: int | str | None = None
    message: str | None = None

    def code(self) -> int | None:
        """Return the code as a number, None where there is none or it is something else."""
        try:
            return None if self.ret_code is None else int(self.ret_code)
        except ValueError:
            return None


def name_of(status: int) -> str:
    """Return an HTTP status with its name, as `HTTP 502 Bad Gateway`."""
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def words_of(error: Exception) -> str:
    """Return what an exception of the network says, as `ConnectError: Connection refused`."""
    return f"{type(error).__name__}: {error}".rstrip(": .")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait, from either form of the header (RFC 9110, section 10.2.3)."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value) if len(value) < 10 else math.inf
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
