"""The sandbox on the wire: sockets, HTTP/1.1 and threads, and nothing of what the API means."""

import contextlib
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import Any, Self

from usms_cli.sandbox.account import Account
from usms_cli.sandbox.answers import Answer, Pace, invalid
from usms_cli.sandbox.api import Request, answer
from usms_cli.text import visible

LARGEST_BODY = 16 * 1024 * 1024
_DRIPS = 50
_CUT_OFF = 20


class Sandbox:
    """The API's stand-in at `address`; serves from `start()` to `stop()`, once.

    Nobody but this machine can reach it: it listens on 127.0.0.1 alone.
    """

    address: str

    def __init__(
        self,
        port: int = 0,
        *,
        receipt_delay: float = 0.0,
        slow: float = 10.0,
        store: Path | None = None,
        log: Callable[[str], None] | None = None,
        variables: Iterable[tuple[str, int]] = (),
    ) -> None:
        """Take `port` (0: any free one); a client may connect at once, answers begin at `start()`.

        Receipts come `receipt_delay` seconds after a send, slow answers take `slow` seconds. What
        is taken is kept in the file `store`, which a later sandbox can open to give the receipts;
        without one it is gone with the sandbox. `log` gets a line for each request, from the
        threads that serve: method, path, status and counts, safe to show, never a key or a text.
        `variables` says how many a template has that is in no table, by its id.
        Raises OSError if the port cannot be had, OSError or sqlite3.Error if `store` cannot.
        """
        self._account = Account(receipt_delay, store)
        self._account.expect(variables)
        try:
            self._server = _Server(port, self._account, slow, log)
        except (OSError, OverflowError):
            self._account.close()
            raise
        self._thread: threading.Thread | None = None
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Begin to serve, in a thread that does not keep the process alive."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="sandbox", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving at once: requests under way are cut off. May be called again."""
        self._server.stopping.set()
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.cut_connections()
        self._account.close()

    def serve_forever(self) -> None:
        """Serve until KeyboardInterrupt, which ends it quietly, or `stop()` elsewhere."""
        with self, contextlib.suppress(KeyboardInterrupt):
            self._server.stopping.wait()

    def taken_phones(self) -> list[str]:
        """Return every phone that was taken, as often as it was: what a real send would charge."""
        return self._account.taken_phones()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class _Server(ThreadingTCPServer):
    """Knows its open connections, so that it can end them."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, port: int, account: Account, slow: float, log: Callable[[str], None] | None
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.account = account
        self.slow = slow
        self.log = log
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a client that went away; anything else is a bug, and is logged."""
        error = sys.exception()
        if self.log and not self.stopping.is_set() and not isinstance(error, ConnectionError):
            self.log(visible(f"sandbox error: {error!r}"))


class _Handler(BaseHTTPRequestHandler):
    """One connection: its requests, one after the other, until either side closes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        problem, body = self._read_body()
        if problem is not None:
            self.close_connection = True
            self._reply(problem)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._reply(answer(self.server.account, Request(self.command, self.path, headers, body)))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def _read_body(self) -> tuple[Answer | None, bytes]:
        """Return the request's body, or the answer that says why it cannot be read."""
        length = self.headers.get("Content-Length")
        if "Transfer-Encoding" in self.headers or (length is None and self.command == "POST"):
            return invalid("Content-Length", 411), b""
        if length is None:
            return None, b""
        if not (length.isascii() and length.isdigit()):
            return invalid("Content-Length", 400), b""
        if len(length) > len(str(LARGEST_BODY)) or int(length) > LARGEST_BODY:
            return invalid("Content-Length", 413), b""
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return invalid("Content-Length", 400), b""
        return None, body

    def _reply(self, answer: Answer) -> None:
        if self.server.log:
            path = self.path.partition("?")[0]
            result = "dropped" if answer.pace is Pace.DROPPED else answer.status
            self.server.log(visible(f"{self.command} {path} {result} {answer.note}"))
        if self.command == "HEAD":
            self.close_connection = True
        self._deliver(self._encode(answer), answer.pace)

    def _encode(self, answer: Answer) -> bytes:
        if isinstance(answer.body, str):
            media_type, body = "text/html", answer.body.encode()
        else:
            media_type, body = "application/json", json.dumps(answer.body).encode()
        head = {
            "Content-Type": media_type,
            "Content-Length": str(len(body)),
            "Date": self.date_time_string(),
            **answer.headers,
        }
        if self.close_connection:
            head["Connection"] = "close"
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in head.items()]
        start = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return start if self.command == "HEAD" else start + body

    def _deliver(self, message: bytes, pace: Pace) -> None:
        """Send a whole answer in one piece, or as its pace demands."""
        pieces = [message]
        pause = 0.0
        match pace:
            case Pace.SLOW:
                pause = self.server.slow
            case Pace.DRIPPING:
                size = -(-len(message) // _DRIPS)
                pieces = [message[at : at + size] for at in range(0, len(message), size)]
                pause = self.server.slow / _DRIPS
            case Pace.CUT:
                pieces = [message[:-_CUT_OFF]]
                self.close_connection = True
            case Pace.DROPPED:
                pieces = []
                self.close_connection = True
        for piece in pieces:
            if pause and self.server.stopping.wait(pause):
                return
            self.wfile.write(piece)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is not HTTP enough to be read, as JSON and without the echo of it."""
        self.close_connection = True
        self.command, self.path = getattr(self, "command", None) or "?", "?"
        self._reply(invalid("request", code))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep silent: the sandbox has a log of its own."""
