"""The test phones, templates, keys and senders: what each makes happen, one table each.

docs/sandbox.md lists the same rows in the same words. A test phone is a valid mainland mobile,
`1999999` and four digits, far from lists that count up from zero; where it stands for an HTTP
status or a RetCode, its last three digits are the status or the end of the code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, NamedTuple, TypeVar

from usms_cli.sandbox.answers import Answer, Body, Pace, RetCode, invalid, refusal, wrong_key

T = TypeVar("T")


class Case(NamedTuple, Generic[T]):
    """One row of a table: what happens, in the words of the docs, and the rule that does it."""

    what: str
    rule: T


@dataclass(frozen=True)
class Fails:
    """The recipient is not taken; `ret_code` is that of the whole answer."""

    reason: str
    ret_code: RetCode = RetCode.OK
    rewritten: bool = False


@dataclass(frozen=True)
class Receipt:
    """The recipient is taken, and this becomes of it; no `result`: no receipt ever comes.

    Results are the API's, `Unknow` so spelt; codes and descriptions are the sandbox's own.
    """

    result: str | None
    code: str = ""
    description: str = ""
    parts: int = 1
    rewritten: bool = False


@dataclass(frozen=True)
class Instead:
    """The whole request gets this answer, whether it was `taken` or not; `once` in a sandbox."""

    answer: Answer
    taken: bool = False
    once: bool = False


@dataclass(frozen=True)
class Changed:
    """The whole request is taken as usual, but its answer comes at another pace or altered."""

    pace: Pace = Pace.AT_ONCE
    alter: Callable[[Body], Body] = lambda body: body


PhoneRule = Fails | Receipt | Instead | Changed


class TemplateStatus(IntEnum):
    """The API's states of a template."""

    WAITING = 0
    IN_REVIEW = 1
    APPROVED = 2
    REFUSED = 3
    DISABLED = 4


@dataclass(frozen=True)
class Template:
    """A template as the API shows it, `{1}`, `{2}` … standing for its variables."""

    text: str
    variables: int
    status: TemplateStatus = TemplateStatus.APPROVED
    error: str = ""


def rewritten(phone: str) -> str:
    """Return a mainland mobile as people write it: `+86 199 9999 0104`."""
    return f"+86 {phone[:3]} {phone[3:7]} {phone[7:]}"


def default_template(variables: int) -> Template:
    """Return what a template is that no table names."""
    places = ", ".join(f"{{{number}}}" for number in range(1, variables + 1))
    return Template(f"Sandbox message {places}".rstrip(), variables)


def _status(status: int, retry_after: int | None = None) -> Answer:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return refusal(RetCode.SERVER_ERROR, f"Sandbox: HTTP {status}", status, headers)


_DROPPED = Answer(200, {}, pace=Pace.DROPPED)
_HTML = Answer(200, "<html><body><h1>It works!</h1></body></html>\n")
_REDIRECT = Answer(307, {}, {"Location": "http://127.0.0.1:9/"})
_STRANGER = {"Phone": "19999990000", "TemplateParams": [], "FailureReason": "not in the request"}

DELIVERED = Receipt("Success", "DELIVRD", "delivered")

PHONES: dict[str, Case[PhoneRule]] = {
    # The recipient fails, the others of the request are taken.
    "19999990101": Case("fails: on the blacklist", Fails("phone number is on the blacklist")),
    "19999990102": Case("fails: unsubscribed", Fails("recipient has unsubscribed")),
    "19999990103": Case(
        "fails: the reason holds markup and an escape sequence",
        Fails("[red]blocked[/red] <b>by</b> \x1b[31mcarrier\x1b[0m"),
    ),
    "19999990104": Case(
        "fails, and comes back as `+86 199 9999 0104`",
        Fails("phone number is on the blacklist", rewritten=True),
    ),
    "19999990146": Case(
        "fails: the answer has RetCode 18046 and the session numbers of the others",
        Fails("phone number is on the blacklist", RetCode.PARTLY_ACCEPTED),
    ),
    # The recipient is taken; its receipt says the rest.
    "19999990201": Case(
        "receipt `Fail`: switched off", Receipt("Fail", "UNDELIV", "phone is switched off")
    ),
    "19999990202": Case(
        "receipt `Fail`: no such number", Receipt("Fail", "UNKNOWN", "number does not exist")
    ),
    "19999990203": Case(
        "receipt `SubmitFail`", Receipt("SubmitFail", "REJECTD", "rejected by the carrier", 0)
    ),
    "19999990204": Case("receipt `Unknow`, for ever", Receipt("Unknow", parts=0)),
    "19999990205": Case("no receipt, ever", Receipt(None)),
    "19999990206": Case(
        "delivered; the receipt's phone is `+86 199 9999 0206`",
        Receipt("Success", "DELIVRD", "delivered", rewritten=True),
    ),
    "19999990207": Case(
        "receipt `Fail`: the description holds markup and an escape sequence",
        Receipt("Fail", "UNDELIV", "[red]full[/red] <b>in</b>box \x1b[31mhere\x1b[0m"),
    ),
    "19999990208": Case(
        "delivered, charged as three parts", Receipt("Success", "DELIVRD", "delivered", 3)
    ),
    # The whole request: refused or not taken.
    "19999990307": Case("HTTP 307 to another address; nobody is taken", Instead(_REDIRECT)),
    "19999990392": Case("refused: 215392 Invalid parameter [Phone]", Instead(invalid("Phone"))),
    "19999990398": Case(
        "refused: 215398 Failed to parse token, as if the key had just expired",
        Instead(wrong_key()),
    ),
    "19999990422": Case(
        "refused under HTTP 422: 215392 Invalid parameter [Phone]", Instead(invalid("Phone", 422))
    ),
    "19999990429": Case("HTTP 429, every time; nobody is taken", Instead(_status(429))),
    "19999991429": Case(
        "HTTP 429 with `Retry-After: 1` the first time, then delivered",
        Instead(_status(429, retry_after=1), once=True),
    ),
    "19999991503": Case(
        "HTTP 503 with `Retry-After: 1` the first time, then delivered",
        Instead(_status(503, retry_after=1), once=True),
    ),
    "19999992503": Case(
        "HTTP 503 with `Retry-After: 3600`, every time; nobody is taken",
        Instead(_status(503, retry_after=3600)),
    ),
    # The whole request: the client cannot know whether it was taken.
    "19999990400": Case(
        "215400 Server error; nobody is taken",
        Instead(refusal(RetCode.SERVER_ERROR, "Server error")),
    ),
    "19999990408": Case("HTTP 408; nobody is taken", Instead(_status(408))),
    "19999990500": Case("HTTP 500; nobody is taken", Instead(_status(500))),
    "19999990502": Case("HTTP 502; everybody is taken", Instead(_status(502), taken=True)),
    "19999990503": Case("HTTP 503 without `Retry-After`; nobody is taken", Instead(_status(503))),
    "19999990601": Case(
        "an HTML page under HTTP 200; everybody is taken", Instead(_HTML, taken=True)
    ),
    "19999990701": Case("slow: taken, and answered after 10 seconds", Changed(Pace.SLOW)),
    "19999990702": Case(
        "slow: taken, and the answer drips in over 10 seconds", Changed(Pace.DRIPPING)
    ),
    "19999990801": Case("the connection drops; nobody is taken", Instead(_DROPPED)),
    "19999990802": Case("the connection drops; everybody is taken", Instead(_DROPPED, taken=True)),
    "19999990803": Case(
        "the connection drops in the middle of the answer; everybody is taken", Changed(Pace.CUT)
    ),
    # The whole request is taken, but the answer has one of the shapes that no document rules out.
    "19999990602": Case(
        "taken; the answer has no `SessionNo`",
        Changed(alter=lambda body: {k: v for k, v in body.items() if k != "SessionNo"}),
    ),
    "19999990603": Case(
        "taken; `SessionNo` is the first as a string, no array",
        Changed(alter=lambda body: body | {"SessionNo": body["SessionNo"][0]}),
    ),
    "19999990604": Case(
        "taken; `FailedTargetPhones` names 19999990000, which need not be in the request",
        Changed(alter=lambda body: body | {"FailedTargetPhones": [_STRANGER]}),
    ),
}

TEMPLATES: dict[str, Case[Template | None]] = {
    "sandbox-no-variables": Case("approved", Template("Your order has been shipped.", 0)),
    "sandbox-1-variable": Case("approved", Template("Your code is {1}.", 1)),
    "sandbox-2-variables": Case("approved", Template("Dear {1}, your order {2} is ready.", 2)),
    "sandbox-3-variables": Case("approved", Template("尊敬的{1}，您的订单{2}将于{3}送达。", 3)),
    "sandbox-long": Case(
        "approved; about 490 characters, so a parameter of 20 makes it too long",
        Template("Terms: {1}. " + "All offers end on Sunday night. " * 15, 1),
    ),
    "sandbox-markup": Case(
        "approved; the text holds markup and an escape sequence",
        Template("[red]Sale[/red] <b>now</b>, {1} \x1b[31mhere\x1b[0m", 1),
    ),
    "sandbox-missing": Case("does not exist", None),
    "sandbox-waiting": Case("waiting for review", Template("Hello {1}", 1, TemplateStatus.WAITING)),
    "sandbox-in-review": Case("in review", Template("Hello {1}", 1, TemplateStatus.IN_REVIEW)),
    "sandbox-refused": Case(
        "refused by the review",
        Template("Hello {1}", 1, TemplateStatus.REFUSED, "the text names no company"),
    ),
    "sandbox-disabled": Case(
        "disabled", Template("Hello {1}", 1, TemplateStatus.DISABLED, "too many complaints")
    ),
}

KEYS: dict[str, Case[Answer]] = {
    "sandbox-wrong-key": Case("HTTP 200, 215398 Failed to parse token", wrong_key()),
    "sandbox-401": Case("HTTP 401, 215398 Failed to parse token", wrong_key(401)),
    "sandbox-403": Case("HTTP 403, 215398 Failed to parse token", wrong_key(403)),
}

SENDERS: dict[str, Case[Answer]] = {
    "sandbox-bad-sender": Case("215392 Invalid parameter [SenderId]", invalid("SenderId")),
}
