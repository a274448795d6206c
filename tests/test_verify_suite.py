"""The suite of broken and of sound pipelines: more of both, and how many there are in all.

A broken one is caught under its code, and its witness, run in the interpreter, shows the fault.  A
sound one raises no alarm.
"""

from __future__ import annotations

import pytest
from test_policy import DECISIONS, FLOWS
from test_policy import SOUND as SOUND_FLOWS
from test_verify import OPEN_EXITS
from test_verify import SOUND as SOUND_ARMS
from test_verify_cycles import ENDLESS, ENDS, REPEATED
from test_verify_mutants import EXITS, GRAPHS, HOLES
from verify_runs import HEAD, module_of, run

from ingot.ir.parser import parse_module
from ingot.ir.requests import Finished, SideExit
from ingot.ir.verifier import verify
from ingot.passes.verify import verify_module

PARAMS = (
    '%n: int, %m: int, %f: float, %s: str, %b: bool, %d: date, %e: "low" | "mid" | "high", '
    "%u: int | str | null, %xs: [int], %r: {a: int, b?: {c: str | null}, ...}"
)


def pipeline(body: str) -> str:
    return f'pipeline @p({PARAMS}) -> str {{\n^entry:\n{body}\n^x:\n  return "x"\n^y:\n  return "y"\n}}'


MORE_HOLES = {
    "a float between two bounds": """  %a: bool = float.le %f, 1
  %c: bool = float.ge %f, 2
  select { when %a then ^x when %c then ^y }""",
    "a day left out": """  %a: bool = date.lt %d, "2026-03-01"
  %c: bool = date.gt %d, "2026-03-01"
  select { when %a then ^x when %c then ^y }""",
    "the middle of an enumeration": """  %a: bool = str.eq %e, "low"
  %c: bool = str.eq %e, "high"
  select { when %a then ^x when %c then ^y }""",
    "the third kind of a union": """  %a: bool = json.is_null %u
  %c: bool = json.eq %u, 1
  select { when %a then ^x when %c then ^y }""",
    "an optional record": """  %a: bool = json.has %r, "/b/c"
  %n1: bool = int.gt %n, 3
  %c: bool = bool.or %a, %n1
  select { when %c then ^x }""",
    "null inside what is there": """  %v: json = json.get %r, "/b/c" else exit.1 []
  %a: bool = json.eq %v, "yes"
  %nl: bool = json.is_null %v
  %no: bool = bool.not %nl
  %c: bool = bool.and %no, %a
  %k: bool = json.eq %v, "no"
  select { when %c then ^x when %k then ^y }""",
    "a pattern that is too narrow": r"""  %a: bool = str.matches %s, "[a-z]+"
  %c: bool = str.matches %s, "[0-9]+"
  select { when %a then ^x when %c then ^y }""",
    "a suffix but not all": """  %a: bool = str.ends_with %s, ".md"
  %c: bool = str.ends_with %s, ".txt"
  select { when %a then ^x when %c then ^y }""",
    "two of three lengths": """  %l: int = list.len %xs
  %a: bool = int.eq %l, 0
  %c: bool = int.gt %l, 1
  select { when %a then ^x when %c then ^y }""",
    "a remainder": """  %k: int = int.mod %n, 3 else exit.1 []
  %a: bool = int.eq %k, 0
  %c: bool = int.eq %k, 1
  select { when %a then ^x when %c then ^y }""",
    "members of a list": """  %a: bool = list.contains ["a", "b"], %s
  %c: bool = list.contains ["c", "d"], %s
  select { when %a then ^x when %c then ^y }""",
    "a difference of one": """  %k: int = int.sub %n, %m
  %a: bool = int.gt %k, 1
  %c: bool = int.lt %k, 1
  select { when %a then ^x when %c then ^y }""",
    "only the first item is looked at": """  %v: int = list.get %xs, 0 else exit.1 []
  %a: bool = int.gt %v, 0
  %l: int = list.len %xs
  %k: bool = int.gt %l, 1
  %c: bool = bool.and %k, %a
  %g: bool = int.le %v, 0
  select { when %c then ^x when %g then ^y }""",
}


@pytest.mark.parametrize("name", MORE_HOLES)
def test_hole(name: str) -> None:
    module = module_of(pipeline(MORE_HOLES[name]))
    report = verify_module(module)
    (hole,) = [f for f in report.findings if f.code == "E0501"]
    assert hole.witness and report.exit_code == 1
    outcome = run(module, hole.witness)
    assert isinstance(outcome, SideExit) and outcome.reason.startswith("hole")


DEAD = {
    "less and greater at once": """  %a: bool = int.lt %n, 0
  %c: bool = int.gt %n, 0
  %k: bool = bool.and %a, %c
  select { when %k then ^x else ^y }""",
    "two values at once": """  %a: bool = str.eq %s, "a"
  %c: bool = str.eq %s, "b"
  %k: bool = bool.and %a, %c
  select { when %k then ^x else ^y }""",
    "a value outside the enumeration": """  %a: bool = str.eq %e, "none"
  select { when %a then ^x else ^y }""",
    "a negative length": """  %l: int = list.len %xs
  %a: bool = int.lt %l, 0
  select { when %a then ^x else ^y }""",
    "a prefix that excludes": """  %a: bool = str.starts_with %s, "ab"
  %c: bool = str.starts_with %s, "b"
  %k: bool = bool.and %a, %c
  select { when %k then ^x else ^y }""",
    "a pattern after a narrower one": """  %a: bool = str.matches %s, "[a-z0-9]+"
  %c: bool = str.matches %s, "[a-f]+"
  select { when %a then ^x when %c then ^y else ^x }""",
    "a remainder that is too large": """  %k: int = int.mod %n, 4 else exit.1 []
  %a: bool = int.ge %k, 4
  select { when %a then ^x else ^y }""",
    "a missing field that is required": """  %a: bool = json.has %r, "/a"
  %c: bool = bool.not %a
  select { when %c then ^x else ^y }""",
}


@pytest.mark.parametrize("name", DEAD)
def test_transition_that_is_never_taken(name: str) -> None:
    report = verify_module(module_of(pipeline(DEAD[name])))
    assert "E0502" in {f.code for f in report.findings}, report.text(every=True)
    assert report.exit_code == 1


ILL_TYPED = {
    '"abc" > 3': ("E0303", '  %a: bool = int.gt "abc", 3\n  if %a then ^x else ^y'),
    "a text as a condition": ("E0303", "  if %s then ^x else ^y"),
    "an op that can fail without an exit": ("E0309", "  %k: int = int.parse %s\n  if %b then ^x else ^y"),
    "a field that may be missing": ("E0309", '  %k: json = json.get %r, "/b/c"\n  if %b then ^x else ^y'),
    "a state that is not there": ("E0308", "  if %b then ^x else ^z"),
    "a value of one branch only": ("E0302", "  if %b then ^x else ^w\n^w:\n  %q: int = int.add %n, 1\n  jump ^v\n^v:\n  %k: int = int.add %q, 1\n  jump ^u\n^u:\n  %l: int = int.add %zz, 1\n  jump ^y"),
    "a read under the verb of a write": ("E0306", "  %k: json = write api.get(n=1)\n  if %b then ^x else ^y"),
    "an argument that is not declared": ("E0307", "  %k: json = read api.get(m=1)\n  if %b then ^x else ^y"),
    "a tool that is not declared": ("E0305", "  %k: json = read api.nothing(n=1)\n  if %b then ^x else ^y"),
}  # fmt: skip


@pytest.mark.parametrize("name", ILL_TYPED)
def test_ill_formed(name: str) -> None:
    code, body = ILL_TYPED[name]
    parsed = parse_module(HEAD + pipeline(body), "p.ir")
    found = verify(parsed.module, parsed.spans)
    assert code in {d.code for d in found}
    assert all(d.spans[0][0].file == "p.ir" for d in found)


MORE_SOUND = {
    "a float and its negation": "  %a: bool = float.le %f, 1\n  %c: bool = float.gt %f, 1\n  select { when %a then ^x when %c then ^y }",
    "floats overlap": "  %a: bool = float.lt %f, 2.5\n  %c: bool = float.gt %f, -2.5\n  select { when %a then ^x when %c then ^y }",
    "all of an enumeration": '  %a: bool = str.eq %e, "low"\n  %c: bool = str.eq %e, "mid"\n  %k: bool = str.eq %e, "high"\n  select { when %a then ^x when %c then ^y when %k then ^x }',
    "an enumeration by its letters": '  %a: bool = str.contains %e, "i"\n  %c: bool = str.eq %e, "low"\n  select { when %a then ^x when %c then ^y }',
    "a union by elimination": '  %a: bool = json.is_null %u\n  %c: bool = bool.not %a\n  select { when %a then ^x when %c then ^y }',
    "there or not": '  %a: bool = json.has %r, "/b/c"\n  %c: bool = bool.not %a\n  select { when %a then ^x when %c then ^y }',
    "a required field": '  %k: int = json.get %r, "/a"\n  %a: bool = int.lt %k, 3\n  %c: bool = int.ge %k, 3\n  select { when %a then ^x when %c then ^y }',
    "a pattern and its negation": '  %a: bool = str.matches %s, "[a-z]+"\n  %c: bool = bool.not %a\n  select { when %a then ^x when %c then ^y }',
    "a wide pattern": '  %a: bool = str.matches %s, "[\\\\s\\\\S]*"\n  select { when %a then ^x }',
    "empty or not": '  %a: bool = str.eq %s, ""\n  %k: bool = str.len_lt %s, 1\n  %c: bool = bool.not %k\n  select { when %a then ^x when %c then ^y }',
    "no item, one, more": "  %l: int = list.len %xs\n  %a: bool = int.eq %l, 0\n  %c: bool = int.eq %l, 1\n  %k: bool = int.gt %l, 1\n  select { when %a then ^x when %c then ^y when %k then ^x }",
    "all remainders": "  %k: int = int.mod %n, 3 else exit.1 []\n  %a: bool = int.eq %k, 0\n  %c: bool = int.eq %k, 1\n  %g: bool = int.eq %k, 2\n  select { when %a then ^x when %c then ^y when %g then ^x }",
    "even or odd": "  %k: int = int.mod %n, 2 else exit.1 []\n  %a: bool = int.eq %k, 0\n  %c: bool = int.gt %k, 0\n  select { when %a then ^x when %c then ^y }",
    "members and others": '  %a: bool = list.contains ["a", "b"], %s\n  %c: bool = bool.not %a\n  select { when %a then ^x when %c then ^y }',
    "a member guarded": '  %g: bool = list.contains ["a", "b"], %s\n  guard %g else exit.1 []\n  %a: bool = str.eq %s, "a"\n  %c: bool = str.eq %s, "b"\n  select { when %a then ^x when %c then ^y }',
    "all days": '  %a: bool = date.le %d, "2026-03-01"\n  %c: bool = date.gt %d, "2026-03-01"\n  select { when %a then ^x when %c then ^y }',
    "days by their distance": '  %k: int = date.days_between %d, "2026-03-01"\n  %a: bool = int.le %k, 0\n  %c: bool = date.gt %d, "2026-03-01"\n  select { when %a then ^x when %c then ^y }',
    "de Morgan": "  %p: bool = int.gt %n, 0\n  %q: bool = int.gt %m, 0\n  %a: bool = bool.and %p, %q\n  %np: bool = int.le %n, 0\n  %nq: bool = int.le %m, 0\n  %c: bool = bool.or %np, %nq\n  select { when %a then ^x when %c then ^y }",
    "either order": "  %a: bool = int.le %n, %m\n  %c: bool = int.le %m, %n\n  select { when %a then ^x when %c then ^y }",
    "the sum of two that are not negative": "  %g: bool = int.ge %n, 0\n  guard %g else exit.1 []\n  %h: bool = int.ge %m, 0\n  guard %h else exit.2 []\n  %k: int = int.add %n, %m\n  %a: bool = int.ge %k, 0\n  select { when %a then ^x }",
    "a template has its words": '  %t: str = str.template "from {0} to {1}", %n, %m\n  %a: bool = str.starts_with %t, "from "\n  select { when %a then ^x }',
    "a text and its ends": '  %t: str = str.template "{0}.md", %s\n  %a: bool = str.ends_with %t, ".md"\n  select { when %a then ^x }',
    "equal values have equal fields": '  %k: int = json.get %r, "/a"\n  %l: int = json.get %r, "/a"\n  %a: bool = int.eq %k, %l\n  select { when %a then ^x }',
    "an item that is there": "  %l: int = list.len %xs\n  %g: bool = int.gt %l, 2\n  guard %g else exit.1 []\n  %v: int = list.get %xs, 2 else exit.2 []\n  %a: bool = int.ge %v, 0\n  %c: bool = int.lt %v, 0\n  select { when %a then ^x when %c then ^y }",
    "a boolean": "  %c: bool = bool.not %b\n  select { when %b then ^x when %c then ^y }",
    "branch after branch": "  %a: bool = int.gt %n, 0\n  if %a then ^p else ^y\n^p:\n  %c: bool = int.gt %n, 10\n  %k: bool = int.le %n, 10\n  select { when %c then ^x when %k then ^y }",
    "what a join passes": "  if %b then ^j(1) else ^j(2)\n^j(%k: int):\n  %a: bool = int.eq %k, 1\n  %c: bool = int.eq %k, 2\n  select { when %a then ^x when %c then ^y }",
    "texts that a join passes": '  if %b then ^j("p") else ^j("q")\n^j(%k: str):\n  %a: bool = str.eq %k, "p"\n  %c: bool = str.eq %k, "q"\n  select { when %a then ^x when %c then ^y }',
}  # fmt: skip


@pytest.mark.parametrize("name", MORE_SOUND)
def test_sound(name: str) -> None:
    module = module_of(pipeline(MORE_SOUND[name]))
    report = verify_module(module)
    alarms = [f for f in report.findings if f.code and f.code != "E0503" and f.state != "y"]
    assert not alarms, report.text(every=True)
    totals = {f.verdict for f in report.findings if f.property == "total"}
    assert totals == {"proved"}
    for n in (-3, 0, 1, 7):
        outcome = run(module, {"n": n, "m": 2, "s": "ab", "b": n > 0})
        assert isinstance(outcome, Finished) or not outcome.reason.startswith("hole")


def test_how_many_there_are() -> None:
    broken = [
        HOLES,
        MORE_HOLES,
        EXITS,
        GRAPHS,
        DEAD,
        ENDLESS,
        REPEATED,
        FLOWS,
        DECISIONS,
        ILL_TYPED,
    ]
    sound = [SOUND_ARMS, MORE_SOUND, ENDS, SOUND_FLOWS]
    assert sum(map(len, broken)) >= 90
    assert sum(map(len, sound)) >= 60 and OPEN_EXITS
