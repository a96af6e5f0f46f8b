"""The API document's Python sample, called for a thousand recipients at a time.

    python sample_loop.py FILE ADDRESS

`send_batch_usms_message` is the sample's, but for what it takes as arguments.
"""

import base64
import csv
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import requests  # type: ignore[import-untyped,unused-ignore]


def send_batch_usms_message(url: str, payload: dict[str, Any]) -> Any:
    """Make one request, as the sample does."""
    accesskey_id = "key"
    accesskey_secret = "secret"
    credentials = base64.b64encode(f"{accesskey_id}:{accesskey_secret}".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {credentials}"}
    response = requests.post(url, json=payload, headers=headers)
    print(f"响应状态码: {response.status_code}")
    print(f"响应内容: {response.text}")
    return response.json() if response.status_code == 200 else None


def main() -> None:
    """Send a file."""
    name, address = sys.argv[1:]
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    url = f"{address}/api/v1/usms/SendBatchUSMSMessage"
    with Path(name).open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        while targets := [
            {"Phone": phone, "TemplateParams": params} for phone, *params in islice(rows, 1000)
        ]:
            task = {"TemplateId": "T", "SenderId": "S", "Target": targets}
            answer = send_batch_usms_message(url, {"TaskContent": [task]})
            if answer is None or answer["RetCode"] != 0:
                sys.exit(f"refused: {answer}")


if __name__ == "__main__":
    main()
