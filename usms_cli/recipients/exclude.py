"""Records become phones that are never to be sent to.

Nobody may be messaged because a line about them could not be read, so one such line is enough
for nothing to be sent.
"""

from collections.abc import Iterable

from usms_cli.errors import InputError
from usms_cli.journal.exclusions import Exclusions
from usms_cli.recipients.check import plain_phone
from usms_cli.recipients.phones import InvalidPhone, PhoneReader
from usms_cli.recipients.raw import name_as_text, place
from usms_cli.recipients.record import Problem, Record
from usms_cli.text import count, quoted

_SHOWN = 20


class Excluder:
    """Adds the phones of one file after the other; those of any right length are read.

    :raises UsageError: the region is unknown.
    """

    def __init__(self, exclusions: Exclusions, region: str) -> None:
        self._exclusions = exclusions
        self._phones = PhoneReader(region, "possible")

    def exclude(self, name: str, records: Iterable[Record | Problem]) -> None:
        """Exclude the phones of the file `name`, all of them.

        :raises InputError: one could not be read; the message shows the first twenty.
        """
        self._exclusions.begin_source(name_as_text(place(name)))
        add, read = self._exclusions.add, self._phones.read
        shown: list[str] = []
        unreadable = 0
        for record in records:
            if isinstance(record, Problem):
                reason = record.reason
            else:
                try:
                    add(read(plain_phone(record)), record.line)
                    continue
                except InvalidPhone as error:
                    reason = f"phone {quoted(record.phone)}: {error.reason}"
            unreadable += 1
            if unreadable <= _SHOWN:
                shown.append(f"{place(name, record.line)}: {reason}")
        if unreadable:
            if unreadable > _SHOWN:
                shown.append(f"and {unreadable - _SHOWN:,} more")
            raise InputError(
                f"nothing was sent: {count(unreadable, 'line')} of {place(name)}, which says whom "
                "to exclude, cannot be read",
                "\n".join([*shown, "Mend them; --skip-invalid does not skip these."]),
            )
