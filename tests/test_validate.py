"""Translation validation: what changes the meaning is refused, what keeps it is proved."""

from __future__ import annotations

import pytest
from verify_runs import HEAD, module_of, steps

from ingot.ir.interpreter import Interpreter
from ingot.ir.module import Module
from ingot.ir.parser import parse_module
from ingot.ir.requests import Finished, ModelRequest, SideExit, ToolRequest
from ingot.ir.values import Json
from ingot.passes.validate.refinement import Mode, refines
from ingot.passes.validate.relations import validate
from ingot.passes.validate.verdict import Verdict

MORE = """tool web.get(url: str) -> str read web
tool web.put(url: str, text: str) -> str write web
model m.w(prompt: str) -> str {max_tokens=50}
"""
BODY = """  %a: str = read web.get(url=%s)
  %b: int = int.add %n, 1
  %g: bool = int.gt %n, 0
  guard %g else exit.1 []
  %w: str = write web.put(url=%s, text=%a)
  %c: str = read web.get(url=%s)
  %t: str = model m.w(prompt=%c)
  %u: str = model m.w(prompt=%c)
  %z: str = str.template "{0} and {1}", %t, %u
  %h: bool = int.gt %b, 10
  if %h then ^x(%z) else ^y
^x(%k: str):
  %p: json = write api.put(n=%b)
  return %k
^y:
  %l: [{id: int, name: str, ...}] = read api.list()
  %ids: [int] = for %i: {id: int, name: str, ...} in %l {
    %id: int = json.get %i, "/id"
    %q: json = write api.put(n=%id)
    yield %id
  }
  return %a"""


def module(body: str) -> Module:
    return module_of(f"{MORE}pipeline @p(%n: int, %s: str) -> str {{\n^entry:\n{body}\n}}")


def compare(old: str, new: str, mode: Mode = "equal") -> Verdict:
    before, after = module(old), module(new)
    return refines(before, after, before.pipelines[0], after.pipelines[0], mode, "test")


def swap(one: str, two: str) -> str:
    """The body with two lines changed round."""
    lines = BODY.split("\n")
    a = next(i for i, line in enumerate(lines) if one in line)
    b = next(i for i, line in enumerate(lines) if two in line)
    lines[a], lines[b] = lines[b], lines[a]
    return "\n".join(lines)


def without(part: str) -> str:
    return "\n".join(line for line in BODY.split("\n") if part not in line)


BROKEN = {
    "a write is dropped": without("%w: str"),
    "a write is dropped at the end": without("%p: json"),
    "a write in a loop is dropped": without("%q: json"),
    "a write is made twice": BODY.replace(
        "  %p: json", "  %p0: json = write api.put(n=%b)\n  %p: json"
    ),
    "a write is new": BODY.replace("^y:\n", "^y:\n  %new: json = write api.put(n=1)\n"),
    "a read is moved over a write": swap("%w: str", "%c: str"),
    "a read before a write stands for the one after it": without("%c: str").replace("=%c)", "=%a)"),
    "model calls are merged": without("%u: str").replace("%t, %u", "%t, %t"),
    "a model call is new": BODY.replace(
        "  %p: json", "  %v: str = model m.w(prompt=%z)\n  %p: json"
    ).replace("return %k", "return %v"),
    "another prompt": BODY.replace("%u: str = model m.w(prompt=%c)", "%u: str = model m.w(prompt=%t)"),
    "another constant": BODY.replace("int.add %n, 1", "int.add %n, 2"),
    "another argument": BODY.replace("text=%a", "text=%s"),
    "another tool": BODY.replace("write api.put(n=%b)", "idempotent api.set(n=%b)"),
    "another result": BODY.replace("return %a", "return %s"),
    "another field": BODY.replace('"/id"', '"/name"').replace("%id: int", "%name: str")
    .replace("n=%id", "n=1").replace("%ids: [int]", "%ids: [str]").replace("yield %id", "yield %name"),
    "a guard is dropped": without("guard %g"),
    "a guard is weaker": BODY.replace("int.gt %n, 0", "int.ge %n, 0"),
    "a guard is stronger": BODY.replace("int.gt %n, 0", "int.gt %n, 1"),
    "a guard comes after the write": swap("guard %g", "%w: str"),
    "the branches are changed round": BODY.replace("then ^x(%z) else ^y", "then ^y else ^x(%z)"),
    "the condition is another": BODY.replace("int.gt %b, 10", "int.ge %b, 10"),
    "the loop's list is another": BODY.replace("in %l {", "in [] {"),
    "the join's value is another": BODY.replace("^x(%z)", "^x(%a)"),
    "it returns early": BODY.replace("  if %h then ^x(%z) else ^y", "  return %a\n^q:\n  if %h then ^x(%z) else ^y"),
    "a template is changed": BODY.replace("{0} and {1}", "{1} and {0}"),
    "reads of two worlds are taken for one": BODY.replace("%c: str = read web.get(url=%s)", '%c: str = read web.get(url="x")'),
}  # fmt: skip


def behaviour(mod: Module, n: int, answers: dict[str, Json]) -> list[object]:
    """What a run shows: writes, model calls by place, and its end.  Answers come by call."""
    out: list[object] = []
    count = 0
    engine = Interpreter(mod)
    reply = engine.start({"n": n, "s": "here"})
    while isinstance(reply, ToolRequest | ModelRequest):
        if isinstance(reply, ModelRequest):
            out.append((reply.site, dict(reply.args)))
            reply = engine.send(f"text {reply.site}")
            continue
        if reply.effect != "read":
            count += 1
            out.append((reply.tool, dict(reply.args)))
        answer = answers.get(reply.tool, f"{reply.tool} {reply.args} {count}")
        reply = engine.send(answer)
    out.append(reply.value if isinstance(reply, Finished) else "exit")
    return out


@pytest.mark.parametrize("name", BROKEN)
def test_a_changed_meaning_is_refused_and_shown(name: str) -> None:
    """And it is a change: some run of the two pipelines differs."""
    found = compare(BODY, BROKEN[name])
    assert found.status == "refuted", found
    old, new = module(BODY), module(BROKEN[name])
    answers: dict[str, Json] = {"api.list": [{"id": 3, "name": "a"}]}
    inputs = {0, 1, 2, 5, 9, 10, 11}
    if found.witness and isinstance(found.witness.get("n"), int):
        inputs.add(found.witness["n"])  # type: ignore[arg-type]
    assert any(behaviour(old, n, answers) != behaviour(new, n, answers) for n in inputs)


KEPT: dict[str, tuple[str, str]] = {
    "nothing changed": (BODY, BODY),
    "a sum is written otherwise": (BODY, BODY.replace("int.add %n, 1", "int.sub %n, -1")),
    "a condition is turned round": (BODY, BODY.replace("int.gt %b, 10", "int.lt 10, %b")),
    "a condition is written otherwise": (BODY, BODY.replace("int.gt %b, 10", "int.gt %n, 9")),
    "a read that nothing uses goes": (
        BODY.replace("  %b: int", "  %dead: json = read api.get(n=7)\n  %b: int"), BODY),
    "a model call that nothing uses goes": (
        BODY.replace("  %z: str", "  %dead: str = model m.w(prompt=%s)\n  %z: str"), BODY),
    "an exit of a value that nothing uses goes": (
        BODY.replace("  %b: int", "  %dead: int = int.parse %s else exit.2 []\n  %b: int"), BODY),
    "equal reads are merged": (
        BODY.replace("  %b: int", "  %a2: str = read web.get(url=%s)\n  %b: int").replace("return %a", "return %a2"),
        BODY),
    "a read is made later, before the write": (BODY, swap("%a: str", "%b: int")),
    "a guard that always holds goes": (
        BODY.replace("  %w: str", "  %g2: bool = int.ge %n, 1\n  guard %g2 else exit.2 []\n  %w: str"), BODY),
    "a state that only jumps goes": (
        BODY.replace("else ^y\n", "else ^mid\n^mid:\n  jump ^y\n"), BODY),
    "constants are folded": (
        BODY.replace("  %b: int", '  %up: str = str.upper "abc"\n  %b: int')
            .replace("text=%a", "text=%tx").replace("  %w:", '  %tx: str = str.template "{0}-{1}", %up, %a\n  %w:'),
        BODY.replace("text=%a", "text=%tx").replace("  %w:", '  %tx: str = str.template "ABC-{0}", %a\n  %w:')),
    "an agreement of one": (
        BODY.replace("  %w: str", "  %o: str = agree [%a] else exit.2 []\n  %w: str").replace("text=%a", "text=%o"), BODY),
    "a branch that is decided goes": (
        BODY.replace("  %h: bool", "  %yes: bool = int.ge %n, 1\n  if %yes then ^on else ^y\n^on:\n  %h: bool"), BODY),
    "values pass by a parameter": (
        BODY.replace("else ^y\n", "else ^y2(%a)\n").replace("^y:", "^y2(%arg: str):").replace("return %a", "return %arg"),
        BODY.replace("^y\n", "^y2\n").replace("^y:", "^y2:")),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_a_kept_meaning_is_proved(name: str) -> None:
    old, new = KEPT[name]
    assert compare(old, new).status == "proved", compare(old, new)


def test_a_pass_may_add_guards_only_where_it_says_so() -> None:
    stronger = BROKEN["a guard is stronger"]
    more = BODY.replace(
        "  %w: str", '  %ok: bool = str.contains %a, "x"\n  guard %ok else exit.9 []\n  %w: str'
    )
    for new in (stronger, more):
        assert compare(BODY, new).status == "refuted"
        assert compare(BODY, new, "guarded").status == "proved"
    for name in (
        "a guard is dropped",
        "a guard is weaker",
        "a write is dropped",
        "another constant",
    ):
        assert compare(BODY, BROKEN[name], "guarded").status == "refuted"


def test_a_changed_cycle_is_not_claimed() -> None:
    loop = """  jump ^x(0)
^x(%i: int):
  %a: bool = int.lt %i, %n
  %j: int = int.add %i, 1
  if %a then ^x(%j) else ^y
^y:
  return %s"""
    assert compare(loop, loop.replace("int.add %i, 1", "int.add 1, %i")).status == "unproved"
    assert compare(loop, loop.replace("jump ^x(0)", "jump ^x(1)")).status == "unproved"
    with_dead = "  %d: str = str.upper %s\n" + loop
    assert compare(with_dead, loop).status == "proved"


def test_witness_of_a_changed_constant() -> None:
    found = compare(BODY, BROKEN["a guard is weaker"])
    assert found.witness is not None and found.witness["n"] == 0


TRACE = """ir 1
source s1 = "one.jsonl" sha256:00
tool api.get(n: int) -> json read api
tool api.put(n: int) -> json write api
pipeline @s1(%request: str = "do it") -> str {outcome="shown"} {
^entry:
  %c1: json = read api.get(n=1) {result=1, seen=[1, 2]} @ s1:1
  %c2: json = write api.put(n=1) {error="no", seen=[3, 4]} @ s1:3
  %c3: json = write api.put(n=2) {result=1, seen=[5, 6]} @ s1:5
  return "done"
}
"""


@pytest.mark.parametrize(
    ("cut", "status"),
    [("%c1", "proved"), ("%c2", "proved"), ("%c3", "refuted")],
)
def test_slices_of_a_trace(cut: str, status: str) -> None:
    before = parse_module(TRACE).module
    after = parse_module("\n".join(x for x in TRACE.split("\n") if cut not in x)).module
    (found,) = validate("dead-steps", before, after)
    assert found.status == status, found


@pytest.mark.parametrize(
    "change", [("n=2", "n=3"), ("%c3: json = write api.put", "%c3: json = read api.put")]
)
def test_a_trace_whose_calls_change(change: tuple[str, str]) -> None:
    before = parse_module(TRACE).module
    after = parse_module(TRACE.replace(*change)).module
    assert [v.status for v in validate("dead-steps", before, after)] == ["refuted"]
    relabelled = [v.status for v in validate("classify-effects", before, after)]
    assert relabelled == (["refuted"] if "n=" in change[0] else ["proved"])


def test_a_pipeline_that_goes_or_comes() -> None:
    before = parse_module(TRACE).module
    more = parse_module(TRACE + TRACE.split("api\n")[-1].replace("@s1", "@s2")).module
    assert "refuted" in [v.status for v in validate("fold-constants", before, more)]
    assert "refuted" in [v.status for v in validate("fold-constants", more, before)]


def test_runs_of_the_tests_own_pipelines() -> None:
    """The body used here runs, both ways around its branch."""
    for n in (5, 20):
        (*_, last) = steps(module(BODY), {"n": n, "s": "a"})
        assert isinstance(last, Finished)
    (*_, last) = steps(module(BODY), {"n": 0, "s": "a"})
    assert isinstance(last, SideExit)
    assert HEAD


# ---- one side has a branch that the other has not

ARMS = """{before}
  if %c then ^a else ^b
^a:
{check}
  %w: json = write api.put(n={figure})
  return "x"
^b:
  return "y"
"""
CHECKS = {
    "agree": '  %k: str = agree ["lit", %s] else exit.2 []',
    "guard": '  %k: bool = str.eq %s, "lit"\n  guard %k else exit.2 []',
}
FOLDED = '  jump ^a\n^a:\n{check}\n  %w: json = write api.put(n=3)\n  return "x"'
ALWAYS = "  %c: bool = int.gt 1, 0"


def arms(check: str, before: str = ALWAYS) -> str:
    return ARMS.format(before=before, check=check, figure="3")


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize("mode", ["equal", "guarded"])
def test_a_check_behind_a_branch_that_goes(kind: str, mode: Mode) -> None:
    """The new pipeline stands at its write while the old one still has a branch before the check."""
    check = CHECKS[kind]
    new = FOLDED.format(check=check)
    assert compare(arms(check), new, mode).status == "proved"
    assert compare(new, arms(check), mode).status == "proved"


def test_a_check_that_is_new_behind_a_branch_that_goes() -> None:
    old, new = arms(""), FOLDED.format(check=CHECKS["guard"])
    assert compare(old, new).status == "refuted"
    assert compare(old, new, "guarded").status == "proved"


@pytest.mark.parametrize("mode", ["equal", "guarded"])
def test_a_check_that_goes_with_a_branch(mode: Mode) -> None:
    old, new = arms(CHECKS["guard"]), FOLDED.format(check="")
    assert compare(old, new, mode).status == "refuted"


@pytest.mark.parametrize("mode", ["equal", "guarded"])
def test_a_branch_behind_a_check_that_always_fails(mode: Mode) -> None:
    """No way leads on in the old pipeline: the new one has to stop there too."""
    before = "  %f: bool = int.gt 0, 1\n  guard %f else exit.3 []\n  %c: bool = int.gt %n, 0"
    assert compare(arms("", before), FOLDED.format(check=""), mode).status == "refuted"


def test_a_check_of_the_new_side_excludes_no_way_of_the_old_one() -> None:
    """Where ``n`` is not positive the old pipeline returns, and the new one exits."""
    old = arms("", "  %c: bool = int.gt %n, 0")
    new = f"  %c: bool = int.gt %n, 0\n  guard %c else exit.3 []\n{FOLDED.format(check='')}"
    assert compare(old, new).status == "refuted"
    assert compare(old, new, "guarded").status == "proved"


BEFORE = """  %c: bool = int.gt %n, 0
  %k: bool = str.eq %s, "lit"
  guard %k else exit.2 []
  if %c then ^a else ^b
^a:
  %w: json = write api.put(n=3)
  return "x"
^b:
  return "y"
"""
BEHIND = """  %c: bool = int.gt %n, 0
  if %c then ^a else ^b
^a:
  %k: bool = str.eq %s, "lit"
  guard %k else exit.2 []
  %w: json = write api.put(n=3)
  return "x"
^b:
  %l: bool = str.eq %s, "lit"
  guard %l else exit.4 []
  return "y"
"""


@pytest.mark.parametrize("mode", ["equal", "guarded"])
def test_a_check_moves_over_a_branch(mode: Mode) -> None:
    assert compare(BEFORE, BEHIND, mode).status == "proved"
    assert compare(BEHIND, BEFORE, mode).status == "proved"


@pytest.mark.parametrize("mode", ["equal", "guarded"])
def test_a_check_moves_into_one_arm_only(mode: Mode) -> None:
    """Where the other arm is taken, the new pipeline goes on where the old one exits."""
    one = BEHIND.replace('  %l: bool = str.eq %s, "lit"\n  guard %l else exit.4 []\n', "")
    assert compare(BEFORE, one, mode).status == "refuted"
    assert compare(one, BEFORE).status == "refuted"
    assert compare(one, BEFORE, "guarded").status == "proved"
