"""What somebody who means harm tries, and does not get."""

import gzip
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from tests.support.command import Usms, phones, write_csv
from tests.support.gateway import Gateway, Reply, in_turn

CALL = ("send", "a.csv", "-t", "T1", "-s", "S", "--yes")


@pytest.fixture(autouse=True)
def _table(usms: Usms) -> None:
    write_csv(usms.folder / "a.csv", [(phone, "x") for phone in phones(3)])


class Impostor:
    """An https server on loopback whose certificate nobody has reason to trust."""

    def __init__(self, folder: Path) -> None:
        self.requests = 0
        impostor = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                impostor.requests += 1

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority = trustme.CA()
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.trust = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.trust))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"https://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Impostor":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_server_with_a_certificate_of_its_own_making_gets_no_key_and_no_phone(
    usms: Usms,
) -> None:
    with Impostor(usms.folder) as impostor:
        usms.address = impostor.address
        result = usms(*CALL, "--retries", "0", "--json")
    assert result.status == 4
    assert "certificate" in result.report["problem"]
    assert result.report["counts"]["pending"] == 3
    assert impostor.requests == 0


@pytest.mark.parametrize(
    "name", ["../x", "/tmp/x", "a/b", "..", ".x", "a\nb", "a b", "x" * 101, ""]
)
def test_a_name_leads_nowhere_but_into_the_state_directory(
    usms: Usms, gateway: Gateway, name: str
) -> None:
    before = sorted(usms.folder.parent.rglob("*"))
    for call in (
        (*CALL, "--run", name),
        ("resume", name),
        ("show", name),
        ("runs", "delete", name, "--yes"),
    ):
        assert usms.inside(*call).status == 2, call
    assert not gateway.requests
    left = {path.name for path in usms.folder.parent.rglob("*") if path not in before}
    assert left <= {"state"}


@pytest.mark.parametrize("link", ["night.db", ".night.draft", ".night.lock", ".admission"])
def test_a_link_in_the_state_directory_is_not_written_through(
    usms: Usms, gateway: Gateway, link: str
) -> None:
    victim = usms.folder / "victim"
    victim.write_text("precious")
    usms.state.mkdir(mode=0o700)
    (usms.state / link).symlink_to(victim)
    result = usms(*CALL, "--run", "night")
    assert victim.read_text() == "precious"
    assert result.status in (0, 2, 4)
    assert bool(gateway.requests) == (result.status == 0)


def test_an_answer_that_unpacks_to_a_gigabyte_is_read_to_its_limit(
    usms: Usms, gateway: Gateway
) -> None:
    bomb = gzip.compress(bytes(2**20), 9) * 1000
    headers = {"Content-Encoding": "gzip"}
    gateway.plan = in_turn(Reply(headers=headers, body=bomb), then=Reply(takes=False, status=401))
    result = usms(*CALL, "--batch-size", "2", "--concurrency", "1", "--json")
    assert result.report["counts"] | {"records": 0} == {
        **dict.fromkeys(result.report["counts"], 0),
        "unknown": 2,
        "pending": 1,
    }
