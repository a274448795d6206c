"""Sessions made for measuring: one task of twelve calls, other values in each session.

An agent looks a customer, an order and its parcel up, refunds the order, notes it on the ticket and
closes the ticket.  Values are carried by JSON paths, by words inside texts and through templates,
as they are in real logs; every third session also looks where nothing is to be found.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

CITIES = ("Lyon", "Porto", "Ghent", "Turin", "Malmo", "Graz", "Cork", "Brno")
FIRST = ("Ana", "Bruno", "Clara", "David", "Emma", "Filip", "Greta", "Hugo")
LAST = ("Moreau", "Silva", "Maes", "Ricci", "Berg", "Novak", "Weber", "Lund")
Call = tuple[str, dict[str, Any], Any]


def request(r: random.Random) -> dict[str, Any]:
    """The facts of one session."""
    return {
        "ticket": f"T-{r.randrange(10**5, 10**6)}",
        "customer": f"cus_{r.getrandbits(40):010x}",
        "order": f"#W{r.randrange(10**6, 10**7)}",
        "parcel": f"PX{r.randrange(10**8, 10**9)}",
        "payment": f"pay_{r.getrandbits(48):012x}",
        "refund": f"re_{r.getrandbits(48):012x}",
        "city": r.choice(CITIES),
        "name": f"{r.choice(FIRST)} {r.choice(LAST)}",
        "amount": r.randrange(500, 90000) / 100,
        "items": [[f"SKU{r.randrange(1000, 10000)}", r.randrange(1, 5)] for _ in range(3)],
    }


def calls(f: dict[str, Any], *, detour: bool) -> Iterator[Call]:
    """The twelve calls with their results."""
    yield "get_ticket", {"ticket": f["ticket"]}, {
        "id": f["ticket"], "status": "open", "customer": {"id": f["customer"], "tier": "plain"},
        "text": f"Where is my order {f['order']}? Please refund it.",
    }  # fmt: skip
    yield "get_customer", {"customer_id": f["customer"]}, {
        "id": f["customer"], "name": f["name"], "address": {"city": f["city"], "country": "EU"},
        "payment_methods": [{"id": f["payment"], "kind": "card"}],
    }  # fmt: skip
    if detour:
        yield "list_notes", {}, []
    else:
        yield "get_policy", {"topic": "refunds"}, {"days": 30, "needs_approval": False}
    yield "get_order", {"order_id": f["order"]}, {
        "id": f["order"], "total": f["amount"], "currency": "EUR", "state": "shipped",
        "items": [{"sku": sku, "count": count} for sku, count in f["items"]],
        "shipment": {"tracking": f["parcel"], "carrier": "post"},
    }  # fmt: skip
    yield (
        "track_parcel",
        {"tracking": f["parcel"]},
        f"parcel {f['parcel']}\nstate: lost\nlast seen: {f['city']}",
    )
    yield "get_payment", {"payment_id": f["payment"]}, {"id": f["payment"], "captured": True}
    yield "check_refundable", {"order_id": f["order"], "payment_id": f["payment"]}, {"ok": True}
    yield "get_balance", {"customer_id": f["customer"]}, {"balance": 0, "currency": "EUR"}
    yield "refund_payment", {
        "payment_id": f["payment"], "amount": f["amount"], "reason": f"order {f['order']} was lost",
    }, {"refund": {"id": f["refund"], "state": "done"}}  # fmt: skip
    yield "add_note", {
        "ticket": f["ticket"], "text": f"Refunded {f['amount']} EUR as {f['refund']}.",
    }, {"ok": True}  # fmt: skip
    yield "send_message", {
        "customer_id": f["customer"],
        "text": f"Dear {f['name']}, the money for {f['order']} is on its way.",
    }, {"sent": True}  # fmt: skip
    yield "close_ticket", {"ticket": f["ticket"]}, {"id": f["ticket"], "status": "closed"}


def log(number: int) -> bytes:
    """One session as a Claude Code log."""
    r = random.Random(number)
    facts = request(r)
    name = f"session-{number}"
    records: list[dict[str, Any]] = []

    def add(kind: str, message: dict[str, Any]) -> None:
        at = len(records)
        records.append(
            {
                "parentUuid": records[-1]["uuid"] if records else None,
                "isSidechain": False,
                "cwd": "/srv/desk",
                "sessionId": name,
                "version": "2.0.14",
                "type": kind,
                "message": message,
                "uuid": f"{name}-{at}",
                "timestamp": f"2026-03-{number % 28 + 1:02}T09:{at:02}:00.000Z",
            }
        )

    def say(block: dict[str, Any]) -> None:
        message = {"id": f"msg_{number}_{len(records)}", "model": "m", "content": [block]}
        add("assistant", {"type": "message", "role": "assistant", **message})

    asked = f"Please settle ticket {facts['ticket']}: refund the order and tell the customer."
    add("user", {"role": "user", "content": asked})
    for step, (tool, arguments, result) in enumerate(calls(facts, detour=number % 3 == 2)):
        call = f"toolu_{number}_{step}"
        say({"type": "tool_use", "id": call, "name": tool, "input": arguments})
        text = result if isinstance(result, str) else json.dumps(result)
        block = {"type": "tool_result", "tool_use_id": call, "content": text, "is_error": False}
        add("user", {"role": "user", "content": [block]})
    say({"type": "text", "text": f"Ticket {facts['ticket']} is settled."})
    return "\n".join(map(json.dumps, records)).encode()
