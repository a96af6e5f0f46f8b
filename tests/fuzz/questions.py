"""Answers to questions, about receipts and templates: what they say, or an error for people."""

import random
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any, cast

import httpx

from tests.fuzz.answers import HEADERS, ODD, PHONES, STATUSES, may_mean, written
from usms_cli.api.connection import Answer, Connection
from usms_cli.api.receipts import ask_for_receipts
from usms_cli.api.templates import TemplateStatus, ask_for_templates
from usms_cli.errors import StoppedError
from usms_cli.journal.receipts import Addressee, Kept
from usms_cli.matching import give_out
from usms_cli.messages import TemplateText
from usms_cli.recipients.phones import api_form

_SECRET = "sEcrEt"
_IDS = ("a", "b", "7")
_WORDS = ("Success", "SUCCESS ", "Fail", "SubmitFail", "Unknow", "unknown", "Odd", _SECRET, "")
_TEXTS = ("Hi {1}", "{2} {1} {1}", "", "{0} {1000} {999}", "{1", "中 {1}", f"{_SECRET} {{1}}", "😀")


class _Given:
    """A connection whose one answer is given."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def exchange(self, *_: object, **__: object) -> Answer:
        return self._answer

    def masked(self, text: str) -> str:
        return text.replace(_SECRET, "…")


def try_receipts(chance: random.Random, _: Path) -> str:
    """Read receipts, and give them to those whom they may be about.

    :raises AssertionError: somebody got what is not theirs, or the secret is shown.
    """
    connection = _given(chance, [_session(chance) for _ in range(chance.choice((0, 1, 2, 3)))])
    try:
        receipts = ask_for_receipts(cast(Connection, connection), 0, _IDS)
    except StoppedError as error:
        _check_discreet(error.message + error.hint)
        return f"receipts: {type(error).__name__}"
    _check_discreet(repr([one._replace(phone="") for one in chain(*receipts.by_session.values())]))
    _check_discreet(repr(receipts.strange))
    assert set(receipts.by_session) <= set(_IDS)
    for said in receipts.by_session.values():
        people = [_addressee(chance, id_) for id_ in range(chance.choice((1, 2, 5)))]
        given = give_out(said, people)
        changed = Counter(change.addressee.id for change in given.changes)
        assert all(number == 1 for number in changed.values())
        sent = {api_form(one.phone): one.phone for one in people}
        for change in given.changes:
            one, new = change.addressee, change.receipt
            assert one.accepted
            assert not one.elsewhere
            assert any(
                may_mean(receipt.phone, one.phone, sent) and receipt.delivered == new.delivered
                for receipt in said
            )
            assert new.delivered is not None or one.kept is None or one.kept.delivered is None
        assert len(given.changes) + given.strangers + given.not_accepted <= len(said)
    return "receipts: read"


def try_templates(chance: random.Random, _: Path) -> str:
    """Read templates, and measure messages of their texts.

    :raises AssertionError: a message is of another size than it is, or the secret is shown.
    """
    connection = _given(chance, [_template(chance) for _ in range(chance.choice((0, 1, 2, 3)))])
    try:
        found = ask_for_templates(cast(Connection, connection), 0, _IDS)
    except StoppedError as error:
        _check_discreet(error.message + error.hint)
        return f"templates: {type(error).__name__}"
    assert set(found) <= set(_IDS)
    _check_discreet(repr(found))
    for one in found.values():
        assert one.status is None or isinstance(one.status, TemplateStatus | str)
        text = TemplateText(one.text or "")
        params = ["a€😀中"] * text.variables
        assert text.size(params).characters == len(text.message(params))
    return "templates: read"


def _check_discreet(text: str) -> None:
    assert _SECRET not in text, text


def _given(chance: random.Random, data: list[dict[str, Any]]) -> _Given:
    code = chance.choice((0, 0, 0, 0, 0, 0, 0, 215392, 215398, 215400))
    message = chance.choice(("", f"no {_SECRET}", "\x1b[31m"))
    body = written(chance, [("RetCode", code), ("Message", message), ("Data", data)])
    status = 200 if chance.random() < 0.9 else chance.choice(STATUSES)
    return _Given(Answer(status, httpx.Headers(chance.choice(HEADERS)), body))


def _odd(chance: random.Random, value: Any) -> Any:
    return value if chance.random() < 0.95 else chance.choice(ODD)


def _session(chance: random.Random) -> dict[str, Any]:
    receipts = []
    for _ in range(chance.choice((0, 1, 2, 5))):
        phone = chance.choice(PHONES)
        receipt = {
            "Phone": chance.choice((api_form(phone), str(phone), f"+{phone}", "x", _SECRET)),
            "CostCount": chance.choice((1, "2", 1.0, -1, 10**20, "x")),
            "ReceiptResult": chance.choice(_WORDS),
            "ReceiptCode": chance.choice(("0", 7, "")),
            "ReceiptDesc": chance.choice(("", "off", f"is {_SECRET}")),
            "ReceiptTime": chance.choice((0, 1700000000, 1700000000000, "1700000000", 1e300)),
        }
        receipts.append({key: _odd(chance, value) for key, value in receipt.items()})
    return {"SessionNo": _odd(chance, chance.choice(("a", " b ", 7, "z"))), "ReceiptSet": receipts}


def _template(chance: random.Random) -> dict[str, Any]:
    template = {
        "TemplateId": chance.choice(("a", "b", 7, "z", None)),
        "Template": chance.choice(_TEXTS),
        "Status": chance.choice((0, 1, 2, 3, 4, 5, "2", "two", f"{_SECRET}")),
        "ErrDesc": chance.choice(("", f"not {_SECRET}", None)),
    }
    return {key: _odd(chance, value) for key, value in template.items()}


def _addressee(chance: random.Random, id_: int) -> Addressee:
    kept = Kept(chance.choice((True, False, None)), 1, chance.choice((0, 1700000001)), "off")
    return Addressee(
        task=1,
        id=id_,
        phone=chance.choice(PHONES[:3]),
        request=1,
        accepted=chance.random() < 0.8,
        own=chance.random() < 0.5,
        elsewhere=chance.random() < 0.1,
        kept=kept if chance.random() < 0.4 else None,
    )
