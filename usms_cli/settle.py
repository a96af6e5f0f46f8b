"""A verdict and the batch it is about become outcomes, recipient by recipient.

The API names a failed recipient by phone and parameters, and the phone may come back in another
writing. Where that leaves open who is meant, nobody is said to have failed or been accepted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec

from usms_cli.api.verdicts import FailedPhone, NotTaken, Refused, Stop, Taken, Unknown, Verdict
from usms_cli.batching import Batch, Recipient, Task
from usms_cli.journal.settlement import Apart, SessionRow, Settlement
from usms_cli.recipients.phones import api_form, digits_of, same_phone_keys
from usms_cli.text import quoted

_UNPROVEN = "the API gave no session number for it"
_AMBIGUOUS = "the API says that one of several recipients with this phone failed, not which"

Member = tuple[Task, Recipient]


def settle(verdict: Verdict, batch: Batch) -> Settlement:
    """Return what a verdict means for the recipients of a batch."""
    match verdict:
        case Taken():
            return _settle_taken(verdict, batch)
        case Refused(reason):
            return Settlement("refused", "pending", reason)
        case Stop(reason):
            return Settlement("stop", "pending", reason)
        case NotTaken(reason):
            return Settlement("not taken", "pending", reason)
        case Unknown(reason):
            return Settlement("unknown", "unknown", reason)


def _settle_taken(taken: Taken, batch: Batch) -> Settlement:
    apart, stranger = _match(taken.failed, batch) if taken.failed else ([], None)
    if stranger is not None:
        reason = (
            f"the API lists as failed {quoted(stranger.phone)} ({stranger.reason}), "
            "which is nobody in this request"
        )
        rows = [SessionRow(no, None, None, None) for no in taken.sessions]
        return Settlement("taken", "unknown", reason, sessions=rows)
    if not taken.sessions:
        return Settlement("taken", "unknown", _UNPROVEN, apart)
    return Settlement(
        "taken", "accepted", None, apart, _share_sessions(taken.sessions, batch, apart)
    )


def _match(failed: Iterable[FailedPhone], batch: Batch) -> tuple[list[Apart], FailedPhone | None]:
    """Find the recipients that an answer lists as failed.

    :return: those that failed or may have; and the first listed phone that is nobody's, if any.
    """
    by_writing: dict[str, list[Member]] = defaultdict(list)
    for member in batch.members():
        phone = member[1].phone
        for writing in {api_form(phone), *same_phone_keys(phone)}:
            by_writing[writing].append(member)
    # As it was sent it means one number; its bare digits may be the writing of several.
    sent = {api_form(recipient.phone): recipient.phone for _, recipient in batch.members()}

    def fits(one: FailedPhone) -> tuple[tuple[int, int], ...]:
        exact = sent.get(one.phone)
        return tuple(
            (task.id, recipient.id)
            for task, recipient in by_writing.get(one.phone if exact else digits_of(one.phone), ())
            if exact in (None, recipient.phone) and one.params in (None, _params_of(recipient))
        )

    apart: dict[tuple[int, int], Apart] = {}
    # Those that fit the fewest first: what they name needs no guess for the others.
    listed = sorted(((fits(one), one) for one in failed), key=lambda pair: len(pair[0]))
    times = Counter(fitting for fitting, _ in listed)
    for fitting, one in listed:
        if not fitting:
            return [], one
        left = [
            place for place in fitting if place not in apart or apart[place].outcome == "unknown"
        ]
        sure = times[fitting] >= len(left)
        for place in left:
            apart[place] = (
                Apart(*place, "failed", one.reason)
                if sure
                else Apart(*place, "unknown", f"{_AMBIGUOUS} ({one.reason})")
            )
    return list(apart.values()), None


def _params_of(recipient: Recipient) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(recipient.params, type=list[str])) if recipient.params else ()


def _share_sessions(
    sessions: tuple[str, ...], batch: Batch, apart: list[Apart]
) -> list[SessionRow]:
    """Say what each session number is for.

    Which belongs to which `TaskContent` entry no document says: one for each entry with accepted
    recipients, in order, where their numbers agree; else they are the whole request's.
    """
    lost = Counter(one.task for one in apart)
    accepted = {task: size - lost[task.id] for task, size in batch.tasks().items()}
    for entries in ({task: n for task, n in accepted.items() if n}, accepted):
        if len(sessions) == len(entries):
            return [
                SessionRow(no, task.template, task.sender, number)
                for no, (task, number) in zip(sessions, entries.items(), strict=True)
            ]
    templates = {task.template for task in accepted}
    senders = {task.sender for task in accepted}
    template = templates.pop() if len(templates) == 1 else None
    sender = senders.pop() if len(senders) == 1 else None
    number = sum(accepted.values()) if len(sessions) == 1 else None
    return [SessionRow(no, template, sender, number) for no in sessions]
