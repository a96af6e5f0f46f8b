"""A report as one JSON object, written a row at a time. It is described in docs/reference.md."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from usms_cli.journal.view import Row
from usms_cli.report.report import Report

_encode = msgspec.json.Encoder().encode


class _Recipient(msgspec.Struct):
    phone: str
    template_params: list[str]
    template_id: str
    sender_id: str
    reason: str
    source: str
    line: int


class _Invalid(msgspec.Struct):
    source: str
    line: int
    reason: str


def write_json(report: Report, out: BinaryIO) -> None:
    """Write a report to a binary stream, UTF-8, with a line for each row of its lists."""
    view = report.view

    def recipients(rows: Iterable[Row]) -> Iterator[_Recipient]:
        for row in rows:
            yield _Recipient(
                phone=report.phone(row),
                template_params=row.params,
                template_id=row.template,
                sender_id=row.sender,
                reason=row.reason,
                source=row.source,
                line=row.line,
            )

    out.write(b'{"run":%b,' % _encode(report.name))
    out.write(b'"status":%b,' % _encode(report.status))
    out.write(b'"sandbox":%b,' % _encode(view.info.sandbox))
    out.write(b'"counts":%b,\n' % _encode(report.counts))
    if report.receipts:
        numbers = _encode(report.receipts).removesuffix(b"}")
        out.write(b'"receipts":%b,\n' % numbers)
        _write_numbers(out, "undelivered_by_reason", view.undelivered_by("reason"))
        out.write(b",\n")
        _write_numbers(out, "undelivered_by_country", view.undelivered_by("country"))
        out.write(b"},\n")
    if report.templates is not None:
        _write_list(out, "templates", report.templates)
    _write_list(out, "sessions", view.sessions())
    _write_list(out, "failures", recipients(view.rows("failed")))
    _write_list(out, "unknown", recipients(view.rows("unknown")))
    invalid = (_Invalid(row.source, row.line, row.reason) for row in view.rows("invalid"))
    _write_list(out, "invalid", invalid)
    out.write(b'"problem":%b}\n' % _encode(report.problem))
    out.flush()


def _write_list(out: BinaryIO, name: str, rows: Iterable[msgspec.Struct]) -> None:
    out.write(b'"%b":[' % name.encode("ascii"))
    separator = b"\n"
    for row in rows:
        out.write(separator + _encode(row))
        separator = b",\n"
    out.write(b"],\n")


def _write_numbers(out: BinaryIO, name: str, numbers: Iterable[tuple[str, int]]) -> None:
    """Write how many there are of each, as a JSON object."""
    out.write(b'"%b":{' % name.encode("ascii"))
    separator = b""
    for key, number in numbers:
        out.write(separator + b"%b:%d" % (_encode(key), number))
        separator = b","
    out.write(b"}")
