"""Records become checked recipients in a draft, or problems with their file, line and reason."""

import re
from collections.abc import Iterable

from usms_cli.errors import UsageError
from usms_cli.journal.draft import Draft
from usms_cli.recipients.choices import PhoneCheck
from usms_cli.recipients.phones import InvalidPhone, PhoneReader
from usms_cli.recipients.record import Block, Found, Problem, Record
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
        self._unreadable = 0
        self._without_template = 0
        self._without_sender = 0

    def check(self, found: Iterable[Found]) -> None:
        """Add every record to the draft, as a recipient or as invalid."""
        for one in found:
            if isinstance(one, Block):
                self._check_block(one)
            else:
                self._check_record(one)

    def _check_block(self, block: Block) -> None:
        """Add the records of a block: together, but for those that need a closer look."""
        template, sender = self._or_default(block)
        if template is None or sender is None:
            for record in block.records():
                self._check_record(record)
            return
        phones = self._phones.read_plain(block.phones)
        closer = {place for place, phone in enumerate(phones) if not phone}
        params = list(block.params)
        while params and not any(params[-1]):
            params.pop()
        for values in params:
            if "" in values:
                closer.update(place for place, value in enumerate(values) if not value)
        rows = list(zip(*params, strict=True)) or [()] * len(phones)
        begin = 0
        for end in (*sorted(closer), len(phones)):
            if begin < end:
                part = slice(begin, end)
                self._draft.add_all(phones[part], template, sender, rows[part], block.lines[part])
            if end < len(phones):
                self._check_record(block.record(end))
            begin = end + 1

    def _check_record(self, record: Record | Problem) -> None:
        template, sender = self._or_default(record)
        params = record.params
        while params and not params[-1]:
            params.pop()
        if template is None or sender is None or isinstance(record, Problem):
            self._add_unsendable(record, template, sender)
        elif "" in params:
            place = params.index("") + 1
            self._draft.count_vote(template, sender, len(params))
            self._add_invalid(record, f"template parameter {place} is empty, but not the last")
        else:
            try:
                phone = self._phones.read(plain_phone(record))
            except InvalidPhone as error:
                self._draft.count_vote(template, sender, len(params))
                reason = f"phone {quoted(record.phone)}: {error.reason}"
                self._add_invalid(record, reason)
            else:
                self._draft.add(phone, template, sender, params, record.line)

    def finish(self) -> None:
        """Make sure that the input could be sent at all.

        :raises UsageError: no record has a template, or none a sender, and there is no default.
        """
        readable = self._draft.records - self._unreadable
        if not readable:
            return
        if self._without_template == readable:
            raise UsageError(
                "no template is given for any record",
                f"Give it with --template, in {TEMPLATE_ID}, or in a column `template`.",
            )
        if self._without_sender == readable:
            raise UsageError(
                "no sender is given for any record",
                f'Give it with --sender (--sender "" for none), in {SENDER_ID}, '
                "or in a column `sender`.",
            )

    def _or_default(self, found: Found) -> tuple[str | None, str | None]:
        """Return the template and the sender that are meant, None where there is none."""
        return (
            self._template if found.template is None else found.template,
            self._sender if found.sender is None else found.sender,
        )

    def _add_unsendable(
        self, record: Record | Problem, template: str | None, sender: str | None
    ) -> None:
        """Add what is no record, or one that has no template or no sender, as invalid."""
        if isinstance(record, Problem):
            self._unreadable += 1
            self._add_invalid(record, record.reason)
        else:
            self._without_template += template is None
            self._without_sender += sender is None
            missing = "template" if template is None else "sender"
            self._add_invalid(record, f"names no {missing}, and no default is given")

    def _add_invalid(self, record: Record | Problem, reason: str) -> None:
        template, sender = self._or_default(record)
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
