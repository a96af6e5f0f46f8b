"""The page of a run in a real browser: it fits a phone and a desk, and runs and fetches nothing."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.browser import CHROMIUM, Server, look_at
from tests.support.command import Usms, phones, write_csv
from tests.support.gateway import Gateway, Reply

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")

# Looks at the page in a frame as wide as a phone's or a desk's window, and writes what it sees.
_FRAME = """<!doctype html><title>frame</title>
<iframe src="page.html" width="{width}" height="900" style="border:0"></iframe><pre></pre>
<script>
window.onload = () => {{
  const inside = document.querySelector("iframe").contentWindow, page = inside.document;
  const boxes = [...page.querySelectorAll("body *")];
  const wide = one => one.getBoundingClientRect().right > page.documentElement.clientWidth + .5;
  const columns = [...page.querySelectorAll(".columns i")];
  document.querySelector("pre").textContent = JSON.stringify({{
    width: page.documentElement.clientWidth, scroll: page.documentElement.scrollWidth,
    outside: boxes.filter(wide).map(one => one.tagName + "." + one.className),
    title: page.title, paper: inside.getComputedStyle(page.body).backgroundColor,
    bars: [...page.querySelectorAll(".bar, .split i")].map(one => one.offsetWidth),
    ran: inside.ran === undefined, scripts: page.scripts.length, images: page.images.length,
    hero: page.querySelector(".hero").innerText,
  }});
}};
</script>"""

LONG = "无空格的很长的文件名" * 12 + "x" * 200 + ".csv"
EVIL = (
    "</bdi></td></table><script>window.ran = 1</script>"
    "<img src={address}/stolen.png onerror='window.ran = 1'><style>*{{display:none}}</style>"
)


@pytest.fixture
def server(usms: Usms, gateway: Gateway) -> Iterator[Server]:
    """A server of the page of a run whose texts are long and hostile."""
    name = LONG[-240:].encode()[-240:].decode(errors="ignore")
    write_csv(usms.folder / name, [(phone, "x") for phone in phones(40)])
    with Server(usms.folder) as server:
        evil = EVIL.format(address=server.address)
        write_page_of_run(usms, gateway, name, evil)
        yield server


def write_page_of_run(usms: Usms, gateway: Gateway, name: str, evil: str) -> None:
    everybody = phones(40)
    reasons = {everybody[0]: evil, everybody[1]: "long" * 150, everybody[2]: "该号码已停机"}
    gateway.plan = lambda number, _: Reply(fails=reasons if number == 1 else {})
    call = ("send", name, "-t", "T" * 120, "-s", evil, "--run", "r" * 100, "--batch-size", "10")
    assert usms(*call, "-q").status == 1
    assert usms("show", "last", "-q", "--html", "page.html").status == 0


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize(
    ("scheme", "paper"), [("1", "rgb(251, 250, 248)"), ("0", "rgb(22, 21, 20)")]
)
def test_it_fits_and_runs_nothing(
    usms: Usms, server: Server, width: int, scheme: str, paper: str
) -> None:
    (usms.folder / "frame.html").write_text(_FRAME.format(width=width))
    shown = look_at(
        f"{server.address}/frame.html",
        "--window-size=1400,1000",
        f"--blink-settings=preferredColorScheme={scheme}",
    )
    [found] = re.findall(r"<pre>(\{.*?\})</pre>", shown)
    seen: dict[str, Any] = json.loads(found.replace("&lt;", "<").replace("&amp;", "&"))
    assert seen["width"] in range(width - 20, width + 1)  # but for a scroll bar
    assert (seen["scroll"], seen["outside"]) == (seen["width"], [])
    assert seen["title"] == f"{'r' * 100} · SMS run"
    assert (seen["ran"], seen["scripts"], seen["images"]) == (True, 0, 0)
    assert seen["paper"] == paper
    assert all(bar > 0 for bar in seen["bars"])
    assert seen["hero"].split()[0] == "37"
    assert set(server.asked) <= {"/frame.html", "/page.html", "/favicon.ico"}
