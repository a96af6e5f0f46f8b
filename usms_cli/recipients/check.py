"""Records become checked recipients in a draft, or problems with their file, line and reason."""

import re
from collections.abc import Iterable

from usms_cli.errors import UsageError
from usms_cli.journal.draft import Draft
from usms_cli.recipients.choices import PhoneCheck
from usms_cli.recipients.phones import InvalidPhone, PhoneReader
from usms_cli.recipients.record import Problem, Record
from usms_cli.settings import SENDER_ID, TEMPLATE_ID
from usms_cli.text import quoted


class Checker:
    """Checks the records of one input, which may be of several files.

    :param template: for records that name none; None: there is no default.
    :param sender: likewise; "" is a default, and means none.
    :raises UsageError: the region is unknown.
    """

    def __init__(
        self,
        draft: Draft,
        *,
        template: str | None,
        sender: str | None,
        region: str,
        phone_check: PhoneCheck,
    ) -> None:
        self._draft = draft
        self._template = template
        self._sender = sender
        self._phones = PhoneReader(region, phone_check)
        self._template_seen = template is not None
        self._sender_seen = sender is not None

    def check(self, records: Iterable[Record | Problem]) -> None:
        """Add every record to the draft, as a recipient or as invalid."""
        add, read = self._draft.add, self._phones.read
        for record in records:
            template = self._template if record.template is None else record.template
            sender = self._sender if record.sender is None else record.sender
            params = record.params
            while params and not params[-1]:
                params.pop()
            if isinstance(record, Problem):
                self._add_invalid(record, record.reason)
            elif template is None or sender is None:
                missing = "template" if template is None else "sender"
                self._add_invalid(record, f"names no {missing}, and no default is given")
            elif "" in params:
                place = params.index("") + 1
                self._draft.count_vote(template, sender, len(params))
                self._add_invalid(record, f"template parameter {place} is empty, but not the last")
            else:
                try:
                    phone = read(plain_phone(record))
                except InvalidPhone as error:
                    self._draft.count_vote(template, sender, len(params))
                    reason = f"phone {quoted(record.phone)}: {error.reason}"
                    self._add_invalid(record, reason)
                else:
                    add(phone, template, sender, params, record.line)
            if record.template is not None:
                self._template_seen = True
            if record.sender is not None:
                self._sender_seen = True

    def finish(self) -> None:
        """Make sure that the input could be sent at all.

        :raises UsageError: no record has a template, or none a sender, and there is no default.
        """
        if not self._draft.records:
            return
        if not self._template_seen:
            raise UsageError(
                "no template is given for any record",
                f"Give it with --template, in {TEMPLATE_ID}, or in a column `template`.",
            )
        if not self._sender_seen:
            raise UsageError(
                "no sender is given for any record",
                f'Give it with --sender (--sender "" for none), in {SENDER_ID}, '
                "or in a column `sender`.",
            )

    def _add_invalid(self, record: Record | Problem, reason: str) -> None:
        template = self._template if record.template is None else record.template
        sender = self._sender if record.sender is None else record.sender
        # An export is no body of the API, and must not mean somebody else.
        phone = plain_phone(record) if isinstance(record, Record) else record.phone
        self._draft.add_invalid(
            phone, template or "", sender or "", record.params, record.line, reason
        )


_API_FORM = re.compile(r"\((\d{1,3})\)")


def plain_phone(record: Record) -> str:
    """Return a record's phone; that of the API's own body rewritten, where two writings have one
    meaning in any region: eleven bare digits are mainland China, and digits in parentheses are a
    country code."""
    phone = record.phone
    if not record.api_form:
        return phone
    if len(phone) == 11 and phone.isdecimal():
        return f"+86{phone}"
    return _API_FORM.sub(r"+\1", phone, count=1) if phone.startswith("(") else phone
