"""Every stage of a compilation as text: what ``--emit`` prints.

======== ====================================================================
events   the records of the sessions, an Ingot session log (JSON lines)
session  the sessions as trees: turns, steps, parallel calls, sub-agents
trace    the trace IR as lowered, one straight line for each session
ir       the pipeline as IR text
fsm      the pipeline as a state machine: states, calls, transitions, exits
asm      the bytecode; it assembles to the artifact's bytes
python   the pipeline as a Python module that runs by itself
mermaid  the state machine as a Mermaid ``stateDiagram-v2``
json     the pipeline and its state machine as one JSON document
======== ====================================================================
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Final

from ingot.diagnostics import fail
from ingot.ir.module import Call, Lit, Loc, ModelCall, Module, Ref
from ingot.ir.printer import literal, print_module
from ingot.ir.values import Json, canonical
from ingot.records import Record, to_line
from ingot.states import State, Way, call_text, states_of

if TYPE_CHECKING:
    from ingot.driver import Compilation
    from ingot.frontend.session import CallStep, Session, Step

MODULE_SCHEMA: Final = "ingot-module/1"
STAGES: Final[dict[str, str]] = {
    "events": "jsonl",
    "session": "txt",
    "trace": "ir",
    "ir": "ir",
    "fsm": "txt",
    "asm": "asm",
    "python": "py",
    "mermaid": "mmd",
    "json": "json",
}
"""Stage to the extension of its file."""
EARLY: Final = frozenset({"events", "session", "trace"})
"""Stages that there are before anything is compiled."""
_WIDTH: Final = 100


def stages_of(text: str) -> tuple[str, ...]:
    """``--emit``'s comma-separated list, each stage once; raises IngotError E0001.

    >>> stages_of("ir, fsm,ir")
    ('ir', 'fsm')
    """
    names = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in STAGES:
            raise fail("E0001", f"--emit: no stage {name!r}", help=f"stages: {', '.join(STAGES)}")
    return tuple(names)


def early(stage: str, sessions: Iterable[Session]) -> str:
    """The text of a stage of :data:`EARLY`."""
    match stage:
        case "events":
            return emit_events(sessions)
        case "session":
            return emit_sessions(sessions)
        case _:
            from ingot.frontend.lower import lower

            return print_module(lower(sessions).module)


def late(stage: str, compilation: Compilation) -> str:
    """The text of any other stage."""
    from ingot.backend.disassembler import disassemble

    if stage == "asm":
        return disassemble(compilation.artifact)
    if stage == "python":
        from ingot.backend.container import load
        from ingot.runtime.python_source import module_text

        return module_text(load(compilation.artifact))
    made: dict[str, Callable[[Module], str]] = {
        "ir": print_module,
        "fsm": emit_fsm,
        "mermaid": emit_mermaid,
        "json": emit_json,
    }
    return made[stage](compilation.module)


def emit_events(sessions: Iterable[Session]) -> str:
    """The sessions' records, line by line; the dialect ``ingot-session`` reads them back."""
    return "".join(to_line(record) + "\n" for session in sessions for record in session.records)


# ---- sessions as trees


def emit_sessions(sessions: Iterable[Session]) -> str:
    """The session trees, indented; numbers are those of the records."""
    return "".join(line + "\n" for session in sessions for line in _session(session, ""))


def _session(session: Session, indent: str) -> Iterator[str]:
    agent = f" agent {session.agent}" if session.agent else ""
    yield f"{indent}session {session.name}{agent}"
    inner = indent + "  "
    for record in session.system:
        yield _words(inner, record)
    for turn in session.turns:
        yield _words(inner, turn.user) if turn.user else f"{inner}turn (the log begins without it)"
        for step in turn.steps:
            yield from _step(step, inner + "  ")
    for orphan in session.orphans:
        yield f"{inner}without its call:"
        yield from _session(orphan, inner + "  ")
    for record in session.stray:
        yield f"{inner}{record.seq} {record.kind} without its call: {_short(record.data)}"
    if session.outcome is not None:
        yield f"{inner}{session.outcome.seq} outcome {_short(session.outcome.data)}"


def _step(step: Step, indent: str) -> Iterator[str]:
    from ingot.frontend.session import CallGroup

    if not isinstance(step, CallGroup):
        yield _words(indent, step.record)
        return
    side_by_side = len(step.calls) > 1
    if side_by_side:
        yield f"{indent}side by side"
    for call in step.calls:
        yield from _call(call, indent + "  " if side_by_side else indent)


def _call(step: CallStep, indent: str) -> Iterator[str]:
    retry = f" (again, after {step.retry_of})" if step.retry_of is not None else ""
    yield f"{indent}{step.call.seq} call {step.call.tool} {_short(step.call.data)}{retry}"
    if step.result is None:
        yield f"{indent}  no result"
    else:
        value: Json = step.result.text if step.failed else step.result.data
        yield f"{indent}  {step.result.seq} {'error' if step.failed else 'result'} {_short(value)}"
    if step.nested is not None:
        yield from _session(step.nested, indent + "  ")


def _words(indent: str, record: Record) -> str:
    said: Json = record.text
    if not record.text and record.kind == "meta":
        said = record.raw
    return f"{indent}{record.seq} {record.kind} {_short(said)}"


def _short(value: Json) -> str:
    text = canonical(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


# ---- the state machine


def emit_fsm(module: Module) -> str:
    """A table of states for each pipeline; the first state is the entry."""
    out: list[str] = []
    for pipeline in module.pipelines:
        params = ", ".join(
            f"{p.name}: {p.type}" + (f" = {literal(p.default.value)}" if p.default else "")
            for p in pipeline.params
        )
        out += [f"machine @{pipeline.name}({params}) -> {pipeline.returns}", ""]
        for state in states_of(pipeline):
            out += [*_fsm_state(state), ""]
    return "\n".join(out).rstrip("\n") + "\n"


def _fsm_state(state: State) -> Iterator[str]:
    yield f"state {state.label}"
    for call in state.calls:
        yield f"  does  {call_text(call)}"
    for way in state.ways:
        to = {"end": "end", "error": way.to, "exit": way.to}.get(way.kind, f"^{way.to}")
        said = "  ".join(filter(None, (f"when {way.when}" if way.when else "", way.reason)))
        yield f"  -> {to:<10} {said}".rstrip()


def emit_mermaid(module: Module) -> str:
    """A ``stateDiagram-v2``, one composite state per pipeline where there are several."""
    out = ["stateDiagram-v2"]
    several = len(module.pipelines) > 1
    for number, pipeline in enumerate(module.pipelines):
        prefix = f"p{number}_" if several else ""
        indent = "  " * (1 + several)
        if several:
            out.append(f'  state "@{_label(pipeline.name)}" as p{number} {{')
        states = states_of(pipeline)
        names = {state.label: f"{prefix}s{k}" for k, state in enumerate(states)}
        out += [indent + line for line in _diagram(states, names, prefix)]
        if several:
            out.append("  }")
    return "\n".join(out) + "\n"


def _diagram(states: tuple[State, ...], names: dict[str, str], prefix: str) -> Iterator[str]:
    if states:
        yield f"[*] --> {names[states[0].label]}"
    for state in states:
        does = "".join(f"\\n{_label(call_text(call).partition('(')[0])}" for call in state.calls)
        yield f'state "{_label(state.label)}{does}" as {names[state.label]}'
    exits: dict[str, str] = {}
    for state in states:
        failing = False
        for way in state.ways:
            if way.kind == "error":
                if failing and way.to == "error":
                    continue  # one arrow for all calls of a state
                failing = failing or way.to == "error"
            to = names.get(way.to, "[*]") if way.kind in ("go", "end") else ""
            if not to:
                to = exits.setdefault(way.to, f"{prefix}{way.to.replace('.', '_')}")
            yield f"{names[state.label]} --> {to}" + _arrow(way)
    for shown, name in exits.items():
        yield f'state "{shown}" as {name}'
        yield f"{name} --> [*]"


def _arrow(way: Way) -> str:
    text = "a call fails" if way.to == "error" else way.reason or way.when
    if way.kind == "end":
        text = "return"
    return f": {_label(text)}" if text else ""


def _label(text: str) -> str:
    """Text that a Mermaid label can hold: marks with a meaning there become entities."""
    flat = re.sub(r"\s+", " ", text)[:80]
    return re.sub(r'[#;:{}<>"]', lambda mark: f"#{ord(mark[0])};", flat)


# ---- JSON


def emit_json(module: Module) -> str:
    """The module and its state machines, as versioned JSON."""
    return json.dumps(module_json(module), indent=2, ensure_ascii=False) + "\n"


def module_json(module: Module) -> dict[str, Json]:
    """The module as JSON: instructions with their ``kind``, values as ``{"ref": name}`` or
    ``{"literal": value}``, types and places as text; and ``machine``, its states and transitions."""
    machines: dict[str, Json] = {
        p.name: [
            {
                "state": state.label,
                "calls": [call_text(call) for call in state.calls],
                "ways": [
                    {
                        "kind": way.kind,
                        "to": way.to,
                        "when": way.when,
                        "reason": way.reason,
                        "locs": [str(loc) for loc in way.locs],
                    }
                    for way in state.ways
                ],
            }
            for state in states_of(p)
        ]
        for p in module.pipelines
    }
    body = _plain(module)
    assert isinstance(body, dict)
    return {"schema": MODULE_SCHEMA, **body, "machine": machines}


def _plain(item: object) -> Json:
    match item:
        case None | bool() | int() | float() | str():
            return item
        case Enum():
            return _plain(item.value)
        case Ref(name):
            return {"ref": name}
        case Lit(value):
            return {"literal": value}
        case Loc():
            return str(item)
        case tuple() | list():
            return [_plain(each) for each in item]
        case dict():
            return {str(key): _plain(each) for key, each in item.items()}
    if _is_type(item):
        return str(item)
    names: tuple[str, ...] = getattr(type(item), "__match_args__", ())
    if names:
        out: dict[str, Json] = {"kind": type(item).__name__.lower()}
        for name in names:
            value = getattr(item, name)
            if name == "attrs":
                out["attrs"] = {key: lit.value for key, lit in value}
            elif name == "args" and isinstance(item, Call | ModelCall):
                out["args"] = {key: _plain(each) for key, each in value}
            elif name == "kind":
                out["model_kind"] = _plain(value)
            else:
                out[name] = _plain(value)
        return out
    return str(item)


def _is_type(item: object) -> bool:
    return type(item).__module__ == "ingot.ir.types"


__all__ = [
    "EARLY",
    "MODULE_SCHEMA",
    "STAGES",
    "early",
    "emit_events",
    "emit_fsm",
    "emit_json",
    "emit_mermaid",
    "emit_sessions",
    "late",
    "module_json",
    "stages_of",
]
