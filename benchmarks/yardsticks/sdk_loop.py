"""The provider's SDK in a bare loop, a thousand recipients at a time, set up as its README says.

    python sdk_loop.py FILE ADDRESS [--no-log]

The SDK logs every request and answer whole to standard error unless told otherwise; `--no-log`
takes that out.
"""

import csv
import sys
from itertools import islice
from pathlib import Path

from uspeedo.client import Client  # type: ignore[import-not-found,unused-ignore]
from uspeedo.core.utils.middleware import (  # type: ignore[import-not-found,unused-ignore]
    Middleware,
)


def main() -> None:
    """Send a file."""
    name, address = sys.argv[1:3]
    config = {"public_key": "key", "private_key": "secret", "base_url": f"{address}/api"}
    client = Client(config, middleware=Middleware() if "--no-log" in sys.argv else None)
    asms = client.asms()
    with Path(name).open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        while targets := [
            {"Phone": phone, "TemplateParams": params} for phone, *params in islice(rows, 1000)
        ]:
            task = {"TemplateId": "T", "SenderId": "S", "Target": targets}
            asms.send_batch_usms_message({"TaskContent": [task]})


if __name__ == "__main__":
    main()
