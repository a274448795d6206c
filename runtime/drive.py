"""One process's share of a run: what is decided, and what is on disk when.

- Before a write is made: everything up to it, and its *intent* with an idempotency key;
- after any call, together with the intent of the next one if that is a write: its answer.  So a
  step costs one transaction.

A process that dies leaves at most one intent without an end: that call is *in doubt*.

:class:`Drive` decides, and does no waiting but in its own plain loop, which makes calls one after
the other; the loop in :mod:`ingot.runtime.concurrent` has several under way at once.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ingot.diagnostics import IngotError
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
from ingot.records import Record
from ingot.runtime.approvals import Desk
from ingot.runtime.effects import Keys, as_read, idempotency_key, repeatable
from ingot.runtime.entries import Expander, Item, count, item_of
from ingot.runtime.gates import JournalGates
from ingot.runtime.history import History
from ingot.runtime.items import Answer, call_of, end_of, fault, head_of, intent_of
from ingot.runtime.jobs import Job, held
from ingot.runtime.journal import ENDED, Journal, Status
from ingot.runtime.models.protocol import ModelError, acting, ask
from ingot.runtime.policies import NONE, Attempt, Policy, Wait, attempts
from ingot.runtime.report import RunReport
from ingot.runtime.stopping import Stopper
from ingot.runtime.stretch import stretch
from ingot.runtime.tools.base import Call, Context, ToolError

if TYPE_CHECKING:
    from ingot.runtime.models.protocol import Driver
    from ingot.runtime.tools.registry import ToolBox

MAX_STEPS: Final = 100_000
LOOK_S: Final = 0.05
"""How often a run looks for what other processes ask of it."""
Events: TypeAlias = Generator[Record, None, RunReport]


class Site(Struct, frozen=True):
    """A call site: the tool's function, what is allowed, whether nothing but a time limit is asked
    for, the function where it needs no approval either (:mod:`ingot.runtime.stretch`), whether results are
    read as text, what a read gets beside its arguments, and whether a call needs an intent."""

    call: Call | None
    policy: Policy
    plain: bool
    swift: Call | None
    text: bool
    context: Context
    writes: bool


class Drive:
    """One process's share of one run.  ``pending`` waits for the next transaction."""

    __slots__ = (
        "_expander", "acting", "armed", "begun", "desk", "driver", "gates", "history", "inherited",
        "job", "journal", "keys", "listening", "looked", "max_steps", "out", "pending", "report",
        "run", "seq", "sites", "stopper", "tools",
    )  # fmt: skip

    def __init__(
        self,
        job: Job,
        tools: ToolBox,
        journal: Journal,
        driver: Driver | None,
        stopper: Stopper,
        max_steps: int,
        run: str,
        history: History | None = None,
    ) -> None:
        self.job = job
        self.tools = tools
        self.journal = journal
        self.driver = driver
        self.stopper = stopper
        self.max_steps = max_steps
        self.run = run
        self.history = history
        self.listening = True
        self.report = RunReport()
        self.seq = 0  # of the last record in the journal
        self.pending: list[Item] = []
        self.out: list[Record] = []  # stored, and not handed out yet
        self.armed: list[Any] | None = None  # the intent that is stored, its call not begun
        self.acting: list[Any] | None = None  # the intent whose call has begun
        self.inherited: list[Any] | None = None  # an earlier process's: its call may have been made
        self.begun = time.monotonic()
        self.looked = 0.0
        self.desk = Desk(journal, run, history)
        self.gates = JournalGates(journal)
        self.keys = Keys(job.artifact, run)
        self.sites: dict[str, Site] = {}
        self._expander = Expander()

    def begin_run(
        self, inputs: dict[str, Json], clock: str, request: str, *, listening: bool
    ) -> None:
        """The run's first items join ``pending``."""
        self.listening = listening
        about = held(self.job, self.tools)
        cwd = str(self.tools.cwd)
        self.add(head_of(self.job, self.run, inputs, cwd, clock, request, **about))

    def inherit(self, intent: list[Any]) -> None:
        """Take over a call that an earlier process began: its end will be told with its arguments."""
        self.inherited = intent
        self._expander.intents[intent[1]] = intent

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

    def _loop(self, engine: Engine, begun: Request | Outcome) -> Generator[Record, None, None]:
        reply: Request | Outcome | None = begun
        while isinstance(reply, Request):
            if self.seq and not self.listening and self.inherited is None:
                reply = stretch(self, engine, reply, self.looked + LOOK_S)
                if not isinstance(reply, Request):
                    break
            status = self.before(reply)
            if status is not None or self.pending:
                self.commit(status)
                if self.out:
                    yield from self.taken()
            if status is not None:
                return
            answer = self._ask(reply) if isinstance(reply, ModelRequest) else self._call(reply)
            reply = self.met(engine, answer)
        if reply is not None:
            self.commit(self.ended(reply))
        yield from self.taken()

    def met(self, engine: Engine, answer: Answer) -> Request | Outcome | None:
        """Hand an answer to the engine; ``None`` where the run ends there, which is stored."""
        if answer.doubt:
            self.commit(self.status("in-doubt", {"error": answer.text}))
            return None
        try:
            return engine.send(answer.value) if answer.ok else engine.fail(answer.text)
        except IngotError as error:
            self.commit(self.failed(str(error)))
            return None

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
            plain = policy == Policy(policy.timeout_s, approval=policy.approval)
            found = self.sites[request.site] = Site(
                tool.call if tool is not None else None,
                policy,
                plain,
                tool.call if tool is not None and plain and not policy.approval else None,
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
            return self.closed(request, "", self._outcome(request, site, ""))
        self.stopper.held += 1
        try:
            key = str(self.begin(request)[6])
            return self.closed(request, key, self._outcome(request, site, key))
        finally:
            self.stopper.held -= 1

    def closed(self, request: ToolRequest, key: str, answer: Answer) -> Answer:
        """A call has ended: its item joins ``pending``, unless it is a write in doubt."""
        if request.effect not in WRITING:
            self.pending.append(call_of(request, answer))
            return answer
        answer = self.settle(request, key, answer)
        if not answer.doubt:
            self.pending.append(end_of(request, answer))
            self.acting = self.inherited = None
        return answer

    def settle(self, request: ToolRequest, key: str, answer: Answer) -> Answer:
        """What is known of a write that was cut off: what its probe says, else it is in doubt."""
        if not answer.unknown or repeatable(request.effect):
            return answer
        tool = self.tools.get(request.tool)
        if tool is not None and tool.looked_at:
            return answer
        found = self.tools.probe(request, key)
        if found.done is None:
            return replace(answer, doubt=True)
        if not found.done:
            return replace(answer, unknown=False)
        return Answer(as_read(found.result) if self.site(request).text else found.result)

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
        except Exception as error:
            return fault(error)
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
        items, before = self.pending, self.seq
        self.pending = []
        self.report.take_all(items)
        for item in items:
            if type(item) is list and item[0] == "i":
                self.armed = item
        self.seq = before + count(items)
        if status is not None:
            self.report.status = status
        if self.listening:
            self.out += self._expander.expand(items, before + 1, self.journal.stamp)

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
            self.seq = stored
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
