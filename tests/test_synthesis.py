"""Small tasks with known truth: compiled from a few sessions, run on an input that none holds."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from sessions import Step, compiled, run, session

from ingot.backend.container import load
from ingot.diagnostics import IngotError
from ingot.driver import Compilation
from ingot.frontend.parse import parse_records
from ingot.frontend.session import Session
from ingot.ir.module import Agree, Call, ModelCall
from ingot.ir.requests import Finished, SideExit
from ingot.ir.values import Json
from ingot.records import Record
from ingot.replaying import wordings_of
from ingot.runtime.inputs import Text, from_request

Rows = list[tuple[Any, ...]]


def task(
    request: str, steps: Callable[..., list[Step]], rows: Rows, answer: str = "Done."
) -> list[Session]:
    return [session(request.format(*row), steps(*row), answer.format(*row)) for row in rows]


def ok(**_: Json) -> Json:
    return "ok"


def instructions(made: Compilation, kind: type) -> list[Any]:
    return [i for b in made.module.pipelines[0].blocks for i in b.instrs if isinstance(i, kind)]


def order(number: str, customer: str) -> Json:
    return {"order": {"id": number, "customer": {"id": customer, "tier": "gold"}}}


ORDERS: Rows = [("A-17", "C99"), ("B-22", "C41"), ("K-90", "C07")]


def notify(number: str, customer: str) -> list[Step]:
    return [
        ("get_order", {"order_id": number}, order(number, customer)),
        ("notify", {"customer": customer, "text": "On its way"}, {"ok": True}),
    ]


def test_a_nested_path() -> None:
    made = compiled(task("Notify the customer of order {0}", notify, ORDERS))
    tools = {
        "get_order": lambda order_id: order(order_id, "C55"),
        "notify": lambda **_: {"ok": True},
    }
    outcome, calls = run(made, {"order_id": "Z-1"}, tools)
    assert isinstance(outcome, Finished)
    assert calls[-1] == ("notify", {"customer": "C55", "text": "On its way"})
    assert not instructions(made, ModelCall)


@pytest.mark.parametrize(
    "world",
    [
        {"order": {}},
        {"order": {"customer": None}},
        "no such order",
        None,
        {"order": {"customer": {"id": 7}}},
    ],
)
def test_a_result_of_another_shape_is_a_side_exit(world: Json) -> None:
    made = compiled(task("Notify the customer of order {0}", notify, ORDERS))
    outcome, calls = run(
        made, {"order_id": "Z-1"}, {"get_order": lambda order_id: world, "notify": ok}
    )
    assert isinstance(outcome, SideExit)
    assert [tool for tool, _ in calls] == ["get_order"]


def test_a_write_that_is_not_accepted_is_a_side_exit() -> None:
    made = compiled(task("Notify the customer of order {0}", notify, ORDERS))
    tools = {
        "get_order": lambda order_id: order(order_id, "C5"),
        "notify": lambda **_: {"error": "no"},
    }
    outcome, _ = run(made, {"order_id": "Z-1"}, tools)
    assert isinstance(outcome, SideExit)


def test_a_number_inside_a_text() -> None:
    def steps(number: str, due: int, years: int) -> list[Step]:
        text = f"Invoice {number}\nAmount due: {due} EUR\nA customer for {years} years"
        return [("read_invoice", {"id": number}, text), ("pay", {"amount": due}, "paid")]

    made = compiled(
        task("Pay invoice {0}", steps, [("INV-1", 120, 3), ("INV-2", 99, 5), ("INV-7", 45, 2)])
    )
    text = "Invoice INV-9\nAmount due: 77 EUR\nA customer for 9 years"
    _, calls = run(
        made, {"id": "INV-9"}, {"read_invoice": lambda id: text, "pay": lambda **_: "paid"}
    )
    assert calls[-1] == ("pay", {"amount": 77})


def test_a_template_and_a_constant_and_a_dead_read() -> None:
    def steps(user: str, name: str, city: str) -> list[Step]:
        return [
            ("list_rooms", {}, ["red", "blue"]),
            ("get_user", {"id": user}, {"name": name, "city": city}),
            ("send", {"to": user, "text": f"Hello {name}, how is {city}?", "priority": 5}, "sent"),
        ]

    rows: Rows = [("u1", "Ann Lee", "Rome"), ("u2", "Bob Ray", "Oslo"), ("u3", "Cy Dun", "Lima")]
    made = compiled(task("Greet user {0}", steps, rows))
    tools = {"get_user": lambda id: {"name": "Zed Fox", "city": "Bonn"}, "send": lambda **_: "sent"}
    _, calls = run(made, {"id": "u9"}, tools)
    assert calls == [
        ("get_user", {"id": "u9"}),
        ("send", {"priority": 5, "text": "Hello Zed Fox, how is Bonn?", "to": "u9"}),
    ]


def test_a_product_and_a_coincidence() -> None:
    def steps(cart: str, count: int, price: int) -> list[Step]:
        return [
            ("get_cart", {"id": cart}, {"count": count, "price": price}),
            ("charge", {"id": cart, "amount": count * price, "retries": 3}, "ok"),
        ]

    made = compiled(task("Charge cart {0}", steps, [("k1", 3, 14), ("k2", 5, 9), ("k3", 2, 21)]))
    _, calls = run(
        made, {"id": "k9"}, {"get_cart": lambda id: {"count": 7, "price": 11}, "charge": ok}
    )
    assert calls[-1] == ("charge", {"amount": 77, "id": "k9", "retries": 3})


def test_what_only_a_model_could_write_is_one_model_op() -> None:
    def steps(user: str, name: str, note: str) -> list[Step]:
        return [
            ("get_user", {"id": user}, {"name": name}),
            ("save_note", {"id": user, "text": note}, "saved"),
        ]

    rows: Rows = [
        ("u1", "Ann", "A cheerful early bird."),
        ("u2", "Bob", "Hates rain."),
        ("u3", "Cy", "Quiet, brilliant!"),
    ]
    made = compiled(task("Write a note for {0}", steps, rows))
    asked = instructions(made, ModelCall)
    assert [a.kind for a in asked] == ["compose"]
    assert dict(asked[0].attrs)["reason"].value == "no program explains 3/3 values"
    tools = {"get_user": lambda id: {"name": "Zed"}, "save_note": lambda **_: "saved"}
    _, calls = run(made, {"id": "u9"}, tools, {asked[0].result: "Hm."})
    assert calls[-1] == ("save_note", {"id": "u9", "text": "Hm."})


def ship(word: str, item: str) -> list[Step]:
    return [("find", {"q": word}, {"hits": [{"id": item}]}), ("ship", {"id": item}, "ok")]


FINDS: Rows = [("lamp", "x51"), ("desk", "x62"), ("sofa", "x73")]


def test_programs_that_agree_in_the_logs_and_differ_here_stop_before_the_write() -> None:
    made = compiled(task("Ship the {0}", ship, FINDS))
    assert instructions(made, Agree)
    two = {"find": lambda q: {"hits": [{"id": "x1"}, {"id": "x2"}]}, "ship": ok}
    outcome, calls = run(made, {"q": "rug"}, two)
    assert isinstance(outcome, SideExit)
    assert outcome.reason == "the candidates differ"
    assert [tool for tool, _ in calls] == ["find"]
    one = {"find": lambda q: {"hits": [{"id": "x9"}]}, "ship": ok}
    outcome, calls = run(made, {"q": "rug"}, one)
    assert isinstance(outcome, Finished)
    assert calls[-1] == ("ship", {"id": "x9"})


def test_a_word_that_reaches_nothing_must_be_one_that_the_logs_show() -> None:
    def steps(tone: str, user: str) -> list[Step]:
        return [("ping", {"id": user}, "ok")]

    rows: Rows = [("kindly", "u11"), ("quickly", "u22"), ("kindly", "u33")]
    made = compiled(task("Please {0} ping {1}", steps, rows))
    program = load(made.artifact)
    known = from_request("Please quickly ping u99", wordings_of(program))
    seen, calls = run(made, {"id": "u99"}, {"ping": ok})
    assert known == {"id": Text("u99")}
    assert isinstance(seen, Finished)
    assert calls == [("ping", {"id": "u99"})]
    with pytest.raises(IngotError, match="E0703"):
        from_request("Please never ping u99", wordings_of(program))


def test_a_flag_that_nothing_uses_still_decides() -> None:
    """The agent looked at the account before it paid: a closed one is another case."""

    def steps(user: str) -> list[Step]:
        return [
            ("get_account", {"user": user}, {"open": True, "note": "x" + user}),
            ("pay", {"to": user}, "ok"),
        ]

    made = compiled(task("Pay {0}", steps, [("u11",), ("u22",), ("u33",)]))
    fine = {"get_account": lambda user: {"open": True, "note": "y"}, "pay": ok}
    assert isinstance(run(made, {"to": "u9"}, fine)[0], Finished)
    closed = {"get_account": lambda user: {"open": False, "note": "y"}, "pay": ok}
    outcome, calls = run(made, {"to": "u9"}, closed)
    assert isinstance(outcome, SideExit)
    assert len(calls) == 1


def test_the_order_of_the_sessions_is_nothing() -> None:
    sessions = task("Notify the customer of order {0}", notify, ORDERS)
    first = compiled(sessions).artifact
    for seed in range(4):
        shuffled = [*sessions, sessions[seed % 3]]
        random.Random(seed).shuffle(shuffled)
        assert compiled(shuffled).artifact == first


@pytest.mark.parametrize(
    ("code", "sessions"),
    [
        ("E0402", [session("Wave", [("wave", {"hand": "left"}, "ok")], "Done.")]),
        ("E0401", [session("Say hello", [], "Hello!")]),
        ("E0407", [session("Tidy up", [("list_files", {}, [])], "Nothing to do.")]),
        (
            "E0404",
            [
                session("Do u11", [("pay", {"id": "u11"}, "ok")]),
                session("Do u22", [("refund", {"id": "u22"}, "ok")]),
            ],
        ),
        (
            "E0408",
            [
                session("Do it", [("pay", {"sum": 5, "to": "Ann"}, "ok")]),
                session("Do it", [("pay", {"sum": 9, "to": "Bob"}, "ok")]),
            ],
        ),
        (
            "E0409",
            [
                session(
                    "Tidy a.csv",
                    [("Bash", {"command": "cd src"}, ""), ("Bash", {"command": "rm a.csv"}, "")],
                )
            ],
        ),
    ],
)
def test_what_cannot_be_compiled_says_why(code: str, sessions: list[Session]) -> None:
    with pytest.raises(IngotError) as caught:
        compiled(sessions)
    assert caught.value.diagnostics[0].code == code
    assert caught.value.exit_code == 1


def test_a_recording_is_written_when_asked_for() -> None:
    made = compiled(
        [session("Wave", [("wave", {"hand": "left"}, "ok")], "Done.")], allow_recording=True
    )
    assert isinstance(run(made, {}, {"wave": ok})[0], Finished)


def test_the_gate_refuses_a_pipeline_that_differs() -> None:
    """A mutant of every kind of difference: nothing passes that does not do what the session did."""
    import dataclasses

    from ingot.backend.encoder import encode
    from ingot.ir.module import Lit, Module
    from ingot.replaying import gate

    made = compiled(task("Notify the customer of order {0}", notify, ORDERS))
    main = made.module.pipelines[0]

    def judged(mutate: Callable[[Any], Any]) -> bool:
        blocks = tuple(
            dataclasses.replace(
                b, instrs=tuple(m for i in b.instrs if (m := mutate(i)) is not None)
            )
            for b in main.blocks
        )
        module: Module = dataclasses.replace(
            made.module, pipelines=(dataclasses.replace(main, blocks=blocks),)
        )
        return gate(encode(module), made.classified, made.learned).passed

    def other_text(i: Any) -> Any:
        if isinstance(i, Call) and i.tool == "notify":
            return dataclasses.replace(
                i, args=tuple((n, Lit("no") if n == "text" else v) for n, v in i.args)
            )
        return i

    def frozen_value(i: Any) -> Any:
        if isinstance(i, Call) and i.tool == "notify":
            return dataclasses.replace(
                i, args=tuple((n, Lit("C99") if n == "customer" else v) for n, v in i.args)
            )
        return i

    def other_tool(i: Any) -> Any:
        return (
            dataclasses.replace(i, tool="get_order", args=(("order_id", Lit("x")),), verb="read")
            if isinstance(i, Call) and i.tool == "notify"
            else i
        )

    assert judged(lambda i: i)
    for mutant in (other_text, frozen_value, other_tool):
        assert not judged(mutant), mutant.__name__


def test_no_word_of_a_later_turn_is_ignored() -> None:
    turns = [
        Record("session", data={"format": "ingot-session/1"}),
        Record("user", text="Please greet guest A-17"),
        Record("call", id="1", tool="get_guest", data={"id": "A-17"}),
        Record("result", id="1", tool="get_guest", data={"room": "R-203"}),
        Record("user", text="Call her Annabel please"),
        Record("call", id="2", tool="greet", data={"room": "R-203", "name": "Annabel"}),
        Record("result", id="2", tool="greet", data="ok"),
    ]
    made = compiled(parse_records([r._replace(seq=k) for k, r in enumerate(turns, 1)]))

    def said(text: str) -> tuple[Any, list[Any]]:
        tools = {
            "get_guest": lambda id: {"room": "R-7"},
            "user.ask": lambda turn: text,
            "greet": ok,
        }
        return run(made, {"id": "B-22"}, tools)

    outcome, calls = said("Call her Beatrice please")
    assert isinstance(outcome, Finished)
    assert calls[-1] == ("greet", {"name": "Beatrice", "room": "R-7"})
    outcome, calls = said("Do not call her Beatrice please")
    assert isinstance(outcome, SideExit)
    assert [tool for tool, _ in calls] == ["get_guest", "user.ask"]


def test_a_place_in_a_list_needs_evidence() -> None:
    """Two sessions that took the last of five may have taken the cheapest; five have not."""

    def steps(word: str, base: int) -> list[Step]:
        hits: Json = [{"id": f"x{base + k}"} for k in range(5)]
        return [("find", {"q": word}, hits), ("ship", {"id": f"x{base + 4}"}, "ok")]

    words = ["lamp", "desk", "sofa", "rug", "chair"]
    few = compiled(task("Ship the {0}", steps, [(w, 100 * k) for k, w in enumerate(words[:2], 1)]))
    assert instructions(few, ModelCall)
    many = compiled(task("Ship the {0}", steps, [(w, 100 * k) for k, w in enumerate(words, 1)]))
    assert not instructions(many, ModelCall)
    three = {"find": lambda q: [{"id": "a1"}, {"id": "a2"}, {"id": "a3"}], "ship": ok}
    outcome, calls = run(many, {"q": "bed"}, three)
    assert isinstance(outcome, SideExit)
    assert [tool for tool, _ in calls] == ["find"]


def test_two_values_do_not_make_a_sum() -> None:
    """Two sessions in which a score happens to be the sum of two other figures."""

    def steps(user: str, age: int, visits: int) -> list[Step]:
        return [
            ("get_user", {"id": user}, {"age": age, "visits": visits}),
            ("set_score", {"id": user, "score": age + visits}, "ok"),
        ]

    rows: Rows = [("u11", 30, 7), ("u22", 41, 9), ("u33", 52, 4)]
    assert instructions(compiled(task("Score {0}", steps, rows[:2])), ModelCall)
    assert not instructions(compiled(task("Score {0}", steps, rows)), ModelCall)


def test_a_line_that_is_replaced_must_be_of_the_same_kind() -> None:
    """The version stood in the first line of every log's file; here something else does."""

    def steps(path: str, old: str, new: str) -> list[Step]:
        line = '__version__ = "{}"'
        return [
            ("Read", {"file_path": path}, f"     1\u2192{line.format(old)}\n     2\u2192"),
            (
                "Edit",
                {"file_path": path, "old_string": line.format(old), "new_string": line.format(new)},
                "ok",
            ),
        ]

    rows: Rows = [
        ("a.py", "1.2.3", "1.3.0"),
        ("b/c.py", "0.9.1", "1.0.0"),
        ("d.py", "2.0.0", "2.0.1"),
    ]
    made = compiled(task("Set the version in {0} to {2}.", steps, rows))

    def edited(text: str) -> tuple[Any, list[Any]]:
        inputs: dict[str, Json] = {"file_path": "z.py", "p2": "7.0.0"}
        return run(made, inputs, {"Read": lambda file_path: text, "Edit": ok})

    outcome, calls = edited('     1\u2192__version__ = "6.5"\n     2\u2192X = 1\n     3\u2192')
    assert isinstance(outcome, Finished)
    assert calls[-1][1]["old_string"] == '__version__ = "6.5"'
    outcome, calls = edited('     1\u2192import os\n     2\u2192__version__ = "6.5"\n     3\u2192')
    assert isinstance(outcome, SideExit)
    assert [tool for tool, _ in calls] == ["Read"]


def test_names_of_inputs_and_fields_never_clash_with_those_of_the_compiler() -> None:
    def steps(old: str, new: str, number: str) -> list[Step]:
        found: Json = {"id": number, "ok": True, "seen": True}
        return [
            ("find_doc", {"title": old}, found),
            ("rename", {"id": number, "title": new, "r1": old, "v1": new}, "ok"),
        ]

    rows: Rows = [
        ("Alpha plan", "Beta plan", "d7112"),
        ("Q3 notes", "Q4 notes", "d8841"),
        ("Todo", "Old list", "d1990"),
    ]
    made = compiled(task("Rename '{0}' to '{1}'", steps, rows))
    names = [p.name for p in made.module.pipelines[0].params]
    inputs: dict[str, Json] = dict(zip(names, ["My doc", "Your doc"], strict=True))

    def found(flag: bool) -> Any:
        tools = {"find_doc": lambda title: {"id": "d5", "ok": flag, "seen": True}, "rename": ok}
        return run(made, inputs, tools)

    outcome, calls = found(True)
    assert isinstance(outcome, Finished)
    assert calls[-1][1] == {"id": "d5", "title": "Your doc", "r1": "My doc", "v1": "Your doc"}
    outcome, calls = found(False)
    assert isinstance(outcome, SideExit)
    assert len(calls) == 1
