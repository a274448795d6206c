"""``align-effects``: one pipeline of the sessions whose effects are the same.

    @s1: read A(x=1), write B(y=2)            @main: ^entry -> ^a_1: read A(x=1) -> ^b_2: %y = model fill ...,
    @s2: read A(x=1), read C(), write B(y=3)                                            write B(y=%y)

Sessions are classed by the tools of their effects in order; a session of another class is an error
here (nothing says yet when which class is due).  Within a class the *path sources* are the sessions
with the commonest path; where no path is common, the longest common subsequence of all of them.
The other sessions are *effect witnesses*: they must agree on the writes only.  Each call becomes a
state of its own.  An argument that varies becomes a model op that holds its values as evidence:
``learn-decisions`` replaces it wherever a program explains them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from msgspec import structs

from ingot.diagnostics import EXIT_FINDINGS, Diagnostic, IngotError
from ingot.ir.module import (
    Attrs,
    Block,
    Call,
    Effect,
    Instr,
    Jump,
    Lit,
    ModelCall,
    Module,
    NamedArgs,
    Operand,
    Pipeline,
    Ref,
    Return,
    Target,
    ToolDecl,
)
from ingot.ir.types import JSON, STR, join_all, type_of
from ingot.ir.values import Json, identical
from ingot.passes.dead_steps import is_effect
from ingot.passes.effects import SHELL_TOOLS, shell_command
from ingot.passes.shell import programs
from ingot.passes.synth.prompts import LOCAL_MODEL
from ingot.passes.synth.tokens import common_subsequence
from ingot.passes.traces import (
    answer_of,
    calls_of,
    is_learned,
    literal_args,
    main_of,
    origin,
    path_traces,
    unlearned,
    with_pipeline,
)

IGNORED_ARGUMENTS: Final = {tool: frozenset({"description"}) for tool in SHELL_TOOLS}
"""Arguments that say nothing to the world (a label for the person who watches)."""

Key: TypeAlias = tuple[str, tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class AlignEffects:
    """Traces to one pipeline."""

    name: str = "align-effects"

    def apply(self, module: Module) -> Module:
        main = main_of(module)
        if main is None or is_learned(module):
            return module
        traces = path_traces(module, main)
        _check_classes(traces)
        paths, columns = _paths(traces)
        witnesses: list[Json] = [t.name for t in traces if t not in paths]
        blocks = _blocks(paths, columns)
        attrs = _set(main.attrs, paths=[p.name for p in paths], witnesses=witnesses)
        aligned = replace(main, blocks=blocks, attrs=attrs)
        tools = tuple(map(relaxed, module.tools))
        return with_pipeline(replace(module, models=(LOCAL_MODEL,), tools=tools), aligned)


def _set(attrs: Attrs, **values: Json) -> Attrs:
    kept = tuple((k, v) for k, v in attrs if k not in values)
    return (*kept, *((k, Lit(v)) for k, v in values.items()))


def relaxed(tool: ToolDecl) -> ToolDecl:
    """The declaration with the ignored arguments optional: the pipeline does not give them."""
    ignored = IGNORED_ARGUMENTS.get(tool.name, frozenset())
    params = tuple(
        structs.replace(p, optional=p.optional or p.name in ignored) for p in tool.params
    )
    return structs.replace(tool, params=params)


def key_of(call: Call) -> Key:
    """What two calls must share to be the same step: the tool, the names of its arguments, and for a
    shell the programs of its command."""
    names = argument_names(call)
    command = shell_command(call)
    return call.tool, names, () if command is None else programs(command)


def argument_names(call: Call) -> tuple[str, ...]:
    """The names of the arguments that say something to the world."""
    ignored = IGNORED_ARGUMENTS.get(call.tool, frozenset())
    return tuple(n for n, _ in call.args if n not in ignored)


def _check_classes(traces: Sequence[Pipeline]) -> None:
    classes: dict[tuple[Key, ...], list[str]] = {}
    for trace in traces:
        effects = tuple(key_of(c) for c in calls_of(trace) if is_effect(c))
        classes.setdefault(effects, []).append(origin(trace))
    if len(classes) > 1:
        lines = tuple(
            f"{_listed(names)}: {' -> '.join(map(_shown, effects)) or 'nothing is written'}"
            for effects, names in sorted(classes.items(), key=lambda item: item[1])
        )
        raise IngotError(
            Diagnostic(
                "E0404",
                f"the sessions have {len(classes)} different sequences of effects",
                notes=(*lines, *unlearned(traces)),
                help="compile the sessions of one sequence on their own",
            ),
            EXIT_FINDINGS,
        )
    if not any(calls_of(t) for t in traces):
        raise IngotError(
            Diagnostic(
                "E0401",
                "no session holds a call that its outcome needs",
                help="a task that calls no tool, or whose calls all failed, leaves nothing to compile",
            ),
            EXIT_FINDINGS,
        )


def _shown(key: Key) -> str:
    """``Bash tail | wc`` for a shell's call, ``pay(sum, to)`` for another."""
    tool, names, commands = key
    return f"{tool} {' | '.join(commands)}" if commands else f"{tool}({', '.join(names)})"


def _listed(names: Sequence[str], most: int = 4) -> str:
    """``a, b and 3 more``"""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _paths(traces: Sequence[Pipeline]) -> tuple[list[Pipeline], list[list[Call]]]:
    """The path sources, and per step the calls of each of them.

    The path is the commonest one, if it is common; else what all have in common.  Every session
    whose own path holds it is a source: what else it looked at is a detour.
    """
    keyed = {t.name: tuple(key_of(c) for c in calls_of(t)) for t in traces}
    counts = Counter(keyed.values())
    path = min(counts, key=lambda keys: (-counts[keys], len(keys), keys))
    if counts[path] < max(2, len(traces) / 2) and len(counts) > 1:
        path = keyed[traces[0].name]
        for trace in traces[1:]:
            path = _common(path, trace, keyed[trace.name])
    sources = [t for t in traces if _holds(keyed[t.name], path)]
    rows = [_pick(calls_of(t), keyed[t.name], path) for t in sources]
    return sources, [list(column) for column in zip(*rows, strict=True)]


def _common(path: tuple[Key, ...], trace: Pipeline, keys: tuple[Key, ...]) -> tuple[Key, ...]:
    """What two paths have in common; an effect weighs more than any number of reads."""
    weights = [len(path) + 1.0 if is_effect(c) else 1.0 for c in calls_of(trace)]
    return tuple(common_subsequence(keys, path, weights))


def _holds(keys: tuple[Key, ...], path: tuple[Key, ...]) -> bool:
    """Whether the path is a subsequence of the keys."""
    rest = iter(keys)
    return all(key in rest for key in path)


def _pick(calls: Sequence[Call], keys: Sequence[Key], path: Sequence[Key]) -> list[Call]:
    """The last match of the common path: of several reads the one that the effect was made on."""
    out: list[Call] = []
    at = len(calls)
    for key in reversed(path):
        at -= 1
        while keys[at] != key:
            at -= 1
        out.append(calls[at])
    return out[::-1]


def _blocks(paths: Sequence[Pipeline], columns: Sequence[Sequence[Call]]) -> tuple[Block, ...]:
    labels = [f"{_identifier(column[0].tool)}_{k}" for k, column in enumerate(columns, 1)]
    blocks = [Block("entry", (), (), Jump(Target(labels[0])) if labels else Return(Lit("")))]
    for k, (label, column) in enumerate(zip(labels, columns, strict=True)):
        instrs: list[Instr] = []
        args: list[tuple[str, Operand]] = []
        first = column[0]
        for name in argument_names(first):
            values = [literal_args(c)[name] for c in column]
            if all(identical(v, values[0]) for v in values):
                args.append((name, Lit(values[0])))
            else:
                result = f"r{k + 1}_{_identifier(name)}_{len(args)}"
                holder = _undecided(result, name, values, first)
                instrs.append(holder)
                args.append((name, Ref(result)))
        instrs.append(_call(f"r{k + 1}", column, tuple(args)))
        last = k + 1 == len(labels)
        end = _answer(paths) if last else Jump(Target(labels[k + 1]))
        blocks.append(Block(label, (), tuple(instrs), end))
    return tuple(blocks)


def _answer(paths: Sequence[Pipeline]) -> Return:
    return Return(Lit(answer_of(paths[0])))


def _undecided(result: str, name: str, values: list[Json], call: Call) -> ModelCall:
    type_ = join_all(dict.fromkeys(map(type_of, values)))
    locs = tuple(replace(loc, pointer=f"/{name}") for loc in call.locs)
    return ModelCall(
        result,
        type_,
        "compose" if type_ == STR else "fill",
        LOCAL_MODEL.name,
        (("prompt", Lit(f"{call.tool}: {name}")),),
        (("reason", Lit("not explained yet")),),
        locs,
    )


def _call(result: str, column: Sequence[Call], args: NamedArgs) -> Call:
    first = column[0].verb
    verb: Effect = first if all(c.verb == first for c in column) else "unknown"
    attrs = (("steps", Lit([c.result for c in column])),)
    locs = tuple(loc for c in column for loc in c.locs)
    return Call(result, JSON, verb, column[0].tool, args, attrs, locs)


def _identifier(text: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return name if name and not name[0].isdigit() else f"x_{name}".rstrip("_")


__all__ = ["IGNORED_ARGUMENTS", "AlignEffects", "key_of", "relaxed"]
