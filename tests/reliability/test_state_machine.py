"""Any input, any faults, any crashes: after each step every recipient is where the ledger says.

USMS_EXAMPLES=2000 looks at so many ways through instead of the usual few.
"""

import os
from collections import deque
from contextlib import ExitStack

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.reliability.harness import (
    FAULTS,
    NOT_TAKEN,
    REFUSED_CONNECTION,
    UNKNOWABLE,
    Power,
    Record,
    Run,
    World,
)
from usms_cli.journal.schema import Pace
from usms_cli.recipients.phones import api_form

_PHONES = [8613800138000 + number for number in range(10)] + [85255311111, 393401234567]
_WRITTEN = [api_form(phone) for phone in _PHONES]
_PARAMS: dict[str, list[tuple[str, ...]]] = {
    "T1": [("a",), ("b",)],
    "T2": [()],
    "T3": [("a", "b"), ("", "b")],
}
_EXAMPLES = int(os.environ.get("USMS_EXAMPLES", "0"))

_records = st.sampled_from(
    [
        Record(phone, template, sender, params)
        for template, variants in _PARAMS.items()
        for params in variants
        for sender in ("S", "")
        for phone in [*_PHONES, None]
    ]
)
_some_phones = st.frozensets(st.sampled_from(_WRITTEN), max_size=3)
_faults = st.lists(
    st.one_of(
        st.none(),
        st.sampled_from(sorted(UNKNOWABLE)),
        st.sampled_from([*sorted(NOT_TAKEN), REFUSED_CONNECTION]),
        st.sampled_from(sorted(FAULTS)),
    ),
    max_size=10,
)
_paces = st.builds(
    Pace,
    batch_size=st.integers(1, 5),
    concurrency=st.integers(1, 4),
    retries=st.integers(0, 3),
)
_powers = st.builds(Power, st.none() | st.integers(1, 80))
_interruptions = st.just(()) | st.lists(st.integers(1, 8), min_size=1, max_size=2)


class Runs(RuleBasedStateMachine):
    """A run, its calls, and the end, when the gateway is well and everybody left is sent."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()

    @initialize(
        records=st.lists(_records, min_size=12, max_size=40),
        allow_duplicates=st.booleans(),
        bad=_some_phones,
        fails=_some_phones,
        refused_templates=st.just(frozenset()) | st.frozensets(st.sampled_from(sorted(_PARAMS))),
    )
    def begin(
        self,
        records: list[Record],
        allow_duplicates: bool,
        bad: frozenset[str],
        fails: frozenset[str],
        refused_templates: frozenset[str],
    ) -> None:
        self.world = World(bad, fails, refused_templates)
        run = Run(records, self.world, allow_duplicates=allow_duplicates)
        self.run = self._stack.enter_context(run)

    # One rule for all: which rules there are must not hang on how fast an answer came.
    @rule(
        pace=_paces,
        faults=_faults,
        power=_powers,
        limit=st.none() | st.integers(1, 9),
        resend_unknown=st.sampled_from([False, False, True]),
        interruptions=_interruptions,
    )
    def call(
        self,
        pace: Pace,
        faults: list[str | None],
        power: Power,
        limit: int | None,
        resend_unknown: bool,
        interruptions: list[int],
    ) -> None:
        self.world.faults = deque(faults)
        self.run.deliver(
            pace,
            power=power,
            limit=limit,
            resend_unknown=resend_unknown,
            interrupt_at=interruptions,
        )

    def teardown(self) -> None:
        with self._stack:
            self.run.finish()


def test_nobody_twice_nobody_lost_nothing_claimed_that_cannot_be_known() -> None:
    run_state_machine_as_test(
        Runs,
        settings=settings(
            max_examples=_EXAMPLES or 120,
            stateful_step_count=6,
            derandomize=not _EXAMPLES,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
