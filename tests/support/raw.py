"""A server below HTTP: a script has each connection to itself, and does what no server should."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

Script = Callable[["RawServer", socket.socket], None]


class RawServer:
    """Listens on loopback from `with` on; the script is called with each connection.

    `requests` counts those read with `read_request`; `stopping` is set when the test is over.
    """

    def __init__(self, script: Script) -> None:
        self.connections = 0
        self.requests = 0
        self.stopping = threading.Event()
        self._script = script
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client may hang up
            self._script(self, connection)

    def read_request(self, connection: socket.socket) -> bytes:
        """Read one whole request; empty where the client closed instead."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return b""
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = sum(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        while len(body) < length:
            body += connection.recv(65536)
        self.requests += 1
        return head + b"\r\n\r\n" + body

    def drip(self, connection: socket.socket, data: bytes, seconds: float = 0.01) -> None:
        """Send a byte at a time, until the client hangs up or the test is over."""
        for place in range(len(data)):
            connection.sendall(data[place : place + 1])
            if self.stopping.wait(seconds):
                return


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer as it goes over the wire."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
