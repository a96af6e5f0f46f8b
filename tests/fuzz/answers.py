"""Answers of the API: none breaks the program, and none is taken for what it is not.

What an answer means is decided here once more, from what users are promised alone.
"""

import gzip
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.fuzz.making import spoilt
from usms_cli.api.answers import UNREADABLE
from usms_cli.api.verdicts import NotTaken, Refused, Stop, Taken, Unknown, Verdict, judge
from usms_cli.batching import Batch, Piece, Task
from usms_cli.journal.settlement import SentCounts
from usms_cli.recipients.phones import api_form, digits_of
from usms_cli.settle import settle

PHONES = (8613800138000, 8613800138001, 85255311111, 13800138000, 16502530000, 390612345678)
_PARAMS = ((), ("a",), ("a", "b"), ("b",), ("1",))
STATUSES = (
    *(200, 200, 200, 200, 200, 201, 204, 299, 400, 400, 404, 415, 422, 418, 499),
    *(301, 302, 307, 401, 403, 408, 429, 500, 502, 503, 503, 504, 599, 999),
)
HEADERS: tuple[dict[str, str], ...] = (
    *({}, {}, {}, {"Retry-After": "5"}, {"Retry-After": "99999999999"}, {"Retry-After": "-1"}),
    *(
        {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"},
        {"Retry-After": "soon"},
        {"Retry-After": ""},
    ),
    *({"retry-after": "5 s"}, {"Retry-After": "Wed, 99 Foo 2015 99:99:99"}, {"Retry-After": "1.5"}),
)
ODD: tuple[Any, ...] = (
    *(None, True, False, [], {}, [[]], "", " ", "a", "\ud800", "\0", 0, 1, -1, 0.0, 0.5, 1e308),
    *(10**30, "0", "00", " 0 ", "215398", "9" * 5000, [None], ["", " "], [1], {"a": 1}, "１２"),
)


def try_verdict(chance: random.Random, _: Path) -> str:
    """Judge and settle an answer to a request.

    :raises AssertionError: it does not mean that.
    """
    batch = _batch(chance)
    status, headers = chance.choice(STATUSES), chance.choice(HEADERS)
    body = None if chance.random() < 0.02 else _answer(chance, batch)
    verdict = judge(status, httpx.Headers(headers), body)
    allowed = _by_status(status, headers) or (
        (Unknown,) if body is None else _by_body(status, body)
    )
    assert isinstance(verdict, allowed), f"{status} {headers} {body!r} is {verdict}"
    _check_settled(verdict, batch)
    return f"answer: {type(verdict).__name__}"


def _by_status(status: int, headers: dict[str, str]) -> tuple[type, ...]:
    """Return what a status means alone, or nothing where the body decides."""
    if status == 429:
        return (NotTaken,)
    if status == 503:
        given = next(iter(headers.values()), "")
        return (NotTaken, Unknown) if given != "5" else (NotTaken,)
    if status in (401, 403) or 300 <= status < 400:
        return (Stop,)
    return (Unknown,) if status == 408 or status >= 500 else ()


def _by_body(status: int, body: bytes) -> tuple[type, ...]:
    """Return what a body may mean, where it decides.

    Whatever cannot be read for sure may be unknown. Nobody is said to be taken without RetCode 0
    or a session number, nor that nobody is where there may be one.
    """
    plain = body.replace(b"\0", b"").replace(b"\\u0053", b"S").replace(b"\\u0065", b"e")
    may_hold = b"sessionno" in plain.lower()
    unreadable = (Unknown,) if may_hold or status < 400 else (Unknown, Refused)
    try:
        pairs = json.loads(body.decode(errors="replace"), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return unreadable
    if not isinstance(pairs, _Pairs):
        return unreadable
    codes, numbers = pairs.all("RetCode"), pairs.all("SessionNo")
    failed = pairs.all("FailedTargetPhones")
    if max(map(len, (codes, numbers, failed))) > 1:
        return unreadable
    clear = (
        all(type(code) is int and abs(code) < 2**63 for code in codes)
        and all(_are_sessions(one) for one in numbers)
        and all(_are_failures(one) for one in failed)
        and all(one is None or _is_text(one) for one in pairs.all("Message"))
        and _is_strict(body)
    )
    if any(_holds_session(one) for one in numbers):
        return (Taken,) if clear else (Taken, Unknown)
    if clear and codes:
        special = {0: (Taken,), 215398: (Stop,), 215400: (Unknown,)}
        return special.get(codes[0], (Refused,))
    if not clear and codes and str(codes[0]).strip() not in ("0", "00", "0.0", "False", "None"):
        return (*unreadable, Refused, Stop)
    return (*unreadable, Taken) if codes else unreadable


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object, those too that stand there twice."""

    def all(self, key: str) -> list[Any]:
        return [value for name, value in self if name == key]


def _holds_session(value: Any) -> bool:
    given = value if type(value) is list else [value]
    return any(type(one) in (str, int) and str(one).strip() for one in given)


def _are_sessions(value: Any) -> bool:
    given = value if type(value) is list else [value]
    return all(one is None or _is_text(one) for one in given)


def _are_failures(value: Any) -> bool:
    return value is None or (type(value) is list and all(map(_is_failure, value)))


def _is_failure(value: Any) -> bool:
    if not isinstance(value, _Pairs) or len({key for key, _ in value}) < len(value):
        return False
    said = dict(value)
    params, reason = said.get("TemplateParams"), said.get("FailureReason")
    return (
        _is_text(said.get("Phone"))
        and (params is None or (type(params) is list and all(map(_is_text, params))))
        and (reason is None or _is_text(reason))
    )


def _is_text(value: Any) -> bool:
    """Tell whether it is text that UTF-8 can write: no half of a surrogate pair is."""
    return isinstance(value, str) and not any("\ud800" <= sign <= "\udfff" for sign in value)


def _is_strict(body: bytes) -> bool:
    """Tell whether it is JSON as RFC 8259 has it, in UTF-8, and no deeper than an answer is."""
    try:
        msgspec.json.decode(body)
    except (*UNREADABLE, ArithmeticError):
        return False
    return True


def _check_settled(verdict: Verdict, batch: Batch) -> None:
    """Nobody is said to be accepted whom the answer may mean, nor failed whom it does not name."""
    settled = settle(verdict, batch)
    outcomes = {one.id: settled.outcome for _, one in batch.members()}
    outcomes.update({one.id: one.outcome for one in settled.apart})
    counts = Counter(outcomes.values())
    assert sum(counts.values()) == batch.size
    said = SentCounts(counts["accepted"], counts["failed"], counts["unknown"])
    assert settled.counts(batch.size) == said
    if not isinstance(verdict, Taken):
        want = "unknown" if isinstance(verdict, Unknown) else "pending"
        assert set(outcomes.values()) == {want}
        return
    assert "pending" not in counts
    assert verdict.sessions or not counts["accepted"]
    sent = {api_form(one.phone): one.phone for _, one in batch.members()}
    for _, one in batch.members():
        params = tuple(msgspec.json.decode(one.params)) if one.params else ()
        named = [
            listed
            for listed in verdict.failed
            if listed.params in (None, params) and may_mean(listed.phone, one.phone, sent)
        ]
        assert not (named and outcomes[one.id] == "accepted"), f"{named} was accepted"
        assert named or outcomes[one.id] != "failed", f"{one} was not named"


def may_mean(writing: str, phone: int, sent: dict[str, int]) -> bool:
    """Tell whether a writing may be this phone's: as it was sent it means one number alone."""
    if writing in sent:
        return sent[writing] == phone
    national = str(phone).removeprefix(api_form(phone).partition(")")[0].lstrip("("))
    digits = digits_of(writing)
    return digits in (str(phone), f"00{phone}", national, api_form(phone))


def _batch(chance: random.Random) -> Batch:
    tasks = [Task(1, "T1", "S"), Task(2, "T2", "S"), Task(3, "T1", "")]
    pieces = []
    for id_ in range(1, chance.choice((1, 2, 3, 6)) + 1):
        params = chance.choice(_PARAMS)
        phone, encoded = chance.choice(PHONES), msgspec.json.encode(params) if params else b""
        pieces.append(Piece(chance.choice(tasks), [id_], [phone], [encoded]))
    return Batch(pieces)


def _answer(chance: random.Random, batch: Batch) -> bytes:
    code = chance.choice((0, 0, 0, 215392, 215397, 215398, 215400, 18046))
    members: list[tuple[str, Any]] = [("RetCode", code), ("Message", "m")]
    if chance.random() < 0.6:
        members.append(("SessionNo", chance.choice((["a"], ["a", "b"], "a", [], None, 7, [""]))))
    if chance.random() < 0.5:
        members.append(("FailedTargetPhones", _failures(chance, batch)))
    return written(chance, members)


def _failures(chance: random.Random, batch: Batch) -> list[dict[str, Any]]:
    failures = []
    everybody = [one for _, one in batch.members()]
    for one in chance.choices(everybody, k=chance.choice((0, 1, 1, 2, len(everybody)))):
        digits = str(one.phone)
        writings = (
            api_form(one.phone),
            api_form(one.phone),
            digits,
            f"+{digits}",
            f"00{digits}",
            digits[2:],
            "x",
            "",
        )
        params = msgspec.json.decode(one.params) if one.params else []
        failures.append(
            {
                "Phone": chance.choice(writings),
                "TemplateParams": chance.choice((params, params, None, [], ["x"])),
                "FailureReason": chance.choice(("no", "\x1b[31m", None)),
            }
        )
    return failures


def written(chance: random.Random, members: Sequence[tuple[str, Any]]) -> bytes:
    """Return an answer as bytes: with odd values, in odd writing, spoilt, packed, or no JSON."""
    members = list(members)
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        at = chance.randrange(len(members))
        kind = chance.random()
        if kind < 0.5:
            members[at] = (members[at][0], chance.choice(ODD))
        elif kind < 0.7:
            members.append((members[at][0], chance.choice((members[at][1], *ODD))))
        elif kind < 0.8:
            del members[at]
        else:
            key = members[at][0]
            other = (key.lower(), key.upper(), f" {key}", f"x{key}", "Data")
            members[at] = (chance.choice(other), members[at][1])
        if not members:
            break
    chance.shuffle(members)
    ascii_only = chance.random() < 0.8
    texts = [
        f"{json.dumps(key)}:{json.dumps(value, ensure_ascii=ascii_only)}" for key, value in members
    ]
    if chance.random() < 0.03:
        texts.append(f'"x":{"[" * 1200}{"]" * 1200}')
    text = "{" + chance.choice((",", ", ", ",\n")).join(texts) + "}"
    if chance.random() < 0.03 and len(dict(members)) == len(members):
        text = text.replace("S", "\\u0053").replace("Ret", "R\\u0065t")
    body = text.encode(errors="surrogatepass")
    kind = chance.random()
    if kind < 0.25:
        body = spoilt(chance, body)
    elif kind < 0.29:
        body = text.encode(
            chance.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig")), errors="replace"
        )
    elif kind < 0.31:
        body = gzip.compress(body, mtime=0)
    elif kind < 0.34:
        body = b"<html><body>" + body + b"</body></html>"
    elif kind < 0.36:
        body = b"[" + body + b"]"
    elif kind < 0.38:
        body = body[: chance.randrange(len(body))]
    return body
