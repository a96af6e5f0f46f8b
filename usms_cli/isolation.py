"""A refused batch is taken apart until the bad recipient stands alone.

A refusal took nobody, so trying parts of it again messages nobody twice. A recipient that is
refused standing alone has failed, if somebody else of its template and sender is taken: else it is
the template or the sender that is refused, for everybody, and its recipients stay pending.

Decides only; what it returns is sent and recorded by `delivery`.
"""

from collections import deque
from collections.abc import Callable
from itertools import pairwise

from usms_cli.batching import Batch, Task

ALONE = 6  # recipients of a task, refused standing alone, after which it is given up
REFUSALS_IN_A_ROW = 40  # with nobody taken between, after which everybody is refused

Refusal = tuple[int, Batch]  # a request's id, and the single recipient that it held


class Isolation:
    """The refused batches of a delivery, being taken apart.

    :param has_accepted: tells of a task's id whether anybody of it was ever taken.
    """

    def __init__(self, has_accepted: Callable[[int], bool]) -> None:
        self._has_accepted = has_accepted
        self._parts: deque[Batch] = deque()
        self._alone: dict[Task, list[Refusal]] = {}
        self._taken: set[int] = set()
        self._in_a_row = 0
        self._reasons: dict[Task, str] = {}
        self.given_up: dict[int, str] = {}

    @property
    def active(self) -> bool:
        """Whether there are parts to try, or recipients to be judged."""
        return bool(self._parts or self._alone)

    @property
    def everybody_is_refused(self) -> bool:
        return self._in_a_row >= REFUSALS_IN_A_ROW

    def next_part(self) -> Batch | None:
        """Return what to send next, or None where all parts were tried."""
        return self._parts.popleft() if self._parts else None

    def taken(self, batch: Batch) -> list[Refusal]:
        """Learn that a batch was taken; return the refusals that this shows to be failures."""
        self._in_a_row = 0
        failures: list[Refusal] = []
        for task in batch.tasks():
            if task in self._reasons:
                self._taken.add(task.id)
            failures += self._alone.pop(task, [])
        return failures

    def refused(self, request: int, batch: Batch, reason: str) -> list[Refusal]:
        """Learn that a batch was refused; return the refusals that this shows to be failures."""
        tasks = list(batch.tasks())
        if not any(task.id in self._taken for task in tasks):
            self._in_a_row += 1
        if len(tasks) > 1:
            self._split(batch, _middle_between_tasks(batch))
            return []
        (task,) = tasks
        self._reasons[task] = reason
        if batch.size > 1:
            if task.id in self._taken:
                self._split(batch, [batch.size // 2])
            elif task.id not in self.given_up:
                self._probe(batch)
            return []
        if task.id in self._taken:
            return [(request, batch)]
        alone = self._alone.setdefault(task, [])
        alone.append((request, batch))
        if len(alone) >= ALONE:
            self._give_up(task)
        return []

    def conclude(self) -> list[Refusal]:
        """Judge what is left when all parts were tried; return the refusals that are failures.

        Where somebody of the task was taken earlier, it is the recipient that was refused.
        """
        failures: list[Refusal] = []
        for task in list(self._alone):
            if self._has_accepted(task.id):
                failures += self._alone.pop(task)
            else:
                self._give_up(task)
        self._taken.clear()
        self._reasons.clear()
        return failures

    def _split(self, batch: Batch, cuts: list[int]) -> None:
        places = [0, *cuts, batch.size]
        parts = [batch.part(*ends) for ends in pairwise(places)]
        self._parts.extendleft(reversed([part for part in parts if part.size]))

    def _probe(self, batch: Batch) -> None:
        """Put three single recipients first: from the beginning, the middle and the end."""
        size = batch.size
        single = sorted({0, size // 2, size - 1})
        self._split(batch, sorted({0, *single, *(place + 1 for place in single)}))
        self._parts = deque(sorted(self._parts, key=lambda part: part.size > 1))

    def _give_up(self, task: Task) -> None:
        self._alone.pop(task, None)
        self.given_up[task.id] = f'template "{task.template}": {self._reasons[task]}'
        self._parts = deque(
            part for whole in self._parts if (part := whole.without(self.given_up)).size
        )


def _middle_between_tasks(batch: Batch) -> list[int]:
    """Return the place nearest to the middle where one task ends and the next begins."""
    places: list[int] = []
    place = 0
    for piece, following in pairwise(batch.pieces):
        place += len(piece.recipients)
        if piece.task != following.task:
            places.append(place)
    return [min(places, key=lambda place: abs(place - batch.size / 2))]
