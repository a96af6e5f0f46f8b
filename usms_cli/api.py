"""The uSpeedo API: one request in, one verdict out.

Nothing else in the program looks at an HTTP status, at an exception of the network or at the shape
of an answer. Which answer has which verdict stands in one table, `judge`, and its counterpart for
requests without an answer, `judge_failure`.
"""

import base64
import math
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx
import msgspec

from usms_cli import __version__
from usms_cli.errors import UsageError
from usms_cli.settings import BASE_URL, Account, is_loopback
from usms_cli.text import quoted

SEND_PATH = "/api/v1/usms/SendBatchUSMSMessage"
LONGEST_ANSWER = 16 * 2**20  # bytes; a thousand failures with their parameters are below 4 MiB


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

_WRONG_KEY = 215398  # "Failed to parse token"
_SERVER_ERROR = 215400


def judge(status: int, headers: Mapping[str, str], body: bytes | None) -> Verdict:
    """Return what an answer means. The table is docs/reliability.md's.

    :param headers: with names in any case, as httpx has them.
    :param body: None where it broke off or did not end.
    """
    named = _name_of(status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotTaken(named, _retry_after(headers))
    if status == HTTPStatus.SERVICE_UNAVAILABLE and _retry_after(headers) is not None:
        return NotTaken(named, _retry_after(headers))
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Stop(_with_message(f"the key pair was refused: {named}", body))
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
    if 400 <= status < 500 and b"SessionNo" not in body:
        return Refused(_with_message(named, body))
    return Unknown(f"{named} with an answer that cannot be read")


def _judge_answer(answer: "_Answer") -> Verdict:
    code, sessions = answer.code(), answer.sessions()
    reason = f"{answer.message or 'no message'} (RetCode {code})"
    if sessions or code == 0:
        return Taken(sessions, tuple(one.checked() for one in answer.failed_target_phones or ()))
    if code == _WRONG_KEY:
        return Stop(f"the key pair was refused: {reason}")
    if code == _SERVER_ERROR:
        return Unknown(reason)
    return Refused(reason)


def judge_failure(error: Exception) -> Verdict:
    """Return what it means that a request ended without an answer.

    Only where no connection was made is it sure that nothing was taken. Everything else, above all
    a connection that broke, may have come after the request went through.
    """
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout():
            return NotTaken(f"no connection was made ({reason})")
        # To a proxy that opens no tunnel nothing was sent but the wish for one.
        case httpx.ProxyError():
            return NotTaken(f"no connection was made through the proxy ({reason})")
        case _:
            return Unknown(f"the connection broke before an answer came ({reason})")


class Client:
    """A connection to the API, kept open between requests. For one thread.

    :param timeout: seconds for one request, from its start to the last byte of its answer.
    :raises UsageError: the address cannot be used.
    """

    def __init__(self, account: Account, timeout: float) -> None:
        self._timeout = timeout
        pair = f"{account.key_id}:{account.secret.reveal()}".encode()
        encoded = base64.b64encode(pair).decode("ascii")
        self._secrets = (account.secret.reveal(), encoded)
        self._socket: Any = None
        self._late = False
        try:
            self._http = httpx.Client(
                base_url=account.address,
                headers={
                    "Authorization": f"Basic {encoded}",
                    "Content-Type": "application/json",
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "User-Agent": f"usms/{__version__}",
                },
                timeout=httpx.Timeout(timeout),
                # The proxies of the environment lead away from this machine.
                trust_env=not is_loopback(account.address),
                # Loading certificates takes longer than a request to this machine.
                verify=not account.address.startswith("http://"),
                # Shorter than servers keep idle connections, so that few are closed under us.
                limits=httpx.Limits(max_connections=1, keepalive_expiry=4.0),
                event_hooks={"response": [_forget_location]},
            )
            self._http.build_request("POST", SEND_PATH)
        # The last is how httpx refuses a SOCKS proxy of the environment.
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError, ImportError) as error:
            raise UsageError(f"{BASE_URL} {quoted(account.address)}: {error}") from None

    def close(self) -> None:
        self._http.close()

    def send(self, body: bytes) -> Verdict:
        """Make one request, once. Raises nothing: not to know is a verdict too."""
        self._late = False
        deadline = threading.Timer(self._timeout, self._cut)
        deadline.daemon = True
        deadline.start()
        try:
            verdict = self._send(body)
        except Exception as error:  # whatever it is, it tells what is known of the request
            verdict = judge_failure(error)
        finally:
            deadline.cancel()
            deadline.join()  # so that it cannot cut the next request
        if self._late and isinstance(verdict, Unknown):
            return Unknown(f"no answer within {self._timeout:g} seconds")
        return self._discreet(verdict)

    def _send(self, body: bytes) -> Verdict:
        with self._http.stream(
            "POST", SEND_PATH, content=body, extensions={"trace": self._remember_socket}
        ) as response:
            return judge(response.status_code, response.headers, self._body_of(response))

    def _body_of(self, response: httpx.Response) -> bytes | None:
        """Read the body of an answer; None where it breaks off or does not end."""
        body = bytearray()
        with suppress(httpx.RequestError):
            for part in response.iter_bytes():
                body += part
                if len(body) > LONGEST_ANSWER:
                    return None
            # A body without a length ends with the connection, also where we cut that.
            return None if self._late else bytes(body)
        return None

    def _discreet(self, verdict: Verdict) -> Verdict:
        """Return the verdict without the secret in its words, should the answer repeat it."""
        if isinstance(verdict, Taken):
            failed = (replace(one, reason=self._masked(one.reason)) for one in verdict.failed)
            return replace(verdict, failed=tuple(failed))
        return replace(verdict, reason=self._masked(verdict.reason))

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    def _remember_socket(self, event: str, info: dict[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")
            if self._late:
                self._cut()

    def _cut(self) -> None:
        """End the request under way by shutting the connection under it.

        httpx times out single reads and writes; an answer that drips by the byte outlives them all.
        """
        self._late = True
        if self._socket is not None:
            with suppress(OSError):
                # Not SSLSocket's: that one is not to be used beside a read in another thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _forget_location(response: httpx.Response) -> None:
    """Drop where a redirect leads: httpx reads it even if not to follow, and may find no URL."""
    response.headers.pop("Location", None)


class _Failed(msgspec.Struct, rename="pascal"):
    phone: str | int
    template_params: list[str | int | float | None] | None = None
    failure_reason: str | None = None

    def checked(self) -> FailedPhone:
        params = tuple("" if one is None else str(one) for one in self.template_params or ())
        return FailedPhone(
            str(self.phone), params or None, self.failure_reason or "no reason given"
        )


class _Answer(msgspec.Struct, rename="pascal"):
    """The documented answer, and what the documents leave open: one session number or several."""

    ret_code: int | str | None = None
    message: str | None = None
    session_no: str | int | list[str | int | None] | None = None
    failed_target_phones: list[_Failed] | None = None

    def sessions(self) -> tuple[str, ...]:
        given = self.session_no if isinstance(self.session_no, list) else [self.session_no]
        texts = (str(one).strip() for one in given if one is not None)
        return tuple(text for text in texts if text)

    def code(self) -> int | None:
        try:
            return None if self.ret_code is None else int(self.ret_code)
        except ValueError:
            return None


_decoder = msgspec.json.Decoder(_Answer)


def _read(body: bytes) -> _Answer | None:
    """Return an answer that has at least a code or a session number, else None."""
    try:
        answer = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return answer if answer.code() is not None or answer.sessions() else None


def _name_of(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def _with_message(named: str, body: bytes | None) -> str:
    answer = _read(body) if body else None
    return f"{answer.message} ({named})" if answer and answer.message else named


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait, from either form of the header (RFC 9110, section 10.2.3)."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value) if len(value) < 10 else math.inf
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
