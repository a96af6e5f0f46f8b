"""Reading a file of a test with the real readers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from usms_cli.recipients.record import Problem, Record
from usms_cli.recipients.source import ReadOptions, open_source

Read = Callable[..., list[Record | Problem]]


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Return what writes content to a file and reads its records: `read(content, "a.csv", …)`."""
    folder = tmp_path_factory.mktemp("read")

    def read(
        content: str | bytes, name: str = "list.csv", **options: Any
    ) -> list[Record | Problem]:
        path: Path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        source = open_source(str(path), ReadOptions(**options))
        try:
            return list(source.records())
        finally:
            source.close()

    return read
