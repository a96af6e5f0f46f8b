"""One kept connection to the API: an exchange goes out and comes back, or says how it failed.

What an answer means is not decided here.
"""

import base64
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from usms_cli import __version__
from usms_cli.api.deadline import Deadline
from usms_cli.errors import UsageError
from usms_cli.settings import BASE_URL, Account, is_loopback
from usms_cli.text import quoted

LONGEST_ANSWER = 16 * 2**20  # bytes; a thousand failures with their parameters are below 4 MiB
_GRACE = 5.0  # seconds
# When httpx has a new socket: a connection's, then that of TLS over it or in a proxy's tunnel.
_CONNECTED = (
    "connection.connect_tcp.complete",
    "connection.start_tls.complete",
    "proxy.start_tls.complete",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is None where it broke off, did not end or is too long.

    `headers` have names in any case. `late`: the time was over before it ended.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    late: bool = False


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing came back, for the reason that `error` gives; `late` as in `Answer`."""

    error: Exception
    late: bool = False


class Connection:
    """A connection to the API, kept open between exchanges. For one thread.

    :param timeout: seconds for one exchange, from its start to the last byte of its answer.
    :raises UsageError: the address cannot be used.
    """

    def __init__(self, account: Account, timeout: float) -> None:
        self._deadline = Deadline(timeout, self._cut)
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
                # Of single reads and writes; it is `_cut` that ends an exchange.
                timeout=httpx.Timeout(timeout + _GRACE, connect=timeout),
                # The proxies of the environment lead away from this machine.
                trust_env=not is_loopback(account.address),
                # Loading certificates takes longer than a request to this machine.
                verify=not account.address.startswith("http://"),
                # Shorter than servers keep idle connections, so that few are closed under us.
                limits=httpx.Limits(max_connections=1, keepalive_expiry=4.0),
                event_hooks={"response": [_forget_location]},
            )
            self._http.build_request("GET", "/")
        # The last is how httpx refuses a SOCKS proxy of the environment.
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError, ImportError) as error:
            raise UsageError(
                f"{BASE_URL} {quoted(account.address)} cannot be used: {str(error).rstrip('.')}",
                "Check it, and the proxies of the environment (HTTPS_PROXY, ALL_PROXY).",
            ) from None

    def close(self) -> None:
        self._http.close()
        self._deadline.close()

    def exchange(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        body: bytes | None = None,
        query: Iterable[tuple[str, str]] = (),
    ) -> Answer | NoAnswer:
        """Make one exchange, once. Raises nothing: what went wrong is told."""
        self._late = False
        try:
            with (
                self._deadline,
                self._http.stream(
                    method,
                    path,
                    content=body,
                    params=tuple(query) or None,
                    extensions={"trace": self._remember_socket},
                ) as response,
            ):
                content = self._body_of(response)
                return Answer(response.status_code, response.headers, content, self._late)
        except Exception as error:  # whatever it is, it tells what is known of the exchange
            return NoAnswer(error, self._late)

    def masked(self, text: str) -> str:
        """Return a text of the API's without the secret, should it repeat that."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

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

    def _remember_socket(self, event: str, info: dict[str, Any]) -> None:
        if event in _CONNECTED:
            self._socket = info["return_value"].get_extra_info("socket")
            if self._late:
                self._cut()

    def _cut(self) -> None:
        """End the exchange under way by shutting the connection under it.

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
