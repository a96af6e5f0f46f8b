"""The practical limit in Python: csv, a compiled encoder, one kept connection, nothing else.

    python limit.py FILE ADDRESS

No phone is checked, no duplicate found, nothing is kept on disk, and no answer is looked into.
"""

import base64
import csv
import sys
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import msgspec


class Target(msgspec.Struct):
    """A recipient in a request."""

    Phone: str
    TemplateParams: list[str]


class Entry(msgspec.Struct):
    """A template, a sender and who gets them."""

    TemplateId: str
    SenderId: str
    Target: list[Target]


class Body(msgspec.Struct):
    """A request."""

    TaskContent: list[Entry]


def main() -> None:
    """Send a file."""
    name, address = sys.argv[1:]
    connection = HTTPConnection(urlsplit(address).netloc)
    key = base64.b64encode(b"key:secret").decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {key}"}
    encode = msgspec.json.Encoder().encode
    with Path(name).open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        while targets := [Target(row[0], row[1:]) for row in islice(rows, 1000)]:
            body = encode(Body([Entry("T", "S", targets)]))
            connection.request("POST", "/api/v1/usms/SendBatchUSMSMessage", body, headers)
            connection.getresponse().read()


if __name__ == "__main__":
    main()
