"""Answers to a question for receipts, as the API's documents show them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.gateway import Gateway, Question, Reply


def receipt(phone: Any, result: Any = "Success", **fields: Any) -> dict[str, Any]:
    """One receipt; `fields` are added, or put in the place of the usual ones."""
    usual = {
        "Phone": phone,
        "CostCount": 1,
        "ReceiptResult": result,
        "ReceiptCode": "DELIVRD" if result == "Success" else "UNDELIV",
        "ReceiptDesc": "delivered" if result == "Success" else "switched off",
        "ReceiptTime": 1_795_500_000,
        "UserId": "",
        "CountryCode": "86",
        "BrevityCode": "",
    }
    return usual | fields


def body(sessions: Mapping[str, Sequence[Any]]) -> bytes:
    """A whole answer with the receipts of some sessions."""
    data = [{"SessionNo": no, "ReceiptSet": list(found)} for no, found in sessions.items()]
    return json.dumps({"RetCode": 0, "Message": "", "Data": data}).encode()


def always(sessions: Mapping[str, Sequence[Any]]) -> Question:
    """Answer every question with the receipts of those sessions that it asks for."""

    def answer(number: int, ids: list[str]) -> Reply:
        return Reply(body=body({no: sessions[no] for no in ids if no in sessions}))

    return answer


def everybody_delivered(gateway: Gateway) -> Question:
    """Answer with a receipt for everybody whom the gateway took, by `S1-1`, its session numbers."""

    def answer(number: int, ids: list[str]) -> Reply:
        found = {}
        for no in ids:
            request, entry = map(int, no[1:].split("-"))
            targets = gateway.requests[request - 1].body["TaskContent"][entry - 1]["Target"]
            found[no] = [receipt(target["Phone"]) for target in targets]
        return Reply(body=body(found))

    return answer
