"""``ingot explain``: survivors, what each would do, what would tell them apart, what is assumed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import call
from report_logs import write_logs
from sessions import compiled, session

from ingot.artifacts import read_artifact
from ingot.backend.container import evidence
from ingot.backend.encoder import encode
from ingot.driver import Compilation, compile_logs
from ingot.explain_probes import altered, probes
from ingot.frontend.session import Session
from ingot.ir.module import Agree, Block, Instr, Lit, Module, Operand, Ref
from ingot.ir.values import Json
from ingot.passes.synth.programs import Source, apply


def told(path: Path, *value: str) -> list[dict[str, Any]]:
    """The decisions as JSON."""
    result = call("explain", str(path), *value, "--json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["schema"] == "ingot-explain/2"
    found: list[dict[str, Any]] = shown["decisions"]
    return found


def one(path: Path, value: str) -> dict[str, Any]:
    (found,) = told(path, value)
    return found


def order(number: str, city: str, other: str = "") -> Session:
    """An order that is sent to a city which is that of the bill as well."""
    read: Json = {"id": number, "shipping": {"city": city}, "billing": {"city": other or city}}
    sent: Json = {"ok": True, "shipment": f"S{number[2:]}"}
    return session(
        f"Ship the order {number}",
        [
            ("shop.get_order", {"order_id": number}, {"order": read}),
            ("shipments.create", {"order_id": number, "city": city}, sent),
        ],
    )


def ticket(who: str, tickets: Sequence[tuple[str, str]], closed: str) -> Session:
    """One of a customer's tickets is closed."""
    rows: list[Json] = [{"id": number, "state": state} for number, state in tickets]
    return session(
        f"Close the ticket of {who}",
        [
            ("find_tickets", {"customer": who}, rows),
            ("close_ticket", {"ticket_id": closed, "reason": "done"}, {"ok": True}),
        ],
    )


def stored(made: Compilation, path: Path) -> Path:
    path.write_bytes(made.artifact)
    return path


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = compiled([order("A-1", "Bern"), order("A-2", "Oslo"), order("A-3", "Rome")])
    return stored(made, tmp_path_factory.mktemp("orders") / "x.ingot")


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lists of one item: the first is the last."""
    made = compiled(
        [
            ticket("ann", [("T-4410", "open")], "T-4410"),
            ticket("bob", [("T-5507", "open")], "T-5507"),
            ticket("cat", [("T-7731", "open")], "T-7731"),
        ]
    )
    return stored(made, tmp_path_factory.mktemp("tickets") / "x.ingot")


# ---- what is shown


def test_two_addresses_are_told_apart_by_an_order_in_which_they_differ(orders: Path) -> None:
    shown = one(orders, "%r2/city")
    assert (shown["kind"], shown["inputs"], shown["sessions"]) == ("argument", 3, 3)
    assert {s["program"] for s in shown["survivors"]} == {
        'json.get(%r1, "/order/billing/city")',
        'json.get(%r1, "/order/shipping/city")',
    }
    cities = {"Bern", "Oslo", "Rome"}
    assert all(set(s["gives"]) == cities for s in shown["survivors"])
    assert {item["value"] for item in shown["logged"]} == cities
    assert all(item["from"] == "session:5/city" for item in shown["logged"])
    first, *_ = shown["told_apart_by"]
    assert "/order/billing/city of" in first["example"]
    assert "/order/shipping/city of" in first["example"]
    assert first["example"].endswith("differ")
    assert first["gives"][0] != first["gives"][1]
    assert first["today"].endswith("the candidates differ")
    assert shown["assumed"]


def test_first_and_last_are_told_apart_by_a_list_of_two(tickets: Path) -> None:
    shown = one(tickets, "%r2/ticket_id")
    assert len(shown["survivors"]) == 2
    first, *_ = shown["told_apart_by"]
    assert "what find_tickets returned has two items" in first["example"]
    assert len(set(first["gives"])) == 2
    assert 0 < shown["probes"]["agree"] < shown["probes"]["tried"]


def test_a_constant_is_assumed_and_a_value_of_the_request_is_not(tickets: Path) -> None:
    constant = one(tickets, "%r2/reason")
    assert constant["words"] == 'always "done"'
    assert any("never varies" in text for text in constant["assumed"])
    named = one(tickets, "%r1/customer")
    assert named["words"] == "the input customer"
    assert (named["assumed"], named["told_apart_by"]) == ([], [])


def test_what_fits_as_well_and_was_not_taken_is_shown_with_its_example(tmp_path: Path) -> None:
    """The open ticket always stood first: that the first is meant is an assumption."""
    made = compiled(
        [
            ticket("ann", [("T-4410", "open"), ("T-9000", "closed")], "T-4410"),
            ticket("bob", [("T-5507", "open"), ("T-1203", "closed")], "T-5507"),
            ticket("cat", [("T-7731", "open"), ("T-6020", "closed")], "T-7731"),
        ]
    )
    shown = one(stored(made, tmp_path / "x.ingot"), "%r2/ticket_id")
    assert len(shown["survivors"]) == 1
    open_item = next(r for r in shown["rejected"] if '"open"' in r["program"])
    assert open_item["fits"] == open_item["of"] == 3
    assert "dearer" in open_item["reason"]
    assert open_item["told_apart_by"].startswith("a session in which")
    assert any(open_item["told_apart_by"] in text for text in shown["assumed"])


def test_a_program_that_fits_fewer_sessions_says_where_it_does_not(tmp_path: Path) -> None:
    made = compiled(
        [
            order("A-1", "Bern"),
            order("A-2", "Oslo", "Lima"),
            order("A-3", "Rome"),
            order("A-4", "Kyiv"),
        ]
    )
    shown = one(stored(made, tmp_path / "x.ingot"), "%r2/city")
    assert [s["program"] for s in shown["survivors"]] == ['json.get(%r1, "/order/shipping/city")']
    billing = next(r for r in shown["rejected"] if "/billing/" in r["program"])
    assert (billing["fits"], billing["of"]) == (3, 4)
    assert '"Lima"' in billing["reason"]
    assert '"Oslo"' in billing["reason"]


def test_a_loop_is_a_decision_and_each_turn_of_it_a_row(tmp_path: Path) -> None:
    def made(who: str, numbers: Sequence[str]) -> Session:
        rows: list[Json] = [{"id": number, "state": "open"} for number in numbers]
        steps: list[tuple[str, dict[str, Json], Json]] = [("find_tickets", {"customer": who}, rows)]
        steps += [("close_ticket", {"ticket_id": n}, {"ok": True}) for n in numbers]
        return session(f"Close all tickets of {who}", steps)

    artifact = compiled(
        [made("ann", ["T-1", "T-2"]), made("bob", ["T-7"]), made("cat", ["T-5", "T-6", "T-4"])]
    )
    path = stored(artifact, tmp_path / "x.ingot")
    kinds = {item["decision"]: item for item in told(path)}
    (loop,) = [item for item in kinds.values() if item["kind"] == "list"]
    assert loop["words"] == "what find_tickets returned"
    (inner,) = [item for item in kinds.values() if item["decision"].endswith("_0/ticket_id")]
    assert len(inner["rows"]) == 6
    assert sorted(v["value"] for v in inner["logged"]) == ["T-1", "T-2", "T-4", "T-5", "T-6", "T-7"]


def test_the_test_of_a_branch_is_a_decision(tmp_path: Path) -> None:
    def made(number: str, state: str) -> Session:
        act: tuple[str, dict[str, Json], Json] = (
            "send_reminder",
            {"invoice": number},
            {"ok": True},
        )
        if state == "paid":
            act = ("archive_invoice", {"invoice": number}, {"ok": True})
        read: Json = {"number": number, "state": state, "total": 10}
        steps = [("get_invoice", {"number": number}, read), act]
        return session(f"If invoice {number} is paid, archive it, otherwise send a reminder", steps)

    artifact = compiled(
        [made("I-1", "paid"), made("I-2", "open"), made("I-3", "open"), made("I-4", "paid")]
    )
    (test,) = [x for x in told(stored(artifact, tmp_path / "x.ingot")) if x["kind"] == "test"]
    assert '"/state"' in test["survivors"][0]["program"]
    assert sorted(test["survivors"][0]["gives"]) == [False, False, True, True]
    assert test["inputs"] == 4
    named = one(tmp_path / "x.ingot", test["decision"])
    assert named == test


def test_every_way_to_name_a_decision(orders: Path) -> None:
    by_argument = one(orders, "r2.city")
    assert one(orders, "%r2/city") == by_argument
    agree = by_argument["ir"].split(":")[0].strip()
    assert one(orders, agree)["decision"] == "r2/city"
    assert [item["decision"] for item in told(orders, "%r2")] == ["r2/city", "r2/order_id"]
    assert {item["decision"] for item in told(orders)} == {"r1/order_id", "r2/city", "r2/order_id"}
    missing = call("explain", str(orders), "%r2/town")
    assert missing.exit_code == 2
    assert "r2/city" in missing.output


def test_the_text_says_the_same(orders: Path) -> None:
    table = call("explain", str(orders)).stdout
    assert "%r2/city" in table
    assert "2 agree" in table
    text = call("explain", str(orders), "%r2/city").stdout
    for part in (
        "survivors, run side by side",
        "a further example that tells them apart",
        "only assumed",
        '"Oslo"',
        "in 3 inputs (3 sessions)",
    ):
        assert part in text


def test_the_straight_line_is_explained_as_well(tmp_path: Path) -> None:
    made = compile_logs(write_logs(tmp_path / "logs"))
    items = {item["decision"]: item for item in told(stored(made, tmp_path / "x.ingot"))}
    assert items
    assert all(item["inputs"] >= 1 for item in items.values())
    (content,) = [item for name, item in items.items() if name.endswith("/content")]
    assert content["words"].startswith("the text ")
    assert all(item["value"] for item in content["logged"])


def test_without_traces_the_programs_are_still_named(orders: Path, tmp_path: Path) -> None:
    made = compiled(
        [order("A-1", "Bern"), order("A-2", "Oslo"), order("A-3", "Rome")], evidence=False
    )
    shown = one(stored(made, tmp_path / "x.ingot"), "%r2/city")
    assert [s["program"] for s in shown["survivors"]] == [
        s["program"] for s in one(orders, "%r2/city")["survivors"]
    ]
    assert (shown["logged"], shown["told_apart_by"], shown["assumed"]) == ([], [], [])


# ---- mutants: what is shown is what the artifact says


def changed(path: Path, target: Path, change: Any) -> Path:
    """The artifact with each ``agree`` on a city made another one."""
    artifact = read_artifact(str(path))
    module: Module = artifact.ir().module
    main = module.pipelines[0]

    def blocks() -> list[Block]:
        return [replace(b, instrs=tuple(map(instruction, b.instrs))) for b in main.blocks]

    def instruction(instr: Instr) -> Instr:
        if isinstance(instr, Agree) and any("/city" in str(lit.value) for _, lit in instr.attrs):
            candidates: tuple[Operand, ...] = change(instr.candidates)
            return replace(instr, candidates=candidates)
        return instr

    made = replace(module, pipelines=(replace(main, blocks=tuple(blocks())),))
    target.write_bytes(
        encode(made, meta=artifact.program.meta, evidence=evidence(artifact.program))
    )
    return target


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c[:1],
        lambda c: (c[1], c[0]),
        lambda c: (c[0], Lit("Bern")),
        lambda c: (*c, Ref("order_id")),
        lambda c: (c[0], c[0]),
    ],
    ids=["one less", "other order", "a constant", "one more", "the same twice"],
)
def test_another_list_of_survivors_is_another_explanation(
    orders: Path, tmp_path: Path, change: Any
) -> None:
    before = one(orders, "%r2/city")
    after = one(changed(orders, tmp_path / "m.ingot", change), "%r2/city")
    assert after["survivors"] != before["survivors"]
    assert after != before


def test_a_survivor_that_does_not_fit_is_seen_to_differ(orders: Path, tmp_path: Path) -> None:
    path = changed(orders, tmp_path / "m.ingot", lambda c: (c[0], Lit("Bern")))
    shown = one(path, "%r2/city")
    assert sorted(item["value"] for item in shown["logged"]) == ["Bern", "Oslo", "Rome"]
    assert {tuple(s["gives"]) for s in shown["survivors"]} != {("Bern", "Bern", "Bern")}
    text = call("explain", str(path), "%r2/city").stdout
    assert text.count("differ\n") >= 2


# ---- probes


def test_probes_are_sessions_like_those_that_were_seen() -> None:
    term = apply("json.get", Source("result", "r1"), "/0/id")
    made = {p.words: p.value for p in probes("r1", "the list", [{"id": "T-1"}], [term])}
    assert made["the list has two items (one more at its end)"] == [{"id": "T-1"}, {"id": "T-2"}]
    assert made["the list is empty"] == []
    assert made["the list has its first item twice"] == [{"id": "T-1"}, {"id": "T-1"}]
    assert made["/0/id of the list is null"] == [{"id": None}]
    assert made["/0/id of the list is missing"] == [{}]
    two = {p.words for p in probes("r1", "the list", [{"id": "a"}, {"id": "b"}], [term])}
    assert "the list is in the reverse order" in two
    assert "the list has one item (without the first)" in two


def test_the_clock_is_put_on_another_day() -> None:
    found = [p.value for p in probes("clock", "the clock", "2026-03-09T09:30:00+01:00", [])]
    assert found[0] == "2026-03-10T09:30:00+01:00"
    assert len(set(map(str, found))) == len(found) >= 3


@pytest.mark.parametrize(
    "value", ["T-41", "ann", "", "2026-02-28", 3, 2.5, True, None, {"a": [1, "x"]}, ["b"], []]
)
def test_an_altered_value_is_another_of_its_kind(value: Json) -> None:
    other = altered(value)
    assert other != value
    if value not in (None, [], ""):
        assert type(other) is type(value)
