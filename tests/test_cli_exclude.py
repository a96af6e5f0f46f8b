"""Who opted out is never messaged; a file that cannot tell who that is stops everything."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.command import Usms, phones, write_csv
from tests.support.gateway import Gateway, Reply
from tests.support.workbook import DATE, workbook

A, B, C, D, E = phones(5, 13800138000)


@pytest.fixture(autouse=True)
def recipients(usms: Usms) -> None:
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in (A, B, C, D)])


def put(usms: Usms, name: str, content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    (usms.folder / name).write_bytes(data)
    return name


def excluded(usms: Usms, run: str = "last") -> list[list[str]]:
    path = usms.folder / "excluded.csv"
    assert usms("show", run, "--export", "excluded", path).status == 0
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def test_nobody_who_opted_out_is_messaged(usms: Usms, gateway: Gateway) -> None:
    put(usms, "stop.csv", f"name,phone\nx,{E}\ny,+86 {B[:3]}-{B[3:]}\n")
    put(usms, "more.jsonl", f'{{"mobile": {D}}}\n')
    result = usms.send("r.csv", "--exclude", "stop.csv", "--exclude", "more.jsonl", "-v")
    assert result.status == 0
    assert set(gateway.phones) == {A, C}
    assert result.report["counts"]["excluded"] == 2
    assert result.report["counts"]["accepted"] == 2
    assert "not used" not in result.err
    assert [(row[0], row[4], row[-1]) for row in excluded(usms)] == [
        (B, "in stop.csv, line 3", "excluded"),
        (D, "in more.jsonl, line 1", "excluded"),
    ]
    assert "2 excluded" in usms("show", "last").out


FORMATS: dict[str, str | bytes] = {
    "list.tsv": f"Name\t手机号\nx\t{B}\n",
    "list.json": json.dumps([{"phone": B, "params": {"deep": 1}}]),
    "one.json": json.dumps({"phone": int(B), "template": []}),
    "body.json": json.dumps({"TaskContent": [{"Target": [{"Phone": B}]}]}),
    "list.jsonl": json.dumps({"x": 1, "msisdn": f"(86){B}"}) + "\n",
    "list.xlsx": workbook([["when", "phone"], [DATE, int(B)]]),
    "utf16.txt": f"phone\n{B}\n".encode("utf-16"),
    "accepted.csv": f"phone,param1,template_id,outcome\n{B},,,accepted\n",
    "odd.csv": f"phone,param2,param2,template,模板,params,outcome\n{B},,x,y,z,[,unknown\n",
}


@pytest.mark.parametrize("name", FORMATS)
def test_any_format_and_only_the_phone_matters(usms: Usms, gateway: Gateway, name: str) -> None:
    put(usms, name, FORMATS[name])
    # What is said of the recipients' file says nothing of this one.
    result = usms.send("r.csv", "--format", "csv", "--delimiter", ",", "--exclude", name)
    assert result.status == 0, result.err
    assert set(gateway.phones) == {A, C, D}
    assert "not used" not in result.err


def test_from_standard_input(usms: Usms, gateway: Gateway) -> None:
    assert usms.send("r.csv", "--exclude", "-", stdin=f"phone\n{A}\n").status == 0
    assert set(gateway.phones) == {B, C, D}
    assert excluded(usms)[0][4] == "in standard input, line 2"
    result = usms.send("-", "--exclude", "-", stdin=f"phone\n{A}\n")
    assert (result.status, result.out) == (2, "")
    assert "twice" in result.err


def test_the_phone_column_counts_where_there_is_one(usms: Usms, gateway: Gateway) -> None:
    put(usms, "own.csv", f"Handy,phone,param1\n{A},1,x\n{B},2,x\n{C},3,x\n")
    put(usms, "named.csv", f"phone,HANDY\n{C},{A}\n")
    put(usms, "other.csv", f"phone\n{B}\n")
    exclude = ("--exclude", "named.csv", "--exclude", "other.csv")
    assert usms.send("own.csv", "--phone-column", "Handy", *exclude).status == 0
    assert set(gateway.phones) == {C}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"phone\n{A}\nsoon\n", ('stop.csv, line 3: phone "soon": letters',)),
        (f"phone,x\n{A},1\n,1\n", ("stop.csv, line 3", "the phone is empty")),
        ("phone\n1.38001E+10\n", ("line 2", "spreadsheet")),
        (f"phone\n{A},{B}\n", ("line 2", "2 cells where the header has 1")),
        (f"name\n{A}\n", ("stop.csv: no column is the phone", "--phone-column")),
        (f"phone,mobile\n{A},{B}\n", ('"phone" and "mobile" could each', "--phone-column")),
        (f"phone,Phone\n{A},{B}\n", ('"phone" and "Phone"', "--phone-column")),
        (f"{A}\n", ("begins with a record", "phone,param1")),
        (f'phone\n"{A}\n', ("stop.csv, line 2", "never closes")),
        ("", ("stop.csv is empty", "right file")),
        (workbook([["phone"], [DATE]]), ("stop.csv, line 2", "date", "as text")),
        (workbook([["phone"], [A]], [["phone"], [B]]), ("more than one sheet", "of its own")),
    ],
)
def test_a_file_that_does_not_say_who_stops_everything(
    usms: Usms, gateway: Gateway, content: str | bytes, said: Sequence[str]
) -> None:
    put(usms, "stop.csv", content)
    result = usms.send("r.csv", "--exclude", "stop.csv", "--skip-invalid", "--run", "one")
    assert (result.status, gateway.requests) == (3, [])
    for words in (*said, "stop.csv"):
        assert words in result.err
    assert "stop.csv" in result.report["problem"]
    assert usms("show", "one").status == 2


def test_a_json_record_without_a_phone(usms: Usms, gateway: Gateway) -> None:
    put(usms, "stop.jsonl", f'{{"phone": "{A}"}}\n{{"name": "x"}}\n[]\n')
    result = usms.send("r.csv", "--exclude", "stop.jsonl", "--skip-invalid")
    assert (result.status, gateway.requests) == (3, [])
    assert "stop.jsonl, line 2" in result.err
    assert "stop.jsonl, line 3" in result.err


def test_ten_thousand_lines_that_cannot_be_read(usms: Usms, gateway: Gateway) -> None:
    put(usms, "stop.csv", "phone\n" + "x\n" * 10_000)
    result = usms.send("r.csv", "--exclude", "stop.csv", "--failures", "failed.csv")
    assert (result.status, gateway.requests) == (3, [])
    assert result.err.count("stop.csv, line") == 20
    assert "10,000 lines" in result.err
    assert "9,980 more" in result.err
    # What failed is sent again by those who trust it: nobody of an exclude file may be in there.
    assert len((usms.folder / "failed.csv").read_text().splitlines()) == 1


def test_everybody_excluded_is_nothing_to_send(usms: Usms, gateway: Gateway) -> None:
    for name in ("r.csv", "-"):
        result = usms.send("r.csv", "--exclude", name, stdin=(usms.folder / "r.csv").read_bytes())
        assert (result.status, gateway.requests) == (0, [])
        assert result.report["counts"] | {"excluded": 4, "records": 4} == result.report["counts"]
        assert usms("runs", "--json").out.strip() == "[]"


def test_excluded_comes_before_duplicate_and_after_invalid(usms: Usms, gateway: Gateway) -> None:
    put(usms, "stop.csv", f"phone\n{A}\n")
    put(usms, "d.csv", f"phone,param1\n{A},x\n{A},x\n{B},x\n{B},x\n{A}\n{C},x\n")
    arguments = ("d.csv", "--exclude", "stop.csv", "--skip-invalid", "--at-most", "2")
    counts = usms.send(*arguments).report["counts"]
    assert set(gateway.phones) == {B, C}
    assert {name: count for name, count in counts.items() if count} == {
        "records": 6,
        "accepted": 2,
        "excluded": 2,
        "duplicate": 1,
        "invalid": 1,
    }
    assert [row[-2] for row in excluded(usms)] == ["2", "3"]


def test_a_file_to_exclude_is_never_written_over(usms: Usms, gateway: Gateway) -> None:
    put(usms, "stop.csv", f"phone\n{A}\n")
    result = usms.send("r.csv", "--exclude", "stop.csv", "--failures", "./stop.csv")
    assert (result.status, result.out, gateway.requests) == (2, "", [])
    assert "stop.csv" in result.err
    assert (usms.folder / "stop.csv").read_text() == f"phone\n{A}\n"


def test_a_file_to_exclude_that_is_not_there(usms: Usms, gateway: Gateway) -> None:
    result = usms.send("r.csv", "--exclude", "stop.csv")
    assert (result.status, result.out, gateway.requests) == (2, "", [])
    assert "stop.csv" in result.err


def test_region_and_encoding_are_of_these_files_too(usms: Usms, gateway: Gateway) -> None:
    put(usms, "de.csv", "phone,param1\n0151 23456789,x\n0151 23456780,x\n")
    put(usms, "stop.csv", "名字,phone\n安娜,015123456789\n".encode("gb18030"))
    call = ("de.csv", "--region", "DE", "--exclude", "stop.csv")
    assert "--encoding gb18030" in usms.send(*call).err
    assert usms.send(*call, "--encoding", "gb18030").status == 0
    assert set(gateway.phones) == {"(49)15123456780"}


def test_a_phone_of_a_right_length_is_excluded_though_it_is_no_mobile(
    usms: Usms, gateway: Gateway
) -> None:
    put(usms, "fixed.csv", f"phone,param1\n02112345678,x\n{A},x\n")
    put(usms, "stop.csv", "phone\n+86 21 1234 5678\n")
    call = ("fixed.csv", "--phone-check", "possible", "--exclude", "stop.csv")
    assert usms.send(*call).status == 0
    assert set(gateway.phones) == {A}


def test_a_run_goes_on_only_with_the_same_people_excluded(usms: Usms, gateway: Gateway) -> None:
    put(usms, "stop.csv", f"phone\n{A}\n")
    put(usms, "same.csv", f"phone\n{E}\n+86{A}\n")
    put(usms, "more.csv", f"phone\n{A}\n{D}\n")
    named = ("r.csv", "--run", "one")
    assert usms.send(*named, "--exclude", "stop.csv", "--limit", "1").status == 0
    for others in (("--exclude", "more.csv"), ()):
        result = usms.send(*named, *others)
        assert (result.status, result.out) == (2, "")
        assert "excluded" in result.err
    assert set(gateway.phones) == {B}
    assert usms.send(*named, "--exclude", "same.csv").status == 0
    assert set(gateway.phones) == {B, C, D}
    assert usms.send(*named, "--exclude", "more.csv").status == 0  # complete: only its report
    assert len(gateway.requests) == 2


def test_an_interrupted_run_goes_on_without_them(usms: Usms, gateway: Gateway) -> None:
    put(usms, "stop.csv", f"phone\n{B}\n")
    gateway.plan = lambda number, _: Reply(takes=False, status=401) if number == 1 else Reply()
    assert usms.send("r.csv", "--exclude", "stop.csv", "--batch-size", "1").status == 4
    assert usms("resume", "last").status == 0
    assert set(gateway.phones) == {A, C, D}


def test_a_dry_run_counts_them(usms: Usms, gateway: Gateway, tmp_path: Path) -> None:
    put(usms, "stop.csv", f"phone\n{B}\n")
    result = usms.send("r.csv", "--exclude", "stop.csv", "--dry-run")
    assert (result.status, gateway.requests) == (0, [])
    assert result.report["counts"]["excluded"] == 1
    assert result.report["counts"]["pending"] == 3
