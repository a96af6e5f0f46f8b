"""A refused batch is taken apart: driven by an API that refuses a request for what is in it."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usms_cli.batching import Batch, Piece, Task, batches
from usms_cli.isolation import Isolation


@dataclass
class Simulation:
    """What became of everybody. A request is refused if anybody in it is bad, or its template."""

    bad: Collection[int] = ()
    bad_templates: Collection[int] = ()
    requests: int = 0
    taken: Counter[int] = field(default_factory=Counter)
    failed: Counter[int] = field(default_factory=Counter)
    given_up: dict[int, str] = field(default_factory=dict)
    stopped: bool = False

    def run(self, sizes: Iterable[int], batch_size: int = 1000) -> "Simulation":
        """Send to tasks of some sizes, as `Delivery` does; ids count through all of them."""
        accepted: set[int] = set()
        isolation = Isolation(accepted.__contains__)
        fresh = deque(batches(pieces(sizes), batch_size))
        while not isolation.everybody_is_refused:
            part = isolation.next_part()
            if part is None and isolation.active:
                self._fail(isolation.conclude(fresh[0] if fresh else None))
                part = isolation.next_part()
            if part is None and fresh:
                part = fresh.popleft().without(isolation.given_up)
            if part is None:
                break
            if part.size:
                self._send(part, isolation, accepted)
        self.stopped = isolation.everybody_is_refused
        assert not isolation.active or self.stopped
        self.given_up = isolation.given_up
        return self

    def _send(self, batch: Batch, isolation: Isolation, accepted: set[int]) -> None:
        self.requests += 1
        members = list(batch.members())
        if any(one.id in self.bad or task.id in self.bad_templates for task, one in members):
            self._fail(isolation.refused(self.requests, batch, "Invalid parameter"))
            return
        self.taken.update(one.id for _, one in members)
        accepted.update(task.id for task, _ in members)
        self._fail(isolation.taken(batch))

    def _fail(self, refusals: list[tuple[int, Batch]]) -> None:
        for _, batch in refusals:
            assert batch.size == 1
            self.failed.update(one.id for _, one in batch.members())

    def once(self) -> "Simulation":
        """Check what holds whatever happens: nobody twice, and nobody both taken and failed."""
        for found in (self.taken, self.failed):
            assert set(found.values()) <= {1}
        assert not self.taken.keys() & self.failed.keys()
        assert not self.taken.keys() & set(self.bad)
        assert self.failed.keys() <= set(self.bad)
        return self


def pieces(sizes: Iterable[int]) -> Iterable[Piece]:
    first = 0
    for number, size in enumerate(sizes, start=1):
        task = Task(number, f"T{number}", "S")
        ids = range(first, first + size)
        yield Piece(task, ids, ids, [b""] * size)
        first += size


# --- bad recipients --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        {0},
        {999},
        {500},
        {1},
        {250},
        {1000},
        {2999},
        {0, 999},
        {0, 500, 999},
        {0, 1, 500, 998, 999},
        {1000, 1500, 1999},
        {17, 1017, 2017},
        set(range(100, 140)),
        set(range(480, 520)),
        set(range(600)),
        set(range(400, 1000)),
        set(range(0, 1000, 2)),
        set(range(0, 3000, 37)),
        set(range(990, 1010)),
    ],
    ids=str,
)
def test_bad_recipients_fail_and_all_others_are_taken(bad: set[int]) -> None:
    done = Simulation(bad).run([3000]).once()
    assert done.failed.keys() == bad
    assert done.taken.keys() == set(range(3000)) - bad
    assert not done.given_up


@pytest.mark.parametrize("place", range(0, 1000, 111))
def test_one_bad_recipient_costs_few_requests(place: int) -> None:
    assert Simulation({place}).run([1000]).once().requests <= 24


@pytest.mark.parametrize("size", range(2, 9))
def test_a_small_batch_is_taken_apart_too(size: int) -> None:
    for bad in range(size):
        done = Simulation({bad}).run([size]).once()
        assert done.failed.keys() == {bad}
        assert done.taken.keys() == set(range(size)) - {bad}


@pytest.mark.parametrize("batch_size", [1, 2, 3, 10])
@pytest.mark.parametrize("bad", [{0}, {0, 1}, {0, 1, 2, 3, 4}, {0, 19}], ids=str)
def test_whoever_fills_the_first_requests_is_not_taken_for_the_template(
    bad: set[int], batch_size: int
) -> None:
    done = Simulation(bad).run([20], batch_size).once()
    assert done.failed.keys() == bad
    assert done.taken.keys() == set(range(20)) - bad
    assert not done.given_up


def test_a_whole_batch_of_bad_recipients_is_not_taken_for_the_template() -> None:
    done = Simulation(set(range(1000))).run([2500]).once()
    assert done.failed.keys() == set(range(1000))
    assert done.taken.keys() == set(range(1000, 2500))


def test_bad_recipients_of_several_templates_in_one_request() -> None:
    bad = {3, 100, 299, 301, 650, 899}
    done = Simulation(bad).run([300, 300, 300]).once()
    assert done.failed.keys() == bad
    assert done.taken.keys() == set(range(900)) - bad
    assert not done.given_up


def test_a_bad_recipient_after_the_first_request_fails_although_it_stands_alone() -> None:
    """Its template is known to be good: somebody of it was taken before."""
    done = Simulation({1000}).run([1001]).once()
    assert done.failed.keys() == {1000}


def test_nothing_else_is_sent_beside_the_last_part() -> None:
    """It would be taken for a proof of what the part is to prove."""
    isolation = Isolation(lambda _: False)
    [batch] = batches(pieces([2, 2]), 4)
    isolation.refused(1, batch, "Invalid parameter")
    while part := isolation.next_part():
        assert isolation.active
        isolation.taken(part)
    assert not isolation.active


# --- bad templates ---------------------------------------------------------------------------


def test_a_single_recipient_that_is_refused_stays_pending() -> None:
    """Is it the recipient or the template? Nobody can tell."""
    done = Simulation({0}).run([1]).once()
    assert (done.requests, done.failed, done.given_up) == (
        1,
        Counter(),
        {1: 'template "T1": Invalid parameter'},
    )


@pytest.mark.parametrize("size", [1, 2, 3, 5, 10, 999, 1000, 1001, 3000, 100_000])
def test_a_whole_bad_template_costs_few_requests_and_nobody_fails(size: int) -> None:
    done = Simulation(bad_templates={1}).run([size]).once()
    assert done.requests <= 8
    assert not done.failed
    assert done.given_up.keys() == {1}
    assert not done.stopped


@pytest.mark.parametrize("bad", [1, 2, 3])
def test_the_other_templates_go_on(bad: int) -> None:
    sizes = [1500, 1500, 1500]
    done = Simulation(bad_templates={bad}).run(sizes).once()
    assert done.taken.keys() == set(range(4500)) - set(range(1500 * (bad - 1), 1500 * bad))
    assert done.given_up.keys() == {bad}
    assert not done.failed
    assert done.requests <= 24


def test_a_bad_template_does_not_hide_a_bad_recipient_of_a_good_one() -> None:
    done = Simulation({450}, bad_templates={1}).run([400, 400]).once()
    assert done.failed.keys() == {450}
    assert done.taken.keys() == set(range(400, 800)) - {450}
    assert done.given_up.keys() == {1}


@pytest.mark.parametrize(
    "sizes", [[1000] * 100, [10] * 100, [5] * 100, [2] * 100, [1] * 100, [1] * 3000]
)
def test_everybody_refused_costs_few_requests_however_many_templates(sizes: list[int]) -> None:
    done = Simulation(bad_templates=range(1, len(sizes) + 1)).run(sizes).once()
    assert done.stopped
    assert done.requests < 200
    assert not done.failed
    assert not done.taken


@pytest.mark.parametrize("size", [1, 2, 10, 999, 1000, 1500, 5000])
@pytest.mark.parametrize("number", [5, 39])
def test_bad_templates_at_the_beginning_do_not_hide_a_good_one(number: int, size: int) -> None:
    done = Simulation(bad_templates=range(1, number + 1)).run([size] * (number + 1)).once()
    assert done.taken.keys() == set(range(size * number, size * (number + 1)))
    assert done.given_up.keys() == set(range(1, number + 1))
    assert not done.failed
    assert done.requests <= 6 * (number + 1) + 8
    assert not done.stopped


def test_many_small_bad_templates_among_good_ones_do_not_stop_the_run() -> None:
    """Between them somebody is taken, so it is not everybody who is refused."""
    bad = set(range(2, 122, 2))
    done = Simulation(bad_templates=bad).run([1] * 122).once()
    assert done.given_up.keys() == bad
    assert done.taken.keys() == {place for place in range(122) if place + 1 not in bad}
    assert not done.stopped


# --- anything --------------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
    st.sets(st.integers(0, 120), max_size=40),
    st.sets(st.integers(1, 4)),
    st.integers(1, 70),
)
def test_any_bad_recipients_and_templates(
    sizes: list[int], bad: set[int], bad_templates: set[int], batch_size: int
) -> None:
    """Within a template that is not given up everybody is taken or, if bad, failed; of one that is
    given up nobody is failed."""
    simulation = Simulation(bad, bad_templates)
    simulation.bad = {*bad, *ids_of(sizes, bad_templates.__contains__)}
    done = simulation.run(sizes, batch_size).once()
    first = 0
    for task, size in enumerate(sizes, start=1):
        ids = set(range(first, first + size))
        first += size
        if task in done.given_up:
            continue
        assert task not in bad_templates
        assert done.taken.keys() & ids == ids - bad
        assert done.failed.keys() & ids == ids & bad


@given(st.integers(2, 1000), st.data())
def test_up_to_two_bad_recipients_never_cost_a_good_template(
    size: int, data: st.DataObject
) -> None:
    bad = data.draw(st.sets(st.integers(0, size - 1), max_size=min(2, size - 1)))
    done = Simulation(bad).run([size]).once()
    assert done.failed.keys() == bad
    assert done.taken.keys() == set(range(size)) - bad


def ids_of(sizes: list[int], is_bad: Callable[[int], bool]) -> Iterable[int]:
    for piece in pieces(sizes):
        if is_bad(piece.task.id):
            yield from piece.ids
