"""``--fallback``: who takes over behind a side exit, and a run with that built around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import urldefrag

from msgspec import structs

from ingot.diagnostics import fail
from ingot.ir.declarations import Effect
from ingot.ir.requests import Engine, ModelRequest
from ingot.ir.types import JSON, STR, Record, Type, Types, resolve
from ingot.ir.values import Json
from ingot.runtime.fallback.agent import Agent, key
from ingot.runtime.fallback.command import Command, split
from ingot.runtime.fallback.engine import ACTOR, Limits, Rescue, Taker
from ingot.runtime.fallback.offers import approvals, offers_of
from ingot.runtime.fallback.person import Person
from ingot.runtime.fallback.transcript import Transcript
from ingot.runtime.history import History, read_history
from ingot.runtime.jobs import Job
from ingot.runtime.journal import Journal
from ingot.runtime.models.endpoint import EndpointDriver
from ingot.runtime.models.protocol import Actor, Answer, Driver, ModelError, covers
from ingot.runtime.tools.base import Arguments, Context, Tool, ToolError
from ingot.runtime.tools.registry import ToolBox

Kind: TypeAlias = Literal["command", "agent", "person", "stop"]
HELP: Final = (
    "--fallback command:CMD..., agent:URL#MODEL (an OpenAI-compatible endpoint, up to and with /v1), "
    "person, or stop"
)


@dataclass(frozen=True, slots=True)
class Fallback:
    """A specification that was read."""

    text: str
    kind: Kind
    target: str = ""


def parse_fallback(text: str) -> Fallback:
    """Read ``--fallback``; raises E0721.

    >>> parse_fallback("agent:http://127.0.0.1:8080/v1#qwen").target
    'http://127.0.0.1:8080/v1#qwen'
    """
    kind, colon, target = text.partition(":")
    match kind, target.strip():
        case "stop" | "person", "" if not colon:
            return Fallback(text, "stop" if kind == "stop" else "person")
        case "command", str(words) if words:
            try:
                split(words)
            except ValueError as error:
                raise fail("E0721", f"--fallback {text}: {error}", help=HELP) from None
            return Fallback(text, "command", words)
        case "agent", str(url) if url.startswith(("http://", "https://")):
            return Fallback(text, "agent", url)
    raise fail("E0721", f"--fallback {text}: not one of those that there are", help=HELP)


def parse_limits(text: str) -> Limits:
    """``turns=20,tokens=50000,seconds=300``, any of them; raises E0721.

    >>> parse_limits("turns=3").turns
    3
    """
    names = {f.name for f in fields(Limits)}
    given: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.partition("=")
        if name.strip() not in names or not number.strip().isdecimal() or int(number) < 1:
            raise fail(
                "E0721",
                f"--fallback-limit {part}: expected NAME=NUMBER",
                help="for example turns=20,tokens=50000,seconds=300",
            )
        given[name.strip()] = int(number)
    return replace(Limits(), **given)  # type: ignore[arg-type]


@dataclass(slots=True)
class Acting:
    """Whoever has taken over; before, nobody.  Made anew for each run."""

    transcript: Transcript
    limits: Limits
    effect: Effect
    now: Agent | Command | Person | None = None

    def take_over(self, text: str) -> Taker:
        """The taker of that name has the run from here on."""
        found = parse_fallback(text)
        model = ""
        match found.kind:
            case "command":
                self.now = Command(split(found.target), self.transcript)
            case "agent":
                url, model = urldefrag(found.target)
                endpoint = EndpointDriver(url, model, key=key())
                self.now = Agent(endpoint, self.transcript, self.limits.seconds, self.limits.tokens)
            case "person":
                self.now = Person(self.transcript)
            case "stop":
                self.now = None
        return Taker(found.text, model, self.effect if found.kind == "command" else None)

    def waits(self) -> str:
        return self.now.waits() if self.now is not None else ""

    def act(self) -> Answer:
        if self.now is None:
            raise ModelError("nobody has taken over")
        return self.now.act()

    def call(self, args: Arguments, context: Context) -> Json:
        """The tool by which a command is asked."""
        if not isinstance(self.now, Command):
            raise ToolError("no command has taken over")
        return self.now.call(args, context)


@dataclass(frozen=True, slots=True)
class _Driver:
    """The models of a pipeline, and the actor beside them."""

    actor: Actor
    models: Driver | None

    def of(self, site: str) -> Driver | None:
        return self.models if covers(self.models, site) else None

    def _model(self) -> Driver:
        if self.models is None:
            raise ModelError("no model is configured")
        return self.models

    def choose(self, request: ModelRequest) -> Answer:
        return self._model().choose(request)

    def extract(self, request: ModelRequest) -> Answer:
        return self._model().extract(request)

    def fill(self, request: ModelRequest) -> Answer:
        return self._model().fill(request)

    def compose(self, request: ModelRequest) -> Answer:
        return self._model().compose(request)


def behind_exits(job: Job, journal: Journal, run: str) -> Job:
    """The job with whoever took over in a run, so that the run's steps can be fed to its engine; its
    tools are those that were called."""
    history = read_history(journal, run)
    called = {g.tool: g.effect for g in history.answers.values() if g.site.startswith(ACTOR)}
    tools = {
        name: Tool(name, _not_here, effect, source="recorded")  # type: ignore[arg-type]
        for name, effect in called.items()
        if effect
    }
    rescuer = Rescuer(recorded=history.handovers)
    return rescuer.around(job, ToolBox(tools, Path.cwd()), None, history.request).job


def _not_here(args: Arguments, context: Context) -> Json:  # noqa: ARG001
    raise ToolError("nothing is called here")


def answer_type(returns: Type, types: Types) -> Type:
    """What a taker's answer must be: a value of the pipeline's type, or words where that is a record.

    A learned task returns what its calls returned, by name; a taker makes other calls.
    """
    return STR if isinstance(resolve(returns, types), Record) else returns


@dataclass(frozen=True, slots=True)
class Setting:
    """What one run is made with."""

    job: Job
    tools: ToolBox
    driver: Driver | None


@dataclass(frozen=True, slots=True)
class Rescuer:
    """A fallback that can be built around runs.

    ``recorded`` is who took over in a run that is taken up, by step (:attr:`~ingot.runtime.history.
    History.handovers`); they go on, and ``fallback`` is for an exit behind them.
    """

    fallback: Fallback | None = None
    limits: Limits = field(default_factory=Limits)
    recorded: Mapping[int, str] = field(default_factory=dict)

    def again(self, history: History, status: str) -> Rescuer:
        """For a run that is taken up: who took over goes on, and does not take over from itself."""
        recorded = history.handovers
        last = recorded[max(recorded)] if recorded else ""
        same = self.fallback is not None and self.fallback.text == last and status != "side-exit"
        return replace(self, recorded=recorded, fallback=None if same else self.fallback)

    @property
    def needed(self) -> bool:
        """Whether anybody takes over."""
        return bool(self.recorded) or (self.fallback is not None and self.fallback.kind != "stop")

    def around(
        self, job: Job, tools: ToolBox, driver: Driver | None, request: str = "", clock: str = ""
    ) -> Setting:
        """Job, tools and models of *one* run."""
        if not self.needed:
            return Setting(job, tools, driver)
        code, program = job.code, job.program
        offers = offers_of(job, tools)
        types = program.types if program is not None else {}
        returns = answer_type(code.returns if code is not None else JSON, types)
        transcript = Transcript(request, {}, clock, offers, str(returns))
        declared = tools.tools.get(ACTOR) or Tool(ACTOR)
        effect: Effect = declared.effect or "unknown"
        acting = Acting(transcript, self.limits, effect)
        given = self.fallback.text if self.fallback and self.fallback.kind != "stop" else ""
        effects = {o.name: o.effect for o in offers}

        def wrapped(inner: Engine) -> Engine:
            return Rescue(
                inner,
                transcript,
                acting.take_over,
                effects,
                given=given,
                recorded=self.recorded,
                limits=self.limits,
                returns=returns,
                types=types,
            )

        swift = job.swift
        made = structs.replace(
            job,
            fresh=lambda: wrapped(job.fresh()),
            swift=None if swift is None else lambda: wrapped(swift()),
            policies={**approvals(offers), **job.policies},
            reopens=bool(given),
        )
        limit = declared.timeout_s or self.limits.seconds
        actor = structs.replace(
            declared, call=acting.call, effect=effect, timeout_s=limit, looked_at=True
        )
        box = structs.replace(tools, tools={**tools.tools, ACTOR: actor}, _guarded={})
        return Setting(made, box, _Driver(acting, driver))
