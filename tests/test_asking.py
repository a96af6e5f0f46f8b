"""Questions to the API: asked again when that may help, and what is said when it does not."""

import json
import socket
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.command import SECRET
from tests.support.raw import RawServer, Script, answer
from tests.support.runs import account_at
from usms_cli.api import asking
from usms_cli.api.answers import Reply
from usms_cli.api.connection import Connection
from usms_cli.errors import StoppedError


class Names(Reply, rename="pascal"):
    data: list[str] | None = None


GOOD = answer(json.dumps({"RetCode": 0, "Message": "", "Data": ["a"]}).encode())


def in_turn(*answers: bytes | None) -> Script:
    """Answer each request with the next of these; None closes the connection instead."""
    left = list(answers)

    def script(server: RawServer, connection: socket.socket) -> None:
        while server.read_request(connection):
            now = left.pop(0)
            if now is None:
                return
            connection.sendall(now)

    return script


def ask(server: RawServer, *ids: str, retries: int = 0, timeout: float = 5) -> Names:
    connection = Connection(account_at(server.address), timeout)
    try:
        return asking.ask(connection, retries, "/path", ids, Names)
    finally:
        connection.close()


def error_of(reply: bytes, **options: Any) -> str:
    with RawServer(in_turn(reply)) as server, pytest.raises(StoppedError) as caught:
        ask(server, "a", **options)
    return caught.value.message


def refusal(code: object, message: str = "no", status: str = "200 OK") -> bytes:
    return answer(json.dumps({"RetCode": code, "Message": message}).encode(), status)


def test_ids_go_out_as_they_are_and_the_answer_comes_back() -> None:
    asked: list[bytes] = []

    def script(server: RawServer, connection: socket.socket) -> None:
        asked.append(server.read_request(connection))
        connection.sendall(GOOD)

    with RawServer(script) as server:
        assert ask(server, "a&b", "ü 1").data == ["a"]
    method, path, _ = asked[0].split(b"\r\n")[0].decode().split(" ")
    assert (method, urlsplit(path).path) == ("GET", "/path")
    assert parse_qs(urlsplit(path).query) == {"id": ["a&b", "ü 1"]}
    assert b"Authorization: Basic " in asked[0]


@pytest.mark.parametrize(
    "first",
    [
        None,
        answer(b"", "500 Internal Server Error"),
        answer(b"", "408 Request Timeout"),
        answer(b"", "429 Too Many Requests", "Retry-After: 0"),
        refusal(215400),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    ],
    ids=["dropped", "500", "408", "429", "215400", "cut"],
)
def test_a_question_without_an_answer_is_asked_again(first: bytes | None) -> None:
    with RawServer(in_turn(first, GOOD)) as server:
        assert ask(server, "a", retries=1).data == ["a"]


def test_a_pause_that_is_asked_for_is_kept() -> None:
    busy = answer(b"", "503 Service Unavailable", "Retry-After: 1")
    with RawServer(in_turn(busy, GOOD)) as server:
        begun = time.monotonic()
        assert ask(server, "a", retries=1).data == ["a"]
        assert time.monotonic() - begun >= 1


def test_a_pause_of_an_hour_is_not_waited_for() -> None:
    busy = answer(b"", "429 Too Many Requests", "Retry-After: 3600")
    assert "429 Too Many Requests" in error_of(busy, retries=5)


def test_an_answer_that_drips_ends_with_the_timeout() -> None:
    def script(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        server.drip(connection, GOOD * 10, 0.05)

    with RawServer(script) as server, pytest.raises(StoppedError, match="there is no answer"):
        ask(server, "a", timeout=0.3)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (refusal(215398, "Failed to parse token"), "key pair was refused: Failed to parse token"),
        (answer(b"", "401 Unauthorized"), "key pair was refused: HTTP 401 Unauthorized"),
        (answer(b"<p>", "403 Forbidden"), "key pair was refused: HTTP 403 Forbidden"),
        (answer(b"", "302 Found", "Location: http://127.0.0.1:9/"), "leads elsewhere"),
        (refusal(215392, "Invalid parameter [id]"), "Invalid parameter [id] (RetCode 215392)"),
        (refusal("215397", "m", "400 Bad Request"), "m (RetCode 215397)"),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_api(reply: bytes, said: str) -> None:
    assert said in error_of(reply, retries=5)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"<html>It works!</html>", "<html>It works!</html>"),
        (b"{}", "{}"),
        (b'{"RetCode": 0, "Data": "a"}', '"Data": "a"'),
        (b'{"RetCode": 0, "Data": [1]}', '"Data": [1]'),
        (b"[" * 100_000, "[[[["),
        (b'{"RetCode": 0, "Data": ["\xff"]}', r"\xff"),
        (b"", '""'),
    ],
    ids=["page", "empty object", "no list", "no strings", "deep", "no UTF-8", "nothing"],
)
def test_an_answer_of_another_shape_is_shown_and_nothing_made_of_it(
    body: bytes, shown: str
) -> None:
    message = error_of(answer(body), retries=5)
    assert "cannot be understood" in message
    assert shown in message
    assert len(message) < 1000


def test_an_answer_that_repeats_the_secret_does_not_spread_it() -> None:
    assert SECRET not in error_of(refusal(1, f"wrong: {SECRET}"))
    assert SECRET not in error_of(answer(f"<p>{SECRET}".encode()))
