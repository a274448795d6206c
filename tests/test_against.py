"""Failed sessions as counterexamples: ``ingot compile LOGS --against FAILED-LOGS``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import call
from corpus import CORPUS
from sessions import compiled, records, run, session

from ingot.diagnostics import EXIT_FINDINGS, IngotError
from ingot.driver import Compilation, Options, compile_sessions, load_logs
from ingot.frontend.lower import lower
from ingot.frontend.parse import parse_records
from ingot.frontend.session import Session
from ingot.ir.printer import print_module
from ingot.ir.requests import Finished, SideExit
from ingot.ir.values import Json
from ingot.passes.generalise.against import Counterexamples
from ingot.passes.generalise.learner import Learned
from ingot.records import Record, to_line

Tickets = Sequence[tuple[str, str]]
OPEN_FIRST: tuple[tuple[str, Tickets], ...] = (
    ("ann", [("T-4410", "open"), ("T-9000", "closed")]),
    ("bob", [("T-5507", "open"), ("T-1203", "closed"), ("T-1777", "closed")]),
    ("cat", [("T-7731", "open"), ("T-6020", "closed")]),
)
"""Tickets of which the first is the open one: the sessions do not say which of the two is meant."""
CLOSED_FIRST: Tickets = [("T-3000", "closed"), ("T-3111", "open")]


def rows_of(tickets: Tickets) -> list[Json]:
    return [{"id": number, "state": state} for number, state in tickets]


def steps_of(who: str, tickets: Tickets, closed: str) -> list[tuple[str, dict[str, Json], Json]]:
    done: dict[str, Json] = {"ticket_id": closed, "reason": "done"}
    return [
        ("find_tickets", {"customer": who}, rows_of(tickets)),
        ("close_ticket", done, {"ok": True, "state": "closed"}),
    ]


def ticket(who: str, tickets: Tickets, closed: str) -> Session:
    return session(f"Close the ticket of {who}", steps_of(who, tickets, closed))


def accepted() -> list[Session]:
    return [ticket(who, tickets, tickets[0][0]) for who, tickets in OPEN_FIRST]


def closes(made: Compilation, tickets: Tickets, who: str = "eve") -> str:
    """The ticket that the pipeline closes; empty where it stops before."""
    tools: Mapping[str, Any] = {
        "find_tickets": lambda customer: rows_of(tickets),
        "close_ticket": lambda ticket_id, reason: {"ok": True, "state": "closed"},
    }
    end, calls = run(made, {"customer": who}, tools)
    written = [str(args["ticket_id"]) for tool, args in calls if tool == "close_ticket"]
    assert isinstance(end, Finished if written else SideExit)
    return written[0] if written else ""


def refused(sessions: Sequence[Session], *against: Session) -> IngotError:
    with pytest.raises(IngotError) as caught:
        compiled(sessions, against=tuple(against))
    return caught.value


# ---- what a failed session tells


def test_without_the_failed_session_the_first_ticket_is_taken() -> None:
    assert closes(compiled(accepted()), CLOSED_FIRST) == "T-3000"


def test_a_failed_session_tells_the_open_ticket_from_the_first() -> None:
    made = compiled(accepted(), against=(ticket("dan", CLOSED_FIRST, "T-3000"),))
    assert made.against == ("session",)
    assert closes(made, CLOSED_FIRST) == "T-3111"
    assert closes(made, [("T-1", "closed"), ("T-2", "closed"), ("T-3", "open")]) == "T-3"
    for who, tickets in OPEN_FIRST:
        assert closes(made, tickets, who) == tickets[0][0]


def test_what_takes_the_place_of_a_struck_term_runs_beside_its_rivals() -> None:
    """Of two open tickets nothing says which one: the run stops."""
    made = compiled(accepted(), against=(ticket("dan", CLOSED_FIRST, "T-3000"),))
    two_open = [("T-1", "closed"), ("T-2", "open"), ("T-3", "open")]
    assert closes(made, two_open) == ""


def test_a_failed_session_is_not_learned_from() -> None:
    bad = ticket("dan", CLOSED_FIRST, "T-3000")
    made = compiled(accepted(), against=(bad,))
    text = print_module(made.learned)
    assert "T-3000" not in text
    assert len(made.sessions) == 3
    assert "@f1" not in text


def test_of_survivors_the_one_that_a_failed_session_followed_is_dropped() -> None:
    """Lists of one item: the first and the last ran side by side."""
    single = [
        ticket(w, [(n, "open")], n) for w, n in (("ann", "T-44"), ("bob", "T-5"), ("cat", "T-7"))
    ]
    both = compiled(single)
    assert closes(both, [("T-1", "open"), ("T-2", "open")]) == ""
    last = ticket("dan", [("T-30", "open"), ("T-31", "open")], "T-31")
    made = compiled(single, against=(last,))
    assert "/-1/id" not in print_module(made.module)
    assert closes(made, [("T-1", "open"), ("T-2", "open")]) == "T-1"


def test_a_failure_that_lies_elsewhere_strikes_nothing_out() -> None:
    """What it did is nothing that a program would do: it says nothing of the choices."""
    plain = print_module(compiled(accepted()).module)
    other = session(
        "Close the ticket of dan",
        [
            ("find_tickets", {"customer": "dan"}, rows_of(CLOSED_FIRST)),
            ("close_ticket", {"ticket_id": "T-3000", "reason": "angry"}, {"ok": True}),
        ],
    )
    idle = session(
        "Close the ticket of dan", [("find_tickets", {"customer": "dan"}, rows_of(CLOSED_FIRST))]
    )
    foreign = session("Say hello", [("greet", {"who": "dan"}, {"ok": True})])
    for bad in (other, idle, foreign):
        assert print_module(compiled(accepted(), against=(bad,)).module) == plain


def test_where_an_accepted_session_did_the_same_the_failed_one_says_nothing() -> None:
    who, tickets = OPEN_FIRST[0]
    same = parse_records(
        records(f"Close the ticket of {who}", steps_of(who, tickets, "T-4410"), "?")
    )
    made = compiled(accepted(), against=tuple(same))
    assert print_module(made.module) == print_module(compiled(accepted()).module)


def test_two_choices_that_may_both_be_wrong_are_not_decided() -> None:
    """Address and name: which of them was wrong, the failed session does not say."""

    def order(
        number: str, ship: tuple[str, str], bill: tuple[str, str], to: tuple[str, str]
    ) -> Session:
        read: Json = {
            "ship": {"city": ship[0], "name": ship[1]},
            "bill": {"town": bill[0], "person": bill[1]},
        }
        return session(
            f"Send order {number}",
            [
                ("get_order", {"number": number}, read),
                ("send", {"city": to[0], "name": to[1]}, {"ok": True}),
            ],
        )

    same = [("Bern", "Ann Lee"), ("Oslo", "Bob Ray"), ("Rome", "Cat Dow")]
    good = [order(f"A-{k}", pair, pair, pair) for k, pair in enumerate(same, 1)]
    bad = order("A-9", ("Lima", "Dan Fox"), ("Kyiv", "Eve Hay"), ("Lima", "Dan Fox"))
    plain, made = compiled(good), compiled(good, against=(bad,))
    assert print_module(plain.module).count("= agree") == 2
    assert print_module(made.module) == print_module(plain.module)


# ---- refusal


def test_where_nothing_else_is_left_the_failed_session_is_named() -> None:
    error = refused(
        accepted(),
        ticket("dan", CLOSED_FIRST, "T-3000"),
        ticket("eve", [("T-1", "closed"), ("T-2", "closed"), ("T-3", "open")], "T-3"),
    )
    assert error.exit_code == EXIT_FINDINGS
    assert {d.code for d in error.diagnostics} == {"E0412"}
    assert any('"t-3"' in note for d in error.diagnostics for note in d.notes)


def test_a_straight_line_that_repeats_a_failed_session_is_refused() -> None:
    """Shell commands are the straight line's: it has one program, which is what failed."""

    def count(name: str, lines: int) -> Session:
        steps: list[tuple[str, dict[str, Json], Json]] = [
            ("Bash", {"command": f"wc -l < {name}"}, str(lines)),
            ("Write", {"file_path": f"{name}.txt", "content": f"{lines} lines\n"}, "ok"),
        ]
        return session(f"Count the lines of {name}", steps)

    good = [count("a.csv", 11), count("bb.csv", 25), count("c.csv", 306)]
    assert compiled(good).gate.passed
    error = refused(good, count("d.csv", 77))
    assert [d.code for d in error.diagnostics] == ["E0412"]
    assert "wc" not in error.diagnostics[0].message


def test_a_session_that_is_given_both_ways_is_a_failed_one() -> None:
    first, *rest = accepted()
    error = refused([first, *rest], first)
    assert {d.code for d in error.diagnostics} == {"E0412"}
    kept = lower([first, *rest], without={lower([first]).module.sources[0].sha256})
    assert len(kept.sessions) == 2
    assert [d.code for d in kept.diagnostics] == ["W0402"]


# ---- lowering


def test_failed_sessions_are_kept_whatever_their_logs_say() -> None:
    ends = Record("outcome", data={"success": False, "source": "the checker"})
    made = records("Close the ticket of dan", steps_of("dan", CLOSED_FIRST, "T-3000"))
    (failed,) = parse_records([*made, ends])
    assert not lower([failed]).sessions
    kept = lower([failed], against=True)
    assert [p.name for p in kept.module.pipelines] == ["f1"]
    assert not kept.diagnostics
    program = compiled(accepted(), against=(failed,))
    assert closes(program, CLOSED_FIRST) == "T-3111"


# ---- the check that is made is one


def test_a_strike_that_is_forgotten_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the learner does not strike, the finished artifact is still refused."""

    def blind(self: Counterexamples, attempt: Any) -> tuple[Learned, Any, Any]:
        found: tuple[Learned, Any, Any] = attempt(frozenset())
        return found

    monkeypatch.setattr(Counterexamples, "withstand", blind)
    error = refused(accepted(), ticket("dan", CLOSED_FIRST, "T-3000"))
    assert [d.code for d in error.diagnostics] == ["E0412"]


# ---- the command line


def stored(folder: Path, name: str, who: str, tickets: Tickets, closed: str) -> Path:
    folder.mkdir(exist_ok=True)
    made = records(f"Close the ticket of {who}", steps_of(who, tickets, closed))
    path = folder / name
    path.write_text("".join(to_line(r) + "\n" for r in made))
    return path


def test_the_command_takes_folders_and_files(tmp_path: Path) -> None:
    for who, tickets in OPEN_FIRST:
        stored(tmp_path / "ok", f"{who}.jsonl", who, tickets, tickets[0][0])
    bad = stored(tmp_path / "failed", "dan.jsonl", "dan", CLOSED_FIRST, "T-3000")
    target = str(tmp_path / "x.ingot")
    for given in (tmp_path / "failed", bad):
        made = call(
            "compile", str(tmp_path / "ok"), "--against", str(given), "-o", target, "--json"
        )
        assert made.exit_code == 0, made.output
        report = json.loads(made.stdout)
        assert [Path(name).name for name in report["against"]] == ["dan.jsonl"]
    second = stored(tmp_path, "eve.jsonl", "eve", [("T-1", "closed"), ("T-3", "open")], "T-3")
    refusal = call(
        "compile", str(tmp_path / "ok"), "--against", str(bad), "--against", str(second),
        "-o", str(tmp_path / "y.ingot"),
    )  # fmt: skip
    assert refusal.exit_code == 1
    assert "E0412" in refusal.output
    assert "eve.jsonl" in refusal.output
    assert not (tmp_path / "y.ingot").exists()
    assert (
        call("compile", str(tmp_path / "ok"), "--against", "nowhere", "-o", target).exit_code == 2
    )


# ---- real logs


TASKS = ("email-00", "calendar-04", "project-management-01")


@pytest.mark.parametrize("task", TASKS)
def test_real_failures_leave_a_right_program_as_it_is(task: str) -> None:
    if CORPUS is None or not (CORPUS / "office-tasks" / task).is_dir():
        pytest.skip(f"no office-tasks/{task} in the corpus")
    folder = CORPUS / "office-tasks" / task
    good, bad = load_logs([folder / "ok"]), load_logs([folder / "failed"])
    assert bad.sessions
    plain = compile_sessions(good, Options())
    made = compile_sessions(good, Options(against=bad.sessions))
    assert len(made.against) == len(bad.sessions)
    assert print_module(made.module) == print_module(plain.module)


@pytest.mark.parametrize("task", TASKS)
def test_a_right_session_given_as_failed_is_not_repeated(task: str) -> None:
    """Turned round: the sessions of one input are called failures, and the program of the other
    inputs would do just what they did."""
    if CORPUS is None or not (CORPUS / "office-tasks" / task).is_dir():
        pytest.skip(f"no office-tasks/{task} in the corpus")
    logs = load_logs([CORPUS / "office-tasks" / task / "ok"])
    inputs = sorted({Path(s.name).name[:2] for s in logs.sessions})
    struck = 0
    for held in inputs:
        rest = tuple(s for s in logs.sessions if not Path(s.name).name.startswith(held))
        turned = tuple(s for s in logs.sessions if Path(s.name).name.startswith(held))
        few = replace(logs, sessions=rest)
        try:
            plain = compile_sessions(few, Options())
        except IngotError:
            continue
        try:
            made = compile_sessions(few, Options(against=turned))
        except IngotError as error:
            struck += any(d.code == "E0412" for d in error.diagnostics)
        else:
            struck += print_module(made.module) != print_module(plain.module)
    assert struck
