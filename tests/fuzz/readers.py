"""Files of recipients: what must be so however hostile they are, by readings of its own."""

import os
import random
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple
from unittest import mock

from tests.fuzz.making import ENCODINGS, any_file
from tests.fuzz.oracles import check_against, check_refusal
from usms_cli.errors import InputError, UsageError
from usms_cli.recipients import csv_file, xlsx_package
from usms_cli.recipients.check import plain_phone
from usms_cli.recipients.choices import PhoneCheck
from usms_cli.recipients.phones import InvalidPhone, PhoneReader, api_form
from usms_cli.recipients.raw import OnBytes, RawFile
from usms_cli.recipients.record import Block, Problem, Record
from usms_cli.recipients.source import ReadOptions, open_source
from usms_cli.text import visible

REGIONS = ("CN", "US", "GB", "HK", "IT")
_PIPE = 1 << 16  # bytes that a pipe holds before somebody reads


class Reading(NamedTuple):
    """What came of a file: the records, or the error for people."""

    found: list[Record | Problem]
    error: InputError | UsageError | None
    format: str | None

    def of(self, name: str) -> tuple[list[Record | Problem], str | None]:
        """Return what there is to compare, without the name of the file."""
        if self.error is None:
            return self.found, None
        return [], self.error.message.replace(name, "")


def try_reader(chance: random.Random, folder: Path) -> str:
    """Read a file in several ways.

    :raises AssertionError: they disagree, or what is said is not so.
    """
    content, made = any_file(chance)
    name = chance.choice(("list", "list", f"list.{made}", "list.csv", "list.json", "list.jsonl"))
    path = folder / name
    path.write_bytes(content)
    options = options_for(chance, made)
    reading = read(str(path), options)
    if chance.random() < 0.2 and len(content) <= _PIPE:
        _check_pipe(path, content, options)
    if reading.error:
        check_message(reading.error, str(path))
        check_refusal(content, reading.error.message, options)
        return f"{made}: {type(reading.error).__name__}"
    _check_records(reading)
    if chance.random() < 0.5:
        _check_blocks(chance, path, options, reading)
    check_against(content, reading.format, reading.found, options)
    _check_phones(chance, reading.found)
    return f"{made}: read as {reading.format}"


def options_for(chance: random.Random, made: str) -> ReadOptions:
    """Choose what somebody says about a file, mostly nothing or what is so."""

    def said(likely: float, *values: str) -> str | None:
        return chance.choice(values) if chance.random() < likely else None

    columns = ("param1", "phone", "sender", "Param 2", "note", "\x1b", "nowhere")
    return ReadOptions(
        format=chance.choice(("csv", "tsv", "json", "jsonl", "xlsx", made))  # type: ignore[arg-type]
        if chance.random() < 0.2
        else None,
        delimiter=said(0.1, ",", ";", "tab", " ", "|", "#", "\\", "x", "\u2028"),
        encoding=said(0.15, *ENCODINGS),
        sheet=said(0.02, "Sheet1", "Sheet2"),
        phone_column=said(0.08, *columns),
        params=tuple(chance.sample(columns, chance.randint(1, 2)))
        if chance.random() < 0.08
        else (),
        phones_only=chance.random() < 0.1,
    )


def read(name: str, options: ReadOptions) -> Reading:
    """Read a file through the door that the program uses."""
    found: list[Record | Problem] = []
    kind = None
    try:
        with closing(open_source(name, options)) as source:
            kind = source.format
            for one in source.read():
                found += one.records() if isinstance(one, Block) else [one]
    except (InputError, UsageError) as error:
        return Reading(found, error, kind)
    return Reading(found, None, kind)


def check_message(error: InputError | UsageError, name: str) -> None:
    """Make sure that a message names the file, can be shown, and is not cut off."""
    assert name in error.message or "--" in error.message, error.message
    assert visible(error.message) == error.message, error.message
    assert not error.message.endswith(("…", ":", ",", " ")), error.message
    for line in error.hint.split("\n"):
        assert visible(line) == line, error.hint


def _check_records(reading: Reading) -> None:
    lines = [one.line for one in reading.found]
    assert lines == sorted(set(lines)), "records out of order"
    for one in reading.found:
        for text in (one.phone, *one.params, one.template or "", one.sender or ""):
            assert text == text.strip()
            assert "\0" not in text
            text.encode()
        if isinstance(one, Problem):
            assert one.reason
            assert visible(one.reason) == one.reason, one.reason
        else:
            assert one.template != ""


def _check_pipe(path: Path, content: bytes, options: ReadOptions) -> None:
    """The same bytes through a pipe are the same, whatever the file was called."""
    plain = path.with_name("plain")
    plain.write_bytes(content)
    with _piped(content):
        piped = read("-", options)
    assert piped.of("standard input") == read(str(plain), options).of(str(plain)), (
        "a pipe is read otherwise"
    )


@contextmanager
def _piped(content: bytes) -> Iterator[None]:
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    with (
        os.fdopen(reader, "rb") as file,
        mock.patch.object(sys, "stdin", SimpleNamespace(buffer=file)),
    ):
        yield


def _check_blocks(
    chance: random.Random, path: Path, options: ReadOptions, reading: Reading
) -> None:
    """It does not matter in what blocks a file is read."""
    whole = RawFile.blocks
    size = chance.choice((4, 5, 7, 64))

    def cut(raw: RawFile, on_bytes: OnBytes | None = None) -> Iterator[bytes]:
        for block in whole(raw, on_bytes):
            yield from (block[at : at + size] for at in range(0, len(block), size))

    if len(reading.found) > 100:
        size = 1000
    with (
        mock.patch.object(RawFile, "blocks", cut),
        mock.patch.object(xlsx_package, "BLOCK", size * 16),
        mock.patch.object(csv_file, "_BLOCK", size),
    ):
        again = read(str(path), options)
    assert again == reading, f"in blocks of {size} it is read otherwise"


def _check_phones(chance: random.Random, found: list[Record | Problem]) -> None:
    """A phone that is accepted is read again as the same number from the API's writing."""
    check: PhoneCheck = chance.choice(("valid", "possible"))
    reader = PhoneReader(chance.choice(REGIONS), check)
    for one in found[:20]:
        if isinstance(one, Record):
            try:
                number = reader.read(plain_phone(one))
            except InvalidPhone:
                continue
            again = Record(1, api_form(number), [], api_form=True)
            assert reader.read(plain_phone(again)) == number, one.phone
