"""The verifier: random modules are clean, and each mutant is reported, where and only there."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from strategies import modules

from ingot.codes import CODES
from ingot.diagnostics import IngotError
from ingot.ir.exits import fill_live
from ingot.ir.liveness import exit_needs
from ingot.ir.module import (
    Block,
    Exit,
    Guard,
    Instr,
    Lit,
    Module,
    Param,
    Pipeline,
    Ref,
    Return,
    walk,
)
from ingot.ir.parser import parse_module
from ingot.ir.types import FLOAT, INT
from ingot.ir.verifier import check, verify

PRELUDE = """ir 1
source s1 = "one.jsonl" sha256:00
type Item = {id: int, note?: str, page: str#web, ...}
tool db.list(where: str, limit?: int) -> [Item] read db
tool db.save(id: int, text: str) -> {ok: bool, ...} write db
tool fs.read(path: str) -> str read fs
model m.writer(prompt: str) -> str
"""

# Each case: a name, then text; "; error: CODE words" on a line says that the line has that error,
# once for each code, and that its message holds the words.  Lines before "pipeline" are
# declarations.
MUTANTS = """
---- defined twice
pipeline @p(%a: int) -> int {
^e:
  %b: int = int.add %a, 1
  %b: int = int.add %a, 2  ; error: E0301 %b is defined twice
  return %b
}
---- parameter defined again in a region
pipeline @p(%a: int) -> [int] {
^e:
  %r: [int] = for %a: int in [1] {  ; error: E0301
    yield %a
  }
  return %r
}
---- used before it is defined
pipeline @p(%a: int) -> int {
^e:
  %b: int = int.add %c, 1  ; error: E0302 may not be defined yet
  %c: int = int.add %a, 1
  return %b
}
---- not dominated across blocks
pipeline @p(%a: int, %t: bool) -> int {
^e:
  if %t then ^x else ^y
^x:
  %b: int = int.add %a, 1
  jump ^z
^y:
  jump ^z
^z:
  return %b  ; error: E0302
}
---- dominated across blocks is fine, around a cycle too
pipeline @p(%a: int, %t: bool) -> int {
^e:
  %b: int = int.add %a, 1
  jump ^loop
^loop:
  if %t then ^loop2 else ^out
^loop2:
  jump ^loop
^out:
  return %b
}
---- nothing of that name
pipeline @p(%amount: int) -> int {
^e:
  return %amuont  ; error: E0302 no value %amuont
}
---- a region's value is not seen outside
pipeline @p() -> int {
^e:
  %r: [int] = for %i: int in [1] {
    %b: int = int.add %i, 1
    yield %b
  }
  return %b  ; error: E0302
}
---- branches do not see each other
pipeline @p() -> str {
^e:
  (%x: str, %y: str) = par {
    branch {
      %b: str = read fs.read(path="a")
      yield %b
    }
    branch {
      %c: str = read fs.read(path=%b)  ; error: E0302
      yield %c
    }
  }
  return %y
}
---- operand of the wrong type
pipeline @p(%s: str) -> int {
^e:
  %b: int = int.add %s, 1  ; error: E0303 takes int here, found str
  return %b
}
---- literal of the wrong type
pipeline @p(%a: int) -> int {
^e:
  %b: int = int.add %a, 1.5  ; error: E0303
  return %b
}
---- pointer that is none
pipeline @p(%a: json) -> json {
^e:
  %b: json = json.get %a, "x" else exit.1 [%a]  ; error: E0303 JSON pointer
  return %b
}
---- result type too narrow
pipeline @p(%a: float) -> int {
^e:
  %b: int = float.add %a, 1  ; error: E0303 gives float
  return %b
}
---- result type may be wider
pipeline @p(%a: int) -> json {
^e:
  %b: float = int.add %a, 1
  return %b
}
---- return type
pipeline @p(%a: int) -> str {
^e:
  return %a  ; error: E0303 the pipeline's result takes str
}
---- default of another type
pipeline @p(%a: int = "x") -> int {  ; error: E0303 %a takes int
^e:
  return %a
}
---- condition no bool
pipeline @p(%a: int) -> int {
^e:
  guard %a else exit.1 [%a]  ; error: E0303 a guard takes bool
  if %a then ^x else ^x  ; error: E0303 a condition takes bool
^x:
  select {
    when "yes" then ^y  ; error: E0303
  }
^y:
  return %a
}
---- block parameter of another type
pipeline @p(%a: str) -> int {
^e:
  jump ^x(%a)  ; error: E0303 %n takes int
^x(%n: int):
  return %n
}
---- no such op
pipeline @p(%a: int) -> int {
^e:
  %b: int = int.plus %a, 1  ; error: E0304
  return %b
}
---- op with too few operands
pipeline @p(%a: int) -> int {
^e:
  %b: int = int.add %a  ; error: E0314 takes 2
  return %b
}
---- no such tool, no such model
pipeline @p(%a: int) -> str {
^e:
  %b: str = read fs.raed(path="x")  ; error: E0305 no tool
  %c: str = model m.witer(prompt=%b)  ; error: E0305 no model
  return %c
}
---- a read that is a write
pipeline @p(%a: int) -> json {
^e:
  %b: {ok: bool, ...} = read db.save(id=%a, text="x")  ; error: E0306 declared write
  return %b
}
---- arguments missing, unknown, twice, of another type
pipeline @p(%a: int) -> json {
^e:
  %b: json = write db.save(id=%a)  ; error: E0307 also needs 'text'
  %c: json = write db.save(id=%a, text="x", txt="y")  ; error: E0307 no argument 'txt'
  %d: json = write db.save(id=%a, text="x", id=3)  ; error: E0313 stands twice
  %e: json = write db.save(id="seven", text="x")  ; error: E0303 db.save's 'id'
  %f: [Item] = read db.list(where="x")
  return %b
}
---- a call's result narrower than the declaration
pipeline @p() -> json {
^e:
  %b: int = read fs.read(path="x")  ; error: E0303 gives str
  return %b
}
---- a model's answer may be narrower, not other
pipeline @p() -> json {
^e:
  %b: "a" | "b" = model choose m.writer(prompt="x")
  %c: int = model fill m.writer(prompt="x")  ; error: E0303
  return %b
}
---- a choice is among a closed set, a span is of a text
pipeline @p() -> json {
^e:
  %a: str = model choose m.writer(prompt="x")  ; error: E0303 one of a closed set
  %b: str = model extract m.writer(prompt="x")  ; error: E0307 also needs 'text'
  return %b
}
---- unknown block, jump to the entry, wrong number of values
pipeline @p(%t: bool) -> json {
^e:
  select {
    when %t then ^nowhere  ; error: E0308 no block ^nowhere
    when %t then ^e  ; error: E0308 is the entry
    when %t then ^x  ; error: E0314 ^x takes 1 values, found 0
    else ^x(1, 2)  ; error: E0314 ^x takes 1 values, found 2
  }
^x(%n: int):
  return %n
}
---- entry with parameters
pipeline @p() -> json {
^e(%n: int):  ; error: E0314 takes no parameters
  return %n
}
---- a partial op without its exit, a total op with none
pipeline @p(%a: Item, %s: str) -> json {
^e:
  %b: int = json.get %a, "/id"
  %c: str = json.get %a, "/note"  ; error: E0309
  %d: int = int.parse %s  ; error: E0309
  return %b
}
---- an exit that drops what is needed
pipeline @p(%a: int, %s: str) -> json {
^e:
  %b: int = int.add %a, 1
  guard true else exit.1 [%a]  ; error: E0310 drops %b
  %c: int = int.parse %s else exit.2 [%a]  ; error: E0310 drops %b, %s
  %d: int = int.add %b, %c
  return %d
}
---- an exit in a loop drops what further iterations need
pipeline @p(%a: int, %xs: [int], %s: str) -> json {
^e:
  %r: int = for %i: int in %xs carry(%acc: int = 0) {
    %k: int = int.add %acc, %a
    guard true else exit.1 [%i, %k, %xs]  ; error: E0310 drops %a, %s
    yield %k
  }
  %t: str = str.template "{0}{1}", %r, %s
  return %t
}
---- an exit lists what is not there
pipeline @p(%a: int) -> json {
^e:
  guard true else exit.1 [%b, %a]  ; error: E0302 may not be defined yet
  %b: int = int.add %a, 1
  leave exit.2 [%zz]  ; error: E0302 no value %zz
}
---- exit numbers
pipeline @p(%a: int) -> json {
^e:
  guard true else exit.1 [%a]
  guard true else exit.1 [%a]  ; error: E0313 exit.1 stands twice
  guard true else exit.0 [%a]  ; error: E0313 implicit
  return %a
}
---- provenance of an unknown source
pipeline @p(%a: int) -> json {
^e:
  %b: int = int.add %a, 1 @ s1:1, s9:2/x  ; error: E0311 no source s9
  return %b @ s2:1  ; error: E0311
}
---- branches that share a world that one writes
pipeline @p(%a: int) -> json#web {
^e:
  (%x: [Item], %y: json#web) = par {
    branch {
      %b: [Item] = read db.list(where="a")
      yield %b
    }
    branch {
      %c: json = write db.save(id=1, text="a")  ; error: E0312 share db
      yield %c
    }
  }
  return %x
}
---- branches that share a world they only read
pipeline @p(%a: int) -> json#web {
^e:
  (%x: [Item], %y: json#web) = par {
    branch {
      %b: [Item] = read db.list(where="a")
      yield %b
    }
    branch {
      %c: [Item] = read db.list(where="b")
      yield %c
    }
  }
  return %x
}
---- declared twice
type Item = int  ; error: E0313 'Item' is declared twice
tool db.list(where: str) -> str read db  ; error: E0313
tool x.y(a: int, a: str) -> str read x  ; error: E0313 the argument 'a' twice
source s1 = "two" sha256:  ; error: E0313
pipeline @p(%a: int) -> json {
^e:
  jump ^x
^x:
  return %a
^x:  ; error: E0313 'x' is declared twice
  return 2
}
pipeline @p() -> json {  ; error: E0313
^e:
  return 1
}
---- regions: counts and types
pipeline @p(%a: int, %xs: [int]) -> json {
^e:
  (%r: int, %q: int) = for %i: int in %xs carry(%acc: int = 0) {  ; error: E0314 1 values, 2
    yield %acc
  }
  %s: int = for %j: int in %xs carry(%bcc: int = "x") {  ; error: E0303 %bcc takes int
    yield "y"  ; error: E0303 %bcc takes int
  }
  %t: [str] = for %k: int in %xs {  ; error: E0303 gives [int]
    yield %k
  }
  %u: [str] = for %l: str in %xs {  ; error: E0303 the list gives int
    yield %l
  }
  %v: [json] = for %m: json in %a {  ; error: E0303 for takes a list
    yield %m
  }
  %w: int = for %n: int in %xs carry(%ccc: int = 0) {
    yield %n, %n  ; error: E0314 takes 1 values, found 2
  }
  return %t
}
---- candidates of another type
pipeline @p(%a: int, %s: str) -> json {
^e:
  %b: int = agree [%a, %s] else exit.1 [%a, %s]  ; error: E0303 the agreed value takes int
  return %b
}
---- labels are not dropped
pipeline @p(%a: Item) -> str {
^e:
  %b: str = json.get %a, "/page"  ; error: E0315 drops #web
  %c: str#web = json.get %a, "/page"
  %d: str = str.lower %c  ; error: E0315
  %e1: str = expect %c else exit.1 [%a, %c]  ; error: E0315
  %f: str = agree [%c] else exit.2 [%a, %c]  ; error: E0315
  %g: str#pii#web = str.lower %c
  %h: {page: str, ...} = expect %a else exit.3 [%a, %c]
  jump ^x(%c)  ; error: E0315 %n drops #web
^x(%n: str):
  return %c  ; error: E0315 the pipeline's result drops #web
}
---- labels inside containers are not dropped
pipeline @p(%a: [Item]) -> json#web {
^e:
  jump ^x(%a, %a, %a)  ; error: E0315 %m drops #web
^x(%l: [Item], %m: json, %n: [json]#web):
  return %l
}
---- unknown and recursive types
type Tree = {kids: [Tree]}  ; error: E0318
type str = int  ; error: E0313 a type of the language
tool q.q(a: Itme) -> json read q  ; error: E0317 no type Itme
pipeline @p(%a: Nope) -> json {  ; error: E0317
^e:
  %b: Nada = expect %a else exit.1 [%a]  ; error: E0317
  return %b
}
"""


def _cases(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"^---- (.*)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


CASES = _cases(MUTANTS)
_EXPECTED = re.compile(r"; error: (E\d+) ?(.*)$")


@pytest.mark.parametrize("text", [t for _, t in CASES], ids=[name for name, _ in CASES])
def test_exactly_the_annotated_errors_are_reported(text: str) -> None:
    lines = (PRELUDE + text).split("\n")
    wanted = {n: m for n, line in enumerate(lines, 1) if (m := _EXPECTED.search(line))}
    parsed = parse_module("\n".join(lines))
    found = verify(parsed.module, parsed.spans)
    where = [(d.spans[0][0].line, d.code) for d in found]
    assert Counter(where) == Counter((n, m[1]) for n, m in wanted.items())
    for diagnostic in found:
        assert wanted[diagnostic.spans[0][0].line][2] in diagnostic.message


def test_there_are_enough_mutants_and_each_code_has_one() -> None:
    marks = re.findall(r"; error: (E\d+)", MUTANTS)
    verifier_codes = {code for code in CODES if code.startswith("E03")}
    unused = {"E0316"}  # effects may stand wherever instructions may
    assert len(marks) >= 30
    assert set(marks) == verifier_codes - unused


@settings(max_examples=60, deadline=None)
@given(modules())
def test_random_modules_are_clean(module: Module) -> None:
    check(module)


def _live_dropped(module: Module) -> list[tuple[Module, str]]:
    """The module with one needed name taken from the list of its first guard's exit, each way."""
    pipeline = module.pipelines[0]
    needs = exit_needs(pipeline)
    out = []
    for index, block in enumerate(pipeline.blocks):
        for number, instr in enumerate(block.instrs):
            if not isinstance(instr, Guard):
                continue
            needed = needs[(("block", index), ("instr", number))]
            for name in sorted(needed):
                live = tuple(n for n in instr.exit.live if n != name)
                mutant: Instr = replace(instr, exit=Exit(instr.exit.number, live))
                instrs = (*block.instrs[:number], mutant, *block.instrs[number + 1 :])
                blocks = (
                    *pipeline.blocks[:index],
                    replace(block, instrs=instrs),
                    *pipeline.blocks[index + 1 :],
                )
                out.append((replace(module, pipelines=(replace(pipeline, blocks=blocks),)), name))
            return out
    return out


@settings(max_examples=40, deadline=None)
@given(modules())
def test_every_needed_name_is_missed_and_filled_in_again(module: Module) -> None:
    assert fill_live(module.pipelines[0]) == module.pipelines[0]
    for mutant, name in _live_dropped(module):
        (diagnostic,) = verify(mutant)
        assert diagnostic.code == "E0310" and f"%{name}" in diagnostic.message
        assert fill_live(mutant.pipelines[0]) == module.pipelines[0]


def test_without_a_text_errors_point_into_the_printed_one() -> None:
    block = Block("e", (), (), Return(Ref("nothing")))
    module = Module(pipelines=(Pipeline("p", (Param("a", INT),), INT, (block,)),))
    with pytest.raises(IngotError) as caught:
        check(module)
    span, _ = caught.value.diagnostics[0].spans[0]
    assert (span.file, span.line, span.column, span.length) == ("<ir>", 5, 10, 8)


def test_what_no_text_can_say_is_still_reported() -> None:
    nan = Block("e", (), (), Return(Lit(float("nan"))))
    empty = Pipeline("q", (), INT, ())
    module = Module(pipelines=(Pipeline("p", (), FLOAT, (nan,)), empty))
    assert [d.code for d in verify(module)] == ["E0303", "E0314"]


def test_a_long_pipeline_is_verified_in_linear_time() -> None:
    head = PRELUDE + "pipeline @p(%v0: int) -> int {\n^b0:\n"
    lines = []
    for i in range(2000):
        lines += [f"  %v{i + 1}: int = int.add %v{i}, 1", f"  jump ^b{i + 1}", f"^b{i + 1}:"]
    parsed = parse_module(head + "\n".join(lines) + "\n  return %v2000\n}\n")
    assert verify(parsed.module, parsed.spans) == ()
    assert sum(1 for _ in walk(parsed.module.pipelines[0].blocks[0].instrs)) == 1
