"""A stand-in for the API that costs next to nothing, in a process of its own.

It reads a request by its Content-Length, counts it and its recipients (the times `"Phone"` stands
in the body; nothing is parsed), and answers that all were taken, with a new session number each
time. One thread a connection, blocking sockets: what it does runs in C.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import asdict, dataclass
from itertools import count
from types import TracebackType
from typing import Self

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_TAKEN = b'{"RetCode":0,"Message":"success","SessionNo":["%016d"],"FailedTargetPhones":[%b]}'
_FAILED = b'{"Phone":"%b","TemplateParams":null,"FailureReason":"Blacklisted"}'
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PHONE = re.compile(rb'"Phone": ?"([^"]*)"')
_LARGEST = 4 << 20  # bytes of one request


@dataclass
class Counted:
    """What has arrived since the last time that somebody asked."""

    requests: int = 0
    recipients: int = 0
    bytes: int = 0


class Gateway:
    """Starts the gateway's process, and asks it what arrived. Use as a context manager.

    :param latency: seconds that each answer takes.
    :param failing: fail the first recipient of each request.
    """

    def __init__(self, latency: float = 0.0, *, failing: bool = False) -> None:
        command = [sys.executable, __file__, "--latency", str(latency)]
        self._process = subprocess.Popen(
            [*command, *(["--failing"] if failing else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.address = self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def counted(self) -> Counted:
        """Return what arrived since the last call."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.address}/counted") as answer:
            return Counted(**json.load(answer))


class _Server:
    def __init__(self, latency: float, failing: bool) -> None:
        self._latency = latency
        self._failing = failing
        self._sessions = count(1)
        self._lock = threading.Lock()
        self._counted = Counted()

    def serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        room = bytearray(_LARGEST)
        view = memoryview(room)
        with connection, view:
            filled = 0
            while more := connection.recv_into(view[filled:]):
                filled += more
                end = room.find(b"\r\n\r\n", 0, filled) + 4
                if end < 4:
                    continue
                length = _LENGTH.search(room, 0, end)
                whole = end + (int(length[1]) if length else 0)
                while filled < whole:
                    more = connection.recv_into(view[filled:whole], 0, socket.MSG_WAITALL)
                    if not more:
                        return
                    filled += more
                body = self._report() if room.startswith(b"GET ") else self._take(room, end, whole)
                connection.sendall(_HEAD % (len(body), body))
                filled = 0

    def _take(self, room: bytearray, begin: int, end: int) -> bytes:
        recipients = room.count(b'"Phone"', begin, end)
        with self._lock:
            self._counted.requests += 1
            self._counted.recipients += recipients
            self._counted.bytes += end
            session = next(self._sessions)
        first = _PHONE.search(room, begin, end) if self._failing else None
        if self._latency:
            time.sleep(self._latency)
        return _TAKEN % (session, _FAILED % first[1] if first else b"")

    def _report(self) -> bytes:
        with self._lock:
            counted, self._counted = self._counted, Counted()
        return json.dumps(asdict(counted)).encode()


def _end_with_parent() -> None:
    """End when standard input does: however the parent ended, it holds that no more."""
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Serve on a free port of loopback, whose address is the only line printed, until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--failing", action="store_true", help="fail the first of each request")
    options = parser.parse_args()
    server = _Server(options.latency, options.failing)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=server.serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
