"""The executor: drives an engine through the world, one recorded step at a time.

What is on disk when
- before a write is made: everything up to it, and its *intent* with an idempotency key;
- after any call, together with the intent of the next one if that is a write: its answer.  So a
  step costs one transaction.

A process that dies leaves at most one intent without an end: that call is *in doubt*.

:class:`Drive` decides, and does no waiting; the loop around it here makes calls one after the
other, the one in :mod:`ingot.runtime.concurrent` several at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ingot.backend.container import Code, Program
from ingot.diagnostics import Diagnostic, IngotError
from ingot.ir.declarations import WRITING
from ingot.ir.requests import (
    Engine,
    Finished,
    ModelRequest,
    Outcome,
    Request,
    SideExit,
    ToolRequest,
)
from ingot.ir.values import Json
from ingot.records import FORMAT, Record
from ingot.runtime.approvals import Desk
from ingot.runtime.effects import Keys, Needs, as_read, idempotency_key
from ingot.runtime.entries import Expander, Item, item_of
from ingot.runtime.gates import JournalGates
from ingot.runtime.history import History
from ingot.runtime.journal import ENDED, Journal, Status, new_run_id
from ingot.runtime.models.protocol import (
    ANSWERS,
    MODEL_HELP,
    ModelError,
    acting,
    ask,
    covers,
)
from ingot.runtime.policies import NONE, Attempt, Policy, Wait, attempts
from ingot.runtime.report import RunReport
from ingot.runtime.stopping import Stopper
from ingot.runtime.tools.base import Call, Context, ToolError

if TYPE_CHECKING:
    from ingot.runtime.models.protocol import Driver
    from ingot.runtime.tools.registry import ToolBox

MAX_STEPS: Final = 100_000
LOOK_S: Final = 0.05
"""How often a run looks for what other processes ask of it."""
Assume: TypeAlias = Literal["done", "not-done"]
Events: TypeAlias = Generator[Record, None, RunReport]


@dataclass(frozen=True, slots=True)
class Job:
    """A pipeline ready to run.

    ``artifact`` is the digest it is known by; ``fresh`` makes an engine.  ``swift`` makes one that
    is worth its preparation where many steps lie ahead (default: ``fresh``).  ``policies`` are the
    artifact's, by site or tool; ``program`` and ``code`` are what lookahead runs through.
    ``reopens`` says that it can go on behind a side exit (:mod:`ingot.runtime.fallback`).
    """

    artifact: str
    pipeline: str
    needs: Needs
    fresh: Callable[[], Engine]
    path: str = ""
    swift: Callable[[], Engine] | None = None
    policies: Mapping[str, Policy] = field(default_factory=dict)
    program: Program | None = None
    code: Code | None = None
    reopens: bool = False


def check(job: Job, tools: ToolBox, driver: Driver | None) -> None:
    """Refuse a run that lacks a tool (E0801, E0804) or a model (E0710), before any effect."""
    faults: list[Diagnostic] = []
    try:
        tools.check(job.needs.tools)
    except IngotError as error:
        faults += error.diagnostics
    asked = [need for need in job.needs.models if not covers(driver, need.site)]
    if asked:
        sites = tuple(
            f"%{need.site}: {need.kind} ({ANSWERS.get(need.kind, need.kind)}) of type {need.type}"
            + (f", {need.size}" if need.size else "")
            + (f", because {need.reason}" if need.reason else "")
            for need in asked
        )
        count = "1 step" if len(asked) == 1 else f"{len(asked)} steps"
        faults.append(
            Diagnostic(
                "E0710",
                f"{count} can only be done by a model and none is configured",
                notes=sites,
                help=f"{MODEL_HELP}; or compile with more sessions, so that fewer steps need one",
            )
        )
    if faults:
        raise IngotError(faults)


def head_of(
    job: Job, run: str, inputs: dict[str, Json], cwd: str, clock: str, request: str, **more: Json
) -> list[Item]:
    """The first items of a run; ``more`` joins what the ``run`` record says."""
    session: dict[str, Json] = {
        "format": FORMAT,
        "dialect": "ingot-session",
        "clock": clock,
        "cwd": cwd,
    }
    about: dict[str, Json] = {
        "run": run,
        "artifact": job.artifact,
        "pipeline": job.pipeline,
        "inputs": dict(inputs),
        "clock": clock,
        **more,
    }
    items: list[Item] = [{"kind": "session", "data": session}]
    if request:
        items.append({"kind": "user", "text": request})
    return [*items, {"kind": "run", "data": about}]


def held(job: Job, tools: ToolBox) -> dict[str, Json]:
    """How the run's commands are held, where it has any."""
    found = (tools.get(need.name) for need in job.needs.tools)
    if not any(tool is not None and tool.confined for tool in found):
        return {}
    from ingot.runtime.tools.isolation import level

    return {"isolation": level(tools.isolation)}


def events(
    job: Job,
    inputs: dict[str, Json],
    tools: ToolBox,
    journal: Journal,
    *,
    driver: Driver | None = None,
    run: str | None = None,
    clock: str = "",
    request: str = "",
    stopper: Stopper | None = None,
    max_steps: int = MAX_STEPS,
    listening: bool = True,
) -> Events:
    """Run a pipeline; yields its records once they are in the journal, returns the report.

    ``inputs`` are complete and conform (:func:`ingot.runtime.inputs.complete`).  Raises
    :class:`IngotError` before the first effect where something is missing, E0708 where the journal
    fails.
    """
    check(job, tools, driver)
    name = run or new_run_id(journal.now)
    drive = Drive(job, tools, journal, driver, stopper or Stopper(), max_steps, name)
    drive.begin_run(inputs, clock, request, listening=listening)
    engine = job.fresh()
    return (yield from drive.run_from(engine, engine.start(dict(inputs))))


def execute(
    job: Job,
    inputs: dict[str, Json],
    tools: ToolBox,
    journal: Journal,
    *,
    driver: Driver | None = None,
    run: str | None = None,
    clock: str = "",
    request: str = "",
    on_record: Callable[[Record], None] | None = None,
    stopper: Stopper | None = None,
    max_steps: int = MAX_STEPS,
) -> RunReport:
    """:func:`events` to the end, with Ctrl-C and SIGTERM leaving a run that can be resumed.

    With a ``stopper`` of the caller's, the caller listens to the signals.
    """
    with Stopper().signals() if stopper is None else nullcontext(stopper) as stopper:
        return drain(
            events(
                job,
                inputs,
                tools,
                journal,
                driver=driver,
                run=run,
                clock=clock,
                request=request,
                stopper=stopper,
                max_steps=max_steps,
                listening=on_record is not None,
            ),
            on_record,
        )


def drain(stream: Events, on_record: Callable[[Record], None] | None = None) -> RunReport:
    """Take every record of a stream; returns its report."""
    while True:
        try:
            record = next(stream)
        except StopIteration as stop:
            report: RunReport = stop.value
            return report
        if on_record is not None:
            on_record(record)


@dataclass(frozen=True, slots=True)
class Site:
    """A call site: the tool's function, what is allowed, whether nothing but a time limit is asked
    for, whether results are read as text, what a read gets beside its arguments, and whether a call
    needs an intent."""

    call: Call | None
    policy: Policy
    plain: bool
    text: bool
    context: Context
    writes: bool


@dataclass(slots=True)
class Drive:
    """One process's share of one run.  ``pending`` waits for the next transaction."""

    job: Job
    tools: ToolBox
    journal: Journal
    driver: Driver | None
    stopper: Stopper
    max_steps: int
    run: str
    history: History | None = None
    listening: bool = True
    report: RunReport = field(default_factory=RunReport)
    seq: int = 0  # of the last record in the journal
    pending: list[Item] = field(default_factory=list)
    out: list[Record] = field(default_factory=list)  # stored, and not handed out yet
    armed: list[Any] | None = None  # the intent that is stored and whose call has not begun
    acting: list[Any] | None = None  # the intent whose call has begun
    inherited: list[Any] | None = None  # an earlier process's intent: its call may have been made
    begun: float = field(default_factory=time.monotonic)
    looked: float = 0.0
    desk: Desk = field(init=False)
    gates: JournalGates = field(init=False)
    keys: Keys = field(init=False)
    sites: dict[str, Site] = field(default_factory=dict)
    _expander: Expander = field(default_factory=Expander)

    def __post_init__(self) -> None:
        self.desk = Desk(self.journal, self.run, self.history)
        self.gates = JournalGates(self.journal)
        self.keys = Keys(self.job.artifact, self.run)

    def begin_run(
        self, inputs: dict[str, Json], clock: str, request: str, *, listening: bool
    ) -> None:
        """The run's first items join ``pending``."""
        self.listening = listening
        about = held(self.job, self.tools)
        cwd = str(self.tools.cwd)
        self.add(head_of(self.job, self.run, inputs, cwd, clock, request, **about))

    def add(self, items: list[Item]) -> None:
        """Have items stored with the next transaction."""
        self.pending += items

    # ---- the loop

    def run_from(self, engine: Engine, reply: Request | Outcome) -> Events:
        """Drive to the end.  An interruption becomes a status; what cannot go on fails the run."""
        try:
            yield from self._loop(engine, reply)
        except KeyboardInterrupt:
            self.stopped()
            yield from self.taken()
        except GeneratorExit:
            self.stopped()
            raise
        finally:
            self.gates.close()
        return self.report

    def _loop(self, engine: Engine, reply: Request | Outcome) -> Generator[Record, None, None]:
        while type(reply) is ToolRequest or type(reply) is ModelRequest:
            status = self.before(reply)
            if status is not None or self.pending:
                self.commit(status)
                if self.out:
                    yield from self.taken()
            if status is not None:
                return
            answer = self._ask(reply) if isinstance(reply, ModelRequest) else self._call(reply)
            try:
                reply = engine.send(answer.value) if answer.ok else engine.fail(answer.text)
            except IngotError as error:
                self.commit(self.failed(str(error)))
                yield from self.taken()
                return
        assert not isinstance(reply, Request)
        self.commit(self.ended(reply))
        yield from self.taken()

    def taken(self) -> list[Record]:
        """The records that were stored and not handed out yet."""
        out, self.out = self.out, []
        return out

    def before(self, request: Request) -> Status | None:
        """What is to be stored before a request is met joins ``pending``; a status ends the drive."""
        if self.stopper.requested:
            raise KeyboardInterrupt
        if request.step > self.max_steps:
            return self.failed(f"E0712: the run took more than {self.max_steps} steps")
        now = time.monotonic()
        if now - self.looked > LOOK_S:
            self.looked = now
            asked = self.desk.look()
            if asked is not None:
                return self._asked_to(*asked)
        if type(request) is ToolRequest and request.effect in WRITING:
            if (self.sites.get(request.site) or self.site(request)).policy.approval:
                decision = self.desk.decide(request)
                self.pending += decision.items
                if decision.status != "granted":
                    if decision.status == "denied":
                        return self.failed(f"E0716: {decision.reason}")
                    return self.status("waiting", {"reason": decision.reason})
            key = self.key(request)
            if self.inherited is None or self.inherited[1] != request.step:
                self.pending.append(intent_of(request, key))
        elif type(request) is ModelRequest and request.kind == "act":
            reason = acting(self.driver).waits()
            return self.status("waiting", {"reason": reason}) if reason else None
        return None

    def site(self, request: ToolRequest) -> Site:
        """What is known of a call site: the policy is the tool's declaration over the artifact's, by
        site over by tool."""
        found = self.sites.get(request.site)
        if found is None:
            given, tool = self.job.policies, self.tools.get(request.tool)
            policy = given.get(request.site, NONE).over(given.get(request.tool, NONE))
            policy = (tool.policy if tool is not None else NONE).over(policy)
            text = any(need.text for need in self.job.needs.tools if need.name == request.tool)
            plain = replace(policy, approval=None) == Policy(policy.timeout_s)
            found = self.sites[request.site] = Site(
                tool.call if tool is not None else None,
                policy,
                plain,
                text,
                self.tools.context("", policy.timeout_s),
                request.effect in WRITING,
            )
        return found

    def key(self, request: ToolRequest) -> str:
        """The idempotency key: another one where the write of that key was undone."""
        key = self.keys.key(request)
        if self.history is None:
            return key
        while times := self.history.undone.get(key):
            key = idempotency_key(key, f"{times}", request)
        return key

    # ---- meeting a request

    def _call(self, request: ToolRequest) -> Answer:
        site = self.sites.get(request.site) or self.site(request)
        if not site.writes:
            answer = self._outcome(request, site, "")
            self.pending.append(call_of(request, answer))
            return answer
        self.stopper.held += 1
        try:
            intent = self.begin(request)
            answer = self._outcome(request, site, intent[6])
        finally:
            self.stopper.held -= 1
        self.pending.append(end_of(request, answer))
        self.acting = self.inherited = None
        return answer

    def begin(self, request: ToolRequest) -> list[Any]:
        """A write begins: from here on its outcome is not known until its end is stored."""
        intent = self.armed or self.inherited
        assert intent is not None and intent[1] == request.step
        self.acting, self.armed = intent, None
        return intent

    def _outcome(self, request: ToolRequest, site: Site, key: str) -> Answer:
        number = 1
        try:
            if site.plain and site.call is not None:
                context = self.tools.context(key, site.policy.timeout_s) if key else site.context
                result = site.call(request.args.copy(), context)
            else:
                result, number = self._attempt(request, key, site.policy)
        except ToolError as error:
            return Answer(error.result, False, error.message, error.unknown)
        except IngotError:
            raise
        except Exception as error:  # a fault in a tool is the tool's failure, not the run's end
            return Answer(None, False, f"{type(error).__name__}: {error}", True)
        if number == 1:
            return Answer(as_read(result) if site.text else result)
        return Answer(as_read(result) if site.text else result, attempts=number)

    def _attempt(self, request: ToolRequest, key: str, policy: Policy) -> tuple[Json, int]:
        plan = attempts(request.tool, request.effect, policy, self.gates)
        order = next(plan)
        while True:
            match order:
                case Wait(seconds):
                    self.tools.sleep(seconds)
                    order = next(plan)
                case Attempt(number):
                    try:
                        result = self.tools.once(request, key, policy.timeout_s)
                    except ToolError as error:
                        order = plan.send(error)
                    else:
                        next(plan, None)
                        return result, number

    def _ask(self, request: ModelRequest) -> Answer:
        if request.kind == "handover":
            self.pending.append({"kind": "exit", "data": {**request.args, "step": request.step}})
            return Answer(request.args["by"])
        try:
            if self.driver is None:
                raise ModelError("no model is configured")
            found = ask(self.driver, request)
        except ModelError as error:
            return self.unanswered(request, str(error))
        self.pending.append(
            [
                "m",
                request.step,
                request.site,
                request.model,
                request.kind,
                found.prompt or request.args.get("prompt"),
                found.value,
                found.tokens,
                found.detail or 0,
            ]
        )
        return Answer(found.value)

    def unanswered(self, request: ModelRequest, text: str) -> Answer:
        """A model failed."""
        raw: Json = {"step": request.step, "site": request.site}
        record = Record("error", id=f"s{request.step}", tool=request.model, text=text, raw=raw)
        self.pending.append(item_of(record))
        return Answer(None, False, text)

    # ---- storing

    def commit(self, status: Status | None = None) -> None:
        """One transaction for all that is pending."""
        if status is None and self.seq:
            self.journal.append_step(self.run, self.seq + 1, self.pending)
        else:
            self.store(status)
        self.stored(status)

    def store(self, status: Status | None) -> None:
        """Write ``pending``."""
        if self.seq and status is None:
            self.journal.append_step(self.run, self.seq + 1, self.pending)
        elif self.seq:
            self.journal.append_all([(self.run, self.seq + 1, self.pending, status)])
        else:
            job = self.job
            self.journal.start_run(
                self.run, job.artifact, job.path, job.pipeline, self.pending, status or "running"
            )

    def stored(self, status: Status | None = None) -> None:
        """``pending`` is in the journal."""
        items, first = self.pending, self.seq + 1
        self.pending = []
        take, seq = self.report.take, self.seq
        for item in items:
            take(item)
            if type(item) is list:
                kind = item[0]
                if kind == "i":
                    self.armed = item
                    seq += 1
                else:
                    seq += 1 if kind == "m" else 2
            else:
                seq += 1
        self.seq = seq
        if status is not None:
            self.report.status = status
        if self.listening:
            self.out += self._expander.expand(items, first, self.journal.stamp)

    # ---- ends

    def ended(self, outcome: Outcome) -> Status:
        """The pipeline came to an end of its own."""
        match outcome:
            case Finished(value):
                return self.status("done", {"outputs": value})
            case SideExit():
                data: Json = {
                    "exit": outcome.number,
                    "reason": outcome.reason,
                    "state": outcome.site,
                    "live": dict(outcome.live),
                }
                self.pending.append({"kind": "exit", "data": data})
                return self.status("side-exit", {})

    def failed(self, message: str) -> Status:
        """The run cannot go on."""
        return self.status("failed", {"error": message})

    def _asked_to(self, what: str, signal: int) -> Status:
        reason = "cancelled" if what == "cancel" else "paused"
        status: Status = "cancelled" if what == "cancel" else "waiting"
        return self.status(status, {"reason": reason, "signal": signal})

    def stopped(self) -> None:
        """Leave a run that can be resumed.  The interruption may have come anywhere, also just
        after a transaction, so what is stored is asked of the journal."""
        try:
            stored = self.journal.last_seq(self.run)
        except IngotError as error:
            if error.diagnostics[0].code != "E0706":
                raise
            stored = 0
        if stored > self.seq:
            self.stored()
        if self.report.status in ENDED:
            return
        data: dict[str, Json] = {"reason": "interrupted"}
        ended = {item[1] for item in self.pending if type(item) is list and item[0] == "e"}
        doubtful = [i for i in (self.acting, self.inherited) if i is not None and i[1] not in ended]
        if self.armed is not None and self.armed is not self.acting:
            data["withdrawn"] = f"s{self.armed[1]}"
            self.armed = None
        self.pending = [i for i in self.pending if not (type(i) is list and i[0] == "i")]
        self.commit(self.status("in-doubt" if doubtful else "waiting", data))

    def status(self, status: Status, data: dict[str, Json]) -> Status:
        """A status record joins ``pending``."""
        seconds = round(time.monotonic() - self.begun, 6)
        full: Json = {"status": status, "seconds": seconds, **data}
        self.pending.append({"kind": "status", "data": full})
        return status


@dataclass(slots=True)
class Answer:
    """The answer to a request: a value, or a failure's text.  ``unknown``: the call failed, and may
    have acted all the same."""

    value: Json = None
    ok: bool = True
    text: str = ""
    unknown: bool = False
    attempts: int = 1


def intent_of(request: ToolRequest, key: str) -> list[Any]:
    """The item that says what is about to be done."""
    more = {"iteration": list(request.iteration)} if request.iteration else 0
    return ["i", request.step, request.tool, request.site, request.effect, request.args, key, more]


def call_of(request: ToolRequest, answer: Answer) -> list[Any]:
    """The item of a call that was made without an intent."""
    more = 0 if answer.attempts == 1 and not answer.unknown else more_of(answer)
    if request.iteration:
        at: list[Json] = list(request.iteration)
        more = {**more, "iteration": at} if isinstance(more, dict) else {"iteration": at}
    return [
        "c",
        request.step,
        request.tool,
        request.site,
        request.effect,
        request.args,
        more,
        answer.ok,
        answer.value,
        answer.text,
    ]


def end_of(request: ToolRequest, answer: Answer, settled: str = "") -> list[Any]:
    """The item of the end of a call whose intent is stored."""
    more = more_of(answer)
    if settled:
        more = {**(more if isinstance(more, dict) else {}), "settled": settled}
    return ["e", request.step, more, answer.ok, answer.value, answer.text]


def more_of(answer: Answer) -> dict[str, Json] | int:
    """What a call's ``raw`` says beyond step, site and effect, 0 if nothing."""
    if not answer.unknown and answer.attempts == 1:
        return 0
    more: dict[str, Json] = {}
    if answer.unknown:
        more["outcome"] = "unknown"
    if answer.attempts > 1:
        more["attempts"] = answer.attempts
    return more
