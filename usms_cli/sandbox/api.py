"""Which path does what, and the real API's checks of a request.

The checks are those of the provider's documents: HTTP Basic, JSON, the required fields and their
types, 1000 numbers a send over all its entries, 100 ids a question. A request that is no proper
HTTP or JSON is refused with a 4xx, one with a wrong parameter with 200; the real API's choice is
not documented.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qs

from usms_cli.sandbox import rules
from usms_cli.sandbox.account import Account, Entry, Target
from usms_cli.sandbox.answers import Answer, RefusedError, invalid, missing, wrong_key

MOST_NUMBERS = 1000
MOST_IDS = 100

_PHONE = re.compile(r"1[0-9]{10}|\([1-9][0-9]{0,2}\)[0-9]{3,14}")

T = TypeVar("T")


class Request(NamedTuple):
    """An HTTP request, taken off the wire; header names are looked up in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def answer(account: Account, request: Request) -> Answer:
    """Return the API's answer to any request whatever."""
    path, query = request.target.partition("?")[::2]
    if path not in _ROUTES:
        return invalid("path", 404)
    method, act = _ROUTES[path]
    if request.method != method:
        return invalid("method", 405, {"Allow": method})
    try:
        _check_key(request.headers.get("authorization", ""))
        return act(account, request, query)
    except RefusedError as refused:
        return refused.answer


def _send(account: Account, request: Request, _query: str) -> Answer:
    media_type = request.headers.get("content-type", "").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        raise RefusedError(invalid("Content-Type", 415))
    return account.send(_read_entries(request.body))


def _receipts(account: Account, _request: Request, query: str) -> Answer:
    return account.receipts(_read_ids(query))


def _templates(account: Account, _request: Request, query: str) -> Answer:
    return account.templates(_read_ids(query))


_ROUTES: dict[str, tuple[str, Callable[[Account, Request, str], Answer]]] = {
    "/api/v1/usms/SendBatchUSMSMessage": ("POST", _send),
    "/api/v1/usms/USMSSendReceipt": ("GET", _receipts),
    "/api/v1/usms/USMSTemplate": ("GET", _templates),
}


def _check_key(authorization: str) -> None:
    """Raise RefusedError unless `authorization` is HTTP Basic with an id and a secret."""
    scheme, _, credentials = authorization.partition(" ")
    try:
        pair = base64.b64decode(credentials.strip(), validate=True).decode()
    except ValueError:
        raise RefusedError(wrong_key()) from None
    key_id, _, secret = pair.partition(":")
    if scheme.lower() != "basic" or not key_id or not secret:
        raise RefusedError(wrong_key())
    if key_id in rules.KEYS:
        raise RefusedError(rules.KEYS[key_id].rule)


def _read_ids(query: str) -> list[str]:
    """Return the `id`s of a query; raises RefusedError if there are none or too many."""
    ids = parse_qs(query).get("id", [])
    if not ids:
        raise RefusedError(missing("id"))
    if len(ids) > MOST_IDS:
        raise RefusedError(invalid("id"))
    return ids


def _read_entries(body: bytes) -> list[Entry]:
    """Return the batch in a request's body; raises RefusedError naming what is wrong with it."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(invalid("body", 400)) from None
    if not isinstance(document, dict):
        raise RefusedError(invalid("body", 400))
    entries = [_read_entry(each) for each in _filled(document, "TaskContent", list)]
    if sum(len(entry.targets) for entry in entries) > MOST_NUMBERS:
        raise RefusedError(invalid("Target"))
    return entries


def _read_entry(entry: object) -> Entry:
    fields = _an_object(entry, "TaskContent")
    return Entry(
        _filled(fields, "TemplateId", str),
        _field(fields, "SenderId", str),
        [_read_target(each) for each in _filled(fields, "Target", list)],
    )


def _read_target(target: object) -> Target:
    fields = _an_object(target, "Target")
    phone = _filled(fields, "Phone", str)
    if not _PHONE.fullmatch(phone):
        raise RefusedError(invalid("Phone"))
    if "TemplateParams" not in fields:
        return Target(phone, [])
    params = _field(fields, "TemplateParams", list)
    if not params or not all(isinstance(param, str) for param in params):
        raise RefusedError(invalid("TemplateParams"))
    return Target(phone, params)


def _an_object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RefusedError(invalid(name))
    return value


def _field(fields: dict[str, Any], name: str, kind: type[T]) -> T:
    """Return a field; raises RefusedError if it is not there or of another type."""
    if name not in fields:
        raise RefusedError(missing(name))
    value = fields[name]
    if not isinstance(value, kind):
        raise RefusedError(invalid(name))
    return value


def _filled(fields: dict[str, Any], name: str, kind: type[T]) -> T:
    """Return a field as `_field` does; raises RefusedError also if it is empty."""
    value = _field(fields, name, kind)
    if not value:
        raise RefusedError(missing(name))
    return value
