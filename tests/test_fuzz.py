"""A few hundred cases of the fuzzer, which is let run for an hour now and then."""

import logging
from collections.abc import Iterator

import pytest

from tests.fuzz.__main__ import Score, run_case


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable()  # python-dotenv says of each line that it cannot read it
    yield
    logging.disable(logging.NOTSET)


def test_hostile_input_breaks_nothing_and_means_nothing_that_it_does_not() -> None:
    score = Score()
    for number in range(600):
        run_case(seed=0, number=number, score=score)
    assert not score.findings, "\n".join(score.findings.values())
    assert len(score.came) > 30
