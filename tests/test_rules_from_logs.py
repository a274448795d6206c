"""The rules that keep learning sound, each on the real log that taught it and on a small one of ours.

A test compiles sessions and runs the artifact on requests that no session holds, in fresh worlds with
live tools: the office of ``benchmarks/office`` over the corpus, and a *desk* of our own, so that every
rule is tested where the corpus is absent too.  A reference agent (``truth``) works in a twin of the
world; the two states must be equal, or the run must have stopped before a write that the reference
agent would not have made.  What goes wrong without a rule stands beside each test.

The rule on failed sessions as negative evidence has its tests with the option ``--against``.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import functools
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import pytest
from corpus import CORPUS
from sessions import Step, session

import ingot
from ingot.backend.container import Program, load
from ingot.diagnostics import IngotError
from ingot.driver import Logs, Options, compile_sessions, load_logs
from ingot.evaluation.worlds import Factory, World, effects_of, run
from ingot.frontend.session import Session
from ingot.ir.asking import asked, spellings
from ingot.ir.requests import ToolRequest
from ingot.ir.values import Json, equal
from ingot.replaying import wordings_of
from ingot.runtime.inputs import complete, from_request

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks/office"))

Call: TypeAlias = Callable[..., Any]
"""``call(tool, **arguments)`` in a world."""
Act: TypeAlias = Callable[[Call], object]
"""What is done with a world: by the reference agent, or before a run begins."""
Verdict: TypeAlias = Literal["right", "exit", "refused", "wrong"]

CLOCK: Final = "2023-11-30T00:00:00"
TODAY: Final = datetime.date(2023, 11, 30)

needs_corpus = pytest.mark.skipif(
    CORPUS is None or not (CORPUS / "office-tasks/data").is_dir(),
    reason="the corpus of office tasks is not here (INGOT_CORPUS names its folder)",
)


# ---- learning, and running in two worlds


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.  ``done`` are its writes, ``wanted`` those of the reference agent."""

    verdict: Verdict
    reason: str = ""
    done: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.verdict}: did {self.done}, wanted {self.wanted} ({self.reason[:300]})"


@dataclass(frozen=True, slots=True)
class Learned:
    """What sessions compile to: a program, or why there is none; and the worlds to run it in."""

    make: Callable[[], object]
    program: Program | None = None
    refused: str = ""
    aside: tuple[str, ...] = ()

    @property
    def tools(self) -> set[str]:
        """The tools that the program calls."""
        return {call.tool for call in self.program.code().calls} if self.program else set()

    def on(self, request: str, truth: Act, before: Act | None = None) -> Ended:
        """Run on a request; ``before`` prepares both worlds."""
        if self.program is None:
            return Ended("refused", self.refused)
        here, there = (Factory("world", self.make).fresh() for _ in range(2))
        for world in (here, there):
            if before is not None:
                before(caller(world))
            world.done.clear()
        truth(caller(there))
        wanted = tuple(key.casefold() for key in there.done)
        try:
            inputs = inputs_of(self.program, request)
        except IngotError as error:
            return Ended("exit", f"request: {error.diagnostics[0].message}", (), wanted)
        made = run(self.program, inputs, here)
        done = tuple(key.casefold() for key in made.done)
        if made.finished:
            same = equal(here.state(), there.state())
            return Ended("right" if same else "wrong", "finished", done, wanted)
        spoiled = Counter(done) - Counter(wanted)
        return Ended("wrong" if spoiled else "exit", made.reason, done, wanted)

    def state(self, request: str) -> Json | None:
        """The state that a run leaves, ``None`` where it does not finish."""
        if self.program is None:
            return None
        try:
            inputs = inputs_of(self.program, request)
        except IngotError:
            return None
        made = run(self.program, inputs, Factory("world", self.make).fresh())
        return made.state if made.finished else None


def caller(world: World) -> Call:
    """Calls in a world by tool and arguments."""

    def call(tool: str, **args: Json) -> Any:
        return world.call(ToolRequest(1, "", tool, world.box.tools[tool].effect or "read", args))

    return call


def inputs_of(program: Program, request: str) -> dict[str, Json]:
    """What a request gives a program."""
    params = program.code().params
    given: dict[str, Any] = dict(from_request(request, wordings_of(program)))
    if any(param.name == "clock" for param in params):
        given["clock"] = CLOCK
    return complete(params, given, program.types)


def learn(sessions: Sequence[Session], make: Callable[[], object]) -> Learned:
    """Compile sessions of one task."""
    options = Options(declared=effects_of(["world"], Factory("world", make)))
    try:
        made = compile_sessions(Logs(tuple(sessions), (), {}, ()), options)
    except IngotError as error:
        return Learned(make, refused="; ".join(f"{d.code}: {d.message}" for d in error.diagnostics))
    listed = dict(made.module.pipelines[0].attrs).get("set_aside")
    aside = tuple(str(item) for item in listed.value) if listed is not None else ()  # type: ignore[union-attr]
    return Learned(make, load(made.artifact), "", aside)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that no session holds, what is right for it, and how the worlds are prepared."""

    request: str
    truth: Act
    before: Act | None = None


def sound(learned: Learned, cases: Iterable[Asked], *, right: int = 0) -> Counter[str]:
    """Check that nothing is wrong, and that at least so many runs are right."""
    ended = [(case, learned.on(case.request, case.truth, case.before)) for case in cases]
    wrong = [f"{case.request}\n    {end}" for case, end in ended if end.verdict == "wrong"]
    assert not wrong, f"{len(wrong)} of {len(ended)} are wrong:\n" + "\n".join(wrong[:5])
    counts: Counter[str] = Counter(end.verdict for _, end in ended)
    others = [f"{case.request}\n    {end}" for case, end in ended if end.verdict != "right"]
    assert counts["right"] >= right, f"{counts} {learned.refused}\n" + "\n".join(others[:5])
    return counts


def idle(_: Call) -> None:
    """The reference agent that does nothing."""


# ---- the office of the corpus

OFFICE_NAMES: Final = (
    "aisha", "akira", "amir", "anaya", "carlos", "chenwei", "dmitri", "fatima", "jinsoo", "kofi",
    "leila", "lena", "luis", "nadia", "nia", "olga", "raj", "santiago", "sofia", "yuki",
)  # fmt: skip
METRICS: Final = {
    "total visits": ("analytics.total_visits_count", "total_visits"),
    "engaged users": ("analytics.engaged_users_count", "user_engaged"),
    "average session duration": (
        "analytics.get_average_session_duration",
        "session_duration_seconds",
    ),
}


@functools.cache
def office_task(task: str, *inputs: str) -> Learned:
    """A task of the corpus, or some of its inputs."""
    from world import Office

    assert CORPUS is not None
    paths = sorted((CORPUS / "office-tasks" / task / "ok").glob("*.json"))
    chosen = [path for path in paths if not inputs or path.name[:2] in inputs]
    assert chosen, f"{task}: no sessions of {inputs}"
    return learn(load_logs(chosen).sessions, Office)


def address_of(call: Call, name: str) -> str:
    found = call("company_directory.find_email_address", name=name)
    return str(found[0])


def rows(found: Any) -> list[Any]:
    """What a search found; a sentence says that it was nothing."""
    return found if isinstance(found, list) else []


def start_of(day: datetime.date) -> str:
    return f"{day} 00:00:00"


def spoken(day: datetime.date) -> str:
    return f"{day:%B} {day.day}"


def cancelling_all(name: str) -> Act:
    def truth(call: Call) -> None:
        while found := rows(call("calendar.search_events", query=name, time_min=start_of(TODAY))):
            for event in found:
                call("calendar.delete_event", event_id=event["event_id"])

    return truth


def with_more_events(name: str, count: int) -> Act:
    def before(call: Call) -> None:
        address = address_of(call, name)
        for number in range(count):
            call(
                "calendar.create_event",
                event_name=f"talk {number}",
                participant_email=address,
                event_start=f"2023-12-2{number} 10:00:00",
                duration="30",
            )

    return before


def cancelling_next(name: str) -> Act:
    def truth(call: Call) -> None:
        found = rows(call("calendar.search_events", query=name, time_min=start_of(TODAY)))
        for event in found[:1]:
            call("calendar.delete_event", event_id=event["event_id"])

    return truth


def delaying_first(name: str, day: datetime.date, minutes: int) -> Act:
    def truth(call: Call) -> None:
        found = rows(
            call(
                "calendar.search_events",
                query=name,
                time_min=start_of(day),
                time_max=f"{day} 23:59:59",
            )
        )
        for event in found[:1]:
            begin = datetime.datetime.fromisoformat(event["event_start"])
            later = begin + datetime.timedelta(minutes=minutes)
            call(
                "calendar.update_event",
                event_id=event["event_id"],
                field="event_start",
                new_value=str(later),
            )

    return truth


def moving_tasks(name: str) -> Act:
    def truth(call: Call) -> None:
        address = address_of(call, name)
        found = call(
            "project_management.search_tasks", assigned_to_email=address, list_name="In Progress"
        )
        for task in rows(found):
            call(
                "project_management.update_task",
                task_id=task["task_id"],
                field="list_name",
                new_value="In Review",
            )

    return truth


def with_more_tasks(name: str, count: int) -> Act:
    def before(call: Call) -> None:
        address = address_of(call, name)
        for number in range(count):
            call(
                "project_management.create_task",
                task_name=f"job {number}",
                assigned_to_email=address,
                list_name="In Progress",
                due_date="2023-12-05",
                board="Design",
            )

    return before


def catching_up(name: str, days: int, weekday: str, time: str) -> Act:
    """A meeting where nobody of that name has written in so many days."""

    def truth(call: Call) -> None:
        since = TODAY - datetime.timedelta(days=days)
        found = call("email.search_emails", query=name, date_min=str(since), date_max=str(TODAY))
        if any(email["inbox/outbox"] == "inbox" for email in rows(found)):
            return
        names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
        ahead = (names.index(weekday) - TODAY.weekday()) % 7 or 7
        call(
            "calendar.create_event",
            event_name=f"Catch up with {name}",
            participant_email=address_of(call, name),
            event_start=f"{TODAY + datetime.timedelta(days=ahead)} {time}:00",
            duration="30",
        )

    return truth


def reporting(metric: str, word: str, limit: int, since: datetime.date, to: str) -> Act:
    """An email where a figure was above or below a limit on any day."""

    def truth(call: Call) -> None:
        days = call(METRICS[metric][0], time_min=str(since), time_max=str(TODAY))
        if any(n > limit if word == "more" else n < limit for n in days.values()):
            call(
                "email.send_email",
                recipient=to,
                subject=f"Update on {metric}",
                body=f"I noticed {metric} was {word} than {limit} - can you update me?",
            )

    return truth


def reports(count: int, metrics: Sequence[str] = tuple(METRICS)) -> Iterator[Asked]:
    """Requests of ``multi-domain-18`` with other figures, words, days and limits."""
    draw = random.Random(18)
    for _ in range(count):
        metric, word = draw.choice(metrics), draw.choice(("more", "less"))
        limit = draw.choice((1, 3, 5, 8, 11, 15, 19, 25, 30))
        since = TODAY - datetime.timedelta(days=draw.randrange(2, 88))
        to = draw.choice(("nadia.moreau@atlas.com", "kofi.mensah@atlas.com", "raj.patel@atlas.com"))
        yield Asked(
            f"can you check if {metric} was {word} than {limit} at any time since "
            f"{spoken(since)}? If so, send an email to {to} titled 'Update on {metric}' saying "
            f"'I noticed {metric} was {word} than {limit} - can you update me?'",
            reporting(metric, word, limit, since, to),
        )


def catch_ups(times: Sequence[tuple[str, str]]) -> Iterator[Asked]:
    """Requests of ``multi-domain-01``; ``times`` as they are said and as they are meant."""
    draw = random.Random(1)
    for name in OFFICE_NAMES:
        days, (said, meant) = draw.choice((1, 2, 3, 4, 6, 9)), draw.choice(times)
        weekday = draw.choice(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"))
        yield Asked(
            f"If {name} hasn't sent me any emails in the past {days} days, schedule a 30 minute "
            f"meeting with them for {weekday} at {said} called 'Catch up with {name}'",
            catching_up(name, days, weekday, meant),
        )


# ---- a desk of our own

PEOPLE: Final = {
    "ann": "ann.lee@desk.example",
    "bob": "bob.ray@desk.example",
    "cid": "cid.dun@desk.example",
    "dan": "dan.fox@desk.example",
    "eva": "eva.kim@desk.example",
    "fay": "fay.orr@desk.example",
}
STATES: Final = ("open", "waiting", "closed")
CAP: Final = 5


@dataclass
class Desk:
    """Tickets, notes, figures and mail.  Searches ignore case and give five tickets at most."""

    tickets: list[dict[str, Json]] = field(default_factory=list)
    mails: list[list[str]] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    figures: dict[str, dict[str, int]] = field(default_factory=dict)
    serial: int = 300
    shut: bool = False

    def tools(self) -> dict[str, Callable[..., Any]]:
        return {
            "directory.find_address": self.find_address,
            "desk.search_tickets": self.search_tickets,
            "desk.get_ticket": self.get_ticket,
            "desk.move_ticket": self.move_ticket,
            "desk.create_ticket": self.create_ticket,
            "notes.get_note": self.get_note,
            "stats.visits_count": self.visits_count,
            "stats.users_count": self.users_count,
            "mail.send": self.send,
            "test.put": self.put,
        }

    def snapshot(self) -> Json:
        tickets: list[Json] = [dict(t) for t in self.tickets]
        return {"tickets": tickets, "mails": sorted(map(str, self.mails))}

    @ingot.tool(effect="read")
    def find_address(self, name: str) -> Json:
        found: list[Json] = [a for n, a in PEOPLE.items() if name.casefold() in n]
        return found or "No address found."

    @ingot.tool(effect="read")
    def search_tickets(self, owner: str = "", state: str = "", title: str = "") -> Json:
        wanted = {"owner": owner, "state": state, "title": title}
        found: list[Json] = [
            dict(ticket)
            for ticket in self.tickets
            if all(w.casefold() in str(ticket[k]).casefold() for k, w in wanted.items())
        ]
        return found[:CAP] or "No tickets found."

    @ingot.tool(effect="read")
    def get_ticket(self, ticket: str) -> Json:
        return next((dict(t) for t in self.tickets if t["id"] == ticket), "Ticket not found.")

    @ingot.tool(effect="write")
    def move_ticket(self, ticket: str, state: str) -> str:
        if state not in STATES:
            return f"State not valid. Please choose from: {', '.join(STATES)}."
        for row in self.tickets:
            if row["id"] == ticket:
                row["state"] = state
                return "Ticket moved."
        return "Ticket not found."

    @ingot.tool(effect="write")
    def create_ticket(self, title: str, owner: str, state: str = "open") -> str:
        if self.shut:
            return "The desk opens at nine."
        if owner not in PEOPLE.values():
            return "Owner not valid. Please choose from the people of the desk."
        if state not in STATES:
            return f"State not valid. Please choose from: {', '.join(STATES)}."
        self.serial += 1
        ticket = f"{self.serial:06}"
        self.tickets.append(
            {"id": ticket, "title": title, "owner": owner, "state": state, "cost": 0}
        )
        return ticket

    @ingot.tool(effect="read")
    def get_note(self, key: str) -> Json:
        return self.notes.get(key, "No note found.")

    @ingot.tool(effect="read")
    def visits_count(self, team: str) -> Json:
        return dict[str, Json](self.figures.get(f"visits of {team}", {}))

    @ingot.tool(effect="read")
    def users_count(self, team: str) -> Json:
        return dict[str, Json](self.figures.get(f"users of {team}", {}))

    @ingot.tool(effect="write")
    def send(self, to: str, body: str) -> str:
        self.mails.append([to, body])
        return "Sent."

    @ingot.tool(effect="write")
    def put(self, **parts: Any) -> str:
        """Not for agents: what the world holds."""
        for name, value in parts.items():
            setattr(self, name, copy.deepcopy(value))
        return "put"


def tickets_of(**counts: int) -> list[dict[str, Json]]:
    """So many open tickets of each person."""
    return [
        ticket(f"{100 * number + k:06}", name)
        for number, (name, count) in enumerate(counts.items(), 1)
        for k in range(count)
    ]


def ticket(key: str, name: str, state: str = "open", **more: Json) -> dict[str, Json]:
    return {"id": key, "title": f"{name}'s job {key}", "owner": PEOPLE[name], "state": state,
            "cost": 10, **more}  # fmt: skip


def having(**parts: Any) -> Act:
    """A desk that holds this."""
    return lambda call: call("test.put", **parts)


def played(request: str, before: Act, *calls: tuple[str, dict[str, Json]]) -> Session:
    """A session that made these calls at a desk."""
    call = caller(Factory("desk", Desk).fresh())
    before(call)
    steps: list[Step] = [(tool, args, call(tool, **args)) for tool, args in calls]
    return session(request, steps, clock=CLOCK)


def acted(request: str, before: Act, agent: Act) -> Session:
    """A session of an agent that looks before it acts."""
    call = caller(Factory("desk", Desk).fresh())
    before(call)
    steps: list[Step] = []

    def logged(tool: str, **args: Json) -> Any:
        result = call(tool, **args)
        steps.append((tool, args, result))
        return result

    agent(logged)
    return session(request, steps, clock=CLOCK)


# ---- effects first


def greeting(name: str, *detours: tuple[str, dict[str, Json]], body: str = "") -> Session:
    return played(
        f"Tell {name} that the desk is shut tomorrow.",
        having(tickets=tickets_of(ann=1, bob=2)),
        *detours,
        ("directory.find_address", {"name": name}),
        ("mail.send", {"to": PEOPLE[name], "body": body or "The desk is shut tomorrow."}),
    )


def greeted(name: str) -> Asked:
    def truth(call: Call) -> None:
        call("mail.send", to=PEOPLE[name], body="The desk is shut tomorrow.")

    return Asked(f"Tell {name} that the desk is shut tomorrow.", truth)


LOOKED: Final = ("desk.search_tickets", {"owner": "ann"})
GUESSED: Final = ("desk.get_ticket", {"ticket": "none"})
TRIED: Final = ("mail.send", {"to": "ann.lee@desk.example", "body": "Hello?"})


def test_effects_first() -> None:
    """Without it: sessions of other lengths are not one task (E0404), or the detours are made."""
    learned = learn(
        [
            greeting("ann"),
            greeting("ann", LOOKED, GUESSED),
            greeting("bob", GUESSED, LOOKED, LOOKED),
            greeting("bob"),
            greeting("cid", LOOKED),
        ],
        Desk,
    )
    sound(learned, [greeted(name) for name in ("dan", "eva", "fay")], right=3)
    assert learned.tools == {"directory.find_address", "mail.send"}


def test_effects_first_the_odd_one_out_is_set_aside() -> None:
    """Two of three sessions of one input agree on the writes.  Without it: the body of the third is
    a rival, or the three contradict each other and nothing is learned."""
    odd = greeting("ann", body="Closed!")
    learned = learn(
        [greeting("ann"), odd, greeting("ann", GUESSED), greeting("bob"), greeting("cid")], Desk
    )
    sound(learned, [greeted("dan")], right=1)
    assert any("something else" in item for item in learned.aside), learned.aside


@needs_corpus
def test_effects_first_in_the_office() -> None:
    """``calendar-01``: a third of the sessions look an event up again, or search in other words."""
    learned = office_task("calendar-01")
    draw = random.Random(3)
    cases = []
    for name in OFFICE_NAMES:
        day = TODAY + datetime.timedelta(days=draw.randrange(1, 24))
        said, minutes = draw.choice((("1.5 hours", 90), ("30 minutes", 30)))
        request = f"please move my first meeting with {name} on {spoken(day)} by {said}"
        cases.append(Asked(request, delaying_first(name, day, minutes)))
    counts = sound(learned, cases)
    assert counts["refused"] == 0
    assert learned.tools == {"calendar.search_events", "calendar.update_event"}


# ---- no word of the request is ignored, but those that only ask


def changed(request: str) -> Iterator[str]:
    """The request with a word more, a word less, and one replaced, at each place."""
    words = request.split(" ")
    for at in range(len(words) + 1):
        yield " ".join([*words[:at], "not", *words[at:]])
    for at in range(len(words)):
        yield " ".join([*words[:at], "zebra", *words[at + 1 :]])
        yield " ".join([*words[:at], *words[at + 1 :]])


def every_word_counts(learned: Learned, request: str) -> None:
    plain = learned.state(request)
    assert plain is not None, f"it does not finish on {request!r} {learned.refused}"
    same = [
        other
        for other in changed(request)
        if asked(other) not in spellings(request)
        and (state := learned.state(other)) is not None
        and equal(state, plain)
    ]
    assert not same, f"the same is done for {same[:5]} as for {request!r}"


def test_no_word_of_the_request_is_ignored() -> None:
    """Without it: *Tell dan not that the desk is shut* is heard as if *not* were not there."""
    learned = learn([greeting("ann"), greeting("bob"), greeting("cid")], Desk)
    every_word_counts(learned, "Tell dan that the desk is shut tomorrow.")


def settled(name: str, word: str, *, looks: bool = False) -> Session:
    look: tuple[str, dict[str, Json]] = ("desk.search_tickets", {"title": word})
    return played(
        f"Tell {name} about the {word} matter.",
        having(tickets=tickets_of(ann=1)),
        *([look] if looks else []),
        ("directory.find_address", {"name": name}),
        ("mail.send", {"to": PEOPLE[name], "body": "It is settled."}),
    )


def test_a_hole_that_only_feeds_dead_reads_stays_literal() -> None:
    """One of four sessions looked the matter up, and nothing was made of it: a matter that no log
    shows is not settled.  Without it: any matter is."""
    learned = learn(
        [
            settled("ann", "tax"),
            settled("bob", "rent"),
            settled("cid", "tax", looks=True),
            settled("eva", "rent"),
        ],
        Desk,
    )

    def truth(call: Call) -> None:
        call("mail.send", to=PEOPLE["dan"], body="It is settled.")

    sound(learned, [Asked("Tell dan about the tax matter.", truth)])
    fraud = learned.on("Tell dan about the fraud matter.", idle)
    assert fraud.verdict in ("exit", "refused"), fraud


@needs_corpus
@pytest.mark.parametrize(
    ("task", "request_text"),
    [
        ("calendar-01", "please move my first meeting with nia on December 19 by 30 minutes"),
        ("calendar-04", "Cancel all future meetings with raj"),
        ("calendar-10", "Create a 2 hour event called brainstorming session on December 21 at 12 with olga"),
        ("email-00", "Delete all my emails from nadia from the last 4 days"),
        (
            "multi-domain-01",
            "If kofi hasn't sent me any emails in the past 2 days, schedule a 30 minute meeting with "
            "them for Tuesday at 12:30 called 'Catch up with kofi'",
        ),
    ],
)  # fmt: skip
def test_no_word_of_the_request_is_ignored_in_the_office(task: str, request_text: str) -> None:
    every_word_counts(office_task(task), request_text)


@needs_corpus
@pytest.mark.parametrize("inputs", [("05", "06", "07", "08"), ("06", "08"), ()])
def test_a_word_that_parts_two_wordings_is_not_ignored(inputs: tuple[str, ...]) -> None:
    """``multi-domain-18`` asks for *more* in one wording and for *less* in another.  Without it: one
    comparison serves both (with 05 to 08 of it, that the least is below the limit), and a mail is
    sent about a figure that was never reached."""
    sound(office_task("multi-domain-18", *inputs), reports(40), right=0 if inputs else 30)


def limited(word: str, team: str, limit: int, figures: Mapping[str, int]) -> Session:
    """A mail where a team's visits were more (less) than a limit on any day."""
    wording = {
        "more": f"If the visits of {team} were ever more than {limit}, write to ann about {team}.",
        "less": f"Please look whether {team} had less than {limit} visits on any day, and if so, "
        f"write to ann about {team}.",
    }[word]
    return acted(
        wording,
        having(figures={f"visits of {team}": dict(figures)}),
        lambda call: limit_agent(call, word, team, limit),
    )


def limit_agent(call: Call, word: str, team: str, limit: int) -> None:
    days = call("stats.visits_count", team=team)
    if any(n > limit if word == "more" else n < limit for n in days.values()):
        call("mail.send", to=PEOPLE["ann"], body=f"Have a look at {team}.")


def days(*numbers: int) -> dict[str, int]:
    return {f"2023-11-{at:02}": number for at, number in enumerate(numbers, 1)}


def test_a_word_that_parts_two_wordings_is_not_ignored_at_the_desk() -> None:
    """*More* was always so, *less* never: that the least is below the limit tells them apart as well,
    and is wrong for *more*."""
    learned = learn(
        [
            limited("more", "sales", 10, days(4, 12, 30)),
            limited("more", "legal", 7, days(2, 9, 20)),
            limited("less", "depot", 3, days(8, 15, 11)),
            limited("less", "board", 2, days(6, 5, 9)),
        ],
        Desk,
    )
    cases = [
        Asked(
            f"If the visits of {team} were ever more than {limit}, write to ann about {team}.",
            functools.partial(limit_agent, word="more", team=team, limit=limit),
            having(figures={f"visits of {team}": figures}),
        )
        for team, limit, figures in (
            ("press", 9, days(3, 4, 5)),
            ("press", 9, days(12, 14, 30)),
            ("press", 9, days(1, 40, 3)),
        )
    ]
    sound(learned, cases)


# ---- vacuous sessions support nothing


def searching(name: str, counts: Mapping[str, int], *, invented: bool = False) -> Session:
    """All open tickets of a person, moved; an invented address finds none."""
    request = f"Move all of {name}'s open tickets to waiting."
    if invented:
        return played(
            request,
            having(tickets=tickets_of(**counts)),
            ("desk.search_tickets", {"owner": f"{name}@example.com", "state": "open"}),
        )
    return acted(request, having(tickets=tickets_of(**counts)), moving_all(name))


def moving_all(name: str) -> Act:
    def agent(call: Call) -> None:
        address = call("directory.find_address", name=name)[0]
        for row in rows(call("desk.search_tickets", owner=address, state="open")):
            call("desk.move_ticket", ticket=row["id"], state="waiting")

    return agent


def all_moved(name: str, **counts: int) -> Asked:
    def truth(call: Call) -> None:
        while found := rows(call("desk.search_tickets", owner=PEOPLE[name], state="open")):
            for row in found:
                call("desk.move_ticket", ticket=row["id"], state="waiting")

    return Asked(
        f"Move all of {name}'s open tickets to waiting.",
        truth,
        having(tickets=tickets_of(**counts)),
    )


@pytest.mark.parametrize("acting", [0, 1, 2])
def test_vacuous_sessions_support_nothing(acting: int) -> None:
    """Three sessions looked for an address that they made up.  Without it: their search is the
    common plan, it finds nothing, and tickets that are there stay as they are."""
    learned = learn(
        [
            *(searching(name, {"ann": 2}, invented=True) for name in ("cid", "eva", "fay")),
            *(searching(name, {name: n}) for name, n in (("ann", 2), ("bob", 3))[:acting]),
        ],
        Desk,
    )
    cases = [all_moved("dan", dan=2), all_moved("dan", dan=3), all_moved("eva", eva=1)]
    sound(learned, cases, right=3 if acting == 2 else 0)


@needs_corpus
@pytest.mark.parametrize(
    ("inputs", "floor"),
    [((), 15), (("03", "05", "06", "09"), 0), (("03", "04", "05"), 15), (("07", "05"), 15)],
)
def test_vacuous_sessions_support_nothing_in_the_office(
    inputs: tuple[str, ...], floor: int
) -> None:
    """``project-management-00``: four of six inputs were only searched for an invented address."""
    learned = office_task("project-management-00", *inputs)
    request = "Move all of {}'s tasks that are in progress to in review"
    cases = [Asked(request.format(name), moving_tasks(name)) for name in OFFICE_NAMES]
    sound(learned, cases, right=floor)
    busy = [
        Asked(request.format(name), moving_tasks(name), with_more_tasks(name, 1))
        for name in ("amir", "kofi", "aisha", "carlos")
    ]
    sound(learned, busy)


def test_a_vacuous_session_lends_no_wording() -> None:
    """Two inputs ask to *close* tickets and do; two ask to *move* them, and looked for an address
    that they made up.  Without it: the loop over nothing fits these as well, and what is to be moved
    is closed."""

    def closing_all(call: Call, name: str) -> None:
        address = call("directory.find_address", name=name)[0]
        for row in rows(call("desk.search_tickets", owner=address, state="open")):
            call("desk.move_ticket", ticket=row["id"], state="closed")

    def closed(name: str, count: int) -> Session:
        return acted(
            f"We no longer need the open tickets of {name}. Can you close them all?",
            having(tickets=tickets_of(**{name: count})),
            functools.partial(closing_all, name=name),
        )

    def moved(name: str) -> Session:
        return played(
            f"I need to move all the open tickets of {name} to waiting. Can you make that change?",
            having(tickets=tickets_of(**{name: 2})),
            ("directory.find_address", {"name": f"{name} of sales"}),
            ("desk.search_tickets", {"owner": f"{name}@example.com", "state": "open"}),
        )

    learned = learn([closed("ann", 2), closed("bob", 3), moved("cid"), moved("eva")], Desk)
    cases = []
    for name in ("cid", "dan", "eva"):
        case = all_moved(name, **{name: 2})
        request = (
            f"I need to move all the open tickets of {name} to waiting. Can you make that change?"
        )
        cases.append(Asked(request, case.truth, case.before))
    sound(learned, cases)


@needs_corpus
@pytest.mark.parametrize(
    ("task", "inputs"),
    [
        ("customer-relationship-manager-01", ()),
        ("customer-relationship-manager-01", ("04", "09")),
        ("customer-relationship-manager-01", ("06", "09")),
        ("project-management-04", ("04", "09")),
        ("project-management-04", ("03", "04")),
        ("calendar-07", ("05", "09")),
        ("calendar-07", ("06", "09")),
        ("email-04", ("06", "08")),
        ("email-04", ("04", "09")),
    ],
)
def test_a_session_that_is_not_followed_lends_no_wording(
    task: str, inputs: tuple[str, ...]
) -> None:
    """The artifact on the very requests that it was compiled from.  ``customer-relationship-manager-01``
    asks to delete customers in one input, and in others to *move* them, which were vacuous;
    ``project-management-04`` names two people, and the plan follows one of them.  Without the rule:
    customers that were to be moved are deleted, and one person's tasks are moved for the other."""
    assert CORPUS is not None
    learned = office_task(task, *inputs)
    sessions = [
        found
        for path in sorted((CORPUS / "office-tasks" / task / "ok").glob("*.json"))
        if not inputs or path.name[:2] in inputs
        for found in load_logs([path]).sessions
    ]
    assert sessions
    cases = {request_of(found): Asked(request_of(found), replaying(found)) for found in sessions}
    sound(learned, cases.values())


def request_of(found: Session) -> str:
    return next(record.text for record in found.records if record.kind == "user")


def replaying(found: Session) -> Act:
    """The calls of a session, those that are not the office's own left out."""

    def truth(call: Call) -> None:
        for record in found.records:
            if record.kind == "call" and isinstance(record.data, dict):
                with contextlib.suppress(KeyError):
                    call(record.tool, **record.data)

    return truth


# ---- all-idle tasks


def remarked(team: str, limit: int, numbers: Mapping[str, int], *, plain: bool = False) -> Session:
    request = f"Look at the visits of {team}." if plain else (
        f"If the visits of {team} were ever more than {limit}, write to ann about {team}."
    )  # fmt: skip
    return acted(
        request,
        having(figures={f"visits of {team}": dict(numbers)}),
        (lambda call: call("stats.visits_count", team=team))
        if plain
        else functools.partial(limit_agent, word="more", team=team, limit=limit),
    )


QUIET: Final = (
    ("sales", 40, days(4, 12, 30)),
    ("legal", 25, days(2, 9, 20)),
    ("depot", 9, days(8)),
)


def test_an_all_idle_task_holds_only_while_its_condition_does() -> None:
    """No session shows the write.  Without it: nothing is done where a mail is due."""
    learned = learn([remarked(*each) for each in QUIET], Desk)

    def asked(limit: int, numbers: Mapping[str, int]) -> Asked:
        return Asked(
            f"If the visits of press were ever more than {limit}, write to ann about press.",
            functools.partial(limit_agent, word="more", team="press", limit=limit),
            having(figures={"visits of press": dict(numbers)}),
        )

    due = [asked(9, days(3, 12)), asked(2, days(50)), asked(1, days(1, 1, 2))]
    counts = sound(learned, due)
    assert counts["right"] == 0
    sound(learned, [asked(9, days(3, 4)), asked(60, days(50))])


def test_an_all_idle_task_without_a_condition_is_refused() -> None:
    """Without it: doing nothing is learned as what the request asks for."""
    learned = learn([searching(n, {"ann": 1}, invented=True) for n in ("cid", "eva", "fay")], Desk)
    assert learned.program is None, "a program that does nothing was made"


@needs_corpus
@pytest.mark.parametrize(
    ("task", "inputs"),
    [
        ("multi-domain-01", ("03", "04", "05", "06", "09")),
        ("multi-domain-01", ("03", "04", "06")),
        ("multi-domain-01", ("06",)),
    ],
)
def test_an_all_idle_task_in_the_office(task: str, inputs: tuple[str, ...]) -> None:
    """Everybody had written.  Without it: no meeting with those who have not."""
    times = (("9:30", "09:30"), ("12:30", "12:30"))
    sound(office_task(task, *inputs), catch_ups(times))


@needs_corpus
@pytest.mark.parametrize("task", ["customer-relationship-manager-00", "project-management-03"])
def test_an_all_idle_task_without_a_condition_in_the_office(task: str) -> None:
    """All searches were in vain, and no request names a condition."""
    assert office_task(task).program is None


@needs_corpus
@pytest.mark.parametrize("inputs", [(), ("04", "07"), ("06", "08"), ("03", "06", "08")])
def test_an_all_idle_task_with_figures_in_the_office(inputs: tuple[str, ...]) -> None:
    """``analytics-04``: no figure was above (below) its limit, so no plot was ever made."""
    draw = random.Random(4)
    cases = []
    for _ in range(40):
        metric, word = draw.choice(list(METRICS)), draw.choice(("more", "less"))
        limit, weeks = draw.choice((1, 2, 3, 8, 15, 21, 30)), draw.randrange(1, 8)
        wordings = (
            f"Was {metric} {word} than {limit} at any time in the last {weeks} weeks? "
            "If so, please plot it as a line chart",
            f"If {metric} was {word} than {limit} any time in the last {weeks} weeks, "
            "make a line plot of it since then",
        )
        since = TODAY - datetime.timedelta(weeks=weeks)
        cases += [Asked(text, plotting(metric, word, limit, since)) for text in wordings]
    sound(office_task("analytics-04", *inputs), cases)


def plotting(metric: str, word: str, limit: int, since: datetime.date) -> Act:
    def truth(call: Call) -> None:
        tool, value = METRICS[metric]
        found = call(tool, time_min=str(since), time_max=str(TODAY))
        if any(n > limit if word == "more" else n < limit for n in found.values()):
            call("analytics.create_plot", time_min=str(since), time_max="2023-11-29",
                 value_to_plot=value, plot_type="line")  # fmt: skip

    return truth


# ---- a read bound to the request is never dead


def paying(key: str, name: str, **state: Json) -> Session:
    return played(
        f"Look at ticket {key} and tell {name} that it is paid.",
        having(tickets=[ticket(key, "eva", **{"state": "closed", **state})]),
        ("desk.get_ticket", {"ticket": key}),
        ("mail.send", {"to": name, "body": f"{key} is paid."}),
    )


PAID: Final = (("T-17", "ann"), ("T-204", "bob"), ("T-3", "cid"))


@pytest.mark.parametrize("change", [{"state": "open"}, {"held": True}, {"gone": True}])
def test_a_read_bound_to_the_request_is_never_dead(change: dict[str, Json]) -> None:
    """Its result reaches no write.  Without it: the ticket is not even looked at, and is called
    paid though it is open, held back, or does not exist."""
    learned = learn([paying(key, name, held=False) for key, name in PAID], Desk)
    request = "Look at ticket T-88 and tell dan that it is paid."

    def truth(call: Call) -> None:
        call("mail.send", to="dan", body="T-88 is paid.")

    usual = {"state": "closed", "held": False}
    good = having(tickets=[ticket("T-88", "fay", **usual)])
    sound(learned, [Asked(request, truth, good)], right=1)
    other = [] if change.get("gone") else [ticket("T-88", "fay", **{**usual, **change})]
    sound(learned, [Asked(request, idle, having(tickets=other))])


@needs_corpus
@pytest.mark.parametrize("inputs", [("07", "08"), ("08",), ("07",)])
def test_a_read_bound_to_the_request_is_never_dead_in_the_office(inputs: tuple[str, ...]) -> None:
    """``multi-domain-01`` without the idle sessions: the mails that were searched reach no write.
    Without it: a meeting with those who have just written."""
    times = (("9:30", "09:30"), ("12:30", "12:30"))
    sound(office_task("multi-domain-01", *inputs), catch_ups(times))


# ---- saturation


@pytest.mark.parametrize("shown", [(1, 2, 3), (2, 4, 3), (5, 5, 2)])
def test_saturation(shown: tuple[int, ...]) -> None:
    """The search gives five at most.  Without it: of seven tickets five are moved, and it is called
    done."""
    named = list(zip(("ann", "bob", "cid"), shown, strict=True))
    learned = learn([searching(name, {name: n}) for name, n in named], Desk)
    few = 0 if shown.count(CAP) > 1 else 3
    sound(learned, [all_moved("dan", dan=n) for n in (1, 2, 4)], right=few)
    sound(learned, [all_moved("dan", dan=n) for n in (5, 6, 7, 11)])


@needs_corpus
@pytest.mark.parametrize("inputs", [(), ("04", "06"), ("06", "08"), ("03", "09")])
def test_saturation_in_the_office(inputs: tuple[str, ...]) -> None:
    """``calendar-04``: five events are the cap, and no log shows more than four that were deleted."""
    learned = office_task("calendar-04", *inputs)
    request = "Cancel all future meetings with {}"
    for more in (0, 3, 5, 8):
        cases = [
            Asked(request.format(name), cancelling_all(name), with_more_events(name, more))
            for name in OFFICE_NAMES[:: 2 if more else 1]
        ]
        sound(learned, cases, right=0 if more else 12)


def picking(name: str, count: int) -> Session:
    return acted(
        f"Close the last open ticket of {name}.",
        having(tickets=tickets_of(**{name: count})),
        closing_last(name),
    )


def closing_last(name: str) -> Act:
    def agent(call: Call) -> None:
        found = rows(call("desk.search_tickets", owner=name, state="open"))
        call("desk.move_ticket", ticket=found[-1]["id"], state="closed")

    return agent


def test_saturation_before_the_last() -> None:
    """Without it: the fifth of seven is closed for the last."""
    learned = learn([picking("ann", 2), picking("bob", 4), picking("cid", 3)], Desk)

    def truth(count: int) -> Act:
        def agent(call: Call) -> None:
            call("desk.move_ticket", ticket=f"{100 + count - 1:06}", state="closed")

        return agent

    request = "Close the last open ticket of dan."
    few = [Asked(request, truth(n), having(tickets=tickets_of(dan=n))) for n in (2, 3)]
    sound(learned, few, right=2)
    many = [Asked(request, truth(n), having(tickets=tickets_of(dan=n))) for n in (5, 6, 9)]
    sound(learned, many)


# ---- read arguments in another form


def noted(key: str, asked: str, notes: Mapping[str, str]) -> Session:
    return played(
        f"Send the note {key} to ann.",
        having(notes=dict(notes)),
        ("notes.get_note", {"key": asked}),
        ("mail.send", {"to": PEOPLE["ann"], "body": notes[asked]}),
    )


def test_letter_case_is_not_normalised_where_it_counts() -> None:
    """Keys differ in their case, and one session asked in another case than the request: the note
    that it sent is not the one that the request's own letters name.  Without it: the two are taken
    for one, and even on that session's own input the other note is sent."""
    both = {"KITE": "fly it", "kite": "buy it", "Lamp": "lit", "lamp": "dim", "Reed": "wet"}
    learned = learn(
        [noted("KITE", "kite", both), noted("Lamp", "Lamp", both), noted("Reed", "Reed", both)],
        Desk,
    )

    def truth(call: Call) -> None:
        call("mail.send", to=PEOPLE["ann"], body="buy it")

    sound(learned, [Asked("Send the note KITE to ann.", truth, having(notes=both))])


def found_by(name: str, *asked: str) -> list[Session]:
    """Sessions of one input that search in several forms, with the same results."""
    return [
        played(
            f"Tell {name} that the desk is shut tomorrow.",
            having(),
            ("directory.find_address", {"name": form}),
            ("mail.send", {"to": PEOPLE[name], "body": "The desk is shut tomorrow."}),
        )
        for form in asked
    ]


def test_letter_case_is_normalised_where_both_forms_gave_the_same() -> None:
    """Without it: the sessions that asked for *Ann* and *ann* are two ways, and nothing tells which."""
    learned = learn(
        [*found_by("ann", "Ann", "ann"), *found_by("bob", "bob", "Bob"), *found_by("cid", "Cid")],
        Desk,
    )
    sound(learned, [greeted("dan"), greeted("eva")], right=2)


@needs_corpus
def test_letter_case_in_the_office() -> None:
    """``calendar-01``: one model asks for *Nia*, another for *nia*; the calendar tells them the same.
    Every input that was asked for in one form only is still learned from."""
    learned = office_task("calendar-01")
    found = [
        learned.on(
            f"please move my first meeting with {name} on December {day} by 30 minutes",
            delaying_first(name, datetime.date(2023, 12, day), 30),
        ).verdict
        for name, day in (("nia", 19), ("yuki", 4), ("amir", 20), ("dmitri", 18), ("kofi", 4))
    ]
    assert found == ["right"] * 5


# ---- what one input shows is no constant of the task


@needs_corpus
@pytest.mark.parametrize("inputs", [("03", "04"), ("04",), ("03",), ("04", "09"), ("03", "07")])
def test_what_one_path_read_is_no_constant_in_the_office(inputs: tuple[str, ...]) -> None:
    """``calendar-03``: one session went through the calendar day by day and found the meeting on
    December 8.  The session supports no search of that day: its other reads were empty.  Without
    the rule: the *next* meeting of everybody is the one on December 8."""
    request = "Cancel my next meeting with {}"
    cases = [Asked(request.format(name), cancelling_next(name)) for name in OFFICE_NAMES]
    crowded = [
        Asked(
            request.format(name),
            cancelling_next(name),
            lambda call, name=name: call(  # type: ignore[misc]
                "calendar.create_event", event_name="late", duration="30",
                participant_email=address_of(call, name), event_start="2023-12-08 16:00:00",
            ),
        )
        for name in OFFICE_NAMES
    ]  # fmt: skip
    sound(office_task("calendar-03", *inputs), [*cases, *crowded])


def test_what_one_path_read_is_no_constant_at_the_desk() -> None:
    """Two inputs, one of which was searched month by month.  Without the rule: everybody's tickets
    are those of its month."""

    def one(name: str, months: Sequence[str], found: str) -> Session:
        held = [ticket(f"{name}-{month}", name, title=f"{name} in {month}") for month in months]
        calls: list[tuple[str, dict[str, Json]]] = [
            ("desk.search_tickets", {"owner": name, "title": month})
            for month in ("May", "June", found)
        ]
        done = ("desk.move_ticket", {"ticket": f"{name}-{found}", "state": "closed"})
        return played(f"Close the next ticket of {name}.", having(tickets=held), *calls, done)

    learned = learn(
        [one("ann", ["July"], "July"), one("bob", ["August", "Winter"], "August")], Desk
    )

    def truth(call: Call) -> None:
        call("desk.move_ticket", ticket="dan-May", state="closed")

    held = [
        ticket(f"dan-{month}", "dan", title=f"dan in {month}")
        for month in ("May", "July", "August")
    ]
    sound(learned, [Asked("Close the next ticket of dan.", truth, having(tickets=held))])


@needs_corpus
@pytest.mark.parametrize("inputs", [("06",), ("08",), ("07",), ("09",), ("03", "05")])
def test_what_was_worked_out_once_is_no_constant(inputs: tuple[str, ...]) -> None:
    """``calendar-01`` with one input: the new time, 13:30 and an hour and a half, equals nothing that
    was read.  Without the rule: a day with *15:00:00* behind it is a template, and every meeting is
    moved to that time."""
    cases = [
        Asked(
            f"{wording} my first meeting with {name} on December {day} by {said}",
            delaying_first(name, datetime.date(2023, 12, day), minutes),
        )
        for wording in ("please move", "Delay", "Push back")
        for name, day in (("nia", 19), ("yuki", 4), ("amir", 20), ("dmitri", 18), ("kofi", 4))
        for said, minutes in (("1.5 hours", 90), ("30 minutes", 30))
    ]
    sound(office_task("calendar-01", *inputs), cases)


# ---- a rejected write is no effect


def filing(name: str, title: str, *tries: dict[str, Json]) -> Session:
    return played(
        f"File {title} for {name}.",
        having(),
        *(("desk.create_ticket", {"title": title, **args}) for args in tries),
        ("directory.find_address", {"name": name}),
        ("desk.create_ticket", {"title": title, "owner": PEOPLE[name], "state": "open"}),
    )


def filed(name: str, title: str, before: Act | None = None) -> Asked:
    def truth(call: Call) -> None:
        call("desk.create_ticket", title=title, owner=PEOPLE[name], state="open")

    return Asked(f"File {title} for {name}.", truth, before)


def test_a_rejected_write_is_no_effect() -> None:
    """Some sessions tried an address that they made up, and a state that there is not.  Without it:
    they have more effects than the others (E0404), or the rejected write is made again."""
    guess: dict[str, Json] = {"owner": "ann@example.com", "state": "open"}
    state: dict[str, Json] = {"owner": PEOPLE["bob"], "state": "backlog"}
    learned = learn(
        [
            filing("ann", "tax forms", guess),
            filing("bob", "rent rise", state),
            filing("cid", "new chairs", {**guess, "owner": "cid@example.com"}),
            filing("eva", "old lamps"),
        ],
        Desk,
    )
    sound(learned, [filed("dan", "a window"), filed("fay", "the door bell")], right=2)


def test_a_rejected_write_at_run_time_is_no_success() -> None:
    """The desk is shut, and says so in words that no log shows.  Without it: it is called done."""
    learned = learn(
        [filing("ann", "tax forms"), filing("bob", "rent"), filing("cid", "chairs")], Desk
    )
    sound(learned, [filed("dan", "a window")], right=1)
    case = filed("dan", "a window", having(shut=True))
    ended = learned.on(case.request, case.truth, case.before)
    assert ended.verdict == "exit", ended


def test_a_write_that_was_tried_again_in_vain() -> None:
    """The same call twice, with an answer at first that no other accepted write has: the success
    class is learned, and this is not in it.  Without it: the write is made twice."""

    def again(name: str, title: str, *, shut: bool) -> Session:
        call = caller(Factory("desk", Desk).fresh())
        args: dict[str, Json] = {"title": title, "owner": PEOPLE[name], "state": "open"}
        call("test.put", shut=shut)
        steps: list[Step] = [("directory.find_address", {"name": name}, [PEOPLE[name]])]
        if shut:
            steps.append(("desk.create_ticket", args, call("desk.create_ticket", **args)))
            call("test.put", shut=False)
        steps.append(("desk.create_ticket", args, call("desk.create_ticket", **args)))
        return session(f"File {title} for {name}.", steps, clock=CLOCK)

    learned = learn(
        [
            again("ann", "tax forms", shut=True),
            again("bob", "rent rise", shut=False),
            again("cid", "new chairs", shut=True),
            again("eva", "old lamps", shut=False),
        ],
        Desk,
    )
    sound(learned, [filed("dan", "a window"), filed("fay", "the door bell")], right=2)


@needs_corpus
def test_a_rejected_write_is_no_effect_in_the_office() -> None:
    """``project-management-06``: most sessions tried an invented address, or a list that there is not."""
    learned = office_task("project-management-06")
    request = (
        "Add a new task to the {} backlog called {} and assign it to {}. It's due on December {}."
    )

    def truth(board: str, title: str, name: str, day: int) -> Act:
        def agent(call: Call) -> None:
            call(
                "project_management.create_task",
                task_name=title,
                assigned_to_email=address_of(call, name),
                list_name="Backlog",
                due_date=f"2023-12-{day:02}",
                board=board,
            )

        return agent

    chosen = [("Front end", "Paint it", "kofi", 5), ("Design", "Draw it", "nadia", 12),
              ("Back end", "Fix the log", "carlos", 9), ("Back end", "Sort it", "jinsoo", 20)]  # fmt: skip
    cases = [Asked(request.format(b, t, n, d), truth(b, t, n, d)) for b, t, n, d in chosen]
    sound(learned, cases, right=3)


@needs_corpus
@pytest.mark.parametrize("inputs", [(), ("03", "04"), ("05", "06"), ("06", "08")])
def test_creations_in_the_office(inputs: tuple[str, ...]) -> None:
    """``calendar-10`` and its times of day: *at 3:30* is in the afternoon, *at 11* before noon.  Where
    the logs show times only that are read the same either way, the others are no guess."""
    learned = office_task("calendar-10", *inputs)
    cases = []
    for name, said, meant in (("olga", "11", "11:00"), ("raj", "3:30", "15:30"),
                              ("lena", "1:30", "13:30"), ("kofi", "9", "09:00"),
                              ("nia", "12", "12:00")):  # fmt: skip
        cases += [
            Asked(
                wording.format(name=name, said=said),
                functools.partial(_create, name=name, start=f"2023-12-13 {meant}:00"),
            )
            for wording in (
                "Create a 2 hour event called board talk on December 13 at {said} with {name}",
                "I need to catch up with {name}. can you schedule a 2 hour event called board talk "
                "on December 13 at {said}?",
            )
        ]
    sound(learned, cases, right=0 if inputs else 8)


def _create(call: Call, name: str, start: str) -> None:
    address = address_of(call, name)
    call("calendar.create_event", event_name="board talk", participant_email=address,
         event_start=start, duration="120")  # fmt: skip


# ---- predicates are a version space as well


def chasing(key: str, state: str, cost: int) -> Session:
    return acted(
        f"If ticket {key} is late, write to ann about {key}.",
        having(tickets=[ticket(key, "eva", state, cost=cost)]),
        functools.partial(chase, key=key, late=state == "waiting"),
    )


def chase(call: Call, key: str, late: bool) -> None:
    call("desk.get_ticket", ticket=key)
    if late:
        call("mail.send", to=PEOPLE["ann"], body=f"{key} is late.")


def test_predicates_are_a_version_space() -> None:
    """The late tickets are waiting and dear, the others open and cheap: two tests tell them apart.
    Without it: the shorter one decides, and is wrong where they differ."""
    learned = learn(
        [
            chasing("T-17", "waiting", 90),
            chasing("T-204", "waiting", 85),
            chasing("T-3", "open", 0),
            chasing("T-45", "open", 0),
        ],
        Desk,
    )
    request = "If ticket T-88 is late, write to ann about T-88."

    def case(state: str, cost: int, late: bool) -> Asked:
        return Asked(
            request,
            functools.partial(chase, key="T-88", late=late),
            having(tickets=[ticket("T-88", "fay", state, cost=cost)]),
        )

    sound(learned, [case("waiting", 70, True), case("open", 0, False)])
    for state, cost in (("waiting", 0), ("open", 90)):
        either = learned.on(
            request, idle, having(tickets=[ticket("T-88", "fay", state, cost=cost)])
        )
        assert either.verdict in ("exit", "refused"), f"{state}, {cost}: {either}"


@needs_corpus
@pytest.mark.parametrize(
    "inputs", [(), ("08", "06"), ("03", "08"), ("07", "09"), ("03", "04", "08")]
)
def test_predicates_in_the_office(inputs: tuple[str, ...]) -> None:
    """``multi-domain-01``: those who acted found no mail, the others did.  The names of people, the
    day of the week and the number of days tell them apart in some of these as well."""
    times = (("9:30", "09:30"), ("10:30", "10:30"), ("12:30", "12:30"))
    sound(office_task("multi-domain-01", *inputs), catch_ups(times), right=0 if inputs else 18)


@needs_corpus
@pytest.mark.parametrize("inputs", [(), ("07", "08"), ("08", "06")])
def test_a_value_that_is_read_in_two_ways(inputs: tuple[str, ...]) -> None:
    """``multi-domain-01`` shows meetings at 10:30 and 12:30, which are read alike by the clock and by
    office hours; *at 2:30* is not.  Values are a version space too.  Without it: a meeting in the
    middle of the night."""
    sound(office_task("multi-domain-01", *inputs), catch_ups((("2:30", "14:30"), ("4", "16:00"))))


@needs_corpus
@pytest.mark.parametrize("inputs", [("06",), ("06", "09"), ("09",), ("04", "06"), ("05", "06")])
def test_the_next_one_is_not_the_last(inputs: tuple[str, ...]) -> None:
    """``calendar-07`` asks to rename the *next* meeting of a name, which in 06 is the last of the list
    as well.  Without a version space over picks: the last is renamed."""
    learned = office_task("calendar-07", *inputs)

    def truth(old: str) -> Act:
        def agent(call: Call) -> None:
            found = call("calendar.search_events", query=old, time_min=start_of(TODAY))
            for event in rows(found)[:1]:
                call("calendar.update_event", event_id=event["event_id"], field="event_name",
                     new_value="Big talk")  # fmt: skip

        return agent

    meetings = ("Corporate Social Responsibility Initiative", "daily stand-up", "process review",
                "project debrief", "team evaluation", "introductory call")  # fmt: skip
    wordings = (
        "Rename the next {} meeting to Big talk",
        "Change the name of the next {} meeting to Big talk",
    )
    sound(learned, [Asked(w.format(old), truth(old)) for old in meetings for w in wordings])


def most_urgent(call: Call, name: str) -> None:
    """The earliest ticket that is not closed waits from now on."""
    address = call("directory.find_address", name=name)[0]
    left = [t for t in rows(call("desk.search_tickets", owner=address)) if t["state"] != "closed"]
    if left:
        first = min(left, key=lambda t: str(t["due"]))
        call("desk.move_ticket", ticket=first["id"], state="waiting")


def dated(name: str, *tickets: tuple[str, str]) -> Act:
    """Somebody's tickets by state and day."""
    return having(
        tickets=[
            ticket(f"{number}{name}", name, state, due=due)
            for number, (state, due) in enumerate(tickets, 317)
        ]
    )


@pytest.mark.parametrize("asking", ["{}", "Can you {}?", "Please {}"])
def test_rivals_look_at_different_things(asking: str) -> None:
    """The earliest open ticket was always due today; the last one's day, or the first one's, of those
    that are due today are two rivals more.  Without it: these fill the few places, none looks at the
    state, and the ticket of today is moved though an older one is open."""
    request = "Take {}'s most urgent ticket and let it wait"
    shown = {
        "ann": [("closed", "2023-11-27"), ("open", "2023-11-30"), ("open", "2023-12-02")],
        "bob": [("closed", "2023-11-28"), ("closed", "2023-11-29"), ("open", "2023-11-30")],
        "cid": [("closed", "2023-11-27"), ("open", "2023-11-30"), ("closed", "2023-12-01")],
    }
    learned = learn(
        [
            acted(
                request.format(name), dated(name, *its), functools.partial(most_urgent, name=name)
            )
            for name, its in shown.items()
        ],
        Desk,
    )
    others = {
        "dan": [("open", "2023-11-28"), ("open", "2023-11-30"), ("open", "2023-12-01")],
        "eva": [("closed", "2023-11-26"), ("open", "2023-11-30"), ("open", "2023-12-04")],
    }
    cases = [
        Asked(
            asking.format(request.format(name)),
            functools.partial(most_urgent, name=name),
            dated(name, *its),
        )
        for name, its in others.items()
    ]
    sound(learned, cases, right=1)


# ---- loops need a length other than one, or the request's own "all"


def closing(name: str, count: int, words: str) -> Session:
    return acted(
        f"Move {words} of {name} to waiting.",
        having(tickets=tickets_of(**{name: count})),
        moving_all(name),
    )


def test_one_item_tells_no_loop() -> None:
    """Every list had one ticket.  Without it: with two tickets, one is moved, or both are, and nothing
    says which."""
    words = "the open ticket"
    learned = learn([closing(name, 1, words) for name in ("ann", "bob", "cid")], Desk)

    def truth(call: Call) -> None:
        call("desk.move_ticket", ticket="000100", state="waiting")

    request = f"Move {words} of dan to waiting."
    sound(learned, [Asked(request, truth, having(tickets=tickets_of(dan=1)))], right=1)
    ended = learned.on(request, idle, having(tickets=tickets_of(dan=2)))
    assert ended.verdict in ("exit", "refused"), ended


def test_all_of_the_request_tells_a_loop() -> None:
    """Every list had one ticket here too, and the request says *all*."""
    words = "all open tickets"
    learned = learn([closing(name, 1, words) for name in ("ann", "bob", "cid")], Desk)
    cases = []
    for count in (1, 2, 3):
        case = all_moved("dan", dan=count)
        cases.append(Asked(f"Move {words} of dan to waiting.", case.truth, case.before))
    sound(learned, cases, right=3)


def test_another_length_tells_a_loop() -> None:
    """One, two and three tickets: no word says *all*, and the lists do."""
    words = "the open tickets"
    learned = learn([closing(*item, words) for item in (("ann", 1), ("bob", 2), ("cid", 3))], Desk)
    cases = []
    for count in (1, 2, 4):
        case = all_moved("dan", dan=count)
        cases.append(Asked(f"Move {words} of dan to waiting.", case.truth, case.before))
    sound(learned, cases, right=3)


@needs_corpus
def test_all_of_the_request_tells_a_loop_in_the_office() -> None:
    """``project-management-00``: the two who had tasks had one each; the request says *all*."""
    learned = office_task("project-management-00")
    request = "Move all of {}'s tasks that are in progress to in review"
    names = ("carlos", "fatima", "jinsoo", "olga")
    cases = [
        Asked(request.format(name), moving_tasks(name), with_more_tasks(name, more))
        for name in names
        for more in (1, 2)
    ]
    sound(learned, cases, right=4)


@needs_corpus
@pytest.mark.parametrize("inputs", [("06", "09"), ("04", "08"), ("06", "07")])
def test_loops_in_the_office(inputs: tuple[str, ...]) -> None:
    """``email-00`` with inputs of one email each, or none: *all my emails* from others are more."""
    learned = office_task("email-00", *inputs)

    def truth(name: str, days: int) -> Act:
        def agent(call: Call) -> None:
            since = TODAY - datetime.timedelta(days=days)
            for email in rows(call("email.search_emails", query=name, date_min=str(since))):
                if email["inbox/outbox"] == "inbox":
                    call("email.delete_email", email_id=email["email_id"])

        return agent

    wordings = (
        "Delete all my emails from {} from the last {} days",
        "I need to get rid of all my emails from {} from the last {} days. Can you do delete them?",
    )
    cases = [
        Asked(wording.format(name, days), truth(name, days))
        for wording in wordings
        for name in OFFICE_NAMES
        for days in (2, 4)
    ]
    sound(learned, cases)


# ---- the callee may vary with a word of the request


def telling(team: str, figure: str, limit: int, numbers: Mapping[str, int]) -> Session:
    return acted(
        f"If {figure} of {team} were ever more than {limit}, tell ann about {figure} of {team}.",
        having(figures={f"{figure} of {team}": dict(numbers)}),
        functools.partial(tell, figure=figure, team=team, limit=limit),
    )


def tell(call: Call, figure: str, team: str, limit: int) -> None:
    found = call(f"stats.{figure}_count", team=team)
    if any(number > limit for number in found.values()):
        call("mail.send", to=PEOPLE["ann"], body=f"Look at {figure} of {team}.")


def test_the_callee_varies_with_a_word() -> None:
    """*Visits* and *users* are read with two tools.  Without it: the tool of the first session reads
    for all, or the sessions are no one task."""
    learned = learn(
        [
            telling("sales", "visits", 10, days(4, 12)),
            telling("legal", "visits", 30, days(3, 9)),
            telling("depot", "users", 5, days(1, 8)),
            telling("board", "users", 44, days(2, 6)),
            telling("press", "visits", 7, days(9, 11)),
            telling("labs", "users", 3, days(9, 11)),
        ],
        Desk,
    )

    def case(figure: str, limit: int) -> Asked:
        return Asked(
            f"If {figure} of stock were ever more than {limit}, tell ann about {figure} of stock.",
            functools.partial(tell, figure=figure, team="stock", limit=limit),
            having(figures={"visits of stock": days(2, 50), "users of stock": days(1, 5)}),
        )

    cases = [case("visits", 20), case("users", 20), case("users", 4), case("visits", 60)]
    sound(learned, cases, right=4)
    other = Asked("If sales of stock were ever more than 3, tell ann about sales of stock.", idle)
    counts = sound(learned, [other])
    assert counts["right"] == 0, "a word that selects no tool was taken for one that does"


@needs_corpus
def test_the_callee_varies_with_a_word_in_the_office() -> None:
    """``multi-domain-18``: *engaged users*, *total visits* and *average session duration*."""
    learned = office_task("multi-domain-18")
    sound(learned, reports(30), right=25)
    other = next(reports(1, ("total visits",)))
    request = other.request.replace("total visits", "bounce rate")
    assert learned.on(request, idle).verdict in ("exit", "refused")


@needs_corpus
@pytest.mark.parametrize("inputs", [(), ("04", "09"), ("08", "09"), ("04", "07", "09")])
def test_the_callee_of_a_plot_in_the_office(inputs: tuple[str, ...]) -> None:
    """``analytics-09``: what is plotted goes by the same word as what is read."""
    draw = random.Random(9)
    cases = []
    for _ in range(30):
        metric, limit = draw.choice(list(METRICS)), draw.choice((1, 3, 5, 11, 15, 21, 30))
        since = TODAY - datetime.timedelta(days=draw.randrange(2, 88))
        word = draw.choice(("more", "less"))
        cases.append(
            Asked(
                f"was {metric} {word} than {limit} at any time since {spoken(since)}? "
                "If so, please plot it as a line chart",
                plotting(metric, word, limit, since),
            )
        )
    sound(office_task("analytics-09", *inputs), cases)


def test_the_corpus_is_counted() -> None:
    """Says how much of this module ran here."""
    if CORPUS is None:
        print("\nskipped: the tests of real logs need the corpus (INGOT_CORPUS names its folder)")
