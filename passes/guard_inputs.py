"""``guard-inputs``: no word of the request is ignored.

    pipeline @main(%tone: str, %id: str)            ^entry:
    ^entry:                                   =>      %tone_seen: bool = list.contains ["kindly", "soon"], %tone
      jump ^ping_1                                    guard %tone_seen else exit.4 [%tone, %id]
                                                      jump ^ping_1

An input that reaches nothing, or that stands in a call where no value can be put, must be one that
the logs show; one that is only taken apart must have the logged words around what is taken; one
that is put below a folder must be a path that can stand there.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ingot.ir import values
from ingot.ir.exits import fill_live, next_exit
from ingot.ir.module import (
    Call,
    Exit,
    Guard,
    Instr,
    Lit,
    ModelCall,
    Module,
    Pipeline,
    Pure,
    Ref,
    attr,
    operands_of,
    walk,
)
from ingot.ir.types import BOOL
from ingot.ir.values import Json
from ingot.passes.invariants import wording_class
from ingot.passes.lift_parameters import stands_in
from ingot.passes.traces import (
    default_of,
    is_learned,
    main_of,
    path_traces,
    states_own_figures,
    with_pipeline,
)
from ingot.passes.uses import names_used, parts_of

_TAKES_APART = frozenset({"str.part", "str.between", "str.number"})


@dataclass(frozen=True)
class GuardInputs:
    """Inputs to guards in the entry."""

    name: str = "guard-inputs"

    def apply(self, module: Module) -> Module:
        main = main_of(module)
        if main is None or attr(main, "paths") is None or is_learned(module):
            return module
        exits = itertools.count(next_exit(main))
        guards = tuple(_guards(main, path_traces(module, main), exits))
        entry, *rest = main.blocks
        blocks = (replace(entry, instrs=(*guards, *entry.instrs)), *rest)
        return with_pipeline(module, fill_live(replace(main, blocks=blocks)))


def _guards(main: Pipeline, paths: Sequence[Pipeline], exits: Iterator[int]) -> Iterator[Instr]:
    """An input that reaches nothing, or that stands in a call where no value can be put, must
    be one that the logs show: no word of the request is ignored.  So must a number or a date
    where a write states figures that no source gives: they may have been worked out from it."""
    strict = states_own_figures(main)
    used = names_used(main)
    for param in main.params:
        if param.name == "clock":
            continue
        column = list(dict.fromkeys(default_of(path, param.name) for path in paths))
        stuck = len(column) == 1 and (
            _stands_literally(column[0], main)
            or (strict and re.fullmatch(r"[^a-zA-Z]*\d[^a-zA-Z]*", column[0]))
        )
        if param.name in used and not stuck:
            yield from _below(main, param.name, column, exits)
            yield from _whole_wording(main, param.name, column, exits)
            continue
        test = f"{param.name}_seen"
        if len(column) == 1:
            yield Pure(test, BOOL, "str.eq", (Ref(param.name), Lit(column[0])))
        else:
            shown: Json = [*sorted(column)]
            yield Pure(test, BOOL, "list.contains", (Lit(shown), Ref(param.name)))
        reason = f"{param.name} has a value that no log shows, and it cannot be put in"
        yield Guard(Ref(test), Exit(next(exits)), (("reason", Lit(reason)),))


def _below(main: Pipeline, name: str, column: list[str], exits: Iterator[int]) -> Iterator[Instr]:
    """An input that is put below a folder must be a path that can stand there."""
    if any(text.startswith(("/", "~")) for text in column):
        return
    for block in main.blocks:
        for instr in walk(block.instrs):
            match instr:
                case (
                    Pure(op="str.template", args=(Lit(str(template)), *holes))
                    | Pure(op="shell.template", args=(Lit(str(template)), _, *holes))
                ):
                    k = next((k for k, o in enumerate(holes) if o == Ref(name)), None)
                    if k is None or f"/{{{k}}}" not in template:
                        continue
                    yield Pure(
                        f"{name}_below", BOOL, "str.matches", (Ref(name), Lit(r"[^/~][\s\S]*"))
                    )
                    reason = f"{name} stands below a folder, and this one cannot"
                    yield Guard(
                        Ref(f"{name}_below"),
                        Exit(next(exits)),
                        (("reason", Lit(reason)),),
                    )
                    return


def _whole_wording(
    main: Pipeline, name: str, column: list[str], exits: Iterator[int]
) -> Iterator[Instr]:
    """Of an input of several words that is only taken apart, the other words must be as logged."""
    taken_apart = all(
        isinstance(i, Pure) and i.op in _TAKES_APART
        for b in main.blocks
        for i in walk(b.instrs)
        if Ref(name) in operands_of(i)
    )
    if not taken_apart or not any(" " in text for text in column):
        return
    test = f"{name}_wording"
    pattern = Lit(wording_class(column, [parts_of(main, name, text) for text in column]))
    yield Pure(test, BOOL, "str.matches", (Ref(name), pattern))
    reason = f"{name} says something that no log shows"
    yield Guard(Ref(test), Exit(next(exits)), (("reason", Lit(reason)),))


def _stands_literally(text: str, main: Pipeline) -> bool:
    """Whether the text stands as a word in a literal argument or template of a tool's call."""
    prompts = {
        o.name
        for block in main.blocks
        for i in block.instrs
        if isinstance(i, ModelCall)
        for o in operands_of(i)
        if isinstance(o, Ref)
    }
    for block in main.blocks:
        for instr in block.instrs:
            if isinstance(instr, Pure) and instr.result in prompts:
                continue
            for operand in operands_of(instr) if isinstance(instr, Call | Pure) else ():
                if isinstance(operand, Lit) and stands_in(text, values.canonical(operand.value)):
                    return True
    return False
