"""An answer of the sandbox, and how it is delivered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from typing import Any

Body = dict[str, Any]  # a JSON object


class RetCode(IntEnum):
    """The API's codes: 215398 from its integration guide, 18046 from the older API's list."""

    OK = 0
    PARTLY_ACCEPTED = 18046
    INVALID = 215392
    MISSING = 215397
    WRONG_KEY = 215398
    SERVER_ERROR = 215400


class Pace(Enum):
    """How an answer reaches the client."""

    AT_ONCE = auto()
    SLOW = auto()  # whole, after a pause
    DRIPPING = auto()  # a few bytes at a time, over the same pause
    CUT = auto()  # all but its end, then the connection is closed
    DROPPED = auto()  # the connection is closed without a byte


@dataclass(frozen=True)
class Answer:
    """What is sent back: `body` as JSON, or as HTML where it is text; `note` goes to the log."""

    status: int
    body: Body | str
    headers: Mapping[str, str] = field(default_factory=dict)
    pace: Pace = Pace.AT_ONCE
    note: str = ""


class RefusedError(Exception):
    """A request that the API does not take, with the answer that says so."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.note)
        self.answer = answer


def refusal(
    code: RetCode, message: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return an answer of `RetCode` and `Message` alone, as the API refuses."""
    body = {"RetCode": int(code), "Message": message}
    return Answer(status, body, headers or {}, note=message)


def invalid(parameter: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return the API's refusal of a parameter that is there but wrong."""
    return refusal(RetCode.INVALID, f"Invalid parameter [{parameter}]", status, headers)


def missing(parameter: str) -> Answer:
    """Return the API's refusal of a request that lacks a parameter."""
    return refusal(RetCode.MISSING, f"Missing parameter [{parameter}]")


def wrong_key(status: int = 200) -> Answer:
    """Return the API's refusal of a key pair."""
    return refusal(RetCode.WRONG_KEY, "Failed to parse token", status)
