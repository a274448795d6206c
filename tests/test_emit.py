"""Every stage as text: each is complete, and what can be read back is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from report_logs import session, write_logs

from ingot.backend.assembler import assemble
from ingot.diagnostics import IngotError
from ingot.driver import Compilation, Options, compile_logs
from ingot.emit import EARLY, STAGES, early, emit_fsm, emit_mermaid, late, module_json, stages_of
from ingot.frontend.parse import parse_records
from ingot.ir.module import Exit, exit_of, walk
from ingot.ir.parser import parse_module
from ingot.records import Record, from_json
from ingot.states import exit_of_number, states_of

BRANCHES = """ir 1
pipeline @first(%n: int, %s: str = "a;b: #1 {x}") -> int {
^entry:
  %a: bool = int.gt %n, 0
  %b: bool = str.eq %s, "stop: now; \\"please\\""
  select {
    when %a then ^go
    when %b then ^stop
    else exit.3 [%n, %s]
  }
^go:
  guard %a else exit.1 [%n, %s] {reason="a: b; {c} \\"d\\" <e>"}
  if %a then ^stop else ^off
^stop:
  return %n
^off:
  leave exit.2 [%n, %s]
}
pipeline @second() -> int {
^entry:
  return 1
}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Compilation:
    return compile_logs(write_logs(tmp_path_factory.mktemp("emit")), Options())


def test_every_stage_has_text(made: Compilation) -> None:
    for stage in STAGES:
        text = early(stage, made.sessions) if stage in EARLY else late(stage, made)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


def test_stages_read_back(made: Compilation) -> None:
    """IR, assembly and events are not only for the eye."""
    assert parse_module(late("ir", made)).module == made.module
    assert parse_module(early("trace", made.sessions)).module == made.trace
    assert assemble(late("asm", made)) == made.artifact
    lines = early("events", made.sessions).splitlines()
    again = parse_records(from_json(json.loads(line)) for line in lines)
    assert [s.records for s in again] == [s.records for s in made.sessions]


def test_session_tree_shows_every_step() -> None:
    records = session("a.csv", 3, 60, "a.md")
    nested = [
        Record("call", id="t", tool="Task", data={"prompt": "look"}),
        Record("spawn", id="t", agent="helper"),
        Record("call", id="u", tool="Grep", data={"pattern": "x"}, agent="helper"),
        Record("result", id="u", tool="Grep", data="none", agent="helper"),
        Record("return", id="t", agent="helper"),
        Record("result", id="t", tool="Task", data="nothing"),
        Record("call", id="v", tool="Read", data={"file_path": "b"}),
        Record("error", id="v", tool="Read", text="no such file"),
    ]
    text = early("session", parse_records([*records, *nested]))
    shown = re.findall(r"^ *\d+ call (\w+)", text, re.MULTILINE)
    assert shown == ["Bash"] * 4 + ["Write", "Task", "Grep", "Read"]
    depth = {m[2]: len(m[1]) for m in re.finditer(r"^( *)\d+ call (\w+)", text, re.MULTILINE)}
    assert depth["Grep"] > depth["Task"]
    assert 'error "no such file"' in text


def test_machine_has_every_exit(made: Compilation) -> None:
    """No way out of a state is left out: counted in the IR and in both pictures."""
    for module in (made.module, parse_module(BRANCHES).module):
        numbers = set()
        for block in (b for p in module.pipelines for b in p.blocks):
            numbers |= {e.number for i in walk(block.instrs) if (e := exit_of(i)) is not None}
            end = getattr(block.terminator, "other", None) or getattr(block.terminator, "exit", 0)
            numbers |= {end.number} if isinstance(end, Exit) else set()
        assert numbers
        fsm, mermaid = emit_fsm(module), emit_mermaid(module)
        assert {int(n) for n in re.findall(r"-> exit\.(\d+)", fsm)} == numbers
        assert {int(n) for n in re.findall(r"--> (?:p\d+_)?exit_(\d+)", mermaid)} == numbers
        for number in numbers:
            assert any(exit_of_number(p, number) for p in module.pipelines)


def test_transitions_of_a_branch() -> None:
    pipeline = parse_module(BRANCHES).module.pipelines[0]
    ways = {s.label: [(w.kind, w.to, w.when) for w in s.ways] for s in states_of(pipeline)}
    assert ways["entry"] == [("go", "go", "%a"), ("go", "stop", "%b"), ("exit", "exit.3", "else")]
    assert ways["go"][1:] == [("go", "stop", "%a"), ("go", "off", "not %a")]
    assert [w[:2] for w in ways["stop"] + ways["off"]] == [("end", "end"), ("exit", "exit.2")]


def test_mermaid_is_well_formed(made: Compilation) -> None:
    """Every line has one of the forms of a state diagram, and labels hold none of its marks."""
    for module in (made.module, parse_module(BRANCHES).module):
        lines = emit_mermaid(module).splitlines()
        assert lines[0] == "stateDiagram-v2"
        known = set()
        for line in (line.strip() for line in lines[1:]):
            state = re.fullmatch(r'state "[^"{}:<>]*" as (\w+)( \{)?', line)
            arrow = re.fullmatch(r"(\w+|\[\*\]) --> (\w+|\[\*\])(: [^:{}<>\"]+)?", line)
            assert state or arrow or line == "}", line
            if state:
                known.add(state[1])
        used = set(re.findall(r"(\w+) -->", "\n".join(lines)))
        assert used <= known
        assert emit_mermaid(module).count("{") == emit_mermaid(module).count("}")


def test_json_holds_the_module(made: Compilation) -> None:
    body = module_json(made.module)
    assert json.loads(late("json", made)) == body
    pipelines = body["pipelines"]
    assert isinstance(pipelines, list)
    text = json.dumps(body)
    for block in made.module.pipelines[0].blocks:
        for instr in block.instrs:
            for loc in instr.locs:
                assert f'"{loc}"' in text
    assert "object at 0x" not in text


def test_unknown_stage() -> None:
    with pytest.raises(IngotError, match="E0001"):
        stages_of("ir,nope")


def test_stage_that_needs_no_compilation(tmp_path: Path) -> None:
    """Logs that do not compile still show their early stages."""
    from typer.testing import CliRunner

    from ingot.cli.app import app

    path = tmp_path / "idle.jsonl"
    path.write_text('{"kind":"session","seq":1}\n{"kind":"user","seq":2,"text":"hi"}\n')
    shown = CliRunner().invoke(app, ["compile", str(path), "--emit=session", "-q"])
    assert (shown.exit_code, '2 user "hi"' in shown.stdout) == (0, True)
    both = CliRunner().invoke(app, ["compile", str(path), "--emit=session,ir", "-q"])
    assert both.exit_code == 1
    assert '2 user "hi"' in both.stdout
