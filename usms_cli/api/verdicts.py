"""What an answer to a request means for its recipients: one verdict.

Which answer has which verdict stands in one table, `judge`, and its counterpart for requests
without an answer, `judge_failure`. Nothing else in the program looks at the HTTP status, at an
exception of the network or at the shape of an answer of SendBatchUSMSMessage.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx
import msgspec

from usms_cli.api.answers import (
    SERVER_ERROR,
    UNREADABLE,
    WRONG_KEY,
    Reply,
    name_of,
    retry_after,
    words_of,
)
from usms_cli.settings import KEY_ID


@dataclass(frozen=True, slots=True)
class FailedPhone:
    """A recipient that an answer lists as failed; `params` None where it does not say which."""

    phone: str
    params: tuple[str, ...] | None
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The API took the request, but for those it lists. Without a session number that is not
    proved: then only the failures are sure."""

    sessions: tuple[str, ...]
    failed: tuple[FailedPhone, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The API said no to the request: it took nobody, though it may take others."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The API took nobody, and nobody else will be taken."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The request surely took nobody, and may in time. `retry_after` is in seconds."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whether the request took anybody cannot be known."""

    reason: str


Verdict = Taken | Refused | Stop | NotTaken | Unknown


def judge(status: int, headers: Mapping[str, str], body: bytes | None) -> Verdict:
    """Return what an answer means. The table is docs/reliability.md's.

    :param headers: with names in any case, as httpx has them.
    :param body: None where it broke off or did not end.
    """
    named = name_of(status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotTaken(named, retry_after(headers))
    if status == HTTPStatus.SERVICE_UNAVAILABLE and retry_after(headers) is not None:
        return NotTaken(named, retry_after(headers))
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _key_refused(_with_message(named, body))
    if 300 <= status < 400:
        return Stop(f"{named}: the address leads elsewhere, and a key pair is not sent after it")
    # A proxy gives these also when the request has gone through.
    if status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT:
        return Unknown(_with_message(named, body))
    if body is None:
        return Unknown(f"{named} with an answer that broke off or did not end")
    answer = _read(body)
    if answer is not None:
        return _judge_answer(answer)
    if 400 <= status < 500 and not _may_hold_session(body):
        return Refused(_with_message(named, body))
    return Unknown(f"{named} with an answer that cannot be read")


def _judge_answer(answer: "_Answer") -> Verdict:
    code, sessions = answer.code(), answer.sessions()
    reason = f"{answer.message or 'no message'} (RetCode {code})"
    if sessions or code == 0:
        return Taken(sessions, tuple(one.checked() for one in answer.failed_target_phones or ()))
    if code == WRONG_KEY:
        return _key_refused(reason)
    if code == SERVER_ERROR:
        return Unknown(reason)
    return Refused(reason)


def _key_refused(words: str) -> Stop:
    return Stop(f"the key pair was refused: {words}; check {KEY_ID} and its secret")


def judge_failure(error: Exception) -> Verdict:
    """Return what it means that a request ended without an answer.

    Only where no connection was made is it sure that nothing was taken. Everything else, above all
    a connection that broke, may have come after the request went through.
    """
    reason = words_of(error)
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout():
            return NotTaken(f"no connection was made ({reason})")
        # To a proxy that opens no tunnel nothing was sent but the wish for one.
        case httpx.ProxyError():
            return NotTaken(f"no connection was made through the proxy ({reason})")
        case _:
            return Unknown(f"the connection broke before an answer came ({reason})")


class _Failed(msgspec.Struct, rename="pascal"):
    phone: str | int
    template_params: list[str | int | float | None] | None = None
    failure_reason: str | None = None

    def checked(self) -> FailedPhone:
        params = tuple("" if one is None else str(one) for one in self.template_params or ())
        return FailedPhone(
            str(self.phone), params or None, self.failure_reason or "no reason given"
        )


class _Answer(Reply, rename="pascal"):
    """The documented answer, and what the documents leave open: one session number or several."""

    session_no: str | int | list[str | int | None] | None = None
    failed_target_phones: list[_Failed] | None = None

    def sessions(self) -> tuple[str, ...]:
        given = self.session_no if isinstance(self.session_no, list) else [self.session_no]
        texts = (str(one).strip() for one in given if one is not None)
        return tuple(text for text in texts if text)


_decoder = msgspec.json.Decoder(_Answer)
_ESCAPE = re.compile(rb"\\u00([0-7][0-9a-fA-F])")
_DECIDING = ("RetCode", "SessionNo", "FailedTargetPhones")


def _read(body: bytes) -> _Answer | None:
    """Return an answer that has at least a code or a session number, else None."""
    try:
        answer = _decoder.decode(body)
    except UNREADABLE:
        return None
    suspect = _ESCAPE.search(body) or any(
        body.count(b'"%b"' % key.encode()) > 1 for key in _DECIDING
    )
    if suspect and _says_a_thing_twice(body):
        return None
    return answer if answer.code() is not None or answer.sessions() else None


def _says_a_thing_twice(body: bytes) -> bool:
    """Tell whether a key that decides stands twice in an answer: nobody knows then which counts
    (RFC 8259, 4), and the decoder takes the last."""
    try:
        keys = [key for key, _ in json.loads(body, object_pairs_hook=list)]
    except (ValueError, RecursionError):
        return True
    return any(keys.count(key) > 1 for key in _DECIDING)


def _may_hold_session(body: bytes) -> bool:
    """Tell whether a body that cannot be read may hold a session number: in UTF-16 too, or with
    letters written as escapes."""
    plain = _ESCAPE.sub(lambda one: bytes.fromhex(one[1].decode()), body.replace(b"\0", b""))
    return b"sessionno" in plain.lower()


def _with_message(named: str, body: bytes | None) -> str:
    answer = _read(body) if body else None
    return f"{answer.message} ({named})" if answer and answer.message else named
