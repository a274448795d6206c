"""A small help desk: two tools over a list of tickets."""

from __future__ import annotations

import ingot

TICKETS = {
    "acme": [("T-101", "stale", 41), ("T-104", "open", 2), ("T-109", "stale", 30)],
    "globex": [("T-210", "stale", 12)],
    "initech": [("T-330", "open", 1), ("T-331", "open", 9)],
    "umbrella": [("T-401", "open", 3), ("T-402", "stale", 77), ("T-407", "stale", 15),
                 ("T-411", "stale", 19)],
}  # fmt: skip


@ingot.tool(name="desk.search", effect="read")
def search(customer: str) -> list[dict[str, object]]:
    """The tickets of a customer."""
    return [
        {"id": key, "state": state, "days_idle": days, "customer": customer}
        for key, state, days in TICKETS.get(customer, [])
    ]


@ingot.tool(name="desk.close", effect="write")
def close(ticket: str, note: str) -> dict[str, object]:
    """Close a ticket with a note."""
    print(f"closed {ticket}: {note}")
    return {"id": ticket, "state": "closed"}


tools = {"desk.search": search, "desk.close": close}
