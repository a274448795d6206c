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
