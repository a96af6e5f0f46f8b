"""A refused batch is taken apart until the bad recipient stands alone.

A refusal took nobody, so trying parts of it again messages nobody twice. A recipient that is
refused standing alone has failed, if somebody else of its template and sender is taken: else it is
the template or the sender that is refused, for everybody, and its recipients stay pending.

Decides only; what it returns is sent and recorded by `delivery`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from usms_cli.batching import Batch, Task

ALONE = 6  # recipients of a task, refused standing alone, after which it is given up
ALONE_AGAIN = 3  # the same where another task was refused, and nobody taken since
TASKS_IN_A_ROW = 40  # refused with nobody taken between, after which everybody is refused

Refusal = tuple[int, Batch]  # a request's id, and the single recipient that it held


class Isolation:
    """The refused batches of a delivery, being taken apart.

    :param has_accepted: tells of a task's id whether anybody of it was ever taken.
    """

    def __init__(self, has_accepted: Callable[[int], bool]) -> None:
        self._has_accepted = has_accepted
        self._parts: deque[Batch] = deque()
        self._later: list[Batch] = []
        self._alone: dict[Task, list[Refusal]] = {}
        self._trying = False
        self._taken: set[int] = set()
        self._in_a_row: set[int] = set()
        self._reasons: dict[Task, str] = {}
        self.given_up: dict[int, str] = {}

    @property
    def active(self) -> bool:
        """Whether there are parts to try, or anything to `conclude`."""
        return bool(self._parts or self._reasons or self._trying)

    @property
    def everybody_is_refused(self) -> bool:
        """Whether so many templates in a row were refused that all will be."""
        return len(self._in_a_row) >= TASKS_IN_A_ROW

    def next_part(self) -> Batch | None:
        """Return what to send next, with nothing else under way; None: all parts were tried."""
        self._trying = bool(self._parts or self._reasons)
        return self._parts.popleft() if self._parts else None

    def taken(self, batch: Batch) -> list[Refusal]:
        """Learn that a batch was taken; return the refusals that this shows to be failures."""
        self._in_a_row.clear()
        failures: list[Refusal] = []
        # What was under way together with the refused batch says nothing of the time after it.
        for task in batch.tasks() if self._trying else ():
            if task in self._reasons:
                self._taken.add(task.id)
            failures += self._alone.pop(task, [])
        return failures

    def refused(self, request: int, batch: Batch, reason: str) -> list[Refusal]:
        """Learn that a batch was refused; return the refusals that this shows to be failures."""
        tasks = list(batch.tasks())
        if len(tasks) > 1:
            self._split(batch, _middle_between_tasks(batch))
            return []
        (task,) = tasks
        self._reasons[task] = reason
        if task.id in self._taken:
            if batch.size == 1:
                return [(request, batch)]
            self._split(batch, [batch.size // 2])
            return []
        self._in_a_row.add(task.id)
        if batch.size > 1:
            if task.id not in self.given_up:
                self._probe(batch)
            return []
        alone = self._alone.setdefault(task, [])
        alone.append((request, batch))
        if len(alone) >= (ALONE if len(self._in_a_row) == 1 else ALONE_AGAIN):
            self._give_up(task)
        return []

    def conclude(self, coming: Batch | None) -> list[Refusal]:
        """Judge what is left when all parts were tried; return the refusals that are failures.

        While more of a task is to come, that may show whether it was the task or the recipient.
        After the last of it, it was the recipient if somebody of the task was ever taken.

        :param coming: the batch that would be sent next; None: all were.
        """
        ahead = coming.tasks() if coming else {}
        later, self._later = self._later, []
        for part in later:
            waits = part.pieces[0].task in ahead and part.pieces[0].task.id not in self._taken
            (self._later if waits else self._parts).append(part)
        if self._parts:
            return []
        failures: list[Refusal] = []
        for task in list(self._alone):
            if task in ahead:
                continue
            if self._has_accepted(task.id):
                failures += self._alone.pop(task)
            else:
                self._give_up(task)
        if not self._alone and not self._later:
            self._taken.clear()
            self._reasons.clear()
        return failures

    def _split(self, batch: Batch, cuts: list[int]) -> None:
        places = [0, *cuts, batch.size]
        parts = [batch.part(*ends) for ends in pairwise(places)]
        self._parts.extendleft(reversed([part for part in parts if part.size]))

    def _probe(self, batch: Batch) -> None:
        """Try three single recipients, from the beginning, the middle and the end.

        The others wait: the task's next batch may tell more of it than they can.
        """
        size = batch.size
        single = sorted({0, size // 2, size - 1})
        self._parts.extendleft(batch.part(place, place + 1) for place in reversed(single))
        between = [batch.part(one + 1, other) for one, other in pairwise(single)]
        self._later += [part for part in between if part.size]

    def _give_up(self, task: Task) -> None:
        self._alone.pop(task, None)
        self.given_up[task.id] = f'template "{task.template}": {self._reasons[task]}'
        self._parts = deque(self._without_given_up(self._parts))
        self._later = list(self._without_given_up(self._later))

    def _without_given_up(self, parts: Iterable[Batch]) -> Iterator[Batch]:
        return (part for whole in parts if (part := whole.without(self.given_up)).size)


def _middle_between_tasks(batch: Batch) -> list[int]:
    """Return the place nearest to the middle where one task ends and the next begins."""
    places: list[int] = []
    place = 0
    for piece, following in pairwise(batch.pieces):
        place += piece.size
        if piece.task != following.task:
            places.append(place)
    return [min(places, key=lambda place: abs(place - batch.size / 2))]
