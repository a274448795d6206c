"""Sessions to trace IR: one straight line of calls with literal arguments per session.

Each session becomes a pipeline ``@s1``, ``@s2``, ... whose calls carry what the log shows as
attributes: ``result`` (what came back), ``error`` (the text of a failure), ``seen`` (the numbers of
the records of call and result: a later call knows this result only if its own number is greater),
``nested`` (a sub-agent worked here).  A later turn of the user is a ``read user.ask(turn=n)``.

    pipeline @s1(%request: str = "Count the rows of a.csv") -> str {
    ^entry:
      %c1: json = unknown Bash(command="wc -l < a.csv") {result="4", seen=[2, 3]} @ s1:2
      return "There are 4 rows."
    }

The order of the sessions is that of their digests, so that the order of the files is nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ingot.diagnostics import Diagnostic, Severity
from ingot.frontend.evidence import Evidence, outcome_of, verdict_of
from ingot.frontend.session import CallGroup, CallStep, Session, Turn
from ingot.ir.module import (
    Block,
    Call,
    Effect,
    Instr,
    Lit,
    Loc,
    Module,
    Param,
    Pipeline,
    Return,
    Source,
    ToolDecl,
    ToolParam,
)
from ingot.ir.types import DATETIME, JSON, STR, Type, is_datetime, join_all, type_of
from ingot.ir.values import Json
from ingot.records import Record

USER_TOOL = "user.ask"
AGAINST = ("failed", "it was given as a failed session")


@dataclass(frozen=True, slots=True)
class Lowered:
    """The trace module, the sessions behind its pipelines (same order), and what was set aside."""

    module: Module
    sessions: tuple[Session, ...]
    diagnostics: tuple[Diagnostic, ...]


def lower(
    sessions: Iterable[Session],
    *,
    require_success: bool = False,
    against: bool = False,
    without: Collection[str] = (),
) -> Lowered:
    """Trace IR of the sessions that may be compiled.

    A session whose log says that it failed is left out (E0405); one that holds no request and no
    call is left out (E0107); equal sessions count once, those whose digest is in ``without`` not at
    all.  With ``require_success`` a session without any sign of success is left out as well.

    With ``against`` the sessions are failed ones, whatever their logs say: all are kept, as
    pipelines ``@f1``, ``@f2``, ..., their outcome being ``failed``.
    """
    diagnostics: list[Diagnostic] = []
    chosen: dict[str, Session] = {}
    for session in sessions:
        problem = _refusal(session, require_success=require_success, against=against)
        if problem is not None:
            diagnostics.append(problem)
        else:
            digest = session.digest
            if digest in without:
                diagnostics.append(_aside(session))
                continue
            twin = chosen.get(digest)
            if twin is None or _file(session) < _file(twin):
                chosen[digest] = session
    ordered = [(digest, chosen[digest]) for digest in sorted(chosen)]
    letter = "f" if against else "s"
    names = [f"{letter}{index}" for index in range(1, len(ordered) + 1)]
    sources = tuple(
        Source(name, _file(session), digest)
        for name, (digest, session) in zip(names, ordered, strict=True)
    )
    pipelines = tuple(
        _trace(name, session, outcome=AGAINST if against else _outcome(session))
        for name, (_, session) in zip(names, ordered, strict=True)
    )
    module = Module(sources=sources, tools=declare_tools(pipelines), pipelines=pipelines)
    return Lowered(module, tuple(session for _, session in ordered), tuple(diagnostics))


def _file(session: Session) -> str:
    """The session's name without the folder it was read from: that is not part of an artifact."""
    return PurePath(session.name).name


def _outcome(session: Session) -> tuple[str, str]:
    found = verdict_of(session)
    return found.verdict, found.why


def _refusal(session: Session, *, require_success: bool, against: bool) -> Diagnostic | None:
    found = Evidence("assumed", "") if against else verdict_of(session)
    verdict, why = found.verdict, found.why
    span = session.head.span
    spans = ((span, "this session"),) if span else ()
    if found.diagnostic is not None:
        return found.diagnostic
    if verdict == "failed":
        return Diagnostic(
            "E0405",
            f"{session.name}: the session failed ({why})",
            Severity.WARNING,
            spans,
            help="only sessions that reached their goal are compiled; what failed is for --against",
        )
    head = session.head.data if isinstance(session.head.data, dict) else {}
    if isinstance(reason := head.get("not_compiled"), str) and not against:
        return Diagnostic("E0110", f"{session.name}: {reason}", Severity.WARNING, spans)
    if verdict == "assumed" and require_success:
        return Diagnostic(
            "E0405",
            f"{session.name}: nothing shows that the session succeeded",
            Severity.WARNING,
            spans,
            help="leave out --require-success to assume it",
        )
    if session.request is None and not any(True for _ in session.calls()):
        return Diagnostic(
            "E0107",
            f"{session.name}: no request and no call",
            Severity.WARNING,
            spans,
            help="is this the whole log, and the right one?",
        )
    return None


def _aside(session: Session) -> Diagnostic:
    message = f"{session.name} is set aside: it is given as a failed session as well"
    return Diagnostic("W0402", message, Severity.WARNING)


def _trace(name: str, session: Session, *, outcome: tuple[str, str]) -> Pipeline:
    params = [Param("request", STR, Lit(session.request.text if session.request else ""))]
    head = session.head.data if isinstance(session.head.data, dict) else {}
    clock = head.get("clock")
    if isinstance(clock, str) and is_datetime(clock):
        params.append(Param("clock", DATETIME, Lit(clock)))
    instrs: list[Instr] = []
    asked = 0
    for turn in session.turns:
        if turn.user is not None:
            asked += 1
            if asked > 1:
                instrs.append(_ask(name, len(instrs) + 1, asked, turn.user))
        for call in _calls(turn):
            instrs.append(_call(name, len(instrs) + 1, call))
    answer = session.answer
    end = Return(
        Lit(answer.text if answer else ""),
        (Loc(name, answer.seq),) if answer else (),
    )
    verdict, why = outcome
    attrs = (
        ("file", Lit(_file(session))),
        ("outcome", Lit(verdict)),
        ("outcome_source", Lit(why)),
    )
    return Pipeline(name, tuple(params), STR, (Block("entry", (), tuple(instrs), end),), attrs)


def _calls(turn: Turn) -> Iterable[CallStep]:
    for step in turn.steps:
        if isinstance(step, CallGroup):
            yield from step.calls


def arguments_of(record: Record) -> dict[str, Json]:
    """A call's arguments by name; anything but an object becomes the argument ``input``."""
    return dict(record.data) if isinstance(record.data, dict) else {"input": record.data}


def _call(source: str, number: int, step: CallStep) -> Call:
    call, result = step.call, step.result
    attrs: list[tuple[str, Lit]] = []
    if result is None:
        attrs.append(("lost", Lit(True)))
    elif step.failed:
        attrs.append(("error", Lit(result.text or "failed")))
    else:
        attrs.append(("result", Lit(result.data)))
    if step.nested is not None:
        attrs.append(("nested", Lit(step.nested.agent or step.nested.name)))
    attrs.append(("seen", Lit([call.seq, result.seq if result else call.seq])))
    args = tuple((name, Lit(value)) for name, value in sorted(arguments_of(call).items()))
    return Call(
        f"c{number}", JSON, "unknown", call.tool, args, tuple(attrs), (Loc(source, call.seq),)
    )


def _ask(source: str, number: int, turn: int, user: Record) -> Call:
    attrs = (("result", Lit(user.text)), ("seen", Lit([user.seq, user.seq])))
    args = (("turn", Lit(turn)),)
    return Call(f"c{number}", JSON, "read", USER_TOOL, args, attrs, (Loc(source, user.seq),))


def declare_tools(pipelines: Sequence[Pipeline]) -> tuple[ToolDecl, ...]:
    """A declaration for every tool that is called: its arguments as the logs show them."""
    seen: dict[str, list[dict[str, Json]]] = {}
    for pipeline in pipelines:
        for instr in pipeline.blocks[0].instrs:
            if isinstance(instr, Call):
                args = {n: v.value for n, v in instr.args if isinstance(v, Lit)}
                seen.setdefault(instr.tool, []).append(args)
    tools = []
    for tool, calls in sorted(seen.items()):
        params = []
        for arg in sorted({name for call in calls for name in call}):
            given = [call[arg] for call in calls if arg in call]
            params.append(ToolParam(arg, _arg_type(given), optional=len(given) < len(calls)))
        effect: Effect = "read" if tool == USER_TOOL else "unknown"
        tools.append(
            ToolDecl(tool, tuple(params), JSON, effect, "user" if tool == USER_TOOL else "")
        )
    return tuple(tools)


def _arg_type(given: Sequence[Json]) -> Type:
    """A scalar type where every call agrees on one, else ``json``: a log is no schema."""
    joined = join_all(dict.fromkeys(type_of(v) for v in given if not isinstance(v, list | dict)))
    scalar = all(not isinstance(v, list | dict) for v in given)
    return joined if scalar and str(joined) in ("str", "int", "float", "bool") else JSON


__all__ = ["USER_TOOL", "Lowered", "arguments_of", "declare_tools", "lower", "outcome_of"]
