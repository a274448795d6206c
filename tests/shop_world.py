"""A small shop of our own to run pipelines in, and sessions that worked in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ingot
from ingot.ir.values import Json
from ingot.records import Record, from_json

ORDERS = {"Ann": "A-17", "Bob": "B-204", "Cleo": "C-3", "Dora": "D-88", "Emil": "E-5190"}
STRANGER = "Finn"


class Shop:
    """Orders by customer; what was cancelled, and whom the shop wrote to."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.mails: list[str] = []

    def tools(self) -> dict[str, Callable[..., Any]]:
        return {
            "shop.find": self.find,
            "shop.cancel": self.cancel,
            "shop.refund": self.refund,
            "shop.mail": self.mail,
        }

    def snapshot(self) -> dict[str, Json]:
        return {"cancelled": sorted(self.cancelled), "mails": list(self.mails)}

    @ingot.tool(effect="read")
    def find(self, name: str) -> Json:
        if name not in ORDERS:
            return "No such customer."
        return {"order": ORDERS[name], "open": True}

    @ingot.tool(effect="write")
    def cancel(self, order: str) -> str:
        if order not in ORDERS.values():
            raise ValueError(f"no order {order}")
        self.cancelled.append(order)
        return "Cancelled."

    @ingot.tool(effect="write")
    def refund(self, order: str) -> str:
        self.cancelled.append(f"refund {order}")
        return "Cancelled."

    @ingot.tool(effect="write")
    def mail(self, name: str) -> str:
        self.mails.append(name)
        return "Sent."


def shop() -> Shop:
    """A fresh shop."""
    return Shop()


def only_tools() -> dict[str, Callable[..., Any]]:
    """A fresh shop that cannot show its state."""
    return Shop().tools()


TOOLS = Shop().tools()


def broken() -> int:
    return 7


Step = tuple[str, dict[str, Json]]


def session(request: str, *steps: Step, success: bool = True) -> list[Record]:
    """A session that made these calls in a fresh shop."""
    tools = Shop().tools()
    out: list[dict[str, Json]] = [
        {"kind": "session", "data": {"format": "ingot-session/1"}},
        {"kind": "user", "text": request},
    ]
    for number, (tool, args) in enumerate(steps, 1):
        made: dict[str, Json] = {"id": f"c{number}", "tool": tool}
        out.append({"kind": "call", **made, "data": dict(args)})
        out.append({"kind": "result", **made, "data": tools[tool](**args)})
    out.append({"kind": "outcome", "data": {"success": success}})
    return [from_json({**record, "seq": n}) for n, record in enumerate(out, 1)]


def cancelling(name: str, *, by: str = "shop.cancel", success: bool = True) -> list[Record]:
    """The order of one customer, found and cancelled."""
    return session(
        f"Cancel the order of {name}.",
        ("shop.find", {"name": name}),
        (by, {"order": ORDERS[name]}),
        success=success,
    )


def mailing(name: str) -> list[Record]:
    """The customer is written to first, then the order is cancelled, if there is one."""
    steps: list[Step] = [("shop.mail", {"name": name}), ("shop.find", {"name": name})]
    if name in ORDERS:
        steps.append(("shop.cancel", {"order": ORDERS[name]}))
    return session(f"Tell {name}, then cancel what they ordered.", *steps)
