"""The sandbox, over real HTTP: it does what docs/sandbox.md says, and survives any request."""

import base64
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import phonenumbers
import pytest

from usms_cli.sandbox import Sandbox
from usms_cli.sandbox.rules import KEYS, PHONES, SENDERS, TEMPLATES

SEND = "/api/v1/usms/SendBatchUSMSMessage"
RECEIPTS = "/api/v1/usms/USMSSendReceipt"
TEMPLATE = "/api/v1/usms/USMSTemplate"
DOCS = Path(__file__).parent.parent / "docs" / "sandbox.md"
GOOD = "13800138000"
AUTH = {"Authorization": "Basic " + base64.b64encode(b"id:s3cret").decode()}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def sandbox(log: list[str]) -> Iterator[Sandbox]:
    with Sandbox(slow=0.3, log=log.append) as sandbox:
        yield sandbox


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with client(sandbox) as api:
        yield api


def client(sandbox: Sandbox, key_id: str = "id") -> httpx.Client:
    """Return a client with a key pair; it reads no certificates, which takes longer than a test."""
    auth = (key_id, "s3cret")
    return httpx.Client(base_url=sandbox.address, auth=auth, trust_env=False, verify=False)


def target(phone: str, *params: str) -> dict[str, Any]:
    return {"Phone": phone, "TemplateParams": list(params)} if params else {"Phone": phone}


def batch(*phones: str, template: str = "T1", sender: str = "USpeedo") -> dict[str, Any]:
    targets = [target(phone) for phone in phones]
    return {"TaskContent": [{"TemplateId": template, "SenderId": sender, "Target": targets}]}


def send(api: httpx.Client, *phones: str, **entry: str) -> Any:
    return api.post(SEND, json=batch(*phones, **entry)).json()


def refused_as(code: int, message: str) -> dict[str, Any]:
    return {"RetCode": code, "Message": message}


def raw(sandbox: Sandbox, request: bytes) -> bytes:
    """Send bytes as they are; return all that comes back until the sandbox closes."""
    address = ("127.0.0.1", int(sandbox.address.rpartition(":")[2]))
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


class TestSending:
    def test_takes_the_example_of_the_api_document(self, api: httpx.Client) -> None:
        body = batch()
        body["TaskContent"][0]["Target"] = [
            target("13800138000", "123456"),
            target("13900139000", "654321"),
        ]
        answer = api.post(SEND, json=body).json()
        sessions = answer.pop("SessionNo")
        assert answer == {"RetCode": 0, "Message": "success", "FailedTargetPhones": []}
        assert len(sessions) == 1

    def test_gives_every_entry_a_session_number_of_its_own(self, api: httpx.Client) -> None:
        body = {"TaskContent": batch(GOOD)["TaskContent"] * 3}
        sessions = [
            number for _ in range(3) for number in api.post(SEND, json=body).json()["SessionNo"]
        ]
        assert len(set(sessions)) == 9

    def test_gives_an_entry_no_session_number_when_all_of_it_fails(self, api: httpx.Client) -> None:
        tasks = batch("19999990101")["TaskContent"] + batch(GOOD)["TaskContent"]
        answer = api.post(SEND, json={"TaskContent": tasks}).json()
        assert len(answer["SessionNo"]) == len(answer["FailedTargetPhones"]) == 1
        assert send(api, "19999990102")["SessionNo"] == []

    def test_takes_foreign_numbers_an_empty_sender_and_no_params(self, api: httpx.Client) -> None:
        assert send(api, "(852)55311111", sender="")["RetCode"] == 0

    def test_takes_a_thousand_numbers_within_a_moment(
        self, sandbox: Sandbox, api: httpx.Client
    ) -> None:
        phones = [f"138{number:08}" for number in range(1000)]
        send(api, GOOD)
        begin = time.perf_counter()
        assert send(api, *phones)["RetCode"] == 0
        assert time.perf_counter() - begin < 0.5
        assert sandbox.taken_phones() == [GOOD, *phones]

    def test_refuses_more_than_a_thousand_over_all_entries(
        self, sandbox: Sandbox, api: httpx.Client
    ) -> None:
        tasks = batch(*[GOOD] * 600)["TaskContent"] + batch(*[GOOD] * 401)["TaskContent"]
        answer = api.post(SEND, json={"TaskContent": tasks}).json()
        assert answer == refused_as(215392, "Invalid parameter [Target]")
        assert sandbox.taken_phones() == []

    def test_takes_each_recipient_once_when_many_send_at_once(self, sandbox: Sandbox) -> None:
        def post(first: int) -> None:
            with client(sandbox) as api:
                for number in range(first, first + 10):
                    send(api, f"138{number:08}")

        threads = [threading.Thread(target=post, args=(first,)) for first in range(0, 80, 10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(sandbox.taken_phones()) == [f"138{number:08}" for number in range(80)]


class TestChecks:
    @pytest.mark.parametrize("field", ["TemplateId", "SenderId", "Target"])
    def test_names_a_field_that_is_missing_or_of_a_wrong_type(
        self, api: httpx.Client, field: str
    ) -> None:
        body = batch(GOOD)
        body["TaskContent"][0][field] = 5
        answer = api.post(SEND, json=body).json()
        assert answer == refused_as(215392, f"Invalid parameter [{field}]")
        del body["TaskContent"][0][field]
        answer = api.post(SEND, json=body).json()
        assert answer == refused_as(215397, f"Missing parameter [{field}]")

    @pytest.mark.parametrize("body", [{}, {"TaskContent": []}])
    def test_wants_at_least_one_task(self, api: httpx.Client, body: dict[str, Any]) -> None:
        answer = api.post(SEND, json=body).json()
        assert answer == refused_as(215397, "Missing parameter [TaskContent]")

    @pytest.mark.parametrize(
        "phone",
        [
            "+8613800138000",
            "138 0013 8000",
            "2380013800",
            "(0)12345",
            "１３８００１３８０００",
            "x",
        ],
    )
    def test_refuses_a_phone_not_written_as_the_api_writes_it(
        self, api: httpx.Client, phone: str
    ) -> None:
        assert send(api, GOOD, phone) == refused_as(215392, "Invalid parameter [Phone]")

    @pytest.mark.parametrize("params", [[], [1], "1", None, [["1"]]])
    def test_refuses_params_that_are_empty_or_no_strings(
        self, api: httpx.Client, params: object
    ) -> None:
        body = batch(GOOD)
        body["TaskContent"][0]["Target"][0]["TemplateParams"] = params
        answer = api.post(SEND, json=body).json()
        assert answer == refused_as(215392, "Invalid parameter [TemplateParams]")

    @pytest.mark.parametrize(
        "authorization",
        [
            "",
            "Basic",
            "Basic !",
            "Basic ü",
            "Bearer aWQ6cw==",
            "Basic OnM=",
            "Basic aWQ6",
            "Basic /w==",
        ],
    )
    def test_refuses_a_key_pair_that_is_none(self, sandbox: Sandbox, authorization: str) -> None:
        headers = {b"Authorization": authorization.encode()}
        for method, path in (("POST", SEND), ("GET", RECEIPTS), ("GET", TEMPLATE)):
            address = sandbox.address + path
            answer = httpx.request(method, address, headers=headers, verify=False)
            assert answer.json() == refused_as(215398, "Failed to parse token")

    @pytest.mark.parametrize(
        ("content_type", "status"),
        [("application/json", 200), ("Application/JSON; charset=utf-8", 200), ("text/json", 415)],
    )
    def test_wants_json_by_name(self, api: httpx.Client, content_type: str, status: int) -> None:
        content = json.dumps(batch(GOOD))
        headers = {"Content-Type": content_type}
        assert api.post(SEND, content=content, headers=headers).status_code == status

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"\xff", b"[]", b"null", b"[" * 200_000, b'{"a":' * 200_000, b"9" * 10_000],
        ids=lambda body: repr(body[:8]),
    )
    def test_refuses_a_body_that_is_no_json_object(self, api: httpx.Client, body: bytes) -> None:
        answer = api.post(SEND, content=body, headers=JSON)
        assert answer.status_code == 400
        assert answer.json() == refused_as(215392, "Invalid parameter [body]")

    def test_takes_a_lone_surrogate_for_what_it_is(self, api: httpx.Client) -> None:
        body = batch(template="\ud800", sender="\ud800")
        body["TaskContent"][0]["Target"] = [target("19999990101", "\ud800")]
        answer = api.post(SEND, content=json.dumps(body), headers=JSON)
        assert r'"TemplateParams": ["\ud800"]' in answer.text


class TestTestPhones:
    """Each group of PHONES, and that every row of it does what it says."""

    def test_are_all_valid_mainland_mobiles(self) -> None:
        for phone in PHONES:
            number = phonenumbers.parse(phone, "CN")
            assert phonenumbers.is_valid_number(number)
            assert phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE

    @pytest.mark.parametrize(
        ("phone", "shown", "reason", "code"),
        [
            ("19999990101", "19999990101", "phone number is on the blacklist", 0),
            ("19999990102", "19999990102", "recipient has unsubscribed", 0),
            (
                "19999990103",
                "19999990103",
                "[red]blocked[/red] <b>by</b> \x1b[31mcarrier\x1b[0m",
                0,
            ),
            ("19999990104", "+86 199 9999 0104", "phone number is on the blacklist", 0),
            ("19999990146", "19999990146", "phone number is on the blacklist", 18046),
        ],
    )
    def test_fail_alone_with_a_reason(
        self, sandbox: Sandbox, api: httpx.Client, phone: str, shown: str, reason: str, code: int
    ) -> None:
        body = batch(GOOD, phone)
        body["TaskContent"][0]["Target"][1] = target(phone, "Ann", "12")
        answer = api.post(SEND, json=body).json()
        assert answer["RetCode"] == code
        assert len(answer["SessionNo"]) == 1
        assert answer["FailedTargetPhones"] == [
            {"Phone": shown, "TemplateParams": ["Ann", "12"], "FailureReason": reason}
        ]
        assert sandbox.taken_phones() == [GOOD]

    @pytest.mark.parametrize(
        ("last", "status", "code", "retry_after", "taken"),
        [
            ("0392", 200, 215392, None, False),
            ("0398", 200, 215398, None, False),
            ("0400", 200, 215400, None, False),
            ("0408", 408, 215400, None, False),
            ("0422", 422, 215392, None, False),
            ("0429", 429, 215400, None, False),
            ("0500", 500, 215400, None, False),
            ("0502", 502, 215400, None, True),
            ("0503", 503, 215400, None, False),
            ("2503", 503, 215400, "3600", False),
        ],
    )
    def test_decide_about_the_whole_request_every_time(
        self,
        sandbox: Sandbox,
        api: httpx.Client,
        last: str,
        status: int,
        code: int,
        retry_after: str | None,
        taken: bool,
    ) -> None:
        phones = [GOOD, "1999999" + last]
        for _ in range(2):
            answer = api.post(SEND, json=batch(*phones))
            assert (answer.status_code, answer.json()["RetCode"]) == (status, code)
            assert answer.headers.get("Retry-After") == retry_after
            assert "SessionNo" not in answer.json()
        assert sandbox.taken_phones() == (phones * 2 if taken else [])

    @pytest.mark.parametrize(("last", "status"), [("1429", 429), ("1503", 503)])
    def test_ask_for_patience_once(
        self, sandbox: Sandbox, api: httpx.Client, last: str, status: int
    ) -> None:
        phone = "1999999" + last
        first = api.post(SEND, json=batch(phone))
        assert (first.status_code, first.headers["Retry-After"]) == (status, "1")
        assert send(api, phone)["RetCode"] == 0
        assert sandbox.taken_phones() == [phone]

    def test_redirect_to_where_nobody_listens(self, sandbox: Sandbox, api: httpx.Client) -> None:
        answer = api.post(SEND, json=batch("19999990307"))
        assert (answer.status_code, answer.headers["Location"]) == (307, "http://127.0.0.1:9/")
        assert sandbox.taken_phones() == []

    @pytest.mark.parametrize(("last", "taken"), [("0801", False), ("0802", True), ("0803", True)])
    def test_drop_the_connection(
        self, sandbox: Sandbox, api: httpx.Client, last: str, taken: bool
    ) -> None:
        phone = "1999999" + last
        with pytest.raises(httpx.RemoteProtocolError):
            send(api, phone)
        assert sandbox.taken_phones() == ([phone] if taken else [])
        assert send(api, GOOD)["RetCode"] == 0

    @pytest.mark.parametrize("last", ["0701", "0702"])
    def test_answer_late_and_in_full(self, sandbox: Sandbox, api: httpx.Client, last: str) -> None:
        begin = time.perf_counter()
        assert len(send(api, "1999999" + last)["SessionNo"]) == 1
        assert time.perf_counter() - begin > 0.25

    def test_drip_faster_than_a_timeout_for_each_read(self, api: httpx.Client) -> None:
        answer = api.post(SEND, json=batch("19999990702"), timeout=0.15)
        assert answer.json()["RetCode"] == 0

    def test_answer_in_odd_shapes(self, sandbox: Sandbox, api: httpx.Client) -> None:
        phones = [f"1999999060{number}" for number in range(1, 5)]
        html = api.post(SEND, json=batch(phones[0]))
        assert (html.headers["Content-Type"], html.text[:6]) == ("text/html", "<html>")
        without, string, stranger = (send(api, phone) for phone in phones[1:])
        assert without == {"RetCode": 0, "Message": "success", "FailedTargetPhones": []}
        assert isinstance(string["SessionNo"], str)
        assert stranger["FailedTargetPhones"][0]["Phone"] == "19999990000"
        assert sandbox.taken_phones() == phones

    def test_the_first_in_a_request_decides(self, api: httpx.Client) -> None:
        answer = api.post(SEND, json=batch("19999990101", "19999990500", "19999990392"))
        assert answer.status_code == 500


class TestReceipts:
    def ask(self, api: httpx.Client, *sessions: str) -> Any:
        return api.get(RECEIPTS, params={"id": sessions}).json()

    @pytest.mark.parametrize(
        ("phone", "shown", "result", "parts"),
        [
            (GOOD, GOOD, "Success", 1),
            ("19999990201", "19999990201", "Fail", 1),
            ("19999990202", "19999990202", "Fail", 1),
            ("19999990203", "19999990203", "SubmitFail", 0),
            ("19999990204", "19999990204", "Unknow", 0),
            ("19999990206", "+86 199 9999 0206", "Success", 1),
            ("19999990207", "19999990207", "Fail", 1),
            ("19999990208", "19999990208", "Success", 3),
        ],
    )
    def test_say_what_became_of_a_phone(
        self, api: httpx.Client, phone: str, shown: str, result: str, parts: int
    ) -> None:
        (session,) = send(api, phone)["SessionNo"]
        (data,) = self.ask(api, session)["Data"]
        (receipt,) = data["ReceiptSet"]
        assert data["SessionNo"] == session
        assert (receipt["Phone"], receipt["ReceiptResult"]) == (shown, result)
        assert receipt["CostCount"] == parts
        assert (receipt["ReceiptDesc"] != "") == (result != "Unknow")
        assert abs(receipt["ReceiptTime"] - time.time()) < 60

    def test_have_every_documented_field(self, api: httpx.Client) -> None:
        answer = self.ask(api, *send(api, "(852)55311111")["SessionNo"])
        assert (answer["RetCode"], answer["Message"]) == (0, "")
        receipt = answer["Data"][0]["ReceiptSet"][0]
        assert receipt.pop("ReceiptTime") > 0
        assert receipt == {
            "Phone": "(852)55311111",
            "CostCount": 1,
            "ReceiptResult": "Success",
            "ReceiptCode": "DELIVRD",
            "ReceiptDesc": "delivered",
            "UserId": "",
            "CountryCode": "852",
            "BrevityCode": "",
        }

    def test_come_one_for_each_time_a_phone_was_taken_and_none_for_the_failed(
        self, api: httpx.Client
    ) -> None:
        sent = send(api, GOOD, "19999990101", GOOD, "19999990205")
        (data,) = self.ask(api, *sent["SessionNo"])["Data"]
        assert [receipt["Phone"] for receipt in data["ReceiptSet"]] == [GOOD, GOOD]

    def test_come_after_the_delay(self) -> None:
        with Sandbox(receipt_delay=0.2) as sandbox, client(sandbox) as api:
            sessions = send(api, GOOD)["SessionNo"]
            assert self.ask(api, *sessions)["Data"][0]["ReceiptSet"] == []
            time.sleep(0.25)
            assert len(self.ask(api, *sessions)["Data"][0]["ReceiptSet"]) == 1

    def test_leave_out_a_session_that_never_was(self, api: httpx.Client) -> None:
        (session,) = send(api, GOOD)["SessionNo"]
        assert [data["SessionNo"] for data in self.ask(api, "other", session)["Data"]] == [session]

    def test_are_given_for_a_hundred_sessions_at_most(self, api: httpx.Client) -> None:
        sessions = [str(number) for number in range(101)]
        assert self.ask(api, *sessions[:100])["RetCode"] == 0
        assert self.ask(api, *sessions) == refused_as(215392, "Invalid parameter [id]")
        assert self.ask(api) == refused_as(215397, "Missing parameter [id]")

    def test_outlive_the_sandbox_in_a_store(self, tmp_path: Path) -> None:
        store = tmp_path / "sandbox.db"
        with Sandbox(store=store) as sandbox, client(sandbox) as api:
            sessions = send(api, GOOD)["SessionNo"]
        assert store.stat().st_mode & 0o777 == 0o600
        with Sandbox(store=store) as sandbox, client(sandbox) as api:
            assert len(self.ask(api, *sessions)["Data"][0]["ReceiptSet"]) == 1
            assert not set(sessions) & set(send(api, GOOD)["SessionNo"])


class TestTemplates:
    def ask(self, api: httpx.Client, *ids: str) -> Any:
        return api.get(TEMPLATE, params={"id": ids}).json()["Data"]

    @pytest.mark.parametrize("template", TEMPLATES)
    def test_are_sent_with_only_when_approved(self, api: httpx.Client, template: str) -> None:
        answer = self.ask(api, template)
        approved = [each["Status"] for each in answer] == [2]
        variables = len(re.findall(r"\{[0-9]\}", answer[0]["Template"])) if answer else 0
        body = batch(template=template)
        body["TaskContent"][0]["Target"] = [target(GOOD, *["x"] * variables)]
        sent = api.post(SEND, json=body).json()
        if approved:
            assert sent["RetCode"] == 0
        else:
            assert sent == refused_as(215392, "Invalid parameter [TemplateId]")

    @pytest.mark.parametrize(
        ("template", "status"),
        [
            ("sandbox-no-variables", 2),
            ("sandbox-3-variables", 2),
            ("sandbox-waiting", 0),
            ("sandbox-in-review", 1),
            ("sandbox-refused", 3),
            ("sandbox-disabled", 4),
        ],
    )
    def test_have_a_status(self, api: httpx.Client, template: str, status: int) -> None:
        (answer,) = self.ask(api, template)
        assert (answer["TemplateId"], answer["Status"]) == (template, status)
        assert set(answer) == {
            *("TemplateId", "TemplateName", "Template", "Purpose", "Status", "ErrDesc")
        }

    def test_are_left_out_when_missing(self, api: httpx.Client) -> None:
        answer = self.ask(api, "sandbox-missing", "sandbox-1-variable")
        assert [each["TemplateId"] for each in answer] == ["sandbox-1-variable"]

    def test_refuse_another_number_of_params(self, api: httpx.Client) -> None:
        answer = send(api, GOOD, template="sandbox-2-variables")
        assert answer == refused_as(215392, "Invalid parameter [TemplateParams]")

    def test_have_about_490_characters_if_long(self, api: httpx.Client) -> None:
        text = self.ask(api, "sandbox-long")[0]["Template"].replace("{1}", "")
        assert 485 <= len(text) <= 495

    def test_unknown_here_have_as_many_variables_as_they_were_last_sent_with(
        self, api: httpx.Client
    ) -> None:
        assert self.ask(api, "mine")[0]["Template"] == "Sandbox message {1}"
        body = batch(template="mine")
        for params, text in ((["a", "b"], "Sandbox message {1}, {2}"), ([], "Sandbox message")):
            body["TaskContent"][0]["Target"] = [target(GOOD, *params)]
            assert api.post(SEND, json=body).json()["RetCode"] == 0
            assert self.ask(api, "mine")[0]["Template"] == text


class TestKeysAndSenders:
    @pytest.mark.parametrize(
        ("key_id", "status"),
        [("sandbox-wrong-key", 200), ("sandbox-401", 401), ("sandbox-403", 403)],
    )
    def test_a_refused_key_is_refused_for_every_call(
        self, sandbox: Sandbox, key_id: str, status: int
    ) -> None:
        with client(sandbox, key_id) as api:
            for answer in (api.post(SEND, json=batch(GOOD)), api.get(RECEIPTS), api.get(TEMPLATE)):
                assert answer.status_code == status
                assert answer.json() == refused_as(215398, "Failed to parse token")
        assert sandbox.taken_phones() == []

    def test_a_refused_sender_is_named(self, api: httpx.Client) -> None:
        answer = send(api, GOOD, sender="sandbox-bad-sender")
        assert answer == refused_as(215392, "Invalid parameter [SenderId]")


class TestHttp:
    def test_another_path_is_404_and_another_method_405(self, api: httpx.Client) -> None:
        assert api.get("/").status_code == api.get("//[/?id=1").status_code == 404
        for method, path in (("GET", SEND), ("POST", RECEIPTS), ("DELETE", TEMPLATE)):
            answer = api.request(method, path, content=b"{}")
            assert answer.status_code == 405
            assert answer.json() == refused_as(215392, "Invalid parameter [method]")
        assert api.head(SEND).status_code == 405

    def test_one_connection_carries_many_requests(self, sandbox: Sandbox) -> None:
        body = json.dumps(batch(GOOD)).encode()
        head = f"POST {SEND} HTTP/1.1\r\nAuthorization: {AUTH['Authorization']}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        answers = raw(sandbox, (head.encode() + body) * 3)
        assert answers.count(b"HTTP/1.1 200 OK") == answers.count(b'"RetCode": 0') == 3

    @pytest.mark.parametrize(
        ("head", "status"),
        [
            ("", 411),
            ("Transfer-Encoding: chunked", 411),
            ("Content-Length: 99999999999999999999", 413),
            ("Content-Length: " + "9" * 5000, 413),
            ("Content-Length: -1", 400),
            ("Content-Length: ²", 400),
            ("Content-Length: 10", 400),
            ("X: " + "x" * 70_000, 431),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_a_body_without_a_proper_length_is_refused(
        self, sandbox: Sandbox, head: str, status: int
    ) -> None:
        answer = raw(sandbox, f"POST {SEND} HTTP/1.1\r\n{head}\r\n\r\n".encode("latin-1"))
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["RetCode"] == 215392

    @pytest.mark.parametrize(
        "request_bytes",
        [
            b"\r\n\r\n",
            b"\x16\x03\x01\x02\x00\r\n",
            b"GET\r\n\r\n",
            b"BREW / HTTP/1.1\r\n\r\n",
            b"\xff" * 99,
        ],
    )
    def test_noise_is_answered_or_dropped_and_does_no_harm(
        self, sandbox: Sandbox, api: httpx.Client, log: list[str], request_bytes: bytes
    ) -> None:
        raw(sandbox, request_bytes)
        assert send(api, GOOD)["RetCode"] == 0
        assert not any("error" in line for line in log)

    def test_the_log_has_counts_but_no_key_and_no_control_character(
        self, api: httpx.Client, log: list[str]
    ) -> None:
        send(api, GOOD, "19999990101")
        send(api, GOOD, "19999990502")
        with pytest.raises(httpx.RemoteProtocolError):
            send(api, "19999990801")
        api.get("/\x9b31m?id=private")
        assert log == [
            f"POST {SEND} 200 2 recipients: 1 taken, 1 failed",
            f"POST {SEND} 502 2 recipients: 2 taken, 0 failed",
            f"POST {SEND} dropped 1 recipients: none taken",
            "GET /%C2%9B31m 404 Invalid parameter [path]",
        ]

    def test_the_log_makes_a_control_character_visible(
        self, sandbox: Sandbox, log: list[str]
    ) -> None:
        raw(sandbox, b"GET /\x1b[31m HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\r\n\r\n")
        assert log == [r"GET /\x1b[31m 404 Invalid parameter [path]"]


class TestLife:
    def test_serves_on_loopback_alone_and_at_a_port_that_can_be_chosen(self) -> None:
        with Sandbox() as sandbox:
            port = int(sandbox.address.removeprefix("http://127.0.0.1:"))
            with pytest.raises(OSError, match="in use"):
                Sandbox(port)
        with Sandbox(port) as again:
            assert again.address == sandbox.address

    def test_stops_at_once_with_a_request_under_way_and_a_connection_kept_alive(self) -> None:
        errors: list[Exception] = []
        lines: list[str] = []
        sandbox = Sandbox(slow=60, log=lines.append)

        def wait_for_answer() -> None:
            try:
                with client(sandbox) as waiting:
                    send(waiting, "19999990701")
            except httpx.TransportError as error:
                errors.append(error)

        sandbox.start()
        with client(sandbox) as idle:
            send(idle, GOOD)
            thread = threading.Thread(target=wait_for_answer)
            thread.start()
            while len(lines) < 2:
                time.sleep(0.01)
            begin = time.perf_counter()
            sandbox.stop()
            thread.join()
            assert time.perf_counter() - begin < 0.5
            assert len(errors) == 1
            with pytest.raises(httpx.TransportError):
                send(idle, GOOD)
        sandbox.stop()
        assert len(lines) == 2

    def test_may_be_stopped_without_a_start(self) -> None:
        sandbox = Sandbox()
        sandbox.stop()
        with client(sandbox) as api, pytest.raises(httpx.TransportError):
            send(api, GOOD)

    def test_serves_in_the_foreground_until_stopped(self) -> None:
        sandbox = Sandbox()
        thread = threading.Thread(target=sandbox.serve_forever)
        thread.start()
        with client(sandbox) as api:
            assert send(api, GOOD)["RetCode"] == 0
        sandbox.stop()
        thread.join(timeout=5)
        assert not thread.is_alive()


def test_the_docs_have_every_row_of_the_tables_and_no_other() -> None:
    tables = (PHONES, TEMPLATES, KEYS, SENDERS)
    expected = [(name, case.what) for table in tables for name, case in table.items()]
    assert re.findall(r"^\| `([^`]+)` \| (.*) \|$", DOCS.read_text("utf-8"), re.M) == expected
