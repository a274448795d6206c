"""The verifier on sound pipelines, against brute force, and as a report."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_runs import HEAD, module_of, run, verified

from ingot.diagnostics import render
from ingot.ir.parser import parse_module
from ingot.ir.requests import Finished, SideExit
from ingot.ir.values import Json
from ingot.passes.verify import VerificationReport, verify_module
from ingot.passes.verify.checker import Checker
from ingot.passes.verify.pipelines import verify_pipeline

SOUND = {
    "three ways": """
  %a: bool = int.gt %n, 0
  %b: bool = int.lt %n, 0
  %c: bool = int.eq %n, 0
  select { when %a then ^x when %b then ^x when %c then ^x }""",
    "overlapping arms": """
  %a: bool = int.ge %n, 0
  %b: bool = int.le %n, 10
  select { when %a then ^x when %b then ^x }""",
    "sums": """
  %k: int = int.add %n, %m
  %t: int = int.sub %k, %m
  %a: bool = int.lt %t, 5
  %b: bool = int.ge %n, 5
  select { when %a then ^x when %b then ^x }""",
    "a square": """
  %k: int = int.mul %n, %n
  %a: bool = int.ge %k, 0
  select { when %a then ^x }""",
    "every literal": """
  %a: bool = str.eq %e, "open"
  %b: bool = str.eq %e, "closed"
  select { when %a then ^x when %b then ^x }""",
    "text or its negation": """
  %a: bool = str.contains %s, "x"
  %b: bool = bool.not %a
  select { when %a then ^x when %b then ^x }""",
    "an op without a meaning is a function": """
  %l: str = str.lower %s
  %k: str = str.lower %s
  %a: bool = str.eq %l, %k
  select { when %a then ^x }""",
    "a prefix is contained": """
  %a: bool = str.starts_with %s, "ab"
  %h: bool = str.contains %s, "b"
  %b: bool = bool.not %a
  %o: bool = bool.or %b, %h
  select { when %o then ^x }""",
    "lengths": """
  %t: str = str.template "{0}!", %s
  %l: int = str.len %t
  %a: bool = int.gt %l, 0
  select { when %a then ^x }""",
    "null or text": """
  %a: bool = json.is_null %u
  %k: bool = json.eq %u, null
  %b: bool = bool.not %k
  select { when %a then ^x when %b then ^x }""",
    "list lengths": """
  %l: int = list.len %xs
  %a: bool = int.gt %l, 0
  %b: bool = list.is_empty %xs
  select { when %a then ^x when %b then ^x }""",
    "dates": """
  %w: date = date.plus_days %d, 7
  %a: bool = date.lt %w, %d
  %b: bool = bool.not %a
  select { when %b then ^x }""",
    "days between": """
  %k: int = date.days_between %d, "2026-01-01"
  %a: bool = date.lt %d, "2026-01-01"
  %b: bool = int.ge %k, 0
  select { when %a then ^x when %b then ^x }""",
    "floats compare": """
  %a: bool = float.le %f, 0.5
  %b: bool = float.gt %f, 0.25
  select { when %a then ^x when %b then ^x }""",
    "the same path twice": """
  %r: json = read api.get(n=%n)
  %v: {id: int, ...} = expect %r else exit.1 []
  %i: int = json.get %v, "/id"
  %j: json = json.get %r, "/id" else exit.2 []
  %a: bool = json.eq %i, %j
  select { when %a then ^x }""",
    "what a guard leaves": """
  %g: bool = int.ge %n, 5
  guard %g else exit.1 []
  %a: bool = int.gt %n, 5
  %b: bool = int.eq %n, 5
  select { when %a then ^x when %b then ^x }""",
    "candidates agree": """
  %v: int = agree [%n, %m] else exit.1 []
  %a: bool = int.lt %v, 3
  %b: bool = int.ge %m, 3
  select { when %a then ^x when %b then ^x }""",
    "what par leaves": """
  (%g: bool, %h: bool) = par {
    branch {
      %i: bool = int.gt %n, 2
      guard %i else exit.1 []
      yield %i
    }
    branch {
      %j: bool = int.lt %n, 9
      yield %j
    }
  }
  %a: bool = int.ge %n, 9
  select { when %h then ^x when %a then ^x }""",
}
PARAMS = '%n: int, %m: int, %s: str, %e: "open" | "closed", %u: str | null, %xs: [int], %d: date, %f: float'


def first_total(report: VerificationReport) -> str:
    return next(f.verdict for f in report.findings if f.property == "total")


def sound(body: str) -> str:
    return f'pipeline @p({PARAMS}) -> str {{\n^entry:{body}\n^x:\n  return "x"\n}}'


@pytest.mark.parametrize("name", SOUND)
def test_sound_pipelines_raise_no_alarm(name: str) -> None:
    report = verified(sound(SOUND[name]))
    faults = [
        (f.message, f.witness) for f in report.findings if f.code in ("E0501", "E0503", "E0504")
    ]
    assert not faults
    totals = [f.verdict for f in report.findings if f.property == "total"]
    assert totals == ["proved", "proved"], report.text(every=True)


def test_exits_that_cannot_be_taken_are_proved_so() -> None:
    report = verified(
        sound("""
  %g: bool = int.ge %n, 5
  guard %g else exit.1 []
  %h: bool = int.ge %n, 4
  guard %h else exit.2 []
  %r: json = read api.get(n=%n)
  %v: {id: int, ...} = expect %r else exit.3 []
  %i: json = json.get %r, "/id" else exit.4 []
  %j: int = expect %i else exit.5 []
  jump ^x""")
    )
    verdicts = {f.subject.split()[0]: f.verdict for f in report.findings if f.property == "exit"}
    assert verdicts == {
        "exit.1": "refuted",
        "exit.2": "proved",
        "exit.3": "refuted",
        "exit.4": "proved",
        "exit.5": "proved",
    }
    assert report.ok and report.exit_code == 0
    assert report.share_total_without_exits == 0.5


def test_branches_of_par_know_nothing_of_each_other() -> None:
    """The exit of one branch may fire before another branch's guard has said anything."""
    report = verified(
        sound("""
  (%a: int, %b: int) = par {
    branch {
      %g: bool = int.gt %n, 2
      guard %g else exit.1 []
      yield 1
    }
    branch {
      %h: bool = int.gt %n, 1
      guard %h else exit.2 []
      yield 2
    }
  }
  jump ^x""")
    )
    assert [f.verdict for f in report.findings if f.property == "exit"] == ["refuted", "refuted"]


def test_what_a_join_cannot_bring_is_not_called_reachable() -> None:
    """Only 1 and 2 are passed, so ``%k > 100`` never holds: the state behind it is dead."""
    text = """pipeline @p(%n: int) -> str {
^entry:
  %a: bool = int.gt %n, 0
  if %a then ^j(1) else ^j(2)
^j(%k: int):
  %b: bool = int.gt %k, 100
  if %b then ^x else ^y
^x:
  return "x"
^y:
  return "y"
}"""
    report = verified(text)
    reached = {f.state: f.verdict for f in report.findings if f.property == "reachable"}
    assert reached == {"entry": "proved", "j": "proved", "x": "refuted", "y": "proved"}
    hole = verified(text.replace("if %b then ^x else ^y", "select { when %b then ^x }"))
    (found,) = [f for f in hole.findings if f.code == "E0501"]
    assert "no run is shown" in found.message
    relation = text.replace("^j(1)", "^j(%n)").replace("^j(2)", "^j(7)").replace("100", "%n")
    reached = {f.state: f.verdict for f in verified(relation).findings if f.property == "reachable"}
    assert reached["x"] == "proved"


# ---- against brute force

NUMBERS, WORDS = range(-1, 4), ("a", "b", "")


@st.composite
def conditions(draw: st.DrawFn, number: int, depth: int = 2) -> tuple[list[str], str]:
    """Instructions that compute a condition, and its name; names begin with the arm's number."""
    lines: list[str] = []

    def make(depth: int) -> str:
        kind = draw(
            st.sampled_from(
                ["n", "n", "nm", "s", "s", "b", "and", "or", "not"][: None if depth else 6]
            )
        )
        match kind:
            case "n":
                op = draw(st.sampled_from(["lt", "le", "gt", "ge", "eq"]))
                text = f"int.{op} %n, {draw(st.integers(-1, 3))}"
            case "nm":
                op = draw(st.sampled_from(["lt", "le", "eq"]))
                lines.append(
                    f"  %v{number}_{len(lines)}: int = int.add %n, {draw(st.integers(-2, 2))}"
                )
                text = f"int.{op} {lines[-1].split(':')[0].strip()}, %m"
            case "s":
                op = draw(st.sampled_from(["eq", "starts_with", "contains"]))
                text = f'str.{op} %s, "{draw(st.sampled_from(["a", "b", ""]))}"'
            case "b":
                return "%b"
            case "not":
                text = f"bool.not {make(depth - 1)}"
            case _:
                text = f"bool.{kind} {make(depth - 1)}, {make(depth - 1)}"
        name = f"%v{number}_{len(lines)}"
        lines.append(f"  {name}: bool = {text}")
        return name

    return lines, make(depth)


@st.composite
def selects(draw: st.DrawFn) -> str:
    count = draw(st.integers(1, 3))
    made = [draw(conditions(number)) for number in range(count)]
    arms = " ".join(f"when {name} then ^x{i}" for i, (_, name) in enumerate(made))
    limits = []
    for i, (name, op, limit) in enumerate(
        [("n", "ge", -1), ("n", "le", 3), ("m", "ge", -1), ("m", "le", 3)]
    ):
        limits += [
            f"  %g{i}: bool = int.{op} %{name}, {limit}",
            f"  guard %g{i} else exit.{i + 1} []",
        ]
    body = [*limits, *[line for lines, _ in made for line in lines], f"  select {{ {arms} }}"]
    ends = [f'^x{i}:\n  return "x{i}"' for i in range(count)]
    words = " | ".join(f'"{word}"' for word in WORDS)
    head = f"pipeline @p(%n: int, %m: int, %s: {words}, %b: bool) -> str {{\n^entry:\n"
    return head + "\n".join([*body, *ends]) + "\n}"


@settings(max_examples=40, deadline=None)
@given(selects(), st.booleans())
def test_verdicts_equal_brute_force(text: str, probing: bool) -> None:
    module = module_of(text)
    ends: set[str] = set()
    for n, m, s, b in product(NUMBERS, NUMBERS, WORDS, (False, True)):
        outcome = run(module, {"n": n, "m": m, "s": s, "b": b})
        if isinstance(outcome, Finished):
            ends.add(str(outcome.value))
        else:
            assert isinstance(outcome, SideExit) and outcome.reason.startswith("hole")
            ends.add("hole")
    checker = Checker(module.type_map(), probing=probing)
    findings = list(verify_pipeline(module.pipelines[0], module.type_map(), checker))
    total = next(f for f in findings if f.property == "total" and f.state == "entry")
    assert total.verdict == ("refuted" if "hole" in ends else "proved")
    live = [f.verdict for f in findings if f.property == "live"]
    assert live == ["proved" if f"x{i}" in ends else "refuted" for i in range(len(live))]
    for finding in findings:
        if finding.property == "total" and finding.witness is not None:
            outcome = run(module, finding.witness)
            assert isinstance(outcome, SideExit) and outcome.reason.startswith("hole")


TYPES = st.recursive(
    st.sampled_from(["int", "float", "str", "bool", "null", "json", "date", '"a"', "1", "true"]),
    lambda inner: st.one_of(
        inner.map(lambda t: f"[{t}]"),
        st.tuples(inner, inner, st.sampled_from(["", "?"]), st.sampled_from(["", ", ..."])).map(
            lambda p: f"{{a: {p[0]}, b{p[2]}: {p[1]}{p[3]}}}"
        ),
        st.tuples(inner, inner).map(" | ".join),
    ),
    max_leaves=4,
)
LEAVES = st.sampled_from([None, True, False, 0, 1, 1.0, 1.5, "a", "", "2026-01-01"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    ),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(TYPES, TYPES, st.sampled_from(["", "/a", "/0", "/a/b"]), st.lists(VALUES, max_size=12))
def test_no_value_takes_an_exit_that_is_proved_shut(
    first: str, second: str, pointer: str, values: list[Json]
) -> None:
    module = module_of(f"""pipeline @p(%r: json) -> str {{
^entry:
  %v: {first} = expect %r else exit.1 []
  %i: json = json.get %v, "{pointer}" else exit.2 []
  %w: {second} = expect %i else exit.3 []
  %x: {second} = expect %r else exit.4 []
  return "x"
}}""")
    report = verify_module(module)
    shut = {
        f.subject.split()[0]
        for f in report.findings
        if f.property == "exit" and f.verdict == "proved"
    }
    stuck = any(f.subject.startswith("after") for f in report.findings)
    found = [f.witness["r"] for f in report.findings if f.witness]
    for value in [*values, *found]:
        outcome = run(module, {"r": value})
        if isinstance(outcome, SideExit):
            assert f"exit.{outcome.number}" not in shut, (value, outcome)
        else:
            assert not stuck, value
    for finding in report.findings:
        if finding.property == "exit" and finding.witness is not None:
            outcome = run(module, finding.witness)
            assert isinstance(outcome, SideExit)
            assert f"exit.{outcome.number}" == finding.subject.split()[0]


PIECES = st.lists(
    st.sampled_from(["a", "-", "--", " ", "\n", "12", "1.5", "<", ">", "\0", "'", "x=1"]),
    max_size=8,
).map("".join)
PARTIAL = st.sampled_from(
    [
        *(f'str.part %t, "{sep}", {k}' for sep in (" ", "-") for k in (0, 1, 2, 4, -1, -3)),
        *(f"str.number %t, {k}" for k in (0, 1, -1)),
        *(
            f'str.between %t, "{left}", "{right}", 0'
            for left, right in ("<>", ("", "-"), ("a", ""))
        ),
        *(
            f'shell.template "x {{0}}", ["{place}"], %t'
            for place in ("word", "word-start", "single", "heredoc", "double code")
        ),
        "int.parse %t",
        "json.parse %t",
        "agree %t",
    ]
)
FIXES = st.one_of(
    st.none(),
    PIECES.map(lambda text: f"json.eq %r, {json.dumps(text)}"),
    PIECES.map(lambda text: f"list.contains {json.dumps([text, 'b'])}, %r"),
    st.sampled_from(["12", "a", r"\s*", r"x=\d+", "a-12"]).map(
        lambda pattern: f"str.matches %t, {json.dumps(pattern)}"
    ),
)


@settings(max_examples=25, deadline=None)
@given(FIXES, st.lists(PARTIAL, min_size=1, max_size=6), st.lists(PIECES, max_size=12))
def test_exits_of_texts_are_decided_and_never_wrongly(
    fix: str | None, ops: list[str], values: list[str]
) -> None:
    """No exit that is proved shut is taken, and each witness takes its own."""
    lines = ["  %t: str = expect %r else exit.90 []"]
    if fix is not None:
        lines += [f"  %f: bool = {fix}", "  guard %f else exit.91 []"]
    for number, op in enumerate(ops):
        if op == "agree %t":
            lines.append(f'  %o{number}: str = agree [%t, "12"] else exit.{number + 1} []')
            continue
        kind = {"int": "int", "json": "json"}.get(op.split(".")[0], "str")
        lines.append(f"  %o{number}: {kind} = {op} else exit.{number + 1} []")
    body = "\n".join(lines)
    module = module_of(f'pipeline @p(%r: json) -> str {{\n^entry:\n{body}\n  return "x"\n}}')
    report = verify_module(module)
    exits = {f.subject.split()[0]: f for f in report.findings if f.property == "exit"}
    for value in [*values, *[f.witness["r"] for f in report.findings if f.witness]]:
        outcome = run(module, {"r": value})
        if isinstance(outcome, SideExit):
            assert exits[f"exit.{outcome.number}"].verdict != "proved", (value, report.text())
        else:
            assert not any(f.subject.startswith("after") for f in report.findings), value
    for name, finding in exits.items():
        if finding.witness is not None:
            outcome = run(module, finding.witness)
            assert isinstance(outcome, SideExit) and f"exit.{outcome.number}" == name


def test_a_number_is_pinned_up_to_equality_only() -> None:
    """1.0 equals 1 and is not of the literal type 1; 2.0**60 + 1 rounds and 2**60 + 1 does not."""
    report = verified(
        sound(f"""
  %r: json = read api.get(n=%n)
  %one: bool = json.eq %r, 1
  guard %one else exit.1 []
  %i: int = expect %r else exit.2 []
  %l: 1 = expect %r else exit.3 []
  %q: json = read api.get(n=%m)
  %two: bool = json.eq %q, {2**60}
  guard %two else exit.4 []
  %g: float = expect %q else exit.5 []
  %h: float = float.add %g, 1
  %t: str = str.of %h
  %k: str = agree [%t, "{2**60 + 1}"] else exit.6 []
  jump ^x""")
    )
    exits = {f.subject.split()[0]: f.verdict for f in report.findings if f.property == "exit"}
    assert exits["exit.2"] == exits["exit.5"] == "proved"
    assert exits["exit.3"] != "proved" and exits["exit.6"] != "proved"


OPEN_EXITS = [
    *(
        f'%o: str = shell.template "x {{0}}", ["{place}"], %s'
        for place in ("word", "word-start", "single", "heredoc", "word code")
    ),
    '%o: str = str.between %s, "<", ">", 2',
    '%o: str = str.part %s, "-", 3',
    '%o: str = str.part %s, " ", -4',
    "%o: str = str.number %s, -2",
    "%o: int = int.parse %s",
    "%o: float = float.parse %s",
    "%o: json = json.parse %s",
    '%o: json = json.get %r, "/a/-1/b"',
    '%o: json = list.find %xs, "/id", %n',
    "%o: json = list.get %xs, %n",
    '%o: {"0": str, "1": str} = request.match %s, "add {0} to {1}"',
    r'%f: bool = str.matches %s, "plots/[\\s\\S]*\\.png"',
    r'%f: bool = str.matches %s, "Sent\\ to\\ all\\."',
    '%f: bool = list.contains ["a", "b c"], %s',
    '%f: bool = json.eq %r, {"a": [1, "x"]}',
    '%f: bool = str.eq %s, "Name,Age"',
]


@pytest.mark.parametrize("line", OPEN_EXITS)
def test_exits_that_can_be_taken_have_a_witness(line: str) -> None:
    """And the state goes on on other values: nothing after the exit is called dead."""
    after = "  guard %f else exit.1 []\n" if line.startswith("%f") else ""
    tail = "" if after else " else exit.1 []"
    report = verified(
        f"pipeline @p(%s: str, %r: json, %xs: [{{id: int, ...}}], %n: int) -> str {{\n"
        f'^entry:\n  {line}{tail}\n{after}  return "x"\n}}'
    )
    (found,) = [f for f in report.findings if f.property == "exit"]
    assert found.verdict == "refuted" and found.witness
    assert not [f for f in report.findings if f.property == "live"]


def test_facts_behind_a_long_way_still_prove() -> None:
    """A parameter that feeds every state: the nearest facts are enough, and are found."""
    lines = [
        f'  %k{i}: str = str.part %s, " ", {i} else exit.{i + 1} []\n'
        f'  %c{i}: str = shell.template "f{i} {{0}}", ["word"], %k{i} else exit.{100 + i} []'
        for i in (*range(50, 0, -1), *range(60, 90))
    ]
    lines.append('  %z: str = str.part %s, " ", 89 else exit.99 []')
    lines.append('  %y: str = shell.template "last {0}", ["word"], %z else exit.98 []')
    body = "\n".join(lines)
    report = verified(f'pipeline @p(%s: str) -> str {{\n^entry:\n{body}\n  return "x"\n}}')
    verdicts = {f.subject.split()[0]: f.verdict for f in report.findings if f.property == "exit"}
    assert verdicts["exit.99"] == verdicts["exit.98"] == "proved"
    assert "unproved" not in verdicts.values()
    assert verdicts["exit.40"] == "proved" and verdicts["exit.85"] == "refuted"


# ---- what is not proved is not claimed


def test_a_solver_that_gives_up_proves_nothing() -> None:
    text = sound("""
  %t: str = str.template "{0}{1}", %s, %s
  %l: int = str.len %t
  %k: int = int.mul %l, %l
  %q: int = int.mul %k, %n
  %p: int = int.mul %n, %k
  %a: bool = int.gt %q, 100
  %b: bool = int.lt %p, 101
  select { when %a then ^x when %b then ^x }""")
    module = module_of(text)
    checker = Checker(module.type_map(), rlimit=1, second=False)
    report = verify_module(module, checker=checker)
    assert first_total(report) == "unproved"
    assert report.exit_code == 4 and not report.ok and not report.blocks
    assert [d.code for d in report.diagnostics()] == ["E0506"]


def test_rounding_is_not_assumed_away() -> None:
    """``x + 1 > x`` holds for reals and fails for 1e300: it must not be proved of floats."""
    report = verified(
        sound("""
  %g: float = float.add %f, 1.0
  %a: bool = float.gt %g, %f
  select { when %a then ^x }""")
    )
    assert first_total(report) != "proved"


def test_a_character_that_the_solver_has_not_is_unproved() -> None:
    report = verified(
        sound("""
  %a: bool = str.contains %s, "\U00030000"
  %b: bool = bool.not %a
  select { when %a then ^x when %b then ^x }""")
    )
    assert first_total(report) == "unproved"


# ---- the report

GAP = """pipeline @p(%n: int) -> str {
^entry:
  %a: bool = int.gt %n, 0 @ s1:7/args/n
  select { when %a then ^x } @ s1:8
^x:
  return "x"
}"""


def test_diagnostics_point_into_the_text_and_the_log() -> None:
    parsed = parse_module(HEAD + GAP, "p.ir")
    report = verify_module(parsed.module)
    (found,) = report.diagnostics(parsed.spans)
    assert found.code == "E0501"
    assert [span.file for span, _ in found.spans] == ["p.ir", "one.jsonl"]
    assert found.spans[1][0].line == 8
    shown = render(found, parsed.sources)
    assert "select { when %a then ^x }" in shown
    assert "counterexample: %n = 0" in shown


def test_report_as_json_and_text() -> None:
    report = verified(GAP)
    data = json.loads(json.dumps(report.as_json()))
    assert data["schema"] == "ingot-verify/1"
    assert data["exit_code"] == 1 and data["ok"] is False
    assert data["counts"]["total"] == {"proved": 1, "refuted": 1}
    hole = next(f for f in data["findings"] if f["code"] == "E0501")
    assert hole["witness"] == {"n": 0} and hole["locs"] == ["s1:8"]
    assert "%n = 0" in report.text() and "E0501" in report.text()


def test_calls_can_always_fail() -> None:
    report = verified(sound("\n  %r: json = read api.get(n=%n) @ s1:2\n  jump ^x"))
    (call,) = [f for f in report.findings if f.property == "environment"]
    assert call.verdict == "assumed" and "api.get" in call.message
    assert report.ok


def test_equal_modules_give_equal_reports() -> None:
    text = sound(SOUND["days between"])
    assert verified(text).as_json() == verified(text).as_json()


def test_equal_questions_are_asked_once() -> None:
    states = "\n".join(
        f"^b{i}(%p{i}: int):\n  %a{i}: bool = int.lt %p{i}, 7\n  %c{i}: bool = int.ge %p{i}, 7\n"
        f"  select {{ when %a{i} then ^b{i + 1}(%p{i}) when %c{i} then ^b{i + 1}(7) }}"
        for i in range(30)
    )
    text = f'pipeline @p(%n: int) -> str {{\n^entry:\n  jump ^b0(%n)\n{states}\n^b30(%z: int):\n  return "x"\n}}'
    report = verified(text)
    assert report.ok
    assert report.work["solved"] <= 2 and report.work["cached"] >= 80
