"""USMSSendReceipt: session numbers in, receipts out.

The shape of an answer is the provider's older page's and its SDK's, and no document promises it
for this path: a field may be missing or null, and a number may come as a string or the other way
round.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from usms_cli.api.answers import Reply
from usms_cli.api.asking import MOST_IDS, ask
from usms_cli.api.connection import LONGEST_ANSWER, Connection

RECEIPT_PATH = "/api/v1/usms/USMSSendReceipt"

MOST_SESSIONS = MOST_IDS
MOST_RECEIPTS = LONGEST_ANSWER // 1024
"""How many receipts to ask for in one call, so that the answer can be read: one takes some 200
bytes, and below 1024 also with a long description in Chinese and every character escaped."""

# The provider's words, in small letters; "Unknow" is its spelling.
_DELIVERED: dict[str, bool | None] = {
    "success": True,
    "fail": False,
    "submitfail": False,
    "unknow": None,
    "unknown": None,
}
_LARGEST_COST = 1000  # parts; a text of 500 characters has eight
_LATEST = 10**11  # Unix seconds; what is more is milliseconds


class Receipt(NamedTuple):
    """What became of the message to a phone, which is in any writing.

    `delivered` is None while that is not known; `parts` None where it is not said how many message
    parts were charged; `time` is in Unix seconds, 0 where it is not said.
    """

    phone: str
    delivered: bool | None
    parts: int | None
    time: int
    reason: str


@dataclass(frozen=True)
class Receipts:
    """An answer.

    `by_session` has the sessions that were asked for and have receipts. `foreign` counts the
    receipts of others; `strange` the results that no document knows, by their words.
    """

    by_session: dict[str, list[Receipt]] = field(default_factory=lambda: defaultdict(list))
    foreign: int = 0
    strange: Counter[str] = field(default_factory=Counter)


def ask_for_receipts(connection: Connection, retries: int, sessions: Sequence[str]) -> Receipts:
    """Ask what became of the messages of some sessions, at most `MOST_SESSIONS`.

    :raises StoppedError: as `ask` does.
    """
    answer = ask(connection, retries, RECEIPT_PATH, sessions, ReceiptAnswer)
    return read(answer, sessions, connection.masked)


def read(
    answer: "ReceiptAnswer", sessions: Sequence[str], masked: Callable[[str], str]
) -> Receipts:
    """Return what an answer says of the sessions that were asked for.

    :param masked: makes the API's words fit to be shown.
    """
    asked = frozenset(sessions)
    by_session: dict[str, list[Receipt]] = defaultdict(list)
    foreign = 0
    strange: Counter[str] = Counter()
    for session in answer.data or ():
        number = _text(session.session_no) if session else ""
        found = [one for one in (session and session.receipt_set) or () if one]
        if number not in asked:
            foreign += len(found)
            continue
        for one in found:
            word = _text(one.receipt_result)
            if word.lower() not in _DELIVERED:
                strange[masked(word)] += 1
            delivered = _DELIVERED.get(word.lower())
            reason = "" if delivered else _text(one.receipt_desc) or _text(one.receipt_code) or word
            by_session[number].append(
                Receipt(
                    _text(one.phone),
                    delivered,
                    _whole(one.cost_count, _LARGEST_COST),
                    _time(one.receipt_time),
                    masked(reason),
                )
            )
    return Receipts(by_session, foreign, strange)


_Scalar = str | int | float | bool | None


class _Receipt(msgspec.Struct, rename="pascal"):
    phone: _Scalar = None
    cost_count: _Scalar = None
    receipt_result: _Scalar = None
    receipt_code: _Scalar = None
    receipt_desc: _Scalar = None
    receipt_time: _Scalar = None


class _Session(msgspec.Struct, rename="pascal"):
    session_no: _Scalar = None
    receipt_set: list[_Receipt | None] | None = None


class ReceiptAnswer(Reply, rename="pascal"):
    """A good answer as it comes."""

    data: list[_Session | None] | None = None


def _text(value: _Scalar) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None or isinstance(value, bool) else str(value)


def _whole(value: _Scalar, largest: int) -> int | None:
    """Return a whole number from 0 to `largest`, or None where the value is none."""
    text = _text(value)
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    return int(text) if int(text) <= largest else None


def _time(value: _Scalar) -> int:
    time = _whole(value, _LATEST * 1000) or 0
    return time if time <= _LATEST else time // 1000
