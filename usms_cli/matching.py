"""Whose receipt it is: a session's receipts are given to the recipients of its requests.

A receipt names a phone, which may come back in another writing, and no parameters. Where a phone
stands several times, its receipts are given out in order.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from usms_cli.api.receipts import Receipt
from usms_cli.journal.receipts import Addressee, Change, Kept
from usms_cli.recipients.phones import api_form, country_of, digits_of, same_phone_keys


@dataclass
class Given:
    """What there is to be kept, and the receipts that are nobody's.

    strangers: with a phone that is nobody's in the session, or could be of several.
    not_accepted: of recipients whose outcome is another than accepted.
    surplus: final ones beyond one for each time that a phone was sent to.
    unpriced: given, but without a number of message parts.
    """

    changes: list[Change] = field(default_factory=list)
    strangers: int = 0
    not_accepted: int = 0
    surplus: int = 0
    unpriced: int = 0


def give_out(receipts: Sequence[Receipt], addressees: Iterable[Addressee]) -> Given:
    """Give the receipts of a session to those whom they may be about."""
    people: dict[int, list[Addressee]] = defaultdict(list)
    for addressee in addressees:
        people[addressee.phone].append(addressee)
    given = Given()
    by_phone: dict[int, list[Receipt]] = defaultdict(list)
    for receipt, phone in zip(receipts, _phones_of(receipts, people), strict=True):
        if phone is None:
            given.strangers += 1
        else:
            by_phone[phone].append(receipt)
    for phone, said in by_phone.items():
        accepted = [one for one in people[phone] if one.accepted]
        if not accepted:
            given.not_accepted += len(said)
            continue
        # Which session is whose is settled by an assumption: it decides only where it fits.
        meant = [one for one in accepted if one.own] or accepted
        room = [one for one in meant if not one.elsewhere]
        given.surplus += max(0, sum(one.delivered is not None for one in said) - len(room))
        _give_to(room, _best(said, len(room)), given)
    return given


def _phones_of(
    receipts: Sequence[Receipt], people: dict[int, list[Addressee]]
) -> Iterable[int | None]:
    """Yield the number that each receipt is about, None where it is nobody's or one of several's.

    As it was sent a phone means one number; its bare digits may be the writing of several.
    """
    sent = {api_form(phone): phone for phone in people}
    by_writing: dict[str, set[int]] = {}
    for receipt in receipts:
        phone = sent.get(receipt.phone)
        if phone is None:
            if not by_writing:
                by_writing = _writings(people)
            fitting = by_writing.get(digits_of(receipt.phone), set())
            phone = next(iter(fitting)) if len(fitting) == 1 else None
        yield phone


def _writings(phones: Iterable[int]) -> dict[str, set[int]]:
    by_writing: dict[str, set[int]] = defaultdict(set)
    for phone in phones:
        for writing in same_phone_keys(phone):
            by_writing[writing].add(phone)
    return by_writing


def _best(said: list[Receipt], number: int) -> list[Receipt]:
    """Return at most so many receipts of a phone, in order: the final ones, the latest first."""
    if len(said) <= number:
        return said
    best = sorted(
        range(len(said)),
        key=lambda place: (said[place].delivered is not None, said[place].time),
        reverse=True,
    )
    return [said[place] for place in sorted(best[:number])]


def _give_to(room: list[Addressee], said: list[Receipt], given: Given) -> None:
    """Give the receipts of one phone to those who have it.

    What is said again stays whose it was; of the rest, those get it first who have no final one.
    """
    left = [(Kept(one.delivered, one.parts or 0, one.time, one.reason), one.parts) for one in said]
    free = []
    for addressee in room:
        again = next((pair for pair in left if pair[0] == addressee.kept), None)
        if again:
            left.remove(again)
        else:
            free.append(addressee)
    free.sort(key=lambda one: one.kept is not None and one.kept.delivered is not None)
    for addressee, (new, parts) in zip(free, left, strict=False):
        kept = addressee.kept
        if kept and not _replaces(new, kept):
            continue
        if kept and parts is None:
            new = new._replace(parts=kept.parts)
        given.unpriced += parts is None and not kept and new.delivered is not None
        country = country_of(addressee.phone) if new.delivered is False else None
        given.changes.append(Change(addressee, new, country))


def _replaces(new: Kept, kept: Kept) -> bool:
    """Whether a receipt takes the place of another: what is final stays, but for later news."""
    if kept.delivered is None or new.delivered is None:
        return kept.delivered is None
    return not new.time or not kept.time or new.time >= kept.time
