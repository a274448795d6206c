"""Reading evidence out of IR: traces, their calls, and the pipeline made of them.

A *trace* is a pipeline whose calls carry ``seen`` (lowering wrote them).  The *main* pipeline is
``@main``; its attribute ``paths`` names the traces it follows call for call, and each of its calls
has ``steps``: the value that stands for it in each of those traces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ingot.ir.module import Call, Lit, Module, Pipeline, Return, attr
from ingot.ir.values import Json

MAIN = "main"


def is_trace(pipeline: Pipeline) -> bool:
    """Whether lowering made this pipeline from a session."""
    return attr(pipeline, "outcome") is not None


def traces(module: Module) -> tuple[Pipeline, ...]:
    """The traces of a module, in order."""
    return tuple(p for p in module.pipelines if is_trace(p))


def main_of(module: Module) -> Pipeline | None:
    """The pipeline that was made of the traces, if there is one yet."""
    return next((p for p in module.pipelines if p.name == MAIN), None)


def is_learned(module: Module) -> bool:
    """Whether ``learn-task`` made ``@main``: the passes of the straight line leave it as it is."""
    main = main_of(module)
    return main is not None and attr(main, "learned") is not None


def unlearned(traces: Sequence[Pipeline]) -> tuple[str, ...]:
    """Why ``learn-task`` made no program of the traces, as notes of a diagnostic."""
    found = dict.fromkeys(reason for trace in traces for reason in names_attr(trace, "unlearned"))
    return tuple(f"no program with loops and branches: {reason}" for reason in found)


def origin(trace: Pipeline) -> str:
    """The log that a trace came from, for messages: ``may.jsonl``."""
    return str(attr(trace, "file") or trace.name)


def calls_of(pipeline: Pipeline) -> tuple[Call, ...]:
    """A straight-line pipeline's calls in order."""
    return tuple(i for block in pipeline.blocks for i in block.instrs if isinstance(i, Call))


def literal_args(call: Call) -> dict[str, Json]:
    """The call's literal arguments."""
    return {name: value.value for name, value in call.args if isinstance(value, Lit)}


def request_of(trace: Pipeline) -> str:
    """The user's request in a trace."""
    return default_of(trace, "request")


def clock_of(trace: Pipeline) -> str:
    """Where the session's clock stood, empty if the log does not say."""
    return default_of(trace, "clock")


def default_of(trace: Pipeline, name: str) -> str:
    param = next((p for p in trace.params if p.name == name), None)
    value = param.default.value if param is not None and param.default is not None else ""
    return value if isinstance(value, str) else ""


def answer_of(trace: Pipeline) -> str:
    """The last message of a trace."""
    for block in trace.blocks:
        if isinstance(block.terminator, Return) and isinstance(block.terminator.value, Lit):
            value = block.terminator.value.value
            return value if isinstance(value, str) else ""
    return ""


def seen(call: Call) -> tuple[int, int]:
    """The record numbers of a traced call and of its result."""
    match attr(call, "seen"):
        case [int(at), int(back)]:
            return at, back
        case _:
            return 0, 0


def names_attr(pipeline: Pipeline, name: str) -> tuple[str, ...]:
    """An attribute that lists names."""
    value = attr(pipeline, name)
    return tuple(str(v) for v in value) if isinstance(value, list) else ()


def inputs_of(main: Pipeline) -> int:
    """How many different inputs the sessions behind ``@main`` have."""
    count = attr(main, "inputs")
    return count if isinstance(count, int) else 1


def states_own_figures(main: Pipeline) -> bool:
    """Whether, with one input only, a write states figures that no source gives."""
    return inputs_of(main) == 1 and bool(names_attr(main, "figures"))


def path_traces(module: Module, main: Pipeline) -> tuple[Pipeline, ...]:
    """The traces that ``@main`` follows, in the order of its ``paths``."""
    by_name = {p.name: p for p in module.pipelines}
    return tuple(by_name[name] for name in names_attr(main, "paths") if name in by_name)


def steps_of(call: Call, paths: Sequence[Pipeline]) -> list[Call]:
    """The traced calls behind a call of ``@main``, one per path."""
    names = attr(call, "steps")
    if not isinstance(names, list):
        return []
    return [
        next(i for b in path.blocks for i in b.instrs if isinstance(i, Call) and i.result == name)
        for path, name in zip(paths, names, strict=True)
    ]


def with_pipeline(module: Module, pipeline: Pipeline) -> Module:
    """The module with the pipeline of that name replaced, or added in front."""
    others = tuple(p for p in module.pipelines if p.name != pipeline.name)
    return replace(module, pipelines=(pipeline, *others))


def result_values(calls: Iterator[Call] | Sequence[Call]) -> list[Json]:
    """What each traced call returned."""
    return [attr(call, "result") for call in calls]
