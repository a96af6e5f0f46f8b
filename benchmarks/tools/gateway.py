"""A stand-in for the API that costs next to nothing, in a process of its own.

It reads a request by its Content-Length, counts it and its recipients (the times `"Phone"` stands
in the body; nothing is parsed), and answers that all were taken, with a new session number each
time. With receipts it remembers the phones, in its own memory, and nine of ten are delivered. One
thread a connection, blocking sockets: what it does runs in C.
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
_RECEIPTS = b'{"RetCode":0,"Message":"","Data":[%b]}'
_SESSION = b'{"SessionNo":"%016d","ReceiptSet":[%b]}'
_RECEIPT = (
    b'{"Phone":"%b","CostCount":1,"ReceiptResult":"%b","ReceiptCode":"DELIVRD",'
    b'"ReceiptDesc":"%b","ReceiptTime":1795500000,"UserId":"","CountryCode":"86","BrevityCode":""}'
)
_ID = re.compile(rb"[?&]id=(\d+)")
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
    :param receipts: remember who was taken, and give receipts.
    """

    def __init__(
        self, latency: float = 0.0, *, failing: bool = False, receipts: bool = False
    ) -> None:
        command = [sys.executable, __file__, "--latency", str(latency)]
        command += ["--failing"] if failing else []
        self._process = subprocess.Popen(
            [*command, *(["--receipts"] if receipts else [])],
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
    def __init__(self, latency: float, failing: bool, receipts: bool) -> None:
        self._latency = latency
        self._failing = failing
        self._taken: dict[int, bytes] | None = {} if receipts else None
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
                body = self._answer(room, end, whole)
                connection.sendall(_HEAD % (len(body), body))
                filled = 0

    def _answer(self, room: bytearray, begin: int, end: int) -> bytes:
        if not room.startswith(b"GET "):
            return self._take(room, begin, end)
        path = bytes(room[4 : room.index(b" ", 4)])
        if path == b"/counted":
            return self._report()
        return _RECEIPTS % b",".join(map(self._receipts, map(int, _ID.findall(path))))

    def _receipts(self, session: int) -> bytes:
        phones = (self._taken or {})[session].split()
        found = (
            _RECEIPT % ((phone, b"Success", b"") if number % 10 else (phone, b"Fail", b"absent"))
            for number, phone in enumerate(phones)
        )
        return _SESSION % (session, b",".join(found))

    def _take(self, room: bytearray, begin: int, end: int) -> bytes:
        recipients = room.count(b'"Phone"', begin, end)
        with self._lock:
            self._counted.requests += 1
            self._counted.recipients += recipients
            self._counted.bytes += end
            session = next(self._sessions)
        if self._taken is not None:
            phones = _PHONE.findall(room, begin, end)[self._failing :]
            self._taken[session] = b" ".join(phones)
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
    parser.add_argument("--receipts", action="store_true", help="remember who was taken")
    options = parser.parse_args()
    server = _Server(options.latency, options.failing, options.receipts)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=server.serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
