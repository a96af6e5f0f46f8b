"""What an answer means, line by line of the contract's table, and what a request does on the wire.

"not taken" and "refused" and "stop" say that nobody was messaged, so they are promises; everything
that cannot be known must be `Unknown`.
"""

import base64
import gzip
import json
import math
import socket
import ssl
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from tests.support.command import KEY_ID, SECRET
from tests.support.gateway import Gateway, Reply, in_turn
from tests.support.raw import RawServer, Script, answer
from tests.support.runs import account_at
from usms_cli.api.client import SEND_PATH, Client
from usms_cli.api.connection import LONGEST_ANSWER
from usms_cli.api.verdicts import (
    FailedPhone,
    NotTaken,
    Refused,
    Stop,
    Taken,
    Unknown,
    Verdict,
    judge,
    judge_failure,
)
from usms_cli.errors import UsageError
from usms_cli.settings import Account, Secret

BODY = json.dumps(
    {"TaskContent": [{"TemplateId": "T1", "SenderId": "S", "Target": [{"Phone": "13800138000"}]}]}
).encode()
NO_HEADERS = httpx.Headers()
GOOD: dict[str, Any] = {"RetCode": 0, "Message": "success", "SessionNo": ["a"]}
WRONG_KEY: dict[str, Any] = {"RetCode": 215398, "Message": "Failed to parse token"}
SERVER_ERROR: dict[str, Any] = {"RetCode": 215400, "Message": "server error"}
REFUSAL: dict[str, Any] = {"RetCode": 215392, "Message": "Invalid parameter [TemplateId]"}


def judged(body: Any, status: int = 200, **headers: str) -> Verdict:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(status, httpx.Headers(named), content)


# --- taken -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("session_no", "sessions"),
    [
        (["a"], ("a",)),
        (["a", "b"], ("a", "b")),
        ("a", ("a",)),
        (7, ("7",)),
        ([7, "b"], ("7", "b")),
        ([" a ", "", None, "b"], ("a", "b")),
        ("  a ", ("a",)),
    ],
)
@pytest.mark.parametrize("code", [0, "0", 18046, "18046", 215398, 215400, 215392, None])
@pytest.mark.parametrize("status", [200, 201, 299, 400, 404, 418, 422])
def test_any_code_with_a_session_number_is_taken(
    session_no: Any, sessions: tuple[str, ...], code: Any, status: int
) -> None:
    body = {"RetCode": code, "Message": "m", "SessionNo": session_no}
    assert judged(body, status) == Taken(sessions, ())


def test_a_key_that_decides_nothing_may_stand_twice() -> None:
    body = rb'{"SessionNo": "a", "Message": "\u0041", "Message": "b", "x": 1, "x": 2}'
    assert judged(body) == Taken(("a",), ())


def test_a_session_number_without_a_code_is_taken() -> None:
    assert judged({"SessionNo": "a"}) == Taken(("a",), ())


@pytest.mark.parametrize("session_no", [None, [], "", "  ", [None], [""], ["", " ", None]])
@pytest.mark.parametrize("code", [0, "0"])
@pytest.mark.parametrize("status", [200, 299, 400, 418])
def test_success_with_a_blank_session_number_is_taken_but_not_proven(
    session_no: Any, code: Any, status: int
) -> None:
    body = {"RetCode": code, "SessionNo": session_no}
    assert judged(body, status) == Taken((), ())
    assert judged({"RetCode": code}, status) == Taken((), ())


@pytest.mark.parametrize(
    ("listed", "failed"),
    [
        (
            {"Phone": "138", "TemplateParams": ["x", "y"], "FailureReason": "no"},
            FailedPhone("138", ("x", "y"), "no"),
        ),
        ({"Phone": 13800138000}, FailedPhone("13800138000", None, "no reason given")),
        (
            {"Phone": "138", "TemplateParams": None, "FailureReason": None},
            FailedPhone("138", None, "no reason given"),
        ),
        ({"Phone": "138", "TemplateParams": []}, FailedPhone("138", None, "no reason given")),
        (
            {"Phone": "138", "TemplateParams": [1, None], "FailureReason": ""},
            FailedPhone("138", ("1", ""), "no reason given"),
        ),
    ],
)
@pytest.mark.parametrize("code", [0, 18046])
def test_the_failed_phones_of_a_taken_request_are_read(
    listed: Any, failed: FailedPhone, code: int
) -> None:
    body = {"RetCode": code, "SessionNo": ["a"], "FailedTargetPhones": [listed]}
    assert judged(body) == Taken(("a",), (failed,))


def test_without_a_session_number_the_failed_phones_are_read_too() -> None:
    body = {"RetCode": 0, "FailedTargetPhones": [{"Phone": "138", "FailureReason": "no"}]}
    assert judged(body) == Taken((), (FailedPhone("138", None, "no"),))


@pytest.mark.parametrize("nothing", [None, []])
def test_no_failed_phones_may_be_null_or_empty(nothing: Any) -> None:
    assert judged(GOOD | {"FailedTargetPhones": nothing}) == Taken(("a",), ())


def test_fields_that_no_document_names_are_ignored() -> None:
    assert judged(GOOD | {"Action": "SendResponse", "Deep": [[{}]]}) == Taken(("a",), ())


# --- refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [215392, 215397, "215392", 1, -1, 18046])
@pytest.mark.parametrize("status", [200, 299, 400, 404, 418])
@pytest.mark.parametrize("session_no", [None, [], "", " "])
def test_a_non_zero_code_without_a_session_number_is_refused(
    code: Any, status: int, session_no: Any
) -> None:
    verdict = judged({"RetCode": code, "Message": "why", "SessionNo": session_no}, status)
    assert verdict == Refused(f"why (RetCode {int(code)})")


@pytest.mark.parametrize("status", [400, 402, 404, 405, 409, 413, 415, 418, 422, 431, 451, 499])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad Request</html>",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"Message": "nope"}',
        b'{"RetCode": null}',
        b'{"RetCode": "abc"}',
        b"[" * 100_000,
    ],
)
def test_a_4xx_that_says_nothing_readable_is_refused(status: int, body: bytes) -> None:
    verdict = judged(body, status)
    assert isinstance(verdict, Refused)
    assert str(status) in verdict.reason


@pytest.mark.parametrize(
    "body",
    [
        b'{"RetCode": 0, "SessionNo": ["a"], "FailedTargetPh',
        b'{"SessionNo": [["a"]]}',
        b'{"SessionNo": []}',
        b'{"RetCode": 0, "SessionNo": "a", "FailedTargetPhones": [{"Phone": null}]}',
        b'<html>{"SessionNo": "a"}</html>',
        b'\xff{"SessionNo": "a"}',
        json.dumps({"RetCode": 1, "SessionNo": "a"}).encode("utf-16"),
        b'{"retCode": 1, "sessionNo": "a"}',
        b'{"RetCode": [1], "\\u0053ession\\u004eo": "a"}',
        b'{"RetCode": 1, "SessionNo": "a", "SessionNo": null}',
    ],
)
def test_a_4xx_whose_unreadable_body_holds_a_session_number_is_unknown(body: bytes) -> None:
    assert isinstance(judged(body, 400), Unknown)


# --- stop ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [215398, "215398", " 215398 "])
@pytest.mark.parametrize("status", [200, 299, 400, 404, 418])
def test_the_code_of_a_wrong_key_stops(code: Any, status: int) -> None:
    verdict = judged(WRONG_KEY | {"RetCode": code}, status)
    assert isinstance(verdict, Stop)
    assert "Failed to parse token" in verdict.reason


@pytest.mark.parametrize(
    "body", [b"", b"<html>", json.dumps(GOOD).encode(), json.dumps(REFUSAL).encode(), b"\xff"]
)
@pytest.mark.parametrize("status", [401, 403, 300, 301, 302, 303, 304, 307, 308, 399])
def test_401_403_and_any_redirect_stop_whatever_the_body(status: int, body: bytes) -> None:
    assert isinstance(judged(body, status, Location="http://127.0.0.1:1/"), Stop)


# --- not taken -------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"<html>", json.dumps(GOOD).encode()])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after": " 3 "}, 3.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
    ],
)
def test_429_is_not_taken_whatever_the_body(
    body: bytes, headers: dict[str, str], seconds: float | None
) -> None:
    verdict = judge(429, httpx.Headers(headers), body)
    assert verdict == NotTaken("HTTP 429 Too Many Requests", seconds)


@pytest.mark.parametrize("body", [b"", b"<html>", json.dumps(GOOD).encode()])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("120", 120.0), ("999999999", 999_999_999.0), ("9" * 400, math.inf)],
)
def test_503_with_seconds_to_wait_is_not_taken(value: str, seconds: float, body: bytes) -> None:
    verdict = judged(body, 503, Retry_After=value)
    assert verdict == NotTaken("HTTP 503 Service Unavailable", seconds)


@pytest.mark.parametrize("body", [b"", json.dumps(GOOD).encode()])
def test_503_with_a_date_to_wait_for_is_not_taken(body: bytes) -> None:
    verdict = judged(body, 503, Retry_After=formatdate(time.time() + 100, usegmt=True))
    assert isinstance(verdict, NotTaken)
    assert verdict.retry_after is not None
    assert 90 < verdict.retry_after <= 100


def test_503_with_a_date_gone_by_is_not_taken_and_need_not_wait() -> None:
    verdict = judged(b"", 503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    assert verdict == NotTaken("HTTP 503 Service Unavailable", 0.0)


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0")))
def test_no_retry_after_breaks_the_judge(value: str) -> None:
    headers = {"Retry-After": value}
    throttled, away = judge(429, headers, b""), judge(503, headers, b"")
    assert isinstance(throttled, NotTaken)
    assert throttled.retry_after is None or throttled.retry_after >= 0
    assert isinstance(away, Unknown if throttled.retry_after is None else NotTaken)


# --- unknown ---------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"<html>", json.dumps(GOOD).encode(), b'{"RetCode": 1}'])
@pytest.mark.parametrize("status", [408, 500, 501, 502, 503, 504, 505, 520, 599, 600, 999])
def test_408_and_any_5xx_are_unknown_whatever_the_body(status: int, body: bytes) -> None:
    assert isinstance(judged(body, status), Unknown)


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "1e3", "٣", "3 seconds", "Wed, 99"])
def test_503_with_a_retry_after_that_says_nothing_is_unknown(value: str) -> None:
    assert isinstance(judge(503, {"Retry-After": value}, b""), Unknown)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_retry_after_makes_no_other_5xx_less_unknown(status: int) -> None:
    assert isinstance(judged(b"", status, Retry_After="3"), Unknown)


@pytest.mark.parametrize("code", [215400, "215400"])
@pytest.mark.parametrize("status", [200, 299, 400, 418])
def test_the_code_of_a_server_error_is_unknown(code: Any, status: int) -> None:
    verdict = judged(SERVER_ERROR | {"RetCode": code}, status)
    assert verdict == Unknown("server error (RetCode 215400)")


@pytest.mark.parametrize("status", [200, 202, 204, 299])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"0",
        b"{}",
        b"<html>ok</html>",
        b'{"RetCode": 0, "SessionNo": ["a"]',
        b'{"RetCode": 0, "SessionNo": ["\xff"]}',
        b'\xef\xbb\xbf{"RetCode": 0',
        b'{"RetCode": NaN}',
        b'{"RetCode": null, "Message": "?"}',
        b'{"RetCode": ""}',
        b'{"RetCode": "zero"}',
        b'{"RetCode": [0]}',
        b'{"RetCode": true}',
        b'{"RetCode": 0.5}',
        b'{"RetCode": "' + b"9" * 5000 + b'"}',
        b'{"Message": "success"}',
        b'{"RetCode": 0, "SessionNo": {"a": 1}}',
        b'{"RetCode": 0, "SessionNo": ["a"]} {"RetCode": 0}',
        b'{"RetCode": 0, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        json.dumps(GOOD).encode("utf-16"),
        b'{"RetCode": 0, "RetCode": 215392}',
        b'{"RetCode": 1, "SessionNo": ["a"], "SessionNo": []}',
        b'{"RetCode": 1, "SessionNo": ["a"], "\\u0053essionNo": []}',
        b'{"RetCode": 0, "SessionNo": "a", "FailedTargetPhones": [{"Phone": "1"}], '
        b'"FailedTargetPhones": []}',
        b'{"RetCode": 0, "RetCode": 0, "x": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_2xx_that_cannot_be_read_is_unknown(status: int, body: bytes) -> None:
    assert isinstance(judged(body, status), Unknown)


@pytest.mark.parametrize(
    "failed",
    [
        {},
        "13800138000",
        ["13800138000"],
        [{"Phone": None}],
        [{"FailureReason": "no phone"}],
        [{"Phone": "138", "TemplateParams": "x"}],
        [{"Phone": "138", "TemplateParams": [["x"]]}],
        [{"Phone": "138"}, None],
    ],
)
def test_an_answer_whose_failed_phones_cannot_be_read_is_unknown(failed: Any) -> None:
    assert isinstance(judged(GOOD | {"FailedTargetPhones": failed}), Unknown)


@given(
    st.integers(200, 999),
    st.binary() | st.text().map(str.encode) | st.sampled_from([b"{}", json.dumps(GOOD).encode()]),
)
def test_the_judge_has_a_verdict_on_everything(status: int, body: bytes) -> None:
    assert isinstance(judge(status, NO_HEADERS, body), Verdict)


# --- no answer at all ------------------------------------------------------------------------

NO_CONNECTION = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"}
PERHAPS_SENT = {
    "CloseError",
    "CookieConflict",
    "DecodingError",
    "HTTPError",
    "HTTPStatusError",
    "InvalidURL",
    "LocalProtocolError",
    "NetworkError",
    "ProtocolError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "RequestError",
    "RequestNotRead",
    "ResponseNotRead",
    "StreamClosed",
    "StreamConsumed",
    "StreamError",
    "TimeoutException",
    "TooManyRedirects",
    "TransportError",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
}


def test_every_exception_of_httpx_has_its_place() -> None:
    """A new one must be put into one of the two sets, after thinking which."""
    found = {
        name
        for name, thing in vars(httpx).items()
        if isinstance(thing, type) and issubclass(thing, Exception)
    }
    assert found == NO_CONNECTION | PERHAPS_SENT


def raised(name: str) -> Exception:
    kind: type[Exception] = getattr(httpx, name)
    return kind.__new__(kind, "boom")


@pytest.mark.parametrize("name", sorted(NO_CONNECTION))
def test_where_no_connection_was_made_nothing_was_taken(name: str) -> None:
    verdict = judge_failure(raised(name))
    assert isinstance(verdict, NotTaken)
    assert verdict.retry_after is None
    assert "boom" in verdict.reason


@pytest.mark.parametrize("name", sorted(PERHAPS_SENT))
def test_every_other_failure_is_unknown(name: str) -> None:
    assert isinstance(judge_failure(raised(name)), Unknown)


@pytest.mark.parametrize(
    "error", [OSError("x"), ssl.SSLError("x"), RuntimeError(), MemoryError(), KeyError("x")]
)
def test_an_exception_of_something_else_is_unknown(error: Exception) -> None:
    assert isinstance(judge_failure(error), Unknown)


# --- on the wire -----------------------------------------------------------------------------


def send(address: str, timeout: float = 10.0) -> Verdict:
    client = Client(account_at(address), timeout)
    try:
        return client.send(BODY)
    finally:
        client.close()


def send_to_script(script: Script, timeout: float = 10.0) -> Verdict:
    with RawServer(script) as server:
        return send(server.address, timeout)


def answering(data: bytes) -> Script:
    """A server that answers each request of a connection with some bytes, and then closes."""

    def script(server: RawServer, connection: socket.socket) -> None:
        if server.read_request(connection):
            connection.sendall(data)

    return script


def test_a_request_is_what_the_documents_ask_for(gateway: Gateway) -> None:
    assert send(gateway.address) == Taken(("S1-1",), ())
    (request,) = gateway.requests
    pair = base64.b64encode(f"{KEY_ID}:{SECRET}".encode()).decode()
    assert request.headers["Authorization"] == f"Basic {pair}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Host"] == gateway.address.removeprefix("http://")
    assert request.body == json.loads(BODY)
    assert gateway.phones == {"13800138000": 1}


def test_the_key_pair_is_sent_as_utf_8() -> None:
    heads: list[bytes] = []

    def script(server: RawServer, connection: socket.socket) -> None:
        heads.append(server.read_request(connection))
        connection.sendall(answer(json.dumps(GOOD).encode()))

    with RawServer(script) as server:
        client = Client(Account(server.address, "ключ", Secret("秘密:x")), 10.0)
        assert client.send(BODY) == Taken(("a",), ())
        client.close()
    pair = base64.b64encode("ключ:秘密:x".encode())
    assert f"POST {SEND_PATH} HTTP/1.1\r\n".encode() in heads[0]
    assert b"Authorization: Basic " + pair + b"\r\n" in heads[0]


def test_a_path_in_the_address_is_kept() -> None:
    heads: list[bytes] = []

    def script(server: RawServer, connection: socket.socket) -> None:
        heads.append(server.read_request(connection))
        connection.sendall(answer(b"{}"))

    with RawServer(script) as server:
        send(f"{server.address}/gate")
    assert heads[0].startswith(f"POST /gate{SEND_PATH} HTTP/1.1\r\n".encode())


def test_one_connection_serves_many_requests() -> None:
    def script(server: RawServer, connection: socket.socket) -> None:
        while server.read_request(connection):
            connection.sendall(answer(json.dumps(GOOD).encode()))

    with RawServer(script) as server:
        client = Client(account_at(server.address), 10.0)
        verdicts = [client.send(BODY) for _ in range(5)]
        client.close()
        assert verdicts == [Taken(("a",), ())] * 5
        assert (server.connections, server.requests) == (1, 5)


def test_loopback_is_reached_past_any_proxy(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(send(gateway.address), Taken)


def test_silence_ends_at_the_timeout_and_is_unknown(gateway: Gateway) -> None:
    gateway.plan = in_turn(Reply(seconds=30.0))
    began = time.monotonic()
    assert send(gateway.address, 0.2) == Unknown("no answer within 0.2 seconds")
    assert time.monotonic() - began < 5


def test_an_answer_that_drips_ends_at_the_timeout_and_is_unknown(gateway: Gateway) -> None:
    gateway.plan = in_turn(Reply(fault="drip", seconds=0.05, body=b" " * 1000))
    began = time.monotonic()
    assert send(gateway.address, 0.3) == Unknown("no answer within 0.3 seconds")
    assert time.monotonic() - began < 5


def test_headers_that_drip_end_at_the_timeout_and_are_unknown() -> None:
    def script(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        server.drip(connection, b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000)

    began = time.monotonic()
    assert send_to_script(script, 0.3) == Unknown("no answer within 0.3 seconds")
    assert time.monotonic() - began < 5


def test_the_timeout_holds_through_the_tunnel_of_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, trusted = trustme.CA(), tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.test").configure_cert(context)

    def script(server: RawServer, connection: socket.socket) -> None:
        assert connection.recv(65536).startswith(b"CONNECT api.test:443 ")
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as inside:
            server.read_request(inside)
            server.drip(inside, b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000)

    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with RawServer(script) as server:
        monkeypatch.setenv("HTTPS_PROXY", server.address)
        began = time.monotonic()
        assert send("https://api.test", 1.0) == Unknown("no answer within 1 seconds")
        assert time.monotonic() - began < 10
        assert server.requests == 1


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "404 Not Found"])
def test_what_the_timeout_cut_off_is_not_taken_for_a_whole_answer(status: str) -> None:
    """Without a length the end of the connection is the end of the answer: also ours."""

    def script(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
        server.drip(connection, b" " * 1000 + b'{"SessionNo": ["a"]}')

    assert send_to_script(script, 0.3) == Unknown("no answer within 0.3 seconds")


def test_a_client_goes_on_after_a_timeout() -> None:
    def script(server: RawServer, connection: socket.socket) -> None:
        while server.read_request(connection):
            if server.requests > 1:
                connection.sendall(answer(json.dumps(GOOD).encode()))

    with RawServer(script) as server:
        client = Client(account_at(server.address), 1.0)
        first, second = client.send(BODY), client.send(BODY)
        client.close()
        assert isinstance(first, Unknown)
        assert second == Taken(("a",), ())
        assert (server.connections, server.requests) == (2, 2)


def test_a_refused_connection_is_not_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert isinstance(send(f"http://127.0.0.1:{port}"), NotTaken)


def test_a_server_that_speaks_no_tls_is_not_taken() -> None:
    def script(server: RawServer, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with RawServer(script) as server:
        verdict = send(server.address.replace("http:", "https:"))
    assert isinstance(verdict, NotTaken)
    assert "no connection was made" in verdict.reason


def test_a_tls_handshake_that_never_ends_is_not_taken() -> None:
    def script(server: RawServer, connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with RawServer(script) as server:
        began = time.monotonic()
        verdict = send(server.address.replace("http:", "https:"), 0.3)
        assert time.monotonic() - began < 5
    assert isinstance(verdict, NotTaken)


@pytest.mark.parametrize("fault", ["drop", "reset", "cut"])
def test_a_connection_that_breaks_is_unknown(gateway: Gateway, fault: str) -> None:
    gateway.plan = in_turn(Reply(fault=fault))
    assert isinstance(send(gateway.address), Unknown)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Unknown),
        (400, Unknown),
        (500, Unknown),
        (302, Stop),
        (401, Stop),
        (403, Stop),
        (429, NotTaken),
    ],
)
def test_a_status_that_decides_alone_does_so_also_when_the_body_breaks_off(
    status: int, verdict: type
) -> None:
    data = f"HTTP/1.1 {status} X\r\nContent-Length: 100\r\n\r\nhalf".encode()
    assert isinstance(send_to_script(answering(data)), verdict)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
        answer(b"not gzip", "200 OK", "Content-Encoding: gzip"),
    ],
)
def test_an_answer_that_is_no_http_is_unknown(data: bytes) -> None:
    assert isinstance(send_to_script(answering(data)), Unknown)


def test_an_endless_answer_is_given_up_and_unknown() -> None:
    def script(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while not server.stopping.is_set():
            sent.append(connection.send(b" " * 2**20))

    sent: list[int] = []
    assert isinstance(send_to_script(script), Unknown)
    assert LONGEST_ANSWER < sum(sent) < 4 * LONGEST_ANSWER


def test_the_longest_documented_answer_is_read(gateway: Gateway) -> None:
    """A thousand recipients, each failed for a long reason with long parameters."""
    failed = [
        {"Phone": str(13800000000 + n), "TemplateParams": ["参" * 500], "FailureReason": "x" * 200}
        for n in range(1000)
    ]
    body = json.dumps(GOOD | {"FailedTargetPhones": failed}).encode()
    gateway.plan = in_turn(Reply(body=body))
    verdict = send(gateway.address)
    assert isinstance(verdict, Taken)
    assert len(verdict.failed) == 1000


def test_a_gzipped_answer_is_read(gateway: Gateway) -> None:
    packed = gzip.compress(json.dumps(GOOD).encode())
    gateway.plan = in_turn(Reply(headers={"Content-Encoding": "gzip"}, body=packed))
    assert send(gateway.address) == Taken(("a",), ())


def test_answers_before_the_answer_are_passed_over() -> None:
    data = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(json.dumps(GOOD).encode())
    assert send_to_script(answering(data)) == Taken(("a",), ())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(gateway: Gateway, status: int) -> None:
    with Gateway() as elsewhere:
        place = f"{elsewhere.address}{SEND_PATH}"
        gateway.plan = in_turn(Reply(takes=False, status=status, headers={"Location": place}))
        assert isinstance(send(gateway.address), Stop)
        assert not elsewhere.requests
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("place", ["", "//", "http://a:b/", "javascript:1"])
def test_a_redirect_to_nowhere_stops_too(gateway: Gateway, place: str) -> None:
    gateway.plan = in_turn(Reply(takes=False, status=302, headers={"Location": place}))
    assert isinstance(send(gateway.address), Stop)


def test_a_connection_closed_between_two_requests_is_not_used_again() -> None:
    with RawServer(answering(answer(json.dumps(GOOD).encode()))) as server:
        client = Client(account_at(server.address), 10.0)
        first = client.send(BODY)
        time.sleep(0.1)
        second = client.send(BODY)
        client.close()
        assert first == second == Taken(("a",), ())
        assert (server.connections, server.requests) == (2, 2)


def test_a_request_into_a_connection_being_closed_is_made_once_and_unknown() -> None:
    """The second request comes in, and instead of an answer the connection ends."""

    def script(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(answer(json.dumps(GOOD).encode()))
        server.read_request(connection)

    with RawServer(script) as server:
        client = Client(account_at(server.address), 10.0)
        first, second = client.send(BODY), client.send(BODY)
        client.close()
        assert first == Taken(("a",), ())
        assert isinstance(second, Unknown)
        assert (server.connections, server.requests) == (1, 2)


@pytest.mark.parametrize("address", ["http://127.0.0.1:x", "http://127.0.0.1/\x00"])
def test_an_address_that_cannot_be_used_is_an_error_before_any_request(address: str) -> None:
    with pytest.raises(UsageError, match="USPEEDO_BASE_URL"):
        Client(account_at(address), 1.0)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "foo://127.0.0.1"])
def test_a_proxy_that_cannot_be_used_is_an_error_before_any_request(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(UsageError, match="proxy"):
        Client(account_at("https://sms.invalid"), 1.0)


def test_a_secret_that_an_answer_repeats_is_not_passed_on(gateway: Gateway) -> None:
    pair = base64.b64encode(f"{KEY_ID}:{SECRET}".encode()).decode()
    echo = {"RetCode": 215392, "Message": f"bad header: Basic {pair} for {SECRET}"}
    listed = GOOD | {"FailedTargetPhones": [{"Phone": "138", "FailureReason": SECRET}]}
    gateway.plan = in_turn(
        *(Reply(takes=False, body=json.dumps(body).encode()) for body in (echo, listed))
    )
    shown = repr([send(gateway.address), send(gateway.address)])
    shown += repr(send_to_script(answering(f"{SECRET}: {pair}\r\n\r\n".encode())))
    assert "bad header" in shown
    assert SECRET not in shown
    assert pair not in shown
