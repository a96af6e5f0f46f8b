"""What the tests share: a command in a folder of its own, and a gateway that fails on demand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Usms
from tests.support.gateway import Gateway


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as serving:
        yield serving


@pytest.fixture
def usms(tmp_path: Path, gateway: Gateway) -> Usms:
    """The command, sending to the gateway."""
    return Usms(tmp_path, gateway.address)
