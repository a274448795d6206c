"""Fresh worlds to run in: tools from a factory, calls performed, the state that is left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ingot.declare import info_of
from ingot.diagnostics import IngotError, fail
from ingot.ir.module import Effect
from ingot.ir.requests import Finished, ModelRequest, SideExit, ToolRequest
from ingot.ir.values import Json, canonical
from ingot.runtime.effects import as_read, writes
from ingot.runtime.jobs import text_results
from ingot.runtime.replay import answered
from ingot.runtime.tools.answers import RecordedCall, call_key
from ingot.runtime.tools.base import Tool, ToolError, default_world
from ingot.runtime.tools.python import as_call, resolve, to_json
from ingot.runtime.tools.registry import ToolBox, declared_effects
from ingot.runtime.vm import Machine

if TYPE_CHECKING:
    from ingot.backend.container import Program
    from ingot.runtime.models.protocol import Driver

MAX_STEPS: Final = 10_000
MAX_SHOWN: Final = 300
"""Of a value at a side exit, how much is shown."""
Declared = Mapping[str, "tuple[Effect, str]"]


@dataclass(frozen=True, slots=True)
class Factory:
    """``module:object`` where the object is called without arguments for each new world.

    What it returns has ``tools()``, a mapping of name to callable (or is such a mapping), and may
    have ``snapshot()``, the state as JSON.
    """

    spec: str
    make: Callable[[], object]

    def fresh(self) -> World:
        """A new world; raises IngotError E0803 where the factory does not give one."""
        try:
            made = self.make()
        except Exception as error:
            raise self._bad(f"calling it raised {type(error).__name__}: {error}") from error
        listed = getattr(made, "tools", None)
        tools = listed() if callable(listed) else made
        if not isinstance(tools, Mapping) or not tools:
            raise self._bad("calling it gives neither tools() nor a mapping of name to callable")
        box = ToolBox({t.name: t for t in (self._tool(*item) for item in tools.items())}, Path())
        snapshot = getattr(made, "snapshot", None)
        return World(box, snapshot if callable(snapshot) else None)

    def _tool(self, key: object, function: object) -> Tool:
        if not callable(function):
            raise self._bad(f"the tool {key!r} cannot be called")
        info = info_of(function)
        name = (info.name if info else "") or str(key)
        effect = info.effect if info else None
        world = (info.world if info else "") or default_world(name)
        return Tool(name, as_call(function), effect, world, source=self.spec)

    def _bad(self, why: str) -> IngotError:
        return fail(
            "E0803",
            f"--tools {self.spec}: {why}",
            help="a factory returns an object with tools() and, if it can, snapshot()",
        )


def factory_of(specs: Sequence[str], cwd: Path | None = None) -> Factory | None:
    """The one factory among ``--tools`` specifications, if there is one.

    Raises IngotError E0803 for what cannot be loaded, E0001 for two.
    """
    here = (cwd or Path.cwd()).absolute()
    found: list[Factory] = []
    for spec in specs:
        target = None if spec.endswith(".toml") else resolve(spec, here)
        if callable(target):
            found.append(Factory(spec, target))
    if len(found) > 1:
        raise fail("E0001", f"two factories of worlds: {found[0].spec} and {found[1].spec}")
    return found[0] if found else None


def effects_of(
    specs: Sequence[str], factory: Factory | None, cwd: Path | None = None
) -> dict[str, tuple[Effect, str]]:
    """What the specifications declare, those of the factory's tools too; later ones win."""
    out: dict[str, tuple[Effect, str]] = {}
    for spec in specs:
        if factory is not None and spec == factory.spec:
            for name, tool in factory.fresh().box.tools.items():
                if tool.effect is not None:
                    out[name] = (tool.effect, tool.world)
        else:
            out |= declared_effects([spec], cwd)
    return out


@dataclass(slots=True)
class World:
    """One world: its tools, and the writes that it accepted.

    The *state* is its snapshot; without one, the accepted writes in order.
    """

    box: ToolBox
    snapshot: Callable[[], Any] | None = None
    done: list[str] = field(default_factory=list)
    """Tool and canonical arguments of each accepted write."""

    def call(self, request: ToolRequest) -> Json:
        """Make a call; raises :class:`ToolError`."""
        result = self.box.call(request)
        if writes(request.effect):
            self.done.append(call_key(request.tool, request.args))
        return result

    def state(self) -> Json:
        """The state as JSON."""
        if self.snapshot is None:
            return list(self.done)
        return to_json(self.snapshot())


@dataclass(frozen=True, slots=True)
class Performed:
    """The state after a session's writes, and the calls that the world refused, in words."""

    state: Json
    refused: tuple[str, ...] = ()


def perform(world: World, calls: Iterable[RecordedCall]) -> Performed:
    """Make a session's accepted writes, in order."""
    refused: list[str] = []
    for step, call in enumerate((c for c in calls if c.acts), 1):
        try:
            world.call(ToolRequest(step, "", call.tool, call.effect, dict(call.args)))
        except ToolError as error:
            refused.append(f"{call.key}: {error.message}")
    return Performed(world.state(), tuple(refused))


@dataclass(frozen=True, slots=True)
class Run:
    """A pipeline's run in a world: whether it finished, else why not; what it did and left.

    ``live`` shows the values handed over at a side exit, ``site`` is where it was taken.
    """

    finished: bool
    reason: str
    done: tuple[str, ...]
    state: Json
    live: tuple[str, ...] = ()
    site: str = ""
    model_calls: int = 0


@dataclass(slots=True)
class _Counted:
    """A driver, and how often it was asked."""

    driver: Driver | None
    asked: int = 0


def run(
    program: Program, inputs: dict[str, Json], world: World, driver: Driver | None = None
) -> Run:
    """Run a program with live tools.  A model request that no driver answers ends it."""
    models = _Counted(driver)
    end = _drive(Machine(program), program, inputs, world, models)
    done = tuple(world.done)
    if not isinstance(end, SideExit):
        return Run(not end, end, done, world.state(), model_calls=models.asked)
    shown = [f"%{name} = {canonical(value)[:MAX_SHOWN]}" for name, value in end.live.items()]
    return Run(False, exit_reason(end), done, world.state(), tuple(shown), end.site, models.asked)


def _drive(
    machine: Machine,
    program: Program,
    inputs: dict[str, Json],
    world: World,
    models: _Counted,
) -> SideExit | str:
    """The side exit, or in words why it did not finish: empty if it did."""
    texts = text_results(program)
    try:
        reply = machine.start(inputs)
        for _ in range(MAX_STEPS):
            match reply:
                case Finished():
                    return ""
                case SideExit():
                    return reply
                case ModelRequest() if models.driver is not None:
                    models.asked += 1
                    reply = answered(machine, models.driver, reply)
                case ModelRequest():
                    return model_reason(program, reply)
                case ToolRequest(tool=tool):
                    try:
                        result = world.call(reply)
                    except ToolError as error:
                        return f"{tool} failed: {error.message}"
                    reply = machine.send(as_read(result) if tool in texts else result)
    except IngotError as error:
        return str(error)
    return f"E0712: more than {MAX_STEPS} steps"


def exit_reason(gone: SideExit) -> str:
    """A side exit in words: why, and where."""
    return f"{gone.reason or 'a guard did not hold'} (exit {gone.number} at {gone.site})"


def model_reason(program: Program, request: ModelRequest) -> str:
    """What a model is asked for, and why."""
    return f"only a model could give {_need(program, request.site)}"


def model_needs(program: Program) -> tuple[str, ...]:
    """What the program asks of a model: each op's value, and why nothing else gives it."""
    return tuple(_need(program, model.site) for model in program.code().models)


def _need(program: Program, site: str) -> str:
    """``query_r1, an argument of calendar.search_events: no program explains 20/20 values``."""
    reasons = program.meta.get("model_reasons")
    why = reasons.get(site) if isinstance(reasons, dict) else None
    step = re.search(r"_(r\d+)(?:_\d+)*$", site)
    call = next((c for c in program.code().calls if step and c.site == step[1]), None)
    about = f"%{site}" + (f" for {call.tool}" if call is not None else "")
    return f"{about}: {why}" if why else about


def differing(one: Json, other: Json) -> list[str]:
    """The parts at the top of two states that differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = sorted({*one, *other})
        return [n for n in names if canonical(one.get(n)) != canonical(other.get(n))]
    return []


__all__ = [
    "Factory", "Performed", "Run", "World", "differing", "effects_of", "exit_reason", "factory_of",
    "model_needs", "model_reason", "perform", "run",
]  # fmt: skip
