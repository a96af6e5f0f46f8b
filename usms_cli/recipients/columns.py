"""Which column of a header, or key of a JSON record, is what.

Names are matched without regard to case, width, spaces, `_` and `-` (docs/files.md).
"""

import re
import unicodedata
from collections.abc import Sequence

import msgspec

from usms_cli.errors import InputError, UsageError
from usms_cli.recipients.raw import place
from usms_cli.text import quoted

_PHONE = {"phone", "mobile", "phonenumber", "msisdn", "手机号", "手机号码", "手机", "电话"}
_TEMPLATE = {"templateid", "template", "模板id", "模板"}
_SENDER = {"senderid", "sender", "签名", "发送方"}
_PARAMS_LIST = {"templateparams", "params"}
_PARAM = re.compile(r"(?:param|参数|变量)(\d{1,4})|\{(\d{1,4})\}")
_OUTCOME = "outcome"
_OF_EXPORTS = {"reason", "source", "line", _OUTCOME}
_FIELDS = _PHONE | _TEMPLATE | _SENDER | _PARAMS_LIST | _OF_EXPORTS
_DROPPED = re.compile(r"[\s_-]")

# Outcomes of an export whose people were messaged, or may have been (contract, "CSV exports").
_MESSAGED = {"accepted", "unknown", "pending", "delivered", "waiting"}

_MANY = 100
_USE_PHONE_COLUMN = "Say which column is the phone with --phone-column NAME."


def same_name(name: str) -> str:
    """Return the form in which two names of a column are equal if they mean the same."""
    return _DROPPED.sub("", unicodedata.normalize("NFKC", name)).casefold()


def refusal(outcome: str) -> str | None:
    """Return why a record that an export gives this outcome must not be sent, None if it may."""
    if outcome.strip().casefold() not in _MESSAGED:
        return None
    return (
        f"its outcome is {quoted(outcome.strip())}: this person was messaged or may be yet; "
        "remove the record, or the column if you are sure"
    )


class UnclearColumnsError(InputError):
    """The names of columns do not say where the fields are; `what` says it without the file."""

    def __init__(self, name: str, what: str, hint: str) -> None:
        super().__init__(f"{place(name)}: {what}", hint)
        self.what = what


class Columns(msgspec.Struct, frozen=True):
    """Where a record's fields stand in its row of cells or values.

    A position one past the last means that the field is not there; only JSON has that, as its
    records may differ in their keys. `names` is as found, with "" for that last position.
    """

    names: tuple[str, ...]
    phone: int
    params: tuple[int, ...]
    params_list: int | None
    template: int | None
    sender: int | None
    outcome: int | None

    @property
    def used(self) -> set[int | None]:
        """The positions of all that is a part of a record, or None."""
        fields = (self.phone, self.params_list, self.template, self.sender, self.outcome)
        return {*self.params, *fields}


class ColumnFinder:
    """Finds the columns of one input, by their names and what the user said of them.

    `unused` is what was found so far and means nothing to us, in order, the first hundred: each
    name in quotes, or which column it is that has none.
    """

    def __init__(self, name: str, phone_column: str | None, params: tuple[str, ...]) -> None:
        self._name = name
        self._phone_column = phone_column
        self._params = params
        self._names: Sequence[str] = ()
        self._unused: dict[str, None] = {}
        self._unseen = {
            **({same_name(phone_column): ("--phone-column", phone_column)} if phone_column else {}),
            **{same_name(param): ("--param", param) for param in params},
        }

    @property
    def unused(self) -> list[str]:
        return list(self._unused)

    def knows(self, name: str) -> bool:
        """Tell whether a column of this name would mean something."""
        key = same_name(name)
        known = key in _FIELDS or key in self._unseen
        return known or _PARAM.fullmatch(key) is not None

    def header(self, names: Sequence[str]) -> Columns:
        """Return the columns of a table.

        Raises UsageError if --phone-column or --param names a column that is not there,
        UnclearColumnsError if it is unclear or has no phone.
        """
        columns = self.keys(names)
        self.finish()
        self.require_phone(columns)
        return columns

    def keys(self, names: Sequence[str]) -> Columns:
        """Return the columns of one JSON record, of which the phone and params may be missing.

        Raises UnclearColumnsError if they are unclear.
        """
        self._names = names
        places: dict[str, int] = {}
        for position, name in enumerate(names):
            key = same_name(name)
            if key and key in places:
                raise self._unclear(
                    f"{quoted(names[places[key]])} and {quoted(name)} are the same name",
                    "Rename or remove one of them.",
                )
            places[key] = position
        for key in places:
            self._unseen.pop(key, None)

        columns = Columns(
            names=(*names, ""),
            phone=self._phone(places, names),
            params=self._numbered(places, names),
            params_list=None if self._params else self._one(places, names, _PARAMS_LIST, "params"),
            template=self._one(places, names, _TEMPLATE, "the template"),
            sender=self._one(places, names, _SENDER, "the sender"),
            outcome=places.get(_OUTCOME),
        )
        if columns.params and columns.params_list is not None:
            raise self._unclear(
                f"parameters stand both in {quoted(names[columns.params_list])} and in "
                f"{quoted(columns.names[columns.params[0]])}",
                "Say which columns are the parameters with --param NAME, in order.",
            )
        self._note_unused(columns)
        return columns

    def require_phone(self, columns: Columns) -> None:
        """Raise UnclearColumnsError if no phone is there nor named by --phone-column."""
        names = columns.names[:-1]
        if columns.phone == len(names) and self._phone_column is None:
            raise self._unclear(
                f"no column is the phone; the columns are {_list(names)}",
                "Name one phone, mobile or 手机号, or say which it is with --phone-column NAME.",
            )

    def finish(self) -> None:
        """Raise UsageError if --phone-column or --param names what was never found."""
        if not self._names:  # not one record
            return
        for option, name in self._unseen.values():
            raise UsageError(
                f"{option} {quoted(name)}: {place(self._name)} has no such column",
                f"It has {_list(self._names)}.",
            )

    def _phone(self, places: dict[str, int], names: Sequence[str]) -> int:
        if self._phone_column is not None:
            return places.get(same_name(self._phone_column), len(names))
        found = self._one(places, names, _PHONE, "the phone", _USE_PHONE_COLUMN)
        return len(names) if found is None else found

    def _numbered(self, places: dict[str, int], names: Sequence[str]) -> tuple[int, ...]:
        """Return where `{1}`, `{2}` … stand, by --param or else by their numbered names."""
        if self._params:
            return tuple(places.get(same_name(param), len(names)) for param in self._params)
        numbered: dict[int, int] = {}
        for key, position in places.items():
            if match := _PARAM.fullmatch(key):
                number = int(match[1] or match[2])
                if number in numbered:
                    raise self._unclear(
                        f"{quoted(names[numbered[number]])} and {quoted(names[position])} "
                        f"are both parameter {number}",
                        "Rename one of them, or say which are meant with --param NAME, in order.",
                    )
                numbered[number] = position
        for number, found in enumerate(sorted(numbered), 1):
            if number != found:
                raise self._unclear(
                    f"parameter {number} is missing before {quoted(names[numbered[found]])}",
                    "Number the parameters from 1 without a gap, or name them with --param.",
                )
        return tuple(numbered[number] for number in sorted(numbered))

    def _one(
        self,
        places: dict[str, int],
        names: Sequence[str],
        meant: set[str],
        what: str,
        hint: str = "Rename or remove all but one of them.",
    ) -> int | None:
        """Return where the only column with one of the names `meant` stands, None if none."""
        found = [position for key, position in places.items() if key in meant]
        if len(found) > 1:
            several = " and ".join(quoted(names[position]) for position in found)
            raise self._unclear(f"{several} could each be {what}", hint)
        return found[0] if found else None

    def _note_unused(self, columns: Columns) -> None:
        used = columns.used
        for position, name in enumerate(columns.names[:-1]):
            if position in used or same_name(name) in _OF_EXPORTS:
                continue
            if len(self._unused) == _MANY:
                return
            self._unused[quoted(name) if name else f"column {position + 1} without a name"] = None

    def _unclear(self, what: str, hint: str) -> UnclearColumnsError:
        return UnclearColumnsError(self._name, what, hint)


def _list(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names[:_MANY] if name) or "without names"


class PhoneFinder(ColumnFinder):
    """Finds the phone alone, in an input where nothing else means anything.

    --phone-column counts only where there is such a column.
    """

    def __init__(self, name: str, phone_column: str | None) -> None:
        super().__init__(name, None, ())
        self._wanted = same_name(phone_column or "")

    def keys(self, names: Sequence[str]) -> Columns:
        """Return where the phone stands, past the last position if nowhere.

        Raises UnclearColumnsError if it could be in several places.
        """
        keys = list(map(same_name, names))
        meant = {self._wanted} if self._wanted and self._wanted in keys else _PHONE
        found = [position for position, key in enumerate(keys) if key in meant]
        if len(found) > 1:
            several = " and ".join(quoted(names[position]) for position in found)
            raise self._unclear(f"{several} could each be the phone", _USE_PHONE_COLUMN)
        return Columns(
            names=(*names, ""),
            phone=found[0] if found else len(names),
            params=(),
            params_list=None,
            template=None,
            sender=None,
            outcome=None,
        )
