"""What bad input gets: status 3, nothing sent, and a message that says where and what to do."""

import os
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.command import Usms, command, write_csv
from tests.support.gateway import Gateway
from tests.support.workbook import pack, sheet_of, workbook

GOOD = "13800138000"


class Bad(NamedTuple):
    """A file, what of it the message says, and the remedy that it gives."""

    name: str
    content: bytes
    said: str
    remedy: str


def text(name: str, content: str, said: str, remedy: str) -> Bad:
    return Bad(name, content.encode(), said, remedy)


def _encrypted() -> bytes:
    data = bytearray(workbook([["phone"], [GOOD]]))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _bomb() -> bytes:
    return pack({"_rels/.rels": "<a/>", "xl/workbook.xml": " " * (100 << 20)})


def _lying_bomb() -> bytes:
    """Return a zip bomb that says it is small."""
    data = bytearray(_bomb())
    size = struct.pack("<I", 100 << 20)
    return bytes(data.replace(size, struct.pack("<I", 1000)))


def _far_corners() -> bytes:
    return sheet_of('<row r="1"><c r="A1"><v>1</v></c><c r="XFD1048576"><v>1</v></c></row>')


DEEP = "[" * 100_000 + "]" * 100_000

UNREADABLE = [
    text("quote.csv", f'phone,param1\n{GOOD},"x\n{GOOD},y\n', "quote.csv, line 2", "Close each"),
    text("after.csv", f'phone\n{GOOD}\n"1" 2\n', "after.csv, line 3 has a cell with", "quote"),
    text("none.csv", f"{GOOD},x\n", "none.csv begins with a record", "phone,param1"),
    text("blank.csv", "\n\n , \n", "blank.csv has blank lines only", "right file"),
    text("twice.csv", f"phone,Phone\n{GOOD},1\n", '"phone" and "Phone"', "e"),
    text(
        "nobody.csv", "name\nAnna\n", 'no column is the phone; the columns are "name"', "phone-col"
    ),
    text("both.csv", "phone,mobile\n1,2\n", '"phone" and "mobile" could each', "--phone-column"),
    text("nul.csv", f"phone\n{GOOD}\n1\0\n", "nul.csv, line 3 has a NUL byte", "UTF-8"),
    Bad("photo.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 9, "photo.csv, line 1 is not", "UTF-8"),
    Bad("noise.csv", bytes(range(1, 256)) * 99, "noise.csv, line ", "--encoding"),
    Bad("latin.csv", f"phone,x\n{GOOD},ä\n".encode("latin-1"), "line 2", '--encoding cp1252     "'),
    Bad("gb.csv", f"phone,x\n{GOOD},安\n".encode("gb18030"), "line 2", "--encoding gb18030    "),
    Bad("empty.csv", b"", "empty.csv is empty", "right file"),
    text("cut.json", f'[{{"phone": "{GOOD}"}},', "cut.json, record 1 or just after", "whole"),
    text("cut.jsonl.json", '{"phone": ', "is not valid JSON", "JSON is one list"),
    text("deep-in.json", f'[{{"phone": "{GOOD}", "params": {DEEP[:-3]}', "record 1", "list"),
    text("deep.json", DEEP, "deep.json, record 1 is nested too deep", "list"),
    text("huge.json", f'[{{"phone": {"9" * 5000}}}]', "record 1", "a number of thousands of"),
    text("scalar.json", "5", "scalar.json is neither", "list of records"),
    text("body.json", '{"TaskContent": {}}', "TaskContent", "list"),
    text("long.json", f'[{{"phone": "{"1" * (3 << 20)}"}}]', "longer than a million", "list"),
    Bad("bomb.xlsx", _bomb(), "bomb.xlsx unpacks to 0.1 GiB", "CSV UTF-8"),
    Bad("lie.xlsx", _lying_bomb(), "lie.xlsx is damaged", "save it once more"),
    Bad("far.xlsx", _far_corners(), "far.xlsx has cells as far as column 16,384", "Delete"),
    Bad("locked.xlsx", _encrypted(), "locked.xlsx is protected by a password", "without"),
    Bad("ole.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 99, "with a password, or", "save it as"),
    Bad("cut.xlsx", workbook([["phone"], [GOOD]])[:-99], "cut.xlsx is damaged", "once more"),
    Bad("sheets.xlsx", workbook([["phone"]], [["phone"]]), '"Sheet1", "Sheet2"', "--sheet"),
    Bad("list.zip", pack({"a.csv": "phone\n1\n"}), "list.zip is a zip archive", "Unpack"),
    Bad("list.csv.gz", b"\x1f\x8b\x08\0\0\0", "compressed by gzip", "gzip -dc"),
]
"""Files that cannot be read as a whole, to send to as to exclude."""

INVALID = [
    text("wide.csv", f"phone,param1\n{GOOD},a,b\n", "wide.csv:2: it has 3 cells", "in quotes"),
    text(
        "deep.jsonl", f'{{"phone": "{GOOD}"}}\n{{"a": {DEEP}}}\n', "deep.jsonl:2: its", "too deep"
    ),
    text("cut.jsonl", f'{{"phone": "{GOOD}"}}\n{{"phone": \n', "cut.jsonl:2: ", "not valid JSON"),
    text("big.json", '[{"phone": 9007199254740993}]', "big.json:1: the phone is", "as a string"),
    text("big.jsonl", '{"phone": 1e400}\n', "big.jsonl:1: the phone is", "as a string"),
    text(
        "huge.jsonl",
        f'{{"phone": {GOOD}}}\n{{"phone": {"9" * 5000}}}\n',
        "huge.jsonl:2: ",
        "as a string",
    ),
    text(
        "nest.json", '[{"phone": {"a": 1}}]', 'nest.json:1: "phone" holds a nested', "as a string"
    ),
    text("list.jsonl", '{"phone": ["1"]}\n', 'list.jsonl:1: "phone" holds a nested', "as a string"),
    text("true.jsonl", '{"phone": true}\n', 'true.jsonl:1: "phone" holds true', "as a string"),
    text("word.csv", "phone\nsoon\n", 'word.csv:2: phone "soon"', "letters do not"),
    text("exp.csv", "phone\n1.38001E+10\n", "exp.csv:2: ", "spreadsheet"),
]
"""Files with a record whose phone cannot be known."""


def put(usms: Usms, bad: Bad) -> str:
    (usms.folder / bad.name).write_bytes(bad.content)
    return bad.name


@pytest.mark.parametrize("bad", UNREADABLE, ids=lambda bad: bad.name)
def test_a_file_that_cannot_be_read_as_a_whole(usms: Usms, gateway: Gateway, bad: Bad) -> None:
    name = put(usms, bad)
    write_csv(usms.folder / "good.csv", [(GOOD, "x")])
    for files in (("good.csv", name), ("good.csv", "--exclude", name)):
        result = usms.send(*files, "--skip-invalid", "--run", "one")
        assert (result.status, gateway.requests) == (3, []), result.err
        assert bad.said in result.err
        assert bad.remedy in result.err
        assert name in result.err
        assert result.report["problem"]
        assert result.report["status"] == "rejected"
        assert not (usms.state / "one.db").exists()


@pytest.mark.parametrize("bad", INVALID, ids=lambda bad: bad.name)
def test_a_record_whose_phone_cannot_be_known(usms: Usms, gateway: Gateway, bad: Bad) -> None:
    name = put(usms, bad)
    result = usms.send(name, "--failures", "failed.csv")
    assert (result.status, gateway.requests) == (3, [])
    assert bad.said in result.err
    assert bad.remedy in result.err
    assert [one["source"] for one in result.report["invalid"]] == [name]
    assert len((usms.folder / "failed.csv").read_text(encoding="utf-8").splitlines()) == 2

    write_csv(usms.folder / "good.csv", [(GOOD, "x")])
    result = usms.send("good.csv", "--exclude", name, "--skip-invalid")
    assert (result.status, gateway.requests) == (3, [])
    place, _, reason = bad.said.partition(": ")
    assert place.replace(":", ", line ") in result.err
    assert reason in result.err
    assert bad.remedy in result.err


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ('{"phone": "13800138000", "param1": {"a": 1}}', '"param1" holds a nested value'),
        ('{"phone": "13800138000", "params": ["a", ["b"]]}', '"params" holds a nested value'),
        ('{"phone": "13800138000", "params": {"a": 1}}', '"params" is a nested value, not a list'),
        ('{"phone": "13800138000", "param1": true}', '"param1" holds true'),
        ('{"phone": "13800138000", "template": ["T"]}', '"template" holds a nested value'),
        ('{"phone": "13800138000", "param1": "", "param2": "x"}', "parameter 1 is empty"),
    ],
)
@pytest.mark.parametrize("name", ["list.json", "list.jsonl"])
def test_a_parameter_that_is_no_text(
    usms: Usms, gateway: Gateway, name: str, record: str, said: str
) -> None:
    content = f"[{record}]" if name == "list.json" else f"{record}\n"
    (usms.folder / name).write_text(content, encoding="utf-8")
    result = usms.send(name)
    assert (result.status, gateway.requests) == (3, [])
    assert f"{name}:1: " in result.err
    assert said in result.err


@pytest.mark.parametrize("option", [(), ("--exclude",)])
def test_a_directory_and_a_file_that_may_not_be_read(
    usms: Usms, gateway: Gateway, option: tuple[str, ...]
) -> None:
    (usms.folder / "folder").mkdir()
    write_csv(usms.folder / "good.csv", [(GOOD, "x")])
    result = usms.send("good.csv", *option, "folder")
    assert (result.status, gateway.requests) == (3, [])
    assert "folder is a directory" in result.err
    assert "one by one" in result.err
    (usms.folder / "secret.csv").touch(mode=0)
    if os.geteuid():  # root may read everything
        result = usms.send("good.csv", *option, "secret.csv")
        assert (result.status, result.out, gateway.requests) == (2, "", [])
        assert "secret.csv cannot be opened: Permission denied" in result.err


def hundred_megabytes(path: Path, before: bytes, unit: bytes, after: bytes) -> None:
    with path.open("wb") as file:
        file.write(before)
        for _ in range(100):
            file.write(unit * ((1 << 20) // len(unit)))
        file.write(after)


@pytest.mark.parametrize(
    ("name", "before", "unit", "after", "said"),
    [
        ("long.csv", b"phone,param1\n13800138000,", b"x", b"\n", "long.csv, line 2"),
        ("head.csv", b"", b"phone", b"\n", "head.csv, line 1"),
        ("quote.csv", b'phone,param1\n13800138000,"', b"x\n", b'"\n', "quote.csv, line 2"),
        ("long.jsonl", b'{"phone": "', b"1", b'"}\n', "long.jsonl, record 1"),
        ("long.json", b'[{"phone": "', b"1", b'"}]', "long.json"),
    ],
)
def test_a_line_of_100_mb_is_refused_in_little_memory(
    usms: Usms, gateway: Gateway, name: str, before: bytes, unit: bytes, after: bytes, said: str
) -> None:
    hundred_megabytes(usms.folder / name, before, unit, after)
    limited = ["prlimit", "--as=600000000"] if Path("/usr/bin/prlimit").exists() else []
    done = subprocess.run(
        [*limited, *command("send", name, "-t", "T", "-s", "S")],
        cwd=usms.folder,
        env=usms.environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, gateway.requests) == (3, []), done.stderr
    assert said in done.stderr
    assert "longer than a million" in done.stderr
    assert "Traceback" not in done.stderr


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write(f"{GOOD},x\n")


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 14)


def touch(path: Path) -> None:
    os.utime(path, ns=(0, time.time_ns()))


@pytest.mark.parametrize(
    ("option", "change"),
    [((), append), ((), shrink), ((), touch), (("--exclude",), append)],
)
def test_a_file_that_changes_while_it_is_read(
    usms: Usms, gateway: Gateway, option: tuple[str, ...], change: Callable[[Path], None]
) -> None:
    path = write_csv(usms.folder / "r.csv", [(GOOD, "x")] * 5)
    (usms.folder / "first.csv").write_bytes(path.read_bytes())
    path.write_text("phone,param1\n" + f"{GOOD},x\n" * 150_000)
    process = usms.start("send", "first.csv", *option, "r.csv", "-t", "T", "-s", "S", "-v")
    assert process.stderr
    for line in process.stderr:
        if "reading r.csv" in line:
            break
    change(path)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, gateway.requests) == (3, [])
    assert "r.csv was changed while it was read" in err
    assert "try again" in err


def test_ten_thousand_bad_lines_in_two_files(usms: Usms, gateway: Gateway) -> None:
    for name in ("a.csv", "b.csv"):
        write_csv(usms.folder / name, [("nobody", f"x{number}") for number in range(5000)])
    result = usms.send("a.csv", "b.csv", "--failures", "failed.csv")
    assert (result.status, gateway.requests) == (3, [])
    assert result.err.count("letters do not belong") == 20
    assert "9,980 more" in result.err
    assert "--failures" in result.err
    rows = (usms.folder / "failed.csv").read_text().splitlines()
    assert len(rows) == 10_001
    assert "b.csv,5001" in rows[-1]


def test_an_xlsx_without_the_extra(usms: Usms, gateway: Gateway, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['python_calamine'] = None\n")
    usms.environment = {"PYTHONPATH": str(hidden)}
    (usms.folder / "r.xlsx").write_bytes(workbook([["phone"], [GOOD]]))
    for files in (("r.xlsx",), ("-", "--exclude", "r.xlsx")):
        result = usms.send(*files, stdin=f"phone\n{GOOD}\n")
        assert (result.status, result.out, gateway.requests) == (2, "", [])
        assert "Install usms-cli[excel] the way" in result.err


def test_a_workbook_with_bad_cells_names_row_and_column(usms: Usms, gateway: Gateway) -> None:
    rows = (
        '<row r="3"><c r="A3" t="str"><v>phone</v></c><c r="B3" t="str"><v>param1</v></c></row>'
        '<row r="5"><c r="A5"><v>13800138000</v></c><c r="B5" t="e"><v>#N/A</v></c></row>'
        '<row r="6"><c r="A6" t="b"><v>1</v></c><c r="B6"><v>1</v></c></row>'
    )
    (usms.folder / "r.xlsx").write_bytes(sheet_of(rows))
    result = usms.send("r.xlsx")
    assert (result.status, gateway.requests) == (3, [])
    assert 'r.xlsx:5: "param1" holds an error of a formula' in result.err
    assert 'r.xlsx:6: "phone" holds TRUE' in result.err
