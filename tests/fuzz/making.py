"""Makes hostile files: by a grammar of what people write, and then by spoiling that."""

import io
import json
import random
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

from tests.fuzz.sheets import any_sheet
from tests.support.hostile import BOOKS, PIECES, TEXTS
from tests.support.workbook import DATE, ERROR, TRUE, Cell, pack, workbook

Made = tuple[bytes, str]  # the content, and the format that it was made in

ENCODINGS = (
    *("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"),
    *("gb18030", "big5", "shift_jis", "euc_kr", "cp1252", "cp1251", "hz", "iso2022_jp", "cp037"),
)
PHONES = (
    *("13800138000", "13800138001", "+86 138-0013-8000", "0086 13800138000", "(852)55311111"),
    *(
        "(+852)55311111",
        "(00852) 5531 1111",
        "１３８００１３８０００",
        "8613800138000",
        "+4915112345678",
    ),
    *("07400 123456", "+44 (0)7400 123456", "(248) 251-1234", "+39 0612345678", "+225 0123456789"),
    *("1.38001E+10", "13800138000.0", "138001380", "12", "x", "13800138000;13800138001", "(86)138"),
    *(
        "13800138000 x12",
        "+",
        "()",
        "00",
        "(1868)2911234",
        "٠١٢٣",
        "138\u200b00138000",
        "-13800138000",
    ),
    *("+1 650 253 0000", "6502530000", "0612345678", "06.12.34.56.78", "+33612345678", "9" * 101),
)
_WORDS = (
    *("Anna", "李雷", "5", "0", "", " ", "a,b", 'say "hi"', "two\nlines", "a\r\nb", "c\rd", "=1+1"),
    *(
        "@x",
        "-1",
        "'",
        "😀",
        "\u202eevil",
        "\x1b[31m",
        "\x07",
        "\x85",
        "\u2028",
        "\xa0x\xa0",
        "\ufeff",
    ),
    *('["a","b"]', "[]", "[1.50]", "null", "[", '{"a":1}', "accepted", "failed", "pending", "1e5"),
    *(
        "T1",
        "T2",
        "S",
        "签名",
        "a\tb",
        "|",
        ";",
        "\x1c",
        "\x0b",
        "x" * 70,
        "{1}",
        "%s%d",
        "\\",
        "\\u0000",
    ),
)
_HEADERS = (
    *(
        "phone",
        "Phone Number",
        "MOBILE",
        "手机号",
        "电 话",
        "ｐｈｏｎｅ",
        "msisdn",
        "param1",
        "param2",
    ),
    *(
        "Param_1",
        "param3",
        "参数1",
        "变量2",
        "{1}",
        "{2}",
        "template",
        "Template ID",
        "模板ID",
        "sender",
    ),
    *(
        "签名",
        "params",
        "template params",
        "reason",
        "source",
        "line",
        "outcome",
        "name",
        "note",
        "",
    ),
    *("phone", "param1", "param01", "param99999", "Straße", "a\nb", "\x1b", "数"),
)
_NUMBERS = (
    *(
        "13800138000",
        "0",
        "-0",
        "-5",
        "1.50",
        "1e3",
        "1E+10",
        "1e400",
        "1e-400",
        "9007199254740993",
    ),
    *(
        "1" * 40,
        "9" * 150,
        "0.1000",
        "1e99",
        "1e-99",
        "13800138000.0",
        "8613800138000",
        "12345678901234567890",
    ),
)
_KEYS = (
    "phone",
    "param1",
    "param2",
    "template",
    "sender",
    "params",
    "outcome",
    "note",
    "Phone",
    "手机",
)


def any_file(chance: random.Random, spoils: float = 0.5) -> Made:
    """Make a file of any format, spoilt so often."""
    content, format_ = chance.choice(_MAKERS)(chance)
    if chance.random() < spoils:
        content = spoilt_book(chance, content) if format_ == "xlsx" else spoilt(chance, content)
    return content, format_


def spoilt(chance: random.Random, content: bytes) -> bytes:
    """Return the content with a few pieces put in, left out, turned or repeated."""
    for _ in range(chance.choice((1, 1, 1, 1, 2, 5))):
        at = chance.randint(0, len(content))
        end = min(len(content), at + chance.choice((0, 0, 1, 2, 9, 60)))
        kind = chance.random()
        if kind < 0.5:
            new = chance.choice(PIECES)
        elif kind < 0.65:
            new = chance.randbytes(chance.randint(0, 3))
        elif kind < 0.8:
            new = content[at : at + 60] * chance.choice((0, 2, 3))
        elif kind < 0.9:
            new, end = b"", chance.choice((at, len(content)))
        else:
            new = bytes(byte ^ 1 << chance.randrange(8) for byte in content[at:end])
        content = content[:at] + new + content[end:]
    return content


def spoilt_book(chance: random.Random, book: bytes) -> bytes:
    """Return a workbook with a spoilt part, or spoilt as a zip."""
    if chance.random() < 0.2:
        return spoilt(chance, book)
    with zipfile.ZipFile(io.BytesIO(book)) as package:
        parts: dict[str, str | bytes] = {name: package.read(name) for name in package.namelist()}
    name = chance.choice(sorted(parts))
    part = parts[name]
    assert isinstance(part, bytes)
    if chance.random() < 0.05:
        del parts[name]
    else:
        parts[name] = spoilt(chance, part)
    return pack(parts)


def _header(chance: random.Random) -> list[str]:
    if chance.random() < 0.8:
        columns = ["phone", *(f"param{n + 1}" for n in range(chance.randint(0, 3)))]
        columns += chance.sample(("template", "sender", "note", "outcome"), chance.randint(0, 2))
        chance.shuffle(columns)
        return columns
    return chance.choices(_HEADERS, k=chance.randint(1, 6))


def _value(chance: random.Random, name: str) -> str:
    if "phone" in name.casefold() and chance.random() < 0.9:
        return chance.choice(PHONES[:5]) if chance.random() < 0.6 else chance.choice(PHONES)
    if name == "template":
        return chance.choice(("T1", "T1", "T2", "", 'T"\x1b'))
    return chance.choice(_WORDS) if chance.random() < 0.6 else f"{chance.randint(0, 99)}"


def _rows(chance: random.Random, header: Sequence[str]) -> list[list[str]]:
    number = chance.choice((0, 1, 2, 3, 5, 8, 20)) if chance.random() < 0.99 else 1200
    return [[_value(chance, name) for name in header] for _ in range(number)]


def _encoded(chance: random.Random, text: str) -> bytes:
    if chance.random() < 0.9:
        return text.encode()
    return text.encode(chance.choice(ENCODINGS), errors="replace")


def _table(chance: random.Random) -> Made:
    header = _header(chance)
    delimiter = chance.choice(",,,;\t| #")
    ending = chance.choice(("\n", "\n", "\r\n", "\r"))
    always = chance.random() < 0.3
    spaced = chance.random() < 0.2

    def cell(value: str) -> str:
        special = any(sign in value for sign in (delimiter, '"', "\r", "\n"))
        if always or (special and chance.random() < 0.97):
            value = '"' + value.replace('"', '""') + '"'
        if spaced and chance.random() < 0.3:
            value = (
                chance.choice(" \t") * chance.randint(0, 2) + value + chance.choice(("", " ", "  "))
            )
        return value

    lines = [delimiter.join(map(cell, header))]
    if chance.random() < 0.05:
        lines.insert(0, f"sep={delimiter}")
    for row in _rows(chance, header):
        kind = chance.random()
        if kind < 0.04:
            row.pop()
        elif kind < 0.08:
            row.append(chance.choice(("", "", "x")))
        elif kind < 0.12:
            lines.append(chance.choice(("", " ", delimiter * 3)))
        lines.append(delimiter.join(map(cell, row)))
    text = ending.join(lines) + chance.choice(("", ending, ending * 2))
    if chance.random() < 0.002:
        text += f'{ending}1{delimiter}"{"x" * chance.choice((1 << 20, 300_000))}"{ending}'
    return _encoded(chance, text), "tsv" if delimiter == "\t" else "csv"


def _json_value(chance: random.Random, name: str) -> str:
    """Return the JSON of a value, as somebody may write it."""
    kind = chance.random()
    if kind < 0.7:
        return json.dumps(_value(chance, name), ensure_ascii=chance.random() < 0.5)
    if kind < 0.85:
        return chance.choice(_NUMBERS)
    if name == "params":
        items = [json.dumps(chance.choice(_WORDS)) for _ in range(chance.randint(0, 3))]
        return f"[{', '.join([*items, *chance.choices(_NUMBERS, k=chance.randint(0, 1))])}]"
    return chance.choice(
        (
            "null",
            "true",
            "[]",
            "{}",
            "[1]",
            '{"phone":"1"}',
            '"\\ud800"',
            '"\\u0000"',
            '"\\ud83d\\ude00"',
        )
    )


def _json_record(chance: random.Random, names: Sequence[str]) -> str:
    space = chance.choice(("", " ", "\t"))
    members = [f"{json.dumps(name)}:{space}{_json_value(chance, name)}" for name in names]
    if chance.random() < 0.2:
        chance.shuffle(members)
    if members and chance.random() < 0.05:
        members.append(chance.choice(members))
    return "{" + f",{space}".join(members) + "}"


def _json_records(chance: random.Random) -> list[str]:
    names = chance.sample(_KEYS[:4], chance.randint(1, 4))
    if chance.random() < 0.3:
        names = chance.sample(_KEYS, chance.randint(0, 6))
    if "phone" not in names and chance.random() < 0.9:
        names.append("phone")
    records = [_json_record(chance, names) for _ in range(chance.choice((0, 1, 2, 3, 8)))]
    if records and chance.random() < 0.1:
        records.insert(
            chance.randint(0, len(records)), chance.choice(("1", "null", "[]", '"x"', "[{}]"))
        )
    return records


def _json_lines(chance: random.Random) -> Made:
    ending = chance.choice(("\n", "\n", "\r\n", "\r", "\n\n"))
    text = ending.join(_json_records(chance)) + chance.choice(("", ending))
    return _encoded(chance, text), "jsonl"


def _json_array(chance: random.Random) -> Made:
    gap = chance.choice(("", " ", "\n", "\r\n"))
    text = f"[{gap}" + f",{gap}".join(_json_records(chance)) + f"{gap}]" + gap
    return _encoded(chance, text), "json"


def _body(chance: random.Random) -> Made:
    def target() -> str:
        members = [f'"Phone":{_json_value(chance, "phone")}']
        if chance.random() < 0.7:
            members.append(f'"TemplateParams":{_json_value(chance, "params")}')
        chance.shuffle(members)
        return "{" + ",".join(members) + "}"

    def entry() -> str:
        targets = ",".join(target() for _ in range(chance.choice((0, 1, 2, 5))))
        members = [f'"Target":[{targets}]']
        if chance.random() < 0.8:
            members.append(f'"TemplateId":{_json_value(chance, "template")}')
        if chance.random() < 0.8:
            members.append(
                f'"SenderId":{chance.choice(("null", chr(34) * 2, chr(34) + "S" + chr(34), "7"))}'
            )
        if chance.random() < 0.05:
            members.append(chance.choice(members))
        chance.shuffle(members)
        return "{" + ",".join(members) + "}"

    members = [f'"TaskContent":[{",".join(entry() for _ in range(chance.randint(0, 3)))}]']
    if chance.random() < 0.2:
        members.append('"Action":{"TaskContent":[1]}')
    if chance.random() < 0.03:
        members.append(members[0])
    chance.shuffle(members)
    return _encoded(chance, "{" + ",".join(members) + "}"), "json"


def _book(chance: random.Random) -> Made:
    def cell(value: str) -> str | int | float | Cell | None:
        kind = chance.random()
        if kind < 0.7:
            return value
        if kind < 0.85 and value.isascii() and value.isdigit() and len(value) < 15:
            return int(value)
        formats = ("General", "0", "0.00", "@", "0%", "00000000000", "#,##0", "[Red]0", "0;-0")
        number = Cell(chance.choice(_NUMBERS), format=chance.choice(formats))
        return chance.choice((None, ERROR, TRUE, DATE, 0.5, 13800138000, number))

    header = _header(chance)
    rows = [[cell(value) for value in row] for row in _rows(chance, header)[:50]]
    sheet: list[list[Any]] = [[] for _ in range(chance.choice((0, 0, 0, 1, 3)))]
    sheet += [list(header), *rows]
    others = [[["x"]]] * (chance.random() < 0.1)
    return workbook(sheet, *others, shared=chance.random() < 0.5), "xlsx"


def _sheet(chance: random.Random) -> Made:
    return any_sheet(chance), "xlsx"


def _known(chance: random.Random) -> Made:
    if chance.random() < 0.3:
        return chance.choice(BOOKS), "xlsx"
    return chance.choice(TEXTS), "csv"


_MAKERS: tuple[Callable[[random.Random], Made], ...] = (
    *(_table, _table, _table, _json_lines, _json_lines, _json_array, _body, _book, _sheet, _known),
)
