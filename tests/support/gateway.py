"""A gateway that fails on purpose, and keeps its own ledger of whom it took.

It speaks HTTP/1.1 over real sockets on loopback. A `plan` decides each request: it is called with
the request's number (from 1) and its recipients, and returns a `Reply`. The ledger says who was
taken, so that a report can be compared with it recipient by recipient.
"""

import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Target:
    """A recipient as a request names it."""

    phone: str
    params: tuple[str, ...]
    template: str
    sender: str


@dataclass(frozen=True)
class Reply:
    """What the gateway does with a request.

    takes: whether it messages the recipients (but for those in `fails`).
    fails: the phones it lists as failed, with the reason.
    status, headers, body: the answer; a body of None is the documented one.
    fault: None, "drop" (close without an answer), "reset" (likewise, with a RST),
        "drip" (a byte of the answer every `seconds`), "cut" (close in mid-answer).
    seconds: how long it waits before it answers, or between the bytes of a drip.
    gate: it answers only when this is set.
    """

    takes: bool = True
    fails: dict[str, str] = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    fault: str | None = None
    seconds: float = 0.0
    gate: threading.Event | None = None


Plan = Callable[[int, list[Target]], Reply]
Question = Callable[[int, list[str]], Reply]  # its number (from 1) and the ids asked for

TAKEN = Reply()


def targets_of(body: Any) -> list[Target]:
    """Return the recipients that a request's body names."""
    return [
        Target(
            one["Phone"],
            tuple(one.get("TemplateParams", ())),
            entry["TemplateId"],
            entry["SenderId"],
        )
        for entry in body["TaskContent"]
        for one in entry["Target"]
    ]


def refusal(message: str = "Invalid parameter [TemplateId]", code: int = 215392) -> Reply:
    body = json.dumps({"RetCode": code, "Message": message}).encode()
    return Reply(takes=False, body=body)


def take_all(number: int, targets: list[Target]) -> Reply:
    return TAKEN


def in_turn(*replies: Reply, then: Reply = TAKEN) -> Plan:
    """Give the replies to the first requests in order, and `then` to all that follow."""
    return lambda number, targets: replies[number - 1] if number <= len(replies) else then


@dataclass
class Seen:
    """A request as it came in, at a time of the monotonic clock."""

    at: float
    targets: list[Target]
    body: Any
    headers: dict[str, str]
    path: str


class Gateway:
    """Serves at `address` from `with` on. `taken` counts how often each target was messaged."""

    def __init__(self, plan: Plan = take_all, port: int = 0) -> None:
        self.plan = plan
        self.taken: Counter[Target] = Counter()
        self.requests: list[Seen] = []
        self.templates: dict[str, Any] = {}  # what it says of each, by id
        self.receipts: Question = lambda *_: Reply(status=404)  # what it says of sessions
        self.questions: list[list[str]] = []  # the ids of each question
        self.says: Reply | None = None  # to a question, instead of the templates
        self.under_way = 0
        self.most_under_way = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                gateway._answer(self)

            def do_GET(self) -> None:
                gateway._answer_question(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                pass  # a client that hung up

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def phones(self) -> Counter[str]:
        """How often each phone was messaged."""
        phones: Counter[str] = Counter()
        for target, times in self.taken.items():
            phones[target.phone] += times
        return phones

    def _answer_question(self, handler: BaseHTTPRequestHandler) -> None:
        address = urlsplit(handler.path)
        ids = parse_qs(address.query)["id"]
        with self._lock:
            self.questions.append(ids)
            number = len(self.questions)
        if address.path.endswith("USMSSendReceipt"):
            reply = self.receipts(number, ids)
        else:
            found = [self.templates[one] for one in ids if one in self.templates]
            answer = {"RetCode": 0, "Message": "", "Data": found}
            reply = self.says or Reply(body=json.dumps(answer).encode())
        self._reply(handler, reply, 0, (), 0)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["Content-Length"])
        body = json.loads(handler.rfile.read(length))
        targets = targets_of(body)
        with self._lock:
            seen = Seen(time.monotonic(), targets, body, dict(handler.headers), handler.path)
            self.requests.append(seen)
            number = len(self.requests)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            reply = self.plan(number, targets)
            if reply.takes:
                self.taken.update(one for one in targets if one.phone not in reply.fails)
        try:
            self._reply(handler, reply, number, targets, len(body["TaskContent"]))
        finally:
            with self._lock:
                self.under_way -= 1

    def _reply(
        self,
        handler: BaseHTTPRequestHandler,
        reply: Reply,
        number: int,
        targets: Iterable[Target],
        entries: int,
    ) -> None:
        content = reply.body
        if content is None:
            failed = [
                {
                    "Phone": one.phone,
                    "TemplateParams": list(one.params),
                    "FailureReason": reply.fails[one.phone],
                }
                for one in targets
                if one.phone in reply.fails
            ]
            sessions = [f"S{number}-{entry + 1}" for entry in range(entries)]
            answer = {
                "RetCode": 0,
                "Message": "success",
                "SessionNo": sessions,
                "FailedTargetPhones": failed,
            }
            content = json.dumps(answer).encode()
        if reply.fault != "drip":
            self._stopping.wait(reply.seconds)
        while reply.gate and not reply.gate.wait(0.05) and not self._stopping.is_set():
            pass
        connection: socket.socket = handler.connection
        if reply.fault == "reset":
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if reply.fault in ("drop", "reset"):
            handler.close_connection = True
            connection.close()
            return
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if "Transfer-Encoding" not in reply.headers:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if reply.fault == "cut":
            handler.wfile.write(content[: len(content) // 2])
            handler.close_connection = True
            return
        if reply.fault == "drip":
            for place in range(len(content)):
                handler.wfile.write(content[place : place + 1])
                if self._stopping.wait(reply.seconds):
                    return
            return
        handler.wfile.write(content)
