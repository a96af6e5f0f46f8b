"""The receipts in an answer: read leniently, and never as a wrong number."""

import json
import socket
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.command import SECRET
from tests.support.raw import RawServer, answer
from tests.support.receipts import body, receipt
from tests.support.runs import account_at
from usms_cli.api.answers import UNREADABLE
from usms_cli.api.asking import BadAnswerError
from usms_cli.api.connection import LONGEST_ANSWER, Connection
from usms_cli.api.receipts import (
    MOST_RECEIPTS,
    Receipt,
    ReceiptAnswer,
    Receipts,
    ask_for_receipts,
    read,
)


def understood(content: bytes, *sessions: str) -> Receipts:
    return read(msgspec.json.decode(content, type=ReceiptAnswer), sessions or ("a",), str)


def one(**fields: Any) -> Receipt:
    """What is made of a receipt with these fields."""
    return understood(body({"a": [receipt("13800138000", **fields)]})).by_session["a"][0]


def test_a_receipt_is_read_as_the_documents_show_it() -> None:
    found = understood(body({"a": [receipt("13800138000", CostCount=2)], "b": []}), "a", "b")
    assert found.by_session == {"a": [Receipt("13800138000", True, 2, 1_795_500_000, "")]}
    assert (found.foreign, found.strange) == (0, {})


@pytest.mark.parametrize(
    ("word", "delivered"),
    [
        *(("Success", True), ("success", True), ("Fail", False), ("SubmitFail", False)),
        *(("Unknow", None), ("Unknown", None), (" FAIL ", False)),
    ],
)
def test_the_results_that_are_documented(word: str, delivered: bool | None) -> None:
    found = understood(body({"a": [receipt("1", word)]}))
    assert found.by_session["a"][0].delivered is delivered
    assert not found.strange


@pytest.mark.parametrize("word", ["Blocked", "", None, 3, True])
def test_a_result_that_is_not_documented_is_waiting_and_told(word: Any) -> None:
    found = understood(body({"a": [receipt("1", word), receipt("2", word)]}))
    assert [one.delivered for one in found.by_session["a"]] == [None, None]
    assert list(found.strange.values()) == [2]


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        *((3, 3), ("3", 3), (3.0, 3), (0, 0), (" 2 ", 2)),
        *((None, None), ("", None), ("three", None), (-1, None), (1.5, None), (True, None)),
        *((10**9, None), (1e300, None), ("²", None), ("١", None), (10**30, None)),
    ],
)
def test_a_number_of_parts_that_is_none_is_no_number(value: Any, parts: int | None) -> None:
    assert one(CostCount=value).parts == parts


@pytest.mark.parametrize(
    ("value", "time"),
    [
        *((1_795_500_000, 1_795_500_000), ("1795500000", 1_795_500_000)),
        *((1_795_500_000_123, 1_795_500_000), (1.7955e9, 1_795_500_000)),
        *((None, 0), ("2026-11-24 10:00:00", 0), (-5, 0), (10**19, 0)),
    ],
)
def test_a_time_is_in_seconds_or_not_said(value: Any, time: int) -> None:
    assert one(ReceiptTime=value).time == time


def test_why_it_was_not_delivered_is_the_description_else_the_code_else_the_result() -> None:
    fail = {"ReceiptResult": "Fail", "ReceiptDesc": "", "ReceiptCode": None}
    assert one(**fail | {"ReceiptDesc": "off"}).reason == "off"
    assert one(**fail | {"ReceiptCode": 17}).reason == "17"
    assert one(**fail).reason == "Fail"


def test_numbers_for_texts_missing_and_unknown_fields_are_no_harm() -> None:
    content = {
        "RetCode": "0",
        "Data": [
            {"SessionNo": 7, "ReceiptSet": [{"Phone": 13800138000, "ReceiptResult": "Success"}]},
            {"SessionNo": "b", "ReceiptSet": None, "New": [{}]},
            {"SessionNo": "c"},
            {"SessionNo": "d", "ReceiptSet": [None, {"New": {"x": [1]}}]},
            None,
        ],
    }
    found = understood(json.dumps(content).encode(), "7", "b", "c", "d")
    assert found.by_session["7"] == [Receipt("13800138000", True, None, 0, "")]
    assert found.by_session["d"] == [Receipt("", None, None, 0, "")]
    assert "b" not in found.by_session
    for nothing in (b'{"RetCode": 0}', b'{"RetCode": 0, "Data": null}'):
        assert understood(nothing) == Receipts()


def test_receipts_of_a_session_that_was_not_asked_for_are_counted_apart() -> None:
    content = body({"a": [receipt("1")], "b": [receipt("2"), receipt("3")], "": [receipt("4")]})
    found = understood(content)
    assert list(found.by_session) == ["a"]
    assert found.foreign == 3


def test_a_session_that_comes_in_two_pieces_is_one() -> None:
    content = json.loads(body({"a": [receipt("1")]}))
    content["Data"] *= 2
    assert len(understood(json.dumps(content).encode()).by_session["a"]) == 2


@pytest.mark.parametrize(
    "data", ['{"a": 1}', '"a"', "[1]", '[{"ReceiptSet": {}}]', '[{"ReceiptSet": [{"Phone": []}]}]']
)
def test_what_does_not_fit_at_all_is_told_in_the_words_of_the_api(data: str) -> None:
    reply = answer(f'{{"RetCode": 0, "Data": {data}}}'.encode())

    def script(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(reply)

    with RawServer(script) as server, pytest.raises(BadAnswerError) as caught:
        ask_for_receipts(Connection(account_at(server.address), 5), 0, ["a"])
    assert data in caught.value.message


def test_the_secret_is_shown_neither_as_a_reason_nor_as_a_result() -> None:
    fields = {"ReceiptResult": SECRET, "ReceiptDesc": f"no {SECRET}"}
    reply = answer(body({"a": [receipt("1", **fields)]}))

    def script(server: RawServer, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(reply)

    with RawServer(script) as server:
        connection = Connection(account_at(server.address), 5)
        found = ask_for_receipts(connection, 0, ["a"])
        connection.close()
    assert SECRET not in repr(found)


def test_an_answer_to_a_full_call_can_be_read() -> None:
    description = "用户" * 60  # escaped, each character is six bytes
    found = [receipt("(852)55311111", "Fail", ReceiptDesc=description)] * MOST_RECEIPTS
    assert len(body({"a" * 40: found})) < LONGEST_ANSWER


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_FIELDS = ("Phone", "CostCount", "ReceiptResult", "ReceiptCode", "ReceiptDesc", "ReceiptTime")
_RECEIPT = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(_FIELDS, _SCALAR),
        "ReceiptResult": st.sampled_from(["Success", "Fail", "SubmitFail", "Unknow"]) | _SCALAR,
    },
)
_SESSION = st.fixed_dictionaries(
    {}, optional={"SessionNo": st.just("a") | _SCALAR, "ReceiptSet": st.lists(_RECEIPT) | _JSON}
)


@given(st.fixed_dictionaries({}, optional={"Data": st.lists(_SESSION | _JSON) | _JSON}) | _JSON)
def test_any_json_is_understood_or_is_not_and_never_gives_a_number_that_it_does_not_say(
    content: Any,
) -> None:
    try:
        found = understood(json.dumps(content).encode())
    except UNREADABLE:
        return
    given = [
        one
        for session in (content.get("Data") or ())
        if session and session.get("ReceiptSet")
        for one in session["ReceiptSet"]
        if one is not None
    ]
    said = found.by_session.get("a", [])
    assert set(found.by_session) <= {"a"}
    assert len(said) + found.foreign == len(given)
    assert all(one.parts is None or 0 <= one.parts <= 1000 for one in said)
    assert all(0 <= one.time < 2**63 for one in said)
    words = [str(one.get("ReceiptResult")).strip().lower() for one in given]
    assert sum(one.delivered is True for one in said) <= words.count("success")
    assert sum(one.delivered is False for one in said) <= words.count("fail") + words.count(
        "submitfail"
    )
