"""The sandbox's account: what it takes, what it remembers of it, and the receipts that follow.

What was taken is kept in SQLite, in a temporary file of SQLite's own or in one that is named, so
memory does not grow with what is sent.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from usms_cli.sandbox import rules
from usms_cli.sandbox.answers import Answer, Body, RefusedError, RetCode, invalid

_SCHEMA = """
CREATE TABLE IF NOT EXISTS session (number TEXT PRIMARY KEY, taken REAL, phones TEXT);
CREATE TABLE IF NOT EXISTS template (id TEXT PRIMARY KEY, variables INTEGER);
"""
_SESSION = "SELECT taken, phones FROM session WHERE number = ?"


class Target(NamedTuple):
    """One recipient of an entry."""

    phone: str
    params: list[str]


class Entry(NamedTuple):
    """One `TaskContent` entry: a template and a sender, and who is to get it."""

    template: str
    sender: str
    targets: list[Target]


class Account:
    """Takes messages as the tables of `rules` say; safe to use from many threads."""

    def __init__(self, receipt_delay: float, store: Path | None) -> None:
        """Open the account, with receipts `receipt_delay` seconds after a send.

        `store` is a file, made if need be for its owner alone, where what was taken outlives the
        account. Raises OSError or sqlite3.Error if it cannot be used.
        """
        if store is not None:
            store.touch(mode=0o600)
        self._receipt_delay = receipt_delay
        self._lock = threading.Lock()
        self._met: set[str] = set()
        self._count = count(1)
        self._db = sqlite3.connect(store or "", check_same_thread=False)
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Forget what is kept in no `store`."""
        with self._lock:
            self._db.close()

    def expect(self, variables: Iterable[tuple[str, int]]) -> None:
        """Let templates have so many variables, as if they had been sent with as many."""
        with self._lock, self._db:
            self._keep_templates(variables)

    def send(self, entries: list[Entry]) -> Answer:
        """Take a batch, and return the answer to it; raises RefusedError if it takes nobody."""
        for entry in entries:
            _check_entry(entry)
        phones = [target.phone for entry in entries for target in entry.targets]
        rule = self._rule_for_all(phones)
        asked = f"{len(phones)} recipients"
        if isinstance(rule, rules.Instead) and not rule.taken:
            raise RefusedError(replace(rule.answer, note=f"{asked}: none taken"))
        body, taken = self._take(entries)
        note = f"{asked}: {taken} taken, {len(phones) - taken} failed"
        match rule:
            case rules.Instead(answer):
                return replace(answer, note=note)
            case rules.Changed(pace, alter):
                return Answer(200, alter(body), pace=pace, note=note)
        return Answer(200, body, note=note)

    def receipts(self, numbers: list[str]) -> Answer:
        """Return the receipts of sessions, as the API does; a session it never gave is left out."""
        data: list[Body] = []
        now = time.time()
        for number in numbers:
            for taken, phones in self._read(_SESSION, number):
                due = taken + self._receipt_delay
                found = _receipt_set(phones.split(), due) if due <= now else []
                data.append({"SessionNo": number, "ReceiptSet": found})
        note = f"{len(numbers)} sessions: {sum(len(each['ReceiptSet']) for each in data)} receipts"
        return Answer(200, {"RetCode": 0, "Message": "", "Data": data}, note=note)

    def templates(self, ids: list[str]) -> Answer:
        """Return templates, as the API does; one that does not exist is left out."""
        data = [
            {
                "TemplateId": template_id,
                "TemplateName": f"Sandbox: {template_id}",
                "Template": template.text,
                "Purpose": 2,
                "Status": int(template.status),
                "ErrDesc": template.error,
            }
            for template_id in ids
            if (template := self._template(template_id)) is not None
        ]
        note = f"{len(ids)} templates: {len(data)} exist"
        return Answer(200, {"RetCode": 0, "Message": "", "Data": data}, note=note)

    def taken_phones(self) -> list[str]:
        """Return every phone that was taken, as often as it was, in order of the sends."""
        rows = self._read("SELECT phones FROM session ORDER BY rowid")
        return [phone for (phones,) in rows for phone in phones.split()]

    def _rule_for_all(self, phones: list[str]) -> rules.Instead | rules.Changed | None:
        """Return what decides about the whole request: the first phone that does."""
        for phone in phones:
            case = rules.PHONES.get(phone)
            if case is None or not isinstance(case.rule, rules.Instead | rules.Changed):
                continue
            if isinstance(case.rule, rules.Instead) and case.rule.once:
                with self._lock:
                    if phone in self._met:
                        continue
                    self._met.add(phone)
            return case.rule
        return None

    def _take(self, entries: list[Entry]) -> tuple[Body, int]:
        """Take who can be taken; return the usual answer and how many were."""
        code = RetCode.OK
        failed: list[Body] = []
        sessions: list[tuple[str, float, str]] = []
        taken = 0
        for entry in entries:
            phones = []
            for target in entry.targets:
                case = rules.PHONES.get(target.phone)
                if case is None or not isinstance(case.rule, rules.Fails):
                    phones.append(target.phone)
                    continue
                code = max(code, case.rule.ret_code)
                failed.append(_failure(target, case.rule))
            if phones:
                number = f"sandbox-{time.time_ns()}-{next(self._count)}"
                sessions.append((number, time.time(), " ".join(phones)))
                taken += len(phones)
        self._keep(sessions, entries)
        body = {
            "RetCode": int(code),
            "Message": "some recipients were not accepted" if code else "success",
            "SessionNo": [number for number, _, _ in sessions],
            "FailedTargetPhones": failed,
        }
        return body, taken

    def _template(self, template_id: str) -> rules.Template | None:
        if template_id in rules.TEMPLATES:
            return rules.TEMPLATES[template_id].rule
        rows = self._read("SELECT variables FROM template WHERE id = ?", json.dumps(template_id))
        return rules.default_template(rows[0][0] if rows else 1)

    def _keep(self, sessions: list[tuple[str, float, str]], entries: list[Entry]) -> None:
        with self._lock, self._db:
            self._db.executemany("INSERT INTO session VALUES (?, ?, ?)", sessions)
            self._keep_templates((e.template, len(e.targets[0].params)) for e in entries)

    def _keep_templates(self, variables: Iterable[tuple[str, int]]) -> None:
        # A template id may hold a lone surrogate, which SQLite cannot: it is kept as JSON.
        self._db.executemany(
            "INSERT OR REPLACE INTO template VALUES (?, ?)",
            ((json.dumps(template), number) for template, number in variables),
        )

    def _read(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()


def _check_entry(entry: Entry) -> None:
    """Raise RefusedError if the API would refuse an entry for its sender or template."""
    if entry.sender in rules.SENDERS:
        raise RefusedError(rules.SENDERS[entry.sender].rule)
    if entry.template in rules.TEMPLATES:
        template = rules.TEMPLATES[entry.template].rule
        if template is None or template.status is not rules.TemplateStatus.APPROVED:
            raise RefusedError(invalid("TemplateId"))
        if any(len(target.params) != template.variables for target in entry.targets):
            raise RefusedError(invalid("TemplateParams"))


def _failure(target: Target, rule: rules.Fails) -> Body:
    phone = rules.rewritten(target.phone) if rule.rewritten else target.phone
    return {"Phone": phone, "TemplateParams": target.params, "FailureReason": rule.reason}


def _receipt_set(phones: list[str], due: float) -> list[Body]:
    """Return the receipts of a session's phones, in order."""
    found: list[Body] = []
    for phone in phones:
        case = rules.PHONES.get(phone)
        rule = case.rule if case and isinstance(case.rule, rules.Receipt) else rules.DELIVERED
        if rule.result is None:
            continue
        found.append(
            {
                "Phone": rules.rewritten(phone) if rule.rewritten else phone,
                "CostCount": rule.parts,
                "ReceiptResult": rule.result,
                "ReceiptCode": rule.code,
                "ReceiptDesc": rule.description,
                "ReceiptTime": int(due),
                "UserId": "",
                "CountryCode": phone[1 : phone.index(")")] if phone.startswith("(") else "86",
                "BrevityCode": "",
            }
        )
    return found
