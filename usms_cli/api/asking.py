"""Questions to the API. Unlike a send, a question may be asked again, so here it is, in time."""

import logging
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import TypeVar

import msgspec
import stamina

from usms_cli.api.answers import (
    FIRST_BACKOFF,
    LONGEST_BACKOFF,
    LONGEST_PAUSE,
    SERVER_ERROR,
    UNREADABLE,
    WRONG_KEY,
    Reply,
    name_of,
    retry_after,
    words_of,
)
from usms_cli.api.connection import Connection, NoAnswer
from usms_cli.errors import StoppedError
from usms_cli.settings import BASE_URL, KEY_ID
from usms_cli.text import quoted

MOST_IDS = 100  # in one question (the provider's page of USMSSendReceipt)
_SHOWN = 200  # characters of an answer that cannot be read

R = TypeVar("R", bound=Reply)

_log = logging.getLogger(__name__)


class NoAnswerError(StoppedError):
    """The API does not answer now; it may later."""


class BadAnswerError(StoppedError):
    """The API says no to what was asked, or something that cannot be understood."""


class _NotNowError(Exception):
    """No answer now, but perhaps after `pause` seconds; None: nobody says when."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


def ask(connection: Connection, retries: int, path: str, ids: Sequence[str], answer: type[R]) -> R:
    """Return what the API says of some ids, at most `MOST_IDS`.

    :param retries: how often the question is asked again while it gets no answer.
    :param answer: the shape of a good answer, that is one with RetCode 0.
    :raises NoAnswerError: there is no answer.
    :raises BadAnswerError: the API says no, or what it says is of another shape; the message has
        its own words.
    :raises StoppedError: the key pair is refused, or the address leads elsewhere.
    """
    _not_on_stderr()
    try:
        for attempt in stamina.retry_context(
            on=_pause_after,
            attempts=retries + 1,
            timeout=None,
            wait_initial=FIRST_BACKOFF,
            wait_max=LONGEST_BACKOFF,
        ):
            with attempt:
                return _ask_once(connection, path, ids, answer)
    except _NotNowError as error:
        raise NoAnswerError(
            f"there is no answer of the API: {error}", "Nothing is lost: ask again later."
        ) from None
    raise AssertionError("a retry either returns or raises")


def _ask_once(connection: Connection, path: str, ids: Sequence[str], answer: type[R]) -> R:
    came = connection.exchange("GET", path, query=[("id", one) for one in ids])
    if isinstance(came, NoAnswer):
        raise _NotNowError("no answer in time" if came.late else words_of(came.error))
    named = name_of(came.status)
    if 300 <= came.status < 400:
        raise StoppedError(
            f"{named}: the address leads elsewhere", f"Check {BASE_URL}, or leave it out."
        )
    busy = came.status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
    if busy or came.status >= 500:
        raise _NotNowError(named, retry_after(came.headers))
    if came.body is None:
        raise _NotNowError(f"{named} with an answer that broke off or did not end")
    said = connection.masked(came.body.decode(errors="backslashreplace"))
    try:
        reply = msgspec.json.decode(came.body, type=Reply)
    except UNREADABLE:
        reply = Reply()
    code = reply.code()
    words = connection.masked(reply.message or "no message") + f" (RetCode {code})"
    if came.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) or code == WRONG_KEY:
        raise StoppedError(
            f"the key pair was refused: {named if code is None else words}",
            f"Check {KEY_ID} and its secret; the uSpeedo console shows what holds.",
        )
    if code == SERVER_ERROR:
        raise _NotNowError(words)
    if code:
        raise BadAnswerError(f"the API refuses to answer: {words}")
    try:
        if code == 0:
            return msgspec.json.decode(came.body, type=answer)
        shape = "it has no RetCode"
    except UNREADABLE as error:
        shape = str(error)
    raise BadAnswerError(
        f"the API's answer cannot be understood ({shape}): {quoted(said, _SHOWN)}",
        "Nothing of it was kept. This version of usms may be too old for the API.",
    )


def _pause_after(error: Exception) -> bool | float:
    """Tell stamina whether to ask again, and after how long where the API says so."""
    if not isinstance(error, _NotNowError):
        return False
    if error.pause is None:
        return True
    return False if error.pause > LONGEST_PAUSE or math.isinf(error.pause) else error.pause


def _not_on_stderr() -> None:
    """Let a retry be told where everything is told that --verbose shows."""
    stamina.instrumentation.set_on_retry_hooks([_tell])


def _tell(details: stamina.instrumentation.RetryDetails) -> None:
    _log.info("%s; asking again in %.1f seconds", details.caused_by, details.wait_for)
