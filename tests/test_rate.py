"""Never more than the rate in any one second, whenever within a request the API counts it."""

import math
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.support.command import Usms, phones, write_csv
from tests.support.gateway import Gateway
from usms_cli.rate import WINDOW, Rate


@dataclass
class Sent:
    """A request of `size` recipients between `start` and `end`, counted by the API in between."""

    start: float
    end: float
    size: int
    counted: float


requests = st.lists(
    st.tuples(
        st.integers(1, 100),  # size, as far as the limit allows
        st.floats(0, 3),  # how long the answer takes
        st.floats(0, 1),  # where within that the API counts it
        st.floats(0, 2),  # a pause before it
    ),
    max_size=30,
)


@given(limit=st.integers(1, 100), workers=st.integers(1, 4), requests=requests)
def test_no_window_of_a_second_holds_more_than_the_rate(
    limit: int, workers: int, requests: list[tuple[int, float, float, float]]
) -> None:
    rate, now = Rate(limit), 0.0
    sent: list[Sent] = []
    under_way: list[Sent] = []

    def pass_to(time: float) -> None:
        nonlocal now
        for one in sorted(under_way, key=lambda one: one.end):
            if one.end <= time:
                now = max(now, one.end)
                rate.answer(one.size, now)
                under_way.remove(one)
        now = max(now, time)

    for size, latency, where, pause in requests:
        size = min(size, limit)
        pass_to(now + pause)
        while len(under_way) >= workers or (wait := rate.wait(size, now)) > 0:
            if len(under_way) >= workers or math.isinf(wait):
                pass_to(min(one.end for one in under_way))
            else:
                pass_to(now + wait)
        rate.start(size)
        one = Sent(now, now + latency, size, now + latency * where)
        sent.append(one)
        under_way.append(one)

    for first in sent:
        inside = [one for one in sent if first.counted <= one.counted < first.counted + WINDOW]
        assert sum(one.size for one in inside) <= limit


def test_a_full_second_is_used_again_a_second_after_the_answer() -> None:
    rate = Rate(10)
    rate.start(10)
    assert rate.wait(1, 5.0) == math.inf
    rate.answer(10, 5.0)
    assert rate.wait(1, 5.25) == 0.75
    assert rate.wait(1, 6.0) == 0


def test_without_a_rate_nothing_waits() -> None:
    rate = Rate(None)
    rate.start(10**9)
    assert rate.wait(10**9, 0.0) == 0


def test_the_gateway_never_sees_more_than_the_rate_in_a_second(
    usms: Usms, gateway: Gateway, tmp_path: Path
) -> None:
    file = write_csv(tmp_path / "list.csv", ([phone, "a"] for phone in phones(350)))
    for batch_size, rate in (("30", "100"), ("1000", "150")):
        gateway.requests.clear()
        result = usms.send(file, "--run", f"at-{rate}", "--rate", rate, "--batch-size", batch_size)
        assert (result.status, result.report["counts"]["accepted"]) == (0, 350)
        for first in gateway.requests:
            inside = [one for one in gateway.requests if 0 <= one.at - first.at < WINDOW]
            assert sum(len(one.targets) for one in inside) <= int(rate)
