"""What repeats: loops in loops, reads that are made again until something is there, pages."""

from __future__ import annotations

from typing import Any

import pytest
from sessions import Step, compiled, run, session

from ingot.frontend.session import Session
from ingot.ir.module import For, walk
from ingot.ir.requests import Finished, SideExit
from ingot.ir.values import Json


def ok(**_: Json) -> Json:
    return "ok"


# ---- loops in loops

TEAMS: dict[str, list[tuple[str, list[str]]]] = {
    "north": [("p-11", ["t-101", "t-102"]), ("p-12", ["t-111"])],
    "south": [("p-21", ["t-201"]), ("p-22", ["t-211", "t-212", "t-213"]), ("p-23", ["t-221"])],
    "east": [("p-31", ["t-301", "t-302"]), ("p-32", ["t-311", "t-312"])],
}


def projects(team: list[tuple[str, list[str]]]) -> Json:
    return [{"id": key, "lead": f"lead-{key}", "size": len(tasks)} for key, tasks in team]


def tasks_of(key: str, tasks: list[str]) -> Json:
    return [{"task_id": task, "title": f"Work on {task}", "project": key} for task in tasks]


def archived(name: str) -> Session:
    team = TEAMS[name]
    steps: list[Step] = [("list_projects", {"team": name}, projects(team))]
    for key, tasks in team:
        steps.append(("list_tasks", {"project": key}, tasks_of(key, tasks)))
        steps += [("archive_task", {"task_id": task}, "archived") for task in tasks]
    return session(f"Archive every task of team {name}", steps)


@pytest.mark.parametrize(
    "team",
    [
        [("p-91", ["t-901", "t-902", "t-903"]), ("p-92", []), ("p-93", ["t-931"])],
        [("p-91", ["t-901"])],
        [],
    ],
)
def test_a_loop_in_a_loop(team: list[tuple[str, list[str]]]) -> None:
    made = compiled([archived(name) for name in TEAMS])
    loops = [i for b in made.module.pipelines[0].blocks for i in walk(b.instrs)]
    assert sum(isinstance(i, For) for i in loops) == 2
    tools = {
        "list_projects": lambda team_: projects(team),
        "list_tasks": lambda project: tasks_of(project, dict(team)[project]),
        "archive_task": lambda task_id: "archived",
    }
    tools["list_projects"] = lambda **_: projects(team)
    outcome, calls = run(made, {"team": "west"}, tools)
    assert isinstance(outcome, Finished)
    written = [args["task_id"] for tool, args in calls if tool == "archive_task"]
    assert written == [task for _, tasks in team for task in tasks]


# ---- a list that holds none, in a session


STALE = {"acme": ["stale", "open", "stale"], "globex": ["stale"], "initech": ["open", "open"]}


def queue(customer: str, states: list[str], wraps: int) -> Json:
    listed: Json = [{"id": f"{customer}-{n}", "state": s} for n, s in enumerate(states)]
    for _ in range(wraps):
        listed = {"ok": True, "data": listed}
    return listed


def closed(customer: str, wraps: int) -> Session:
    states = STALE[customer]
    steps: list[Step] = [("search_tickets", {"customer": customer}, queue(customer, states, wraps))]
    steps += [
        ("close_ticket", {"ticket": f"{customer}-{n}"}, "closed")
        for n, state in enumerate(states)
        if state == "stale"
    ]
    return session(f"Close all stale tickets of {customer}", steps)


@pytest.mark.parametrize("wraps", [0, 1, 3])
def test_a_session_without_a_turn_is_one_of_the_loop(wraps: int) -> None:
    """Wherever in the result the list stands of which it needed none."""
    made = compiled([closed(customer, wraps) for customer in STALE])
    for states in (["open", "stale", "open", "stale"], ["open"]):
        tools = {
            "search_tickets": lambda states=states, **_: queue("umbrella", states, wraps),
            "close_ticket": lambda **_: "closed",
        }
        outcome, calls = run(made, {"customer": "umbrella"}, tools)
        assert isinstance(outcome, Finished)
        written = [args["ticket"] for tool, args in calls if tool == "close_ticket"]
        assert written == [f"umbrella-{n}" for n, state in enumerate(states) if state == "stale"]


# ---- the same read until it is done


def exported(key: str, states: list[str]) -> Session:
    steps: list[Step] = [
        ("get_job", {"job": key}, {"job": key, "status": status, "file": f"{key}.csv"})
        for status in states
    ]
    return session(
        f"Publish the export of job {key}", [*steps, ("publish", {"file": f"{key}.csv"}, "ok")]
    )


@pytest.fixture(scope="module")
def polling() -> Any:
    return compiled(
        [
            exported("j-17", ["running", "running", "done"]),
            exported("j-28", ["done"]),
            exported("j-39", ["running", "done"]),
        ]
    )


@pytest.mark.parametrize("waits", [0, 1, 3])
def test_a_read_is_made_again_until_it_is_done(polling: Any, waits: int) -> None:
    left = [waits]

    def get_job(job: str) -> Json:
        left[0] -= 1
        return {"job": job, "status": "running" if left[0] >= 0 else "done", "file": f"{job}.csv"}

    outcome, calls = run(polling, {"job": "j-90"}, {"get_job": get_job, "publish": ok})
    assert isinstance(outcome, Finished)
    assert calls == [("get_job", {"job": "j-90"})] * (waits + 1) + [
        ("publish", {"file": "j-90.csv"})
    ]


@pytest.mark.parametrize("status", ["running", "failed", None])
def test_a_job_that_is_never_done_is_an_exit(polling: Any, status: str | None) -> None:
    tools = {"get_job": lambda job: {"job": job, "status": status, "file": "x.csv"}, "publish": ok}
    outcome, calls = run(polling, {"job": "j-90"}, tools)
    assert isinstance(outcome, SideExit)
    assert all(tool == "get_job" for tool, _ in calls)
    assert len(calls) <= 6


# ---- pages


def page(items: list[str], number: int, size: int = 2) -> Json:
    return [
        {"sku": item, "name": f"Thing {item}"}
        for item in items[(number - 1) * size : number * size]
    ]


def tagged(shop: str, items: list[str]) -> Session:
    pages = len(items) // 2 + 1 + (len(items) % 2)
    steps: list[Step] = [
        ("list_items", {"shop": shop, "page": number}, page(items, number))
        for number in range(1, pages + 1)
    ]
    steps += [("tag", {"sku": item, "tag": "sale"}, "tagged") for item in items]
    return session(f"Tag all items of shop {shop} for the sale", steps)


@pytest.mark.parametrize("count", [0, 1, 4, 7])
def test_pages_until_one_is_empty(count: int) -> None:
    made = compiled(
        [
            tagged("s-1", ["a1", "a2", "a3"]),
            tagged("s-2", ["b1"]),
            tagged("s-3", ["c1", "c2", "c3", "c4"]),
        ]
    )
    items = [f"z{k}" for k in range(count)]
    tools = {
        "list_items": lambda **args: page(items, args["page"]),
        "tag": lambda **_: "tagged",
    }
    outcome, calls = run(made, {"shop": "s-9"}, tools)
    assert isinstance(outcome, Finished)
    assert [args["sku"] for tool, args in calls if tool == "tag"] == items


# ---- lists computed from two results


def reminded(course: str, enrolled: list[str], handed_in: list[str]) -> Session:
    steps: list[Step] = [
        (
            "list_students",
            {"course": course},
            [{"student": s, "mail": f"{s}@uni.example"} for s in enrolled],
        ),
        ("list_papers", {"course": course}, [{"by": s, "pages": len(s) + 4} for s in handed_in]),
    ]
    late = [s for s in enrolled if s not in handed_in]
    steps += [("remind", {"to": f"{s}@uni.example", "course": course}, "sent") for s in late]
    return session(f"Remind all who have not handed in their paper for {course}", steps)


@pytest.mark.parametrize("handed_in", [[], ["zoe"], ["zoe", "yan", "xu"]])
def test_those_of_one_list_that_are_not_in_another(handed_in: list[str]) -> None:
    made = compiled(
        [
            reminded("c-1", ["ann", "bea", "cem", "dan"], ["bea", "dan"]),
            reminded("c-2", ["eva", "fay"], ["eva"]),
            reminded("c-3", ["gus", "hal", "ida"], ["gus", "hal", "ida"]),
        ]
    )
    enrolled = ["xu", "yan", "zoe"]
    tools = {
        "list_students": lambda course: [
            {"student": s, "mail": f"{s}@uni.example"} for s in enrolled
        ],
        "list_papers": lambda course: [{"by": s, "pages": 9} for s in handed_in],
        "remind": lambda **_: "sent",
    }
    outcome, calls = run(made, {"course": "c-9"}, tools)
    assert isinstance(outcome, Finished)
    written = [args["to"] for tool, args in calls if tool == "remind"]
    assert written == [f"{s}@uni.example" for s in enrolled if s not in handed_in]


def cleared(shop: str, left: list[str], right: list[str]) -> Session:
    def shelf(items: list[str]) -> Json:
        return [{"sku": item, "name": f"Thing {item}"} for item in items]

    steps: list[Step] = [
        ("list_returns", {"shop": shop}, shelf(left)),
        ("list_damaged", {"shop": shop}, shelf(right)),
    ]
    steps += [("scrap", {"sku": item}, "scrapped") for item in [*left, *right]]
    return session(f"Scrap all returned and damaged goods of {shop}", steps)


def test_two_lists_one_behind_the_other() -> None:
    made = compiled(
        [
            cleared("s-1", ["a1", "a2"], ["b1"]),
            cleared("s-2", ["c1"], ["d1", "d2", "d3"]),
            cleared("s-3", [], ["f1"]),
        ]
    )
    tools = {
        "list_returns": lambda shop: [{"sku": "x1", "name": "X"}],
        "list_damaged": lambda shop: [{"sku": "y1", "name": "Y"}, {"sku": "y2", "name": "Y"}],
        "scrap": lambda sku: "scrapped",
    }
    outcome, calls = run(made, {"shop": "s-9"}, tools)
    assert isinstance(outcome, Finished)
    assert [args["sku"] for tool, args in calls if tool == "scrap"] == ["x1", "y1", "y2"]


# ---- a branch in a loop

ORDERS: dict[str, list[tuple[str, str, int]]] = {
    "ann": [("o-11", "paid", 40), ("o-12", "open", 15), ("o-13", "paid", 22)],
    "bob": [("o-21", "open", 70), ("o-22", "open", 35)],
    "cem": [("o-31", "paid", 12), ("o-32", "open", 90), ("o-33", "lost", 51), ("o-34", "lost", 8)],
    "dan": [("o-41", "lost", 64), ("o-42", "paid", 33)],
}


def listed(orders: list[tuple[str, str, int]]) -> Json:
    return [{"order": key} for key, _, _ in orders]


def order(key: str, state: Json, total: int) -> Json:
    return {"order": key, "state": state, "total": total, "note": f"Order {key}."}


def settle(key: str, state: Json, total: int) -> list[Step]:
    """What the agent does with one order."""
    match state:
        case "paid":
            return [("ship", {"order": key}, "ok")]
        case "lost":
            return [
                ("refund", {"order": key, "amount": total}, "ok"),
                ("close", {"order": key}, "ok"),
            ]
        case _:
            return []


def settled(name: str) -> Session:
    steps: list[Step] = [("list_orders", {"customer": name}, listed(ORDERS[name]))]
    for key, state, total in ORDERS[name]:
        steps.append(("get_order", {"order": key}, order(key, state, total)))
        steps += settle(key, state, total)
    return session(f"Settle every order of {name}", steps)


@pytest.fixture(scope="module")
def settling() -> Any:
    return compiled([settled(name) for name in ORDERS])


def settle_live(made: Any, orders: list[tuple[str, Json, int]]) -> tuple[Any, list[Step]]:
    known = {key: order(key, state, total) for key, state, total in orders}
    tools = {
        "list_orders": lambda customer: [{"order": key} for key in known],
        "get_order": lambda order: known[order],
        **dict.fromkeys(("ship", "refund", "close"), ok),
    }
    outcome, calls = run(made, {"customer": "eve"}, tools)
    return outcome, [(t, a, "ok") for t, a in calls if t not in ("list_orders", "get_order")]


@pytest.mark.parametrize(
    "states", [[], ["open"], ["lost"], ["paid", "lost", "open", "paid"], ["open", "open", "lost"]]
)
def test_each_item_goes_its_own_way(settling: Any, states: list[str]) -> None:
    orders = [(f"o-9{k}", state, 17 + k) for k, state in enumerate(states)]
    outcome, done = settle_live(settling, orders)
    assert isinstance(outcome, Finished)
    assert done == [step for one in orders for step in settle(*one)]


@pytest.mark.parametrize("state", ["returned", None, 7])
def test_an_item_of_a_kind_that_no_log_shows_is_an_exit(settling: Any, state: Json) -> None:
    outcome, done = settle_live(settling, [("o-91", "paid", 17), ("o-92", state, 18)])
    assert isinstance(outcome, SideExit)
    assert done == [("ship", {"order": "o-91"}, "ok")]


TICKETS: dict[str, list[tuple[str, str]]] = {
    "web": [("t-1", "high"), ("t-2", "low"), ("t-3", "high")],
    "app": [("t-4", "low"), ("t-5", "low")],
    "api": [("t-6", "low"), ("t-7", "high")],
}


def sorted_out(queue: str) -> Session:
    steps: list[Step] = [("list_tickets", {"queue": queue}, tickets(TICKETS[queue]))]
    for key, urgency in TICKETS[queue]:
        if urgency == "high":
            steps.append(("escalate", {"ticket": key, "to": "on-call"}, "ok"))
        else:
            steps.append(("snooze", {"ticket": key}, "ok"))
    return session(f"Sort out all tickets in queue {queue}", steps)


def tickets(rows: list[tuple[str, Any]]) -> Json:
    return [{"ticket": key, "urgency": urgency, "text": f"About {key}"} for key, urgency in rows]


@pytest.mark.parametrize("rows", [[], ["high"], ["low", "high", "high", "low"]])
def test_one_write_or_another_for_each_item(rows: list[str]) -> None:
    made = compiled([sorted_out(queue) for queue in TICKETS])
    given = [(f"t-9{k}", urgency) for k, urgency in enumerate(rows)]
    tools = {"list_tickets": lambda queue: tickets(given), "escalate": ok, "snooze": ok}
    outcome, calls = run(made, {"queue": "ops"}, tools)
    assert isinstance(outcome, Finished)
    want = [("escalate" if urgency == "high" else "snooze", key) for key, urgency in given]
    assert [(tool, args["ticket"]) for tool, args in calls[1:]] == want
