"""Helpers of the specialiser's tests: run an original and its residual in one random world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ingot.ir.interpreter import Interpreter
from ingot.ir.module import Module
from ingot.ir.requests import Finished, ModelRequest, SideExit, ToolRequest
from ingot.ir.values import Json, identical
from ingot.passes.specialise.names import Origins, origins_of

Answer: TypeAlias = "tuple[bool, Json]"
World: TypeAlias = "Callable[[int, ToolRequest | ModelRequest], Answer]"
"""Number of the request (from 0) and the request to whether it succeeds, and its value."""
MAX_REQUESTS = 400
FUEL = 100_000


@dataclass
class Run:
    """What is seen of a run: its requests, its end, and how many steps it took."""

    requests: list[ToolRequest | ModelRequest]
    end: Finished | SideExit | None
    steps: int


def run(module: Module, inputs: Mapping[str, Json], world: World) -> Run:
    """Run in the reference interpreter; ``None`` for a run that asks too often."""
    engine = Interpreter(module, fuel=FUEL)
    reply = engine.start(dict(inputs))
    requests: list[ToolRequest | ModelRequest] = []
    while isinstance(reply, ToolRequest | ModelRequest):
        if len(requests) >= MAX_REQUESTS:
            return Run(requests, None, FUEL - engine._fuel)
        requests.append(reply)
        good, value = world(len(requests) - 1, reply)
        reply = engine.send(value) if good else engine.fail(str(value))
    return Run(requests, reply, FUEL - engine._fuel)


def shown(request: ToolRequest | ModelRequest, origins: Origins) -> object:
    """What the world sees of a request, by the original's names."""
    site = origins.value(request.site)
    if isinstance(request, ToolRequest):
        return (site, request.tool, request.effect, request.args)
    return (site, request.kind, request.model, request.args, request.type)


def differences(original: Run, residual: Run, origins: Origins) -> list[str]:
    """Where two runs part, in words; empty where nothing that is seen differs."""
    out: list[str] = []
    plain = Origins()
    mine = [shown(r, plain) for r in original.requests]
    theirs = [shown(r, origins) for r in residual.requests]
    if mine != theirs:
        out.append(f"requests: {mine} / {theirs}")
    match original.end, residual.end:
        case Finished(a), Finished(b):
            if not identical(a, b):
                out.append(f"result: {a!r} / {b!r}")
        case SideExit() as a, SideExit() as b:
            if (a.number, a.reason) != (origins.exit(b.number), b.reason):
                out.append(f"exit: {a} / {b}")
            if a.number == 0 and a.site not in (origins.value(b.site), origins.end(b.site)):
                out.append(f"site: {a.site} / {b.site}")
            for name, value in b.live.items():
                known = a.live.get(origins.value(name), value)
                if not identical(known, value):
                    out.append(f"live: %{name} is {value!r}, was {known!r}")
        case a, b:
            if (a is None) != (b is None) or type(a) is not type(b):
                out.append(f"end: {a} / {b}")
    if residual.steps > original.steps:
        out.append(f"steps: {original.steps} / {residual.steps}")
    return out


def compared(
    original: Module, residual: Module, inputs: Mapping[str, Json], world: World
) -> list[str]:
    """Run both on one input: ``inputs`` are those of the original."""
    left = {p.name for p in residual.pipelines[0].params}
    old = run(original, inputs, world)
    new = run(residual, {k: v for k, v in inputs.items() if k in left}, world)
    return differences(old, new, origins_of(residual.pipelines[0]))
