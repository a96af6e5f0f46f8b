"""Whose a receipt is: in any writing of the phone, in order where that stands several times, and
nobody's where it could be of several."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from usms_cli.api.receipts import Receipt
from usms_cli.journal.receipts import Addressee, Kept
from usms_cli.matching import Given, give_out

CN, HK = 8613800138000, 85255311111
US = 13800138000  # the digits of CN's national number
OLD, NEW = 1_000, 2_000


def said(
    phone: str, delivered: bool | None = True, time: int = 0, parts: int | None = 1
) -> Receipt:
    return Receipt(phone, delivered, parts, time, "" if delivered else "why")


def kept(delivered: bool | None, time: int = 0, parts: int = 1) -> Kept:
    return Kept(delivered, parts, time, "" if delivered else "why")


def people(*phones: int, **fields: object) -> list[Addressee]:
    usual = {"request": 1, "accepted": True, "own": True, "elsewhere": False, "kept": None}
    return [
        Addressee(task=1, id=id_, phone=phone, **usual | fields)  # type: ignore[arg-type]
        for id_, phone in enumerate(phones, start=1)
    ]


def after(given: Given, addressees: Sequence[Addressee]) -> dict[int, bool | None]:
    """What is kept then, by the recipient's id; who has no receipt is not there."""
    found = {one.id: one.kept.delivered for one in addressees if one.kept}
    return found | {one.addressee.id: one.receipt.delivered for one in given.changes}


def test_a_phone_comes_back_in_any_writing() -> None:
    everybody = people(CN, HK, 390612345678)
    writings = ["+86 138-0013-8000", "00852 5531 1111", "(39)0612345678"]
    given = give_out([said(phone) for phone in writings], everybody)
    assert after(given, everybody) == {1: True, 2: True, 3: True}
    assert given.strangers == 0


def test_as_it_was_sent_a_phone_means_one_number_though_its_digits_are_anothers() -> None:
    everybody = people(CN, US)
    given = give_out([said("13800138000"), said("(1)3800138000", False)], everybody)
    assert after(given, everybody) == {1: True, 2: False}
    # Written so it may be either: it is nobody's then.
    given = give_out([said("138-0013-8000")], everybody)
    assert (given.strangers, given.changes) == (1, [])


def test_a_phone_that_is_nobodys_or_no_phone_is_a_strangers() -> None:
    given = give_out([said("13900139000"), said(""), said("a"), said("1" * 200)], people(CN))
    assert (given.strangers, given.changes) == (4, [])


def test_who_is_not_accepted_gets_no_receipt() -> None:
    given = give_out([said("13800138000")], people(CN, accepted=False))
    assert (given.not_accepted, given.changes) == (1, [])
    # One of two with the phone failed: the receipt is the other's.
    everybody = [*people(CN, accepted=False), *people(HK, CN)[1:]]
    given = give_out([said("13800138000")], everybody)
    assert [one.addressee.accepted for one in given.changes] == [True]


def test_where_a_phone_stands_several_times_its_receipts_are_given_out_in_order() -> None:
    everybody = people(CN, HK, CN, CN)
    phone = "13800138000"
    given = give_out([said(phone), said(phone, False), said("(852)55311111")], everybody)
    assert after(given, everybody) == {1: True, 2: True, 3: False}


def test_said_again_in_another_order_they_stay_whose_they_were() -> None:
    everybody = [
        one._replace(kept=kept(state))
        for one, state in zip(people(CN, CN), (True, False), strict=True)
    ]
    phone = "13800138000"
    given = give_out([said(phone, False), said(phone)], everybody)
    assert given.changes == []
    # The one that is new is his who has none.
    everybody[1] = everybody[1]._replace(kept=None)
    assert after(give_out([said(phone, False), said(phone)], everybody), everybody) == {
        1: True,
        2: False,
    }


def test_more_receipts_than_messages_are_counted_once_the_latest_final_one() -> None:
    everybody = people(CN)
    phone = "13800138000"
    several = [said(phone, False, OLD), said(phone, True, NEW, 3), said(phone, None, NEW)]
    for order in (several, several[::-1]):
        given = give_out(order, everybody)
        assert after(given, everybody) == {1: True}
        assert [one.receipt.parts for one in given.changes] == [3]
        assert given.surplus == 1  # that it was not known yet is no second message


def test_a_final_receipt_is_lost_neither_to_an_unknown_nor_to_an_older_one() -> None:
    cases = [
        # what is kept, what is said, what holds then
        (kept(None), said("", True), True),
        (kept(None), said("", False), False),
        (kept(None, NEW), said("", None, OLD), None),
        (kept(True), said("", None, NEW), True),
        (kept(False), said("", None, NEW), False),
        (kept(False, OLD), said("", True, NEW), True),
        (kept(True, OLD), said("", False, NEW), False),
        (kept(True, NEW), said("", False, OLD), True),
        (kept(False, NEW), said("", True, OLD), False),
        (kept(False, 0), said("", True, OLD), True),
        (kept(False, NEW), said("", True, 0), True),
    ]
    for before, now, then in cases:
        everybody = people(CN, kept=before)
        given = give_out([now._replace(phone="13800138000")], everybody)
        assert after(given, everybody) == {1: then}, (before, now)


def test_a_receipt_without_a_number_of_parts_keeps_the_one_before() -> None:
    [change] = give_out([said("13800138000", parts=None)], people(CN, kept=kept(None))).changes
    assert change.receipt.parts == 1
    given = give_out([said("13800138000", parts=None)], people(CN))
    assert (given.changes[0].receipt.parts, given.unpriced) == (0, 1)


def test_a_receipt_of_another_session_is_not_replaced() -> None:
    everybody = [*people(CN, own=False, elsewhere=True), *people(HK, CN, own=False)[1:]]
    given = give_out([said("13800138000")], everybody)
    assert [one.addressee.id for one in given.changes] == [2]
    assert give_out([said("13800138000")], everybody[:1]).surplus == 1


def test_those_of_the_sessions_own_template_come_first() -> None:
    everybody = [*people(CN, own=False), *people(HK, CN)[1:]]
    given = give_out([said("13800138000")], everybody)
    assert [one.addressee.id for one in given.changes] == [2]
    # Where it does not fit, that which session is whose was only assumed.
    given = give_out([said("13800138000")], everybody[:1])
    assert [one.addressee.id for one in given.changes] == [1]


def test_the_country_of_an_undelivered_one_is_looked_up() -> None:
    given = give_out([said("(852)55311111", False), said("13800138000")], people(CN, HK))
    assert {one.addressee.phone: one.country for one in given.changes} == {CN: None, HK: "HK"}


@given(
    st.lists(st.sampled_from([CN, HK, US]), max_size=6),
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["13800138000", "(852)55311111", "+86 138 0013 8000", "?"]),
                st.sampled_from([True, False, None]),
                st.sampled_from([0, OLD, NEW]),
            ),
            max_size=6,
        ),
        max_size=4,
    ),
)
def test_however_often_it_is_asked_nobody_has_two_and_no_final_one_is_lost(
    phones: list[int], answers: list[list[tuple[str, bool | None, int]]]
) -> None:
    everybody = people(*phones)
    for answer in answers:
        receipts = [said(*one) for one in answer]
        given = give_out(receipts, everybody)
        changed = {one.addressee.id: one.receipt for one in given.changes}
        assert len(changed) == len(given.changes)
        before = {one.id: one.kept for one in everybody}
        everybody = [one._replace(kept=changed.get(one.id, one.kept)) for one in everybody]
        for one in everybody:
            was = before[one.id]
            if was and was.delivered is not None:
                assert one.kept
                assert one.kept.delivered is not None
                assert not one.kept.time or one.kept.time >= was.time
        if len(set(phones)) == len(phones):  # the same answer again changes nothing
            assert give_out(receipts, everybody).changes == []
