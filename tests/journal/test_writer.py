"""The thread that writes a draft: what it is doing does not keep Ctrl-C waiting."""

import os
import signal
import threading
from contextlib import closing
from pathlib import Path

import pytest

from usms_cli.journal.schema import create
from usms_cli.journal.writer import RecipientWriter

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"


def test_ctrl_c_ends_a_statement_that_takes_long(tmp_path: Path) -> None:
    path = tmp_path / "r.draft"
    with closing(create(path)) as connection, closing(RecipientWriter(connection, path, 10)) as one:
        press = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        press.start()
        with pytest.raises(KeyboardInterrupt):
            one.run(lambda: connection.execute(ENDLESS).fetchone())
        press.join()
        assert one.run(lambda: connection.execute("SELECT 1").fetchone()) == (1,)
