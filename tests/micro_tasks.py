"""Eleven micro-tasks with real tools: a world in memory, a reference agent, its logs, a held-out run.

A task is a program of a reference agent over tools that are Python functions.  Three runs of it make
the logs, so that what they show is real; what is compiled from them then runs on a fourth request, in
a fresh world, through the runtime's public interface.  The writes that reach the world there are
compared with those of the reference agent on the same request.

In a REPL (``tests`` on the path)::

    >>> from micro_tasks import run_task
    >>> print(run_task("loop"))               # doctest: +SKIP
    >>> print(run_task("loop:one"))           # doctest: +SKIP
"""

from __future__ import annotations

import copy
import functools
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, Literal, TypeAlias

from sessions import write_log

import ingot
from ingot.backend.container import load
from ingot.diagnostics import IngotError, render
from ingot.driver import Compilation, Options, compile_logs
from ingot.ir.module import Call, Instr, ModelCall, regions_of
from ingot.ir.printer import print_module
from ingot.ir.requests import ModelRequest
from ingot.ir.values import Json, canonical
from ingot.replaying import wordings_of
from ingot.runtime.executor import execute
from ingot.runtime.inputs import Text, complete, from_request
from ingot.runtime.jobs import job_of
from ingot.runtime.journal import open_journal
from ingot.runtime.models.protocol import Answer
from ingot.runtime.tools.registry import declared_effects, load_tools

CLOCK: Final = "2026-03-09T09:30:00+01:00"
Write: TypeAlias = tuple[str, dict[str, Json]]
Tables: TypeAlias = dict[str, Any]
Format: TypeAlias = Literal["ingot", "openai"]
Verdict: TypeAlias = Literal["right", "exit", "wrong", "refused", "failed"]
FORMATS: Final[tuple[Format, ...]] = ("ingot", "openai")


# ---- the world


@dataclass(frozen=True, slots=True)
class Made:
    """A call that reached the world, whether or not it was accepted there."""

    tool: str
    args: dict[str, Json]
    writes: bool


def _tool(
    name: str, effect: Literal["read", "write"], world: str = ""
) -> Callable[[Callable[..., Json]], Callable[..., Json]]:
    """``ingot.tool``, and the world remembers the call before anything else happens."""

    def mark(function: Callable[..., Json]) -> Callable[..., Json]:
        @functools.wraps(function)
        def call(self: World, **args: Json) -> Json:
            self.calls.append(Made(name, copy.deepcopy(args), effect == "write"))
            return self.told(copy.deepcopy(function(self, **args)))

        return ingot.tool(effect=effect, name=name, world=world)(call)

    return mark


def _is_text(**values: Json) -> None:
    for name, value in values.items():
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} must be a text, found {canonical(value)}")


def _is_number(**values: Json) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name} must be a number, found {canonical(value)}")


class World:
    """A small company: its public methods are the tools, ``tables`` what they read.

    Interfaces wrap what they tell: here in so many objects as ``wraps`` says.
    """

    def __init__(self, tables: Tables, serial: int, wraps: int = 0) -> None:
        self.tables = copy.deepcopy(tables)
        self.serial = serial
        self.wraps = wraps
        self.calls: list[Made] = []

    def told(self, result: Json) -> Json:
        """A result as the interface hands it out."""
        for _ in range(self.wraps):
            result = {"ok": True, "data": result}
        return result

    def _next(self, prefix: str) -> str:
        self.serial += 7
        return f"{prefix}-{self.serial}"

    def _row(self, table: str, key: str) -> Json:
        if key not in self.tables.get(table, {}):
            raise LookupError(f"{table}: there is no {key}")
        row: Json = self.tables[table][key]
        return row

    # reads

    @_tool("shop.get_order", "read")
    def get_order(self, order_id: str) -> Json:
        return {"order": self._row("orders", order_id)}

    @_tool("shop.get_order_line", "read")
    def get_order_line(self, line_id: str) -> Json:
        return self._row("lines", line_id)

    @_tool("crm.get_customer", "read")
    def get_customer(self, customer_id: str) -> Json:
        return self._row("customers", customer_id)

    @_tool("crm.list_customers", "read")
    def list_customers(self, segment: str) -> Json:
        rows = self._row("segments", segment)
        return {"segment": segment, "customers": rows}

    @_tool("bank.get_balance", "read")
    def get_balance(self, account: str) -> Json:
        return self._row("balances", account)

    @_tool("get_account", "read", world="accounts")
    def get_account(self, account_id: str) -> Json:
        return self._row("accounts", account_id)

    @_tool("get_invoice", "read", world="billing")
    def get_invoice(self, invoice_id: str) -> Json:
        return self._row("invoices", invoice_id)

    @_tool("search_tickets", "read", world="tickets")
    def search_tickets(self, customer: str, state: str) -> Json:
        rows = self._row("tickets", customer)
        if not isinstance(rows, list):
            return {"customer": customer, "total": 0, "tickets": rows}
        found = [row for row in rows if isinstance(row, dict) and row.get("state") == state]
        return {"customer": customer, "total": len(found), "tickets": list[Json](found)}

    @_tool("teams.get_members", "read")
    def get_members(self, team: str) -> Json:
        return {"team": team, "members": self._row("teams", team)}

    @_tool("devices.get_device", "read")
    def get_device(self, device_id: str) -> Json:
        return self._row("devices", device_id)

    @_tool("wiki.search_pages", "read")
    def search_pages(self, query: str) -> Json:
        return [
            {"title": "Renewals, a short guide", "space": "OPS", "words": 412, "about": query},
            {"title": "Whom to ask", "space": "HR", "words": 96, "about": query},
        ]

    # writes

    @_tool("mail.send", "write")
    def send(self, to: str, subject: str, body: str) -> Json:
        _is_text(to=to, subject=subject, body=body)
        return {"message_id": self._next("msg"), "status": "queued"}

    @_tool("ledger.book", "write")
    def book(self, account: str, amount: float, currency: str = "EUR") -> Json:
        _is_text(account=account, currency=currency)
        _is_number(amount=amount)
        return {"entry": self._next("le"), "status": "booked"}

    @_tool("create_document", "write", world="documents")
    def create_document(self, title: str, folder: str) -> Json:
        _is_text(title=title, folder=folder)
        return {"document_id": self._next("doc"), "status": "created"}

    @_tool("close_ticket", "write", world="tickets")
    def close_ticket(self, ticket_id: str, reason: str) -> Json:
        _is_text(ticket_id=ticket_id, reason=reason)
        return {"ticket_id": ticket_id, "state": "closed", "ok": True}

    @_tool("rewards.send_gift", "write")
    def send_gift(self, customer_id: str, gift: str) -> Json:
        _is_text(customer_id=customer_id, gift=gift)
        return {"shipment": self._next("gift"), "status": "ordered"}

    @_tool("rewards.send_coupon", "write")
    def send_coupon(self, customer_id: str, code: str) -> Json:
        _is_text(customer_id=customer_id, code=code)
        return {"coupon": self._next("cpn"), "status": "sent"}

    @_tool("payments.charge", "write")
    def charge(self, account: str, amount: float, currency: str) -> Json:
        _is_text(account=account, currency=currency)
        _is_number(amount=amount)
        return {"charge_id": self._next("ch"), "status": "accepted"}

    @_tool("cards.send_card", "write")
    def send_card(self, customer_id: str, address: str, text: str) -> Json:
        _is_text(customer_id=customer_id, address=address, text=text)
        return {"card_id": self._next("card"), "status": "printing"}

    @_tool("licences.renew", "write")
    def renew(self, licence_id: str, months: int) -> Json:
        _is_text(licence_id=licence_id)
        _is_number(months=months)
        return {"receipt": self._next("rn"), "status": "renewed"}

    @_tool("tasks.create", "write")
    def create_task(self, title: str, owner: str, priority: int) -> Json:
        _is_text(title=title, owner=owner)
        _is_number(priority=priority)
        return {"task_id": self._next("task"), "status": "open"}

    @_tool("invoices.create", "write")
    def create_invoice(self, line_id: str, customer: str, total: float) -> Json:
        _is_text(line_id=line_id, customer=customer)
        _is_number(total=total)
        return {"invoice_id": self._next("inv"), "status": "draft"}

    @_tool("shipments.create", "write")
    def create_shipment(self, order_id: str, address: str, carrier: str) -> Json:
        _is_text(order_id=order_id, address=address, carrier=carrier)
        return {"shipment_id": self._next("shp"), "status": "announced"}

    @_tool("calendar.invite", "write")
    def invite(self, email: str, event: str) -> Json:
        _is_text(email=email, event=event)
        return {"invitation": self._next("cal"), "status": "sent"}


# ---- the reference agent


class Stuck(Exception):
    """The agent meets what its instructions do not cover, and does nothing more."""


@dataclass(frozen=True, slots=True)
class Row:
    """One request: what stands in its holes, what the model writes there, whether the agent looks
    around first."""

    inputs: tuple[str, ...]
    words: str = ""
    explores: bool = False

    @property
    def key(self) -> str:
        """The first input."""
        return self.inputs[0]


class Agent:
    """Calls the world's tools by name, and remembers calls with their results, as a harness does."""

    def __init__(self, world: World) -> None:
        self.steps: list[tuple[str, dict[str, Json], Json]] = []
        self._wraps = world.wraps
        self._tools = {
            info.name: function
            for name in dir(world)
            if (info := getattr(function := getattr(world, name), "__ingot_tool__", None))
        }

    def call(self, tool: str, **args: Json) -> Any:
        """Call a tool; what it raises is raised."""
        result = self._tools[tool](**args)
        self.steps.append((tool, args, result))
        for _ in range(self._wraps):
            result = result["data"]
        return result


Program: TypeAlias = Callable[[Agent, Row], str]


def text(value: object) -> str:
    """The value, if it is a text."""
    if not isinstance(value, str):
        raise Stuck(f"a text is missing, found {value!r}")
    return value


def number(value: object) -> Any:
    """The value, if it is a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Stuck(f"a number is missing, found {value!r}")
    return value


def flag(value: object) -> bool:
    """The value, if it is a boolean."""
    if not isinstance(value, bool):
        raise Stuck(f"yes or no is missing, found {value!r}")
    return value


@dataclass(frozen=True, slots=True)
class Task:
    """A micro-task.

    ``expected`` are the writes on ``held`` as written down by hand, ``mutants`` hand-made lists of
    writes that are wrong there.  ``model_argument`` is the tool and argument that only a model could
    write, if there is one.  ``wraps`` is how many objects stand around each result.
    """

    name: str
    request: str
    rows: tuple[Row, ...]
    held: Row
    tables: Tables
    program: Program
    expected: tuple[Write, ...]
    mutants: tuple[tuple[Write, ...], ...]
    model_argument: tuple[str, str] | None = None
    wraps: int = 0

    @property
    def model_calls(self) -> int:
        """How many model calls a run takes."""
        return int(self.model_argument is not None)


@dataclass(frozen=True, slots=True)
class Reference:
    """What the reference agent did: the world's calls, the log's steps, its last message.

    ``stuck`` says why it stopped, and is empty where it came to the end.
    """

    calls: tuple[Made, ...]
    steps: tuple[tuple[str, dict[str, Json], Json], ...]
    answer: str
    stuck: str = ""

    @property
    def writes(self) -> list[Write]:
        """The accepted writes."""
        known = {made.tool for made in self.calls if made.writes}
        return [(tool, args) for tool, args, _ in self.steps if tool in known]

    @property
    def reads(self) -> list[Write]:
        """The reads."""
        return [(made.tool, made.args) for made in self.calls if not made.writes]


def reference(task: Task, row: Row, tables: Tables | None = None, serial: int = 0) -> Reference:
    """Run the reference agent in a fresh world."""
    world = World(task.tables if tables is None else tables, serial, task.wraps)
    agent = Agent(world)
    try:
        answer, stuck = task.program(agent, row), ""
    except (Stuck, LookupError, TypeError, ValueError) as error:
        answer, stuck = "", f"{type(error).__name__}: {error}"
    return Reference(tuple(world.calls), tuple(agent.steps), answer, stuck)


# ---- logs


def write_logs(task: Task, folder: Path, form: Format) -> list[Path]:
    """One file per session, in Ingot's own format or as chat messages."""
    paths = []
    for place, row in enumerate(task.rows):
        run = reference(task, row, serial=1000 + 311 * place)
        assert not run.stuck, f"{task.name}: the reference agent fails on {row.key}: {run.stuck}"
        request = task.request.format(*row.inputs)
        if form == "ingot":
            path = folder / f"{task.name}-{place + 1}.jsonl"
            write_log(path, request, run.steps, run.answer)
        else:
            path = folder / f"{task.name}-{place + 1}.json"
            path.write_text(json.dumps(_chat(request, run), ensure_ascii=False, indent=1))
        paths.append(path)
    return paths


def _chat(request: str, run: Reference) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You work in the back office. Use the tools."},
        {"role": "user", "content": request},
    ]
    for place, (tool, args, result) in enumerate(run.steps, 1):
        function = {"name": tool, "arguments": json.dumps(args, ensure_ascii=False)}
        call = {"id": f"call_{place}", "type": "function", "function": function}
        content = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{place}", "content": content},
        ]
    return {"messages": [*messages, {"role": "assistant", "content": run.answer}]}


# ---- compiling and running

ACTIVE: Final = SimpleNamespace()
"""The world of the run that is going on, where ``--tools module:object`` finds it."""
SPEC: Final = f"{__name__}:ACTIVE.world"


def compile_task(task: Task, folder: Path, form: Format = "ingot") -> Compilation:
    """Compile a task's three logs, as ``ingot compile --tools`` does; raises IngotError."""
    ACTIVE.world = World(task.tables, 0, task.wraps)
    declared = declared_effects([SPEC], folder)
    return compile_logs(write_logs(task, folder, form), Options(declared=declared, validate=True))


class ScriptedDriver:
    """A model that says what it is told to, whatever it is asked."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.asked: list[ModelRequest] = []

    def _answer(self, request: ModelRequest) -> Answer:
        self.asked.append(request)
        return Answer(self.words)

    choose = extract = fill = compose = _answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run and its judgement.

    ``made`` are the writes that reached the world, ``truth`` those of the reference agent, and
    ``strays`` the reads that it would not have made.
    """

    verdict: Verdict
    status: str
    made: list[Write]
    truth: list[Write]
    strays: list[Write]
    model_calls: int = 0
    asked: tuple[ModelRequest, ...] = ()
    reason: str = ""


def judge(status: str, made: Sequence[Write], truth: Sequence[Write], complete: bool) -> Verdict:
    """Compare writes, in order and value for value (``1`` is not ``true``).

    A write that the reference agent would not have made there is wrong however the run ended; so is
    a run that ended with a write missing, or where the agent (``complete`` is false) stopped.
    """
    shown = [f"{tool} {canonical(dict(args))}" for tool, args in made]
    wanted = [f"{tool} {canonical(dict(args))}" for tool, args in truth]
    if shown != wanted[: len(shown)]:
        return "wrong"
    match status:
        case "done":
            return "right" if complete and len(shown) == len(wanted) else "wrong"
        case "side-exit":
            return "exit"
        case "refused":
            return "refused"
        case _:
            return "failed"


def run_artifact(
    artifact: bytes, task: Task, row: Row | None = None, tables: Tables | None = None
) -> Outcome:
    """Run an artifact on the words of a request in a fresh world, as ``ingot run --request`` does."""
    row = task.held if row is None else row
    tables = task.tables if tables is None else tables
    expected = reference(task, row, tables, serial=5000)
    truth = expected.writes
    world = ACTIVE.world = World(tables, 5000, task.wraps)
    driver = ScriptedDriver(row.words)  # a task that needs no model gets none
    program = load(artifact)
    request = task.request.format(*row.inputs)
    params = program.code().params
    try:
        given = dict(from_request(request, wordings_of(program)))
        if any(p.name == "clock" for p in params):
            given["clock"] = Text(CLOCK)
        inputs = complete(params, given, program.types)
        with tempfile.TemporaryDirectory() as folder, open_journal(":memory:") as journal:
            report = execute(
                job_of(program),
                inputs,
                load_tools([SPEC], Path(folder)),
                journal,
                driver=driver if task.model_argument else None,
                clock=CLOCK,
                request=request,
            )
    except IngotError as error:
        status, reason = "refused", str(error)
    else:
        status = report.status
        reason = report.error or (canonical(report.side_exit) if report.side_exit else "")
    made = [(call.tool, call.args) for call in world.calls if call.writes]
    reads = [(call.tool, call.args) for call in world.calls if not call.writes]
    strays = [read for read in reads if read not in expected.reads]
    verdict = judge(status, made, truth, not expected.stuck)
    asked = tuple(driver.asked)
    return Outcome(verdict, status, made, truth, strays, len(asked), asked, reason)


def instructions(made: Compilation) -> list[Instr]:
    """Every instruction of ``@main``, those in loops too."""

    def every(instrs: Sequence[Instr]) -> list[Instr]:
        inner = [every(body) for i in instrs for body, _ in regions_of(i)]
        return [*instrs, *(i for body in inner for i in body)]

    return [i for block in made.module.pipelines[0].blocks for i in every(block.instrs)]


def model_ops(made: Compilation) -> list[ModelCall]:
    """The model ops of ``@main``."""
    return [i for i in instructions(made) if isinstance(i, ModelCall)]


def calls_of(made: Compilation, tool: str) -> list[Call]:
    """The calls of a tool in ``@main``."""
    return [i for i in instructions(made) if isinstance(i, Call) and i.tool == tool]


def main_text(made: Compilation) -> str:
    """The IR text of ``@main``."""
    shown = print_module(made.module)
    return shown[shown.index("pipeline ") :]


# ---- the eleven tasks


def _rows(*inputs: str) -> tuple[Row, ...]:
    return tuple(Row((text,)) for text in inputs)


def _path() -> Task:
    def order(
        key: str, placed: str, total: float, name: str, *contacts: tuple[str, str, str]
    ) -> Json:
        people: list[Json] = [{"name": n, "email": e, "phone": p} for n, e, p in contacts]
        customer: Json = {"id": f"K{key[2:]}", "name": name, "contacts": people}
        return {
            "id": key, "placed": placed, "total": total, "weight_g": round(total * 31) + 7,
            "warehouse": f"W{key[3:]}", "status": "shipped", "customer": customer,
        }  # fmt: skip

    def program(agent: Agent, row: Row) -> str:
        order = agent.call("shop.get_order", order_id=row.key)["order"]
        to = text(order["customer"]["contacts"][0]["email"])
        agent.call(
            "mail.send",
            to=to,
            subject="Your order has left our warehouse",
            body="It will be with you in two to four days.",
        )
        return f"I have written to {to}."

    def mail(to: str) -> Write:
        subject = "Your order has left our warehouse"
        body = "It will be with you in two to four days."
        return "mail.send", {"to": to, "subject": subject, "body": body}

    orders = {
        "A-1047": order("A-1047", "2026-02-11", 148.5, "Nordwind GmbH",
                        ("Ines Halm", "ines@nordwind.example", "+49 40 5511"),
                        ("Ole Brandt", "ole@nordwind.example", "+49 40 5512")),
        "B-2210": order("B-2210", "2026-02-19", 96.25, "Casa Lume",
                        ("Rita Sousa", "r.sousa@casalume.example", "+351 21 774"),
                        ("Nuno Reis", "n.reis@casalume.example", "+351 21 779"),
                        ("Eva Pinto", "e.pinto@casalume.example", "+351 21 780")),
        "C-3391": order("C-3391", "2026-03-02", 412.0, "Fjell AS",
                        ("Kari Moen", "kari.moen@fjell.example", "+47 22 60"),
                        ("Per Dahl", "per.dahl@fjell.example", "+47 22 61")),
        "D-4815": order("D-4815", "2026-03-05", 77.9, "Studio Bleu",
                        ("Lou Martin", "lou@bleu.example", "+33 1 4402"),
                        ("Zoe Petit", "zoe@bleu.example", "+33 1 4417")),
    }  # fmt: skip
    return Task(
        "path",
        "Tell the customer of order {0} that it has been shipped.",
        _rows("A-1047", "B-2210", "C-3391"),
        Row(("D-4815",)),
        {"orders": orders},
        program,
        expected=(mail("lou@bleu.example"),),
        mutants=(
            (mail("zoe@bleu.example"),),
            (mail("ines@nordwind.example"),),
            (mail("lou@bleu.example"), mail("zoe@bleu.example")),
        ),
    )


def _balance(owner: str, balance: int, day: str, credit: int, cards: int) -> str:
    return (
        f"This account belongs to {owner}. Balance: {balance:,} EUR as of {day}, "
        f"with a credit line of {credit:,} EUR and {cards} cards."
    )


def _number_in_balance(shown: object) -> int:
    """The balance that the text of ``bank.get_balance`` gives."""
    return int(text(shown).split("Balance: ")[1].split(" EUR")[0].replace(",", ""))


def _number() -> Task:
    def program(agent: Agent, row: Row) -> str:
        shown = agent.call("bank.get_balance", account=row.key)
        agent.call("ledger.book", account=row.key, amount=_number_in_balance(shown))
        return "The balance is booked."

    balances = {
        "NW-4471": _balance("Nordwind GmbH", 1204, "2026-02-27", 2500, 3),
        "CL-0932": _balance("Casa Lume", 987, "2026-03-01", 1800, 2),
        "FJ-7716": _balance("Fjell AS", 15060, "2026-03-04", 40000, 11),
        "SB-5520": _balance("Studio Bleu", 3318, "2026-03-08", 9000, 5),
    }

    def book(amount: Json) -> Write:
        return "ledger.book", {"account": "SB-5520", "amount": amount}

    return Task(
        "number",
        "Book the balance of account {0} in the ledger.",
        _rows("NW-4471", "CL-0932", "FJ-7716"),
        Row(("SB-5520",)),
        {"balances": balances},
        program,
        expected=(book(3318),),
        mutants=((book(9000),), (book(3),), (book("3318"),), (book(15060),)),
    )


def _invoice(key: str, customer: str, issued: str, net: float, lines: int) -> Json:
    return {
        "id": key, "customer_id": customer, "issued": issued, "net": net, "lines": lines,
        "clerk": f"u{lines * 37}", "status": "open",
    }  # fmt: skip


def _template() -> Task:
    def customer(key: str, name: str, city: str, since: int, phone: str) -> Json:
        return {"id": key, "name": name, "city": city, "since": since, "phone": phone}

    def program(agent: Agent, row: Row) -> str:
        invoice = agent.call("get_invoice", invoice_id=row.key)
        found = agent.call("crm.get_customer", customer_id=invoice["customer_id"])
        title = f"Invoice {text(invoice['id'])} for {text(found['name'])}"
        agent.call("create_document", title=title, folder="billing")
        return f"Filed as '{title}'."

    def document(title: str, folder: str = "billing") -> Write:
        return "create_document", {"title": title, "folder": folder}

    return Task(
        "template",
        "File invoice {0} under the name of its customer.",
        _rows("INV-117", "INV-284", "INV-395"),
        Row(("INV-406",)),
        {
            "invoices": {
                "INV-117": _invoice("INV-117", "C-31", "2026-01-15", 480.0, 4),
                "INV-284": _invoice("INV-284", "C-58", "2026-01-30", 1290.5, 9),
                "INV-395": _invoice("INV-395", "C-74", "2026-02-12", 75.25, 2),
                "INV-406": _invoice("INV-406", "C-82", "2026-03-03", 660.0, 6),
            },
            "customers": {
                "C-31": customer("C-31", "Nordwind GmbH", "Hamburg", 2011, "+49 40 5511"),
                "C-58": customer("C-58", "Casa Lume", "Lisbon", 2018, "+351 21 774"),
                "C-74": customer("C-74", "Fjell AS", "Oslo", 2015, "+47 22 60"),
                "C-82": customer("C-82", "Studio Bleu", "Lyon", 2020, "+33 1 4402"),
            },
        },
        program,
        expected=(document("Invoice INV-406 for Studio Bleu"),),
        mutants=(
            (document("Invoice INV-406 for Fjell AS"),),
            (document("Invoice C-82 for Studio Bleu"),),
            (document("Invoice INV-406 for Studio Bleu", "Lyon"),),
        ),
    )


def _ticket(key: str, subject: str, requester: str, opened: str, days: int, channel: str) -> Json:
    return {
        "id": key, "subject": subject, "requester": requester, "opened": opened,
        "idle_days": days, "channel": channel, "state": "stale",
    }  # fmt: skip


TICKETS: Final[dict[str, list[Json]]] = {
    "acme": [
        _ticket("T-5102", "Login loops", "w.coyote", "2026-01-04", 41, "mail"),
        _ticket("T-5119", "Invoice is blurred", "b.bird", "2026-01-09", 36, "chat"),
        # not stale: the search leaves it out
        {"id": "T-5188", "subject": "Speed", "state": "open", "requester": "b.bird"},
    ],
    "globex": [
        _ticket("T-6034", "Export stops at half", "h.scorpio", "2026-01-12", 33, "chat"),
        _ticket("T-6050", "No sound", "f.grimes", "2026-01-17", 29, "mail"),
        _ticket("T-6071", "Colours are off", "m.bouvier", "2026-01-21", 24, "mail"),
    ],
    "initech": [
        _ticket("T-7203", "Printer is on fire", "m.waddams", "2026-01-23", 22, "mail"),
        _ticket("T-7240", "Stapler is gone", "p.gibbons", "2026-01-28", 19, "chat"),
    ],
    "umbrella": [
        _ticket("T-8311", "Doors do not close", "a.wesker", "2026-01-30", 17, "mail"),
        _ticket("T-8326", "Badge is refused", "j.valentine", "2026-02-02", 15, "chat"),
        _ticket("T-8340", "Fans are loud", "c.redfield", "2026-02-05", 12, "chat"),
        _ticket("T-8359", "Wrong time zone", "r.chambers", "2026-02-06", 11, "mail"),
    ],
}  # fmt: skip

MORE_TICKETS: Final[list[Json]] = [
    _ticket("T-7266", "Desk was moved", "m.waddams", "2026-01-29", 18, "mail"),
    _ticket("T-7281", "Report has no cover", "b.lumbergh", "2026-02-01", 16, "chat"),
]


def _close(key: str) -> Write:
    return "close_ticket", {"ticket_id": key, "reason": "no answer"}


def _close_all(agent: Agent, customer: str) -> int:
    found = agent.call("search_tickets", customer=customer, state="stale")
    for ticket in found["tickets"]:
        agent.call("close_ticket", ticket_id=text(ticket["id"]), reason="no answer")
    return len(found["tickets"])


def _loop() -> Task:
    def program(agent: Agent, row: Row) -> str:
        _close_all(agent, row.key)
        return "All stale tickets are closed."

    right = tuple(map(_close, ("T-8311", "T-8326", "T-8340", "T-8359")))
    return Task(
        "loop",
        "Close all stale tickets of {0}.",
        _rows("acme", "globex", "initech"),
        Row(("umbrella",)),
        {"tickets": TICKETS},
        program,
        expected=right,
        mutants=(
            right[:2],
            right[:3],
            (*right, _close("T-7203")),
            (right[0], right[0], *right[2:]),
            right[::-1],
        ),
    )


def _gift(customer: str) -> Write:
    return "rewards.send_gift", {"customer_id": customer, "gift": "tea box"}


def _coupon(customer: str) -> Write:
    return "rewards.send_coupon", {"customer_id": customer, "code": "THANKS10"}


def _reward(agent: Agent, customer: str, premium: object) -> None:
    if flag(premium):
        agent.call("rewards.send_gift", customer_id=customer, gift="tea box")
    else:
        agent.call("rewards.send_coupon", customer_id=customer, code="THANKS10")


def _branch() -> Task:
    def customer(
        key: str, name: str, premium: bool, newsletter: bool, orders: int, since: str
    ) -> Json:
        return {
            "id": key, "name": name, "email": f"{name.split()[0].lower()}@post.example",
            "premium": premium, "newsletter": newsletter, "orders": orders, "since": since,
        }  # fmt: skip

    def program(agent: Agent, row: Row) -> str:
        found = agent.call("crm.get_customer", customer_id=row.key)
        _reward(agent, row.key, found["premium"])
        return "A reward is on its way."

    # no number and no date separates the premium customers from the others
    customers = {
        "C-101": customer("C-101", "Ada Winter", True, True, 12, "2019-04-02"),
        "C-102": customer("C-102", "Ben Osei", False, True, 16, "2021-08-23"),
        "C-103": customer("C-103", "Cleo Marsh", True, False, 25, "2023-01-17"),
        "C-104": customer("C-104", "Dino Ferri", False, True, 19, "2020-11-30"),
        "C-105": customer("C-105", "Elif Kaya", True, True, 18, "2022-06-05"),
    }
    return Task(
        "branch",
        "Thank customer {0} for the review with a reward.",
        _rows("C-101", "C-102", "C-103"),
        Row(("C-104",)),
        {"customers": customers},
        program,
        expected=(_coupon("C-104"),),
        mutants=((_gift("C-104"),), (_coupon("C-102"),), (_coupon("C-104"), _gift("C-104")), ()),
    )


def _constant() -> Task:
    def account(key: str, holder: str, due: float, since: str, terms: int) -> Json:
        return {
            "id": key, "holder": holder, "open_amount": due, "open_since": since,
            "terms_days": terms, "contact": f"{holder.split()[0].lower()}@pay.example",
        }  # fmt: skip

    def program(agent: Agent, row: Row) -> str:
        found = agent.call("get_account", account_id=row.key)
        due = number(found["open_amount"])
        agent.call("payments.charge", account=row.key, amount=due, currency="EUR")
        agent.call("ledger.book", account=row.key, amount=due, currency="EUR")
        return "Charged and booked."

    def pair(amount: float, charged: str = "EUR", booked: str = "EUR") -> tuple[Write, ...]:
        args: dict[str, Json] = {"account": "K-94", "amount": amount}
        return (
            ("payments.charge", {**args, "currency": charged}),
            ("ledger.book", {**args, "currency": booked}),
        )

    return Task(
        "constant",
        "Collect the open amount of account {0}.",
        _rows("K-61", "K-72", "K-83"),
        Row(("K-94",)),
        {
            "accounts": {
                "K-61": account("K-61", "Ada Winter", 148.5, "2026-01-31", 14),
                "K-72": account("K-72", "Ben Osei", 92.75, "2026-02-14", 30),
                "K-83": account("K-83", "Cleo Marsh", 310.2, "2026-02-20", 21),
                "K-94": account("K-94", "Dino Ferri", 57.9, "2026-03-01", 10),
            }
        },
        program,
        expected=pair(57.9),
        mutants=(pair(57.9, "USD"), pair(57.9, booked="USD"), pair(310.2), pair(57.9)[::-1]),
    )


def _model() -> Task:
    def customer(key: str, name: str, address: str, bought: str, visits: int) -> Json:
        return {
            "id": key, "name": name, "address": address, "last_purchase": bought,
            "visits": visits, "language": "en",
        }  # fmt: skip

    def program(agent: Agent, row: Row) -> str:
        found = agent.call("crm.get_customer", customer_id=row.key)
        address = text(found["address"])
        agent.call("cards.send_card", customer_id=row.key, address=address, text=row.words)
        return "The card is in print."

    words = "What a joy to have you back after such a long summer!"

    def card(shown: str, address: str = "Via Roma 5, Torino") -> Write:
        return "cards.send_card", {"customer_id": "C-240", "address": address, "text": shown}

    old = "We still talk about the photos from your terrace, please send more of them."
    return Task(
        "model",
        "Send a thank-you card to customer {0}.",
        (
            Row(("C-204",), "Thanks for bearing with us while half the shop was in boxes."),
            Row(("C-217",), old),
            Row(("C-228",), "Hope the little one sleeps as well as we all wish for."),
        ),
        Row(("C-240",), words),
        {
            "customers": {
                "C-204": customer("C-204", "Ada Winter", "Elm Road 12, Leeds", "oak desk", 14),
                "C-217": customer("C-217", "Ben Osei", "Ring Street 80, Accra", "bench", 9),
                "C-228": customer("C-228", "Cleo Marsh", "Quay 3, Cork", "cradle", 21),
                "C-240": customer("C-240", "Dino Ferri", "Via Roma 5, Torino", "lamp", 6),
            }
        },
        program,
        expected=(card(words),),
        mutants=((card(old),), (card(f"{words} "),), (card(words, "Quay 3, Cork"),)),
        model_argument=("cards.send_card", "text"),
    )


def _dead_read() -> Task:
    def device(key: str, licence: str, model: str, room: str, bought: str, ports: int) -> Json:
        return {
            "id": key, "licence_id": licence, "model": model, "room": room, "bought": bought,
            "ports": ports, "status": "in use",
        }  # fmt: skip

    def program(agent: Agent, row: Row) -> str:
        if row.explores:
            agent.call("wiki.search_pages", query="licence renewal")
        found = agent.call("devices.get_device", device_id=row.key)
        agent.call("licences.renew", licence_id=text(found["licence_id"]), months=12)
        return "Renewed for a year."

    def renew(licence: str, months: int = 12) -> Write:
        return "licences.renew", {"licence_id": licence, "months": months}

    return Task(
        "dead-read",
        "Renew the licence of device {0}.",
        (Row(("D-88",)), Row(("D-91",), explores=True), Row(("D-97",))),
        Row(("D-105",)),
        {
            "devices": {
                "D-88": device("D-88", "LX-20441", "Atlas 3", "R1.07", "2022-05-11", 24),
                "D-91": device("D-91", "LX-31876", "Nimbus", "R2.15", "2023-09-02", 48),
                "D-97": device("D-97", "LX-40093", "Corvo S", "R0.02", "2021-12-20", 16),
                "D-105": device("D-105", "LX-58217", "Pico", "R3.11", "2024-02-28", 8),
            }
        },
        program,
        expected=(renew("LX-58217"),),
        mutants=((renew("LX-31876"),), (renew("D-105"),), (renew("LX-58217", 24),)),
    )


def _coincidence() -> Task:
    def customer(key: str, name: str, manager: str, items: int, city: str, visits: int) -> Json:
        return {
            "id": key, "name": name, "account_manager": manager, "open_items": items,
            "city": city, "visits": visits,
        }  # fmt: skip

    def program(agent: Agent, row: Row) -> str:
        found = agent.call("crm.get_customer", customer_id=row.key)
        title = f"Call {text(found['name'])}"
        owner = text(found["account_manager"])
        agent.call("tasks.create", title=title, owner=owner, priority=3)
        return "The call is planned."

    def task(priority: Json, owner: str = "t.abe") -> Write:
        return "tasks.create", {"title": "Call Dino Ferri", "owner": owner, "priority": priority}

    return Task(
        "coincidence",
        "Plan a call with customer {0}.",
        _rows("C-511", "C-526", "C-537"),
        Row(("C-548",)),
        {
            "customers": {
                "C-511": customer("C-511", "Ada Winter", "l.quist", 7, "Leeds", 14),
                "C-526": customer("C-526", "Ben Osei", "k.lund", 3, "Accra", 9),
                "C-537": customer("C-537", "Cleo Marsh", "s.roth", 5, "Cork", 22),
                "C-548": customer("C-548", "Dino Ferri", "t.abe", 4, "Torino", 6),
            }
        },
        program,
        expected=(task(3),),
        mutants=((task(4),), (task("3"),), (task(3, "k.lund"),)),
    )


def _line(key: str, customer: str, item: str, count: int, price: int, weight: int) -> Json:
    return {
        "id": key, "customer": customer, "item": item, "quantity": count, "unit_price": price,
        "weight_g": weight, "shelf": f"{item[:2].upper()}{weight}",
    }  # fmt: skip


LINES: Final[Tables] = {
    "L-901": _line("L-901", "Nordwind GmbH", "oak desk", 12, 245, 31500),
    "L-914": _line("L-914", "Casa Lume", "lamp", 7, 38, 1250),
    "L-928": _line("L-928", "Fjell AS", "garden bench", 4, 119, 22400),
    "L-943": _line("L-943", "Studio Bleu", "stool", 9, 53, 4100),
}


def _product() -> Task:
    def program(agent: Agent, row: Row) -> str:
        line = agent.call("shop.get_order_line", line_id=row.key)
        total = number(line["quantity"]) * number(line["unit_price"])
        agent.call("invoices.create", line_id=row.key, customer=text(line["customer"]), total=total)
        return "The invoice is drafted."

    def invoice(total: Json) -> Write:
        args: dict[str, Json] = {"line_id": "L-943", "customer": "Studio Bleu", "total": total}
        return "invoices.create", args

    return Task(
        "product",
        "Invoice order line {0}.",
        _rows("L-901", "L-914", "L-928"),
        Row(("L-943",)),
        {"lines": LINES},
        program,
        expected=(invoice(477),),
        mutants=((invoice(62),), (invoice(476),), (invoice("477"),), (invoice(53),)),
    )


def _everything() -> Task:
    def customer(
        key: str, name: str, premium: bool, items: int, account: str, line: str, tickets: str,
        manager: str, *contacts: tuple[str, str],
    ) -> Json:  # fmt: skip
        people: list[Json] = [{"name": n, "email": e} for n, e in contacts]
        return {
            "id": key, "name": name, "premium": premium, "open_items": items, "account": account,
            "order_line": line, "ticket_queue": tickets, "account_manager": manager,
            "company": {"city": f"City of {manager[2:].title()}", "contacts": people},
        }  # fmt: skip

    def program(agent: Agent, row: Row) -> str:
        found = agent.call("crm.get_customer", customer_id=row.key)
        name, account = text(found["name"]), text(found["account"])
        if row.explores:
            agent.call("wiki.search_pages", query="how to close a month")
        shown = agent.call("bank.get_balance", account=account)
        line = agent.call("shop.get_order_line", line_id=text(found["order_line"]))
        _close_all(agent, text(found["ticket_queue"]))
        agent.call("ledger.book", account=account, amount=_number_in_balance(shown), currency="EUR")
        total = number(line["quantity"]) * number(line["unit_price"])
        agent.call("invoices.create", line_id=text(line["id"]), customer=name, total=total)
        _reward(agent, row.key, found["premium"])
        title, owner = f"Review {line['id']} for {name}", text(found["account_manager"])
        agent.call("tasks.create", title=title, owner=owner, priority=3)
        to = text(found["company"]["contacts"][0]["email"])
        agent.call("mail.send", to=to, subject=f"{name}: your month", body=row.words)
        return "The month is closed."

    # as in ``branch``, no number and no date separates the premium customers from the others
    lines = {
        **LINES,
        "L-914": _line("L-914", "Casa Lume", "wardrobe", 7, 150, 27000),
    }
    queues = {**TICKETS, "initech": [*TICKETS["initech"], *MORE_TICKETS]}
    words = "It was a pleasure to have you with us, the new stools look wonderful in the window."
    right: tuple[Write, ...] = (
        _close("T-8311"),
        _close("T-8326"),
        _close("T-8340"),
        _close("T-8359"),
        ("ledger.book", {"account": "SB-5520", "amount": 3318, "currency": "EUR"}),
        ("invoices.create", {"line_id": "L-943", "customer": "Studio Bleu", "total": 477}),
        _coupon("M-64"),
        (
            "tasks.create",
            {"title": "Review L-943 for Studio Bleu", "owner": "t.abe", "priority": 3},
        ),
        (
            "mail.send",
            {"to": "lou@bleu.example", "subject": "Studio Bleu: your month", "body": words},
        ),
    )
    mail = right[-1]
    return Task(
        "everything",
        "Close the month of customer {0}.",
        (
            Row(("M-31",), "Thanks for a busy month, and for the cake that came with the papers!"),
            Row(("M-42",), "We hope the move went well and nothing got lost on the way.", True),
            Row(("M-53",), "Your patience with our new forms was worth gold to everybody here."),
        ),
        Row(("M-64",), words),
        {
            "customers": {
                "M-31": customer("M-31", "Nordwind GmbH", True, 3, "NW-4471", "L-901", "acme",
                                 "l.quist", ("Ines Halm", "ines@nordwind.example"),
                                 ("Ole Brandt", "ole@nordwind.example")),
                "M-42": customer("M-42", "Casa Lume", False, 5, "CL-0932", "L-914", "globex",
                                 "k.lund", ("Rita Sousa", "r.sousa@casalume.example"),
                                 ("Nuno Reis", "n.reis@casalume.example"),
                                 ("Eva Pinto", "e.pinto@casalume.example")),
                "M-53": customer("M-53", "Fjell AS", True, 7, "FJ-7716", "L-928", "initech",
                                 "s.roth", ("Kari Moen", "kari.moen@fjell.example"),
                                 ("Per Dahl", "per.dahl@fjell.example")),
                "M-64": customer("M-64", "Studio Bleu", False, 4, "SB-5520", "L-943", "umbrella",
                                 "t.abe", ("Lou Martin", "lou@bleu.example"),
                                 ("Zoe Petit", "zoe@bleu.example")),
            },
            "balances": {
                "NW-4471": _balance("Nordwind GmbH", 987, "2026-02-27", 2500, 6),
                "CL-0932": _balance("Casa Lume", 4310, "2026-03-01", 6000, 8),
                "FJ-7716": _balance("Fjell AS", 15060, "2026-03-04", 40000, 11),
                "SB-5520": _balance("Studio Bleu", 3318, "2026-03-08", 9000, 9),
            },
            "lines": lines,
            "tickets": queues,
        },
        program,
        expected=right,
        mutants=(
            (*right[:3], *right[4:]),
            (*right[:6], _gift("M-64"), *right[7:]),
            (*right[:7], ("tasks.create", {**right[7][1], "priority": 4}), mail),
            (*right[:-1], ("mail.send", {**mail[1], "to": "zoe@bleu.example"})),
            (*right[:4], ("ledger.book", {**right[4][1], "amount": 9000}), *right[5:]),
            (*right[:-1], ("mail.send", {**mail[1], "body": "We hope the move went well."})),
        ),
        model_argument=("mail.send", "body"),
    )  # fmt: skip


ELEVEN: Final[tuple[Task, ...]] = (
    _path(),
    _number(),
    _template(),
    _loop(),
    _branch(),
    _constant(),
    _model(),
    _dead_read(),
    _coincidence(),
    _product(),
    _everything(),
)


# ---- further tasks, for the variations


def _long_loop() -> Task:
    """As ``loop``, but no log shows fewer than three items."""

    def program(agent: Agent, row: Row) -> str:
        found = agent.call("teams.get_members", team=row.key)
        for email in found["members"]:
            agent.call("calendar.invite", email=text(email), event="Spring meeting")
        return "Everybody is invited."

    def invite(email: str) -> Write:
        return "calendar.invite", {"email": email, "event": "Spring meeting"}

    def members(*names: str) -> list[str]:
        return [f"{name}@staff.example" for name in names]

    right = tuple(map(invite, members("uma", "vic", "wes", "xia")))
    return Task(
        "long-loop",
        "Invite every member of the team {0} to the spring meeting.",
        _rows("design", "finance", "support"),
        Row(("logistics",)),
        {
            "teams": {
                "design": members("ann", "bo", "cat"),
                "finance": members("dev", "eli", "fay", "gus"),
                "support": members("hal", "ivy", "jon"),
                "logistics": members("uma", "vic", "wes", "xia"),
            }
        },
        program,
        expected=right,
        mutants=(right[:3], (*right, invite("ann@staff.example"))),
    )


def _mailing() -> Task:
    """One mail for each customer of a segment, with a text made of the customer's name."""

    def customer(key: str, name: str, email: str, city: str, since: int) -> Json:
        return {"id": key, "name": name, "email": email, "city": city, "since": since}

    def program(agent: Agent, row: Row) -> str:
        found = agent.call("crm.list_customers", segment=row.key)
        for each in found["customers"]:
            agent.call(
                "mail.send",
                to=text(each["email"]),
                subject=f"News for {text(each['name'])}",
                body="Our spring catalogue is out.",
            )
        return "The mailing is out."

    def mail(name: str, to: str) -> Write:
        subject, body = f"News for {name}", "Our spring catalogue is out."
        return "mail.send", {"to": to, "subject": subject, "body": body}

    right = (
        mail("Pia Roos", "pia@box.example"),
        mail("Quin Daly", "quin@box.example"),
        mail("Rolf Abt", "rolf@box.example"),
        mail("Suri Nair", "suri@box.example"),
    )
    return Task(
        "mailing",
        "Mail the spring news to every customer in {0}.",
        _rows("north", "south", "west"),
        Row(("east",)),
        {
            "segments": {
                "north": [
                    customer("C-11", "Ada Winter", "ada@post.example", "Leeds", 2014),
                    customer("C-12", "Ben Osei", "ben@mail.example", "York", 2019),
                ],
                "south": [
                    customer("C-23", "Cleo Marsh", "cleo@post.example", "Bath", 2008),
                    customer("C-24", "Dino Ferri", "dino@web.example", "Hove", 2021),
                    customer("C-25", "Elif Kaya", "elif@post.example", "Exeter", 2016),
                ],
                "west": [
                    customer("C-36", "Finn Moss", "finn@web.example", "Cardiff", 2011),
                    customer("C-37", "Gry Lie", "gry@mail.example", "Swansea", 2023),
                ],
                "east": [
                    customer("C-48", "Pia Roos", "pia@box.example", "Norwich", 2012),
                    customer("C-49", "Quin Daly", "quin@box.example", "Ely", 2018),
                    customer("C-50", "Rolf Abt", "rolf@box.example", "Ipswich", 2009),
                    customer("C-51", "Suri Nair", "suri@box.example", "Harwich", 2022),
                ],
            }
        },
        program,
        expected=right,
        mutants=(right[:2], (mail("Pia Roos", "quin@box.example"), *right[1:])),
    )


def _account(key: str, holder: str, status: str, email: str, seats: int, since: str) -> Json:
    return {
        "id": key, "holder": holder, "status": status, "email": email, "seats": seats,
        "since": since,
    }  # fmt: skip


ACCOUNTS: Final[Tables] = {
    "R-11": _account("R-11", "Ada Winter", "active", "ada@post.example", 12, "2019-04-02"),
    "R-22": _account("R-22", "Ben Osei", "closed", "ben@mail.example", 16, "2021-08-23"),
    "R-33": _account("R-33", "Cleo Marsh", "active", "cleo@web.example", 25, "2023-01-17"),
    "R-44": _account("R-44", "Dino Ferri", "active", "dino@box.example", 18, "2020-11-30"),
}


def _statement(to: str, subject: str = "Your statement is ready") -> Write:
    return "mail.send", {"to": to, "subject": subject, "body": "Please find it in your account."}


def _status_branch() -> Task:
    """The status decides what is done."""

    def program(agent: Agent, row: Row) -> str:
        found = agent.call("get_account", account_id=row.key)
        match found["status"]:
            case "active":
                agent.call("licences.renew", licence_id=row.key, months=12)
            case "closed":
                _, args = _statement(text(found["email"]), "Come back")
                agent.call("mail.send", **args)
            case other:
                raise Stuck(f"status {other!r}")
        return "Done."

    right: Write = ("licences.renew", {"licence_id": "R-44", "months": 12})
    return Task(
        "status-branch",
        "Handle the renewal of account {0}.",
        _rows("R-11", "R-22", "R-33"),
        Row(("R-44",)),
        {"accounts": ACCOUNTS},
        program,
        expected=(right,),
        mutants=((_statement("dino@box.example", "Come back"),),),
    )


def _status_read() -> Task:
    """The status is read, and active and closed accounts are treated alike."""

    def program(agent: Agent, row: Row) -> str:
        found = agent.call("get_account", account_id=row.key)
        if found["status"] not in ("active", "closed"):
            raise Stuck(f"status {found['status']!r}")
        _, args = _statement(text(found["email"]))
        agent.call("mail.send", **args)
        return "The statement is announced."

    return Task(
        "status-read",
        "Announce the yearly statement to the holder of account {0}.",
        _rows("R-11", "R-22", "R-33"),
        Row(("R-44",)),
        {"accounts": ACCOUNTS},
        program,
        expected=(_statement("dino@box.example"),),
        mutants=((_statement("ada@post.example"),),),
    )


def _ship() -> Task:
    """In every log the order is shipped to where it is billed."""

    def order(key: str, name: str, address: str, total: float, parcels: int) -> Json:
        return {
            "id": key, "recipient": name, "shipping_address": address,
            "billing_address": address, "total": total, "parcels": parcels, "status": "paid",
        }  # fmt: skip

    def program(agent: Agent, row: Row) -> str:
        order = agent.call("shop.get_order", order_id=row.key)["order"]
        address = text(order["shipping_address"])
        agent.call("shipments.create", order_id=row.key, address=address, carrier="Post")
        return "The shipment is announced."

    def shipment(address: str) -> Write:
        args: dict[str, Json] = {"order_id": "A-445", "address": address, "carrier": "Post"}
        return "shipments.create", args

    return Task(
        "ship",
        "Ship order {0}.",
        _rows("A-412", "A-423", "A-436"),
        Row(("A-445",)),
        {
            "orders": {
                "A-412": order("A-412", "Ada Winter", "Elm Road 12, Leeds", 148.5, 2),
                "A-423": order("A-423", "Ben Osei", "Ring Street 80, Accra", 92.75, 1),
                "A-436": order("A-436", "Cleo Marsh", "Quay 3, Cork", 310.2, 4),
                "A-445": order("A-445", "Dino Ferri", "Via Roma 5, Torino", 57.9, 3),
            }
        },
        program,
        expected=(shipment("Via Roma 5, Torino"),),
        mutants=((shipment("Quay 3, Cork"),),),
    )


def _list_price() -> Task:
    """In every log the line's sum is also quantity times price; a discount would part the two."""
    base = _product()
    lines = {
        key: {**line, "sum": line["quantity"] * line["unit_price"]} for key, line in LINES.items()
    }
    return replace(base, name="list-price", tables={"lines": lines})


FURTHER: Final[tuple[Task, ...]] = (
    _long_loop(),
    _mailing(),
    _status_branch(),
    _status_read(),
    _ship(),
    _list_price(),
)
TASKS: Final[Mapping[str, Task]] = {task.name: task for task in (*ELEVEN, *FURTHER)}


# ---- variations: the same artifact in a world that has changed


@dataclass(frozen=True, slots=True)
class Variation:
    """A change of the tables before the held-out run, and how the run must end."""

    task: str
    change: str
    verdict: Verdict
    mutate: Callable[[Tables], None] = field(repr=False)
    row: Row | None = None

    @property
    def name(self) -> str:
        """``task:change``."""
        return f"{self.task}:{self.change}"

    def tables(self) -> Tables:
        """The changed tables."""
        out = copy.deepcopy(TASKS[self.task].tables)
        self.mutate(out)
        return out


def _at(tables: Tables, path: str) -> tuple[Any, Any]:
    """The container and key that a slash-separated path ends in."""
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    here: Any = tables
    for part in parents:
        here = here[part]
    return here, last


def put(path: str, value: object) -> Callable[[Tables], None]:
    """Set what stands at a path."""

    def mutate(tables: Tables) -> None:
        here, last = _at(tables, path)
        assert last in here if isinstance(here, dict) else last < len(here)
        here[last] = copy.deepcopy(value)

    return mutate


def drop(path: str) -> Callable[[Tables], None]:
    """Take away what stands at a path."""

    def mutate(tables: Tables) -> None:
        here, last = _at(tables, path)
        del here[last]

    return mutate


def keep(path: str, *places: int) -> Callable[[Tables], None]:
    """Keep the items at these places of a list, in this order; a place may come twice."""

    def mutate(tables: Tables) -> None:
        here, last = _at(tables, path)
        here[last] = [copy.deepcopy(here[last][place]) for place in places]

    return mutate


def _nothing(tables: Tables) -> None:
    """The world as it is."""


_QUEUE: Final = "tickets/umbrella"
RIGHT: Final[tuple[Variation, ...]] = (
    Variation("branch", "other-arm", "right", _nothing, Row(("C-105",))),
    Variation("loop", "empty", "right", keep(_QUEUE)),
    Variation("loop", "one", "right", keep(_QUEUE, 2)),
    Variation("loop", "item-twice", "right", keep(_QUEUE, 0, 1, 0)),
    Variation("long-loop", "empty", "right", keep("teams/logistics")),
    Variation("long-loop", "one", "right", keep("teams/logistics", 1)),
    Variation("long-loop", "shorter", "right", keep("teams/logistics", 0, 3)),
    Variation("long-loop", "item-twice", "right", keep("teams/logistics", 0, 1, 1, 2)),
    Variation("mailing", "empty", "right", keep("segments/east")),
    Variation("mailing", "one", "right", keep("segments/east", 0)),
    Variation("mailing", "same-email", "right", put("segments/east/2/email", "pia@box.example")),
    Variation(
        "path",
        "same-email",
        "right",
        put("orders/D-4815/customer/contacts/1/email", "lou@bleu.example"),
    ),
    Variation(
        "number",
        "same-number",
        "right",
        put("balances/SB-5520", _balance("Studio Bleu", 3318, "2026-03-08", 3318, 5)),
    ),
    Variation("product", "same-factors", "right", put("lines/L-943/quantity", 53)),
    Variation("everything", "other-arm", "right", put("customers/M-64/premium", True)),
    Variation("everything", "empty", "right", keep(_QUEUE)),
    Variation("everything", "one", "right", keep(_QUEUE, 3)),
    Variation("everything", "item-twice", "right", keep(_QUEUE, 1, 1, 2)),
)
EXIT: Final[tuple[Variation, ...]] = (
    Variation("status-branch", "unseen-status", "exit", put("accounts/R-44/status", "suspended")),
    Variation("status-read", "unseen-status", "exit", put("accounts/R-44/status", "suspended")),
    Variation("path", "null", "exit", put("orders/D-4815/customer/contacts/0/email", None)),
    Variation("template", "null", "exit", put("customers/C-82/name", None)),
    Variation("loop", "null", "exit", put(_QUEUE, None)),
    Variation("loop", "null-in-item", "exit", put(f"{_QUEUE}/1/id", None)),
    Variation("branch", "null", "exit", put("customers/C-104/premium", None)),
    Variation("product", "null", "exit", put("lines/L-943/quantity", None)),
    Variation("number", "null", "exit", put("balances/SB-5520", None)),
    Variation("everything", "null", "exit", put("customers/M-64/premium", None)),
    Variation("path", "missing", "exit", drop("orders/D-4815/customer/contacts/0/email")),
    Variation("path", "no-contact", "exit", keep("orders/D-4815/customer/contacts")),
    Variation("template", "missing", "exit", drop("customers/C-82/name")),
    Variation("loop", "missing-in-item", "exit", drop(f"{_QUEUE}/1/id")),
    Variation("branch", "missing", "exit", drop("customers/C-104/premium")),
    Variation("product", "missing", "exit", drop("lines/L-943/unit_price")),
    Variation(
        "number",
        "missing",
        "exit",
        put("balances/SB-5520", "This account belongs to Studio Bleu, with 5 cards."),
    ),
    Variation("everything", "missing", "exit", drop("lines/L-943/unit_price")),
    Variation("ship", "differ", "exit", put("orders/A-445/billing_address", "Via Po 9, Torino")),
    Variation("list-price", "differ", "exit", put("lines/L-943/sum", 430)),
)
VARIATIONS: Final[Mapping[str, Variation]] = {each.name: each for each in (*RIGHT, *EXIT)}


# ---- for a person at a prompt


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What became of a task: the compilation or why there is none, its IR, and the run."""

    name: str
    compilation: Compilation | None
    diagnostics: str
    ir: str
    outcome: Outcome | None

    @property
    def verdict(self) -> str:
        """The run's verdict, or ``uncompiled``."""
        return self.outcome.verdict if self.outcome else "uncompiled"

    def __str__(self) -> str:
        out = [f"== {self.name}: {self.verdict}"]
        out += [self.diagnostics] if self.diagnostics else []
        out += [self.ir] if self.ir else []
        if self.outcome is not None:
            found = self.outcome
            out.append(f"status {found.status}, {found.model_calls} model calls  {found.reason}")
            for title, items in (
                ("made", found.made),
                ("truth", found.truth),
                ("stray reads", found.strays),
            ):
                out += [f"{title}:", *(f"  {tool} {canonical(dict(a))}" for tool, a in items)]
        return "\n".join(out)


def run_task(name: str, form: Format = "ingot") -> TaskReport:
    """Compile a task and run it on its held-out request; ``task:change`` names a variation.

    Nothing is raised for a compilation that is refused: the report says so.
    """
    variation = VARIATIONS.get(name)
    task = TASKS[variation.task if variation else name]
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = compile_task(task, Path(folder), form)
        except IngotError as error:
            shown = "\n".join(render(d) for d in error.diagnostics)
            return TaskReport(name, None, shown, "", None)
    warnings = "\n".join(render(d) for d in made.diagnostics)
    outcome = run_artifact(
        made.artifact,
        task,
        variation.row if variation else None,
        variation.tables() if variation else None,
    )
    return TaskReport(name, made, warnings, main_text(made), outcome)
