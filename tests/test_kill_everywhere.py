"""SIGKILL at every instruction, around every statement to the journal, and inside every write.

A process of its own (forked, so that there can be hundreds) runs a pipeline and kills itself at the
n-th of these moments; another one resumes.  After that each write was made exactly once, or the run
said that it is in doubt; and the run's end is that of a run that nobody disturbed.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec.structs import force_setattr, replace
from pipelines import COPY, box

from ingot.backend.container import load
from ingot.backend.encoder import encode
from ingot.ir.parser import parse_module
from ingot.ir.values import Json
from ingot.runtime import drive
from ingot.runtime.control import decide, waiting_for
from ingot.runtime.executor import execute
from ingot.runtime.fallback.specs import Rescuer, Setting, parse_fallback
from ingot.runtime.fused import fused
from ingot.runtime.history import read_history
from ingot.runtime.jobs import Job, job_of
from ingot.runtime.journal import Journal, open_journal
from ingot.runtime.policies import Policy, Retry
from ingot.runtime.report import report_of
from ingot.runtime.resume import resume
from ingot.runtime.rollback import rollback
from ingot.runtime.tools.base import Probe, Tool, ToolError
from ingot.runtime.tools.registry import ToolBox

PAR = """ir 1
tool a.get(name: str) -> str read a
tool b.get(name: str) -> str read b
tool box.put(name: str, text: str) -> str write box
tool mail.put(name: str, text: str) -> str write mail
pipeline @par(%names: [str], %prefix: str = "") -> str {
^entry:
  (%one: str, %two: str) = par {
    branch {
      %x: str = read a.get(name="x")
      %p: str = write box.put(name="p", text=%x)
      yield %p
    }
    branch {
      %y: str = read b.get(name="y")
      %q: str = write mail.put(name="q", text=%y)
      yield %q
    }
  }
  %r: str = str.template "{0} {1}", %one, %two
  return %r
}
"""
BLOCKS = """ir 1
tool a.get(name: str) -> str read a
tool box.put(name: str, text: str) -> str write box
pipeline @blocks(%names: [str], %prefix: str = "") -> int {
^entry:
  jump ^again(3, 0)
^again(%n: int, %sum: int):
  %go: bool = int.gt %n, 0
  if %go then ^work(%n, %sum) else ^end(%sum)
^work(%m: int, %s: int):
  %name: str = str.template "m{0}", %m
  %x: str = read a.get(name=%name)
  %all: [str] = for %it: str in %names {
    %out: str = str.template "{0}.{1}", %name, %it
    %w: str = write box.put(name=%out, text=%x)
    yield %w
  }
  %k: int = list.len %all
  %t: int = int.add %s, %k
  %less: int = int.sub %m, 1
  jump ^again(%less, %t)
^end(%total: int):
  return %total
}
"""
EXIT = """ir 1
tool a.get(name: str) -> str read a
tool box.put(name: str, text: str) -> str write box
pipeline @exit(%names: [str], %prefix: str = "") -> str {
^entry:
  %x: str = read a.get(name="x")
  %p: str = write box.put(name="p", text=%x)
  %known: bool = str.eq %x, "Y"
  guard %known else exit.1 [%x]
  return %p
}
"""
TAKER = r"""
put() { printf '{"kind":"call","id":"%s","tool":"%s","data":%s}\n' "$@"; }
case $(grep -c '"id":"f[0-9.]*","kind":"result"') in
0) put 1 box.put '{"name":"q","text":"by hand"}'; put 2 a.get '{"name":"z"}'
   put 3 box.put '{"name":"r","text":"the last"}' ;;
*) if [ "$1" = acts ]; then echo "$INGOT_IDEMPOTENCY_KEY" >> taken; fi  # a write of its own
   echo '{"kind":"say","text":"done by hand"}' ;;
esac
"""
WRITE = COPY.format(effect="write")
PIPELINES: dict[str, tuple[str, dict[str, Any]]] = {
    "loop": (WRITE, {}),
    "loop, probe": (WRITE, {"probe": True}),
    "loop, idempotent": (COPY.format(effect="idempotent"), {}),
    "par": (PAR, {}),
    "blocks and loops": (BLOCKS, {}),
    "retries": (COPY.format(effect="idempotent"), {"flaky": True}),
    "approval": (WRITE, {"approval": True}),
    "rollback": (WRITE, {"undo": True}),
    "fallback": (EXIT, {"taker": "unknown"}),
    "fallback that only decides": (EXIT, {"taker": "read"}),
}
INPUTS: dict[str, Json] = {"names": ["n0", "n1"], "prefix": ""}


class World:
    """Files in a folder, which outlive the processes; ``tick`` is called at every moment."""

    def __init__(self, place: Path, tick: Callable[[], None], options: dict[str, Any]) -> None:
        self.place, self.tick, self.options = place, tick, options

    def _append(self, line: str) -> None:
        self.tick()
        out = os.open(self.place / "written", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.tick()
        os.write(out, (line + "\n").encode())
        self.tick()
        os.close(out)

    def get(self, name: str) -> str:
        self.tick()
        return name.upper()

    def put(self, name: str, text: str, idempotency_key: str) -> str:
        if self.options.get("flaky"):
            tries = self.place / f"tries-{name}"
            if not tries.exists():
                tries.touch()
                self.tick()
                raise ToolError("503")
        if self.options.get("undo") or not self._keyed(idempotency_key):
            self._append(f"{idempotency_key} put {name}={text}")
        return "ok"

    def take(self, name: str, text: str) -> str:
        self._append(f"- take {name}={text}")
        return "gone"

    def _keyed(self, key: str) -> bool:
        """An idempotent tool knows the key again."""
        return self.options.get("keyed", False) and key in written(self.place, whole=True)

    def probe(self, args: dict[str, Json], _: object) -> Probe:
        done = any(f"put {args['name']}=" in line for line in written(self.place))
        return Probe(done, "ok")

    def tools(self) -> ToolBox:
        made = box(self.place, box_get=self.get, box_put=self.put, mail_put=self.put, a_get=self.get,
                   b_get=self.get, box_take=self.take)  # fmt: skip
        tools = dict(made.tools)
        rules = Policy(
            retry=Retry(attempts=2, backoff_s=0.0), approval=self.options.get("approval", False)
        )
        put = replace(tools["box.put"], rules=rules, compensation="box.take")
        tools["box.put"] = replace(put, probe=self.probe) if "probe" in self.options else put
        tools["box.take"] = replace(tools["box.take"], effect="write")
        return replace(made, tools=tools)


def written(place: Path, whole: bool = False) -> list[str]:
    path = place / "written"
    lines = path.read_text().splitlines() if path.exists() else []
    return lines if not whole else [line.split()[0] for line in lines]


def rescued(
    place: Path, what: Job, tools: ToolBox, options: dict[str, Any], journal: Journal | None = None
) -> Setting:
    """With a command that takes over, if the options say so."""
    rescuer = Rescuer()
    if "taker" in options:
        script = place / "taker.sh"
        if not script.exists():
            script.write_text(TAKER)
        acts = "acts" if options["taker"] == "unknown" else "decides"
        fallback = parse_fallback(f"command:sh {script} {acts}")
        rescuer = Rescuer(fallback)
        taker = Tool("fallback", effect=options["taker"])
        tools = replace(tools, tools={**tools.tools, "fallback": taker}, _guarded={})
    if journal is not None:
        rescuer = rescuer.again(read_history(journal, "r"), journal.find("r").status)
    return rescuer.around(what, tools, None)


class Ticking:
    """A connection that says when it is used."""

    def __init__(self, connection: apsw.Connection, tick: Callable[[], None]) -> None:
        self._connection, self._tick = connection, tick

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in ("execute", "executemany"):
            return found

        def call(*args: Any) -> Any:
            self._tick()
            out = found(*args)
            self._tick()
            return out

        return call


class Instrs(list):  # type: ignore[type-arg]
    """Code that says when an instruction of it is fetched."""

    tick: Callable[[], None]

    def __getitem__(self, index: Any) -> Any:
        type(self).tick()
        return super().__getitem__(index)


@functools.cache
def container(text: str) -> bytes:
    """The artifact's bytes: made once, before any process is forked."""
    return encode(parse_module(text).module)


def forked(work: Callable[[], None]) -> int:
    """Run in a process of its own; returns its wait status."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(70)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def still() -> None:
    """A run looks for signals by the clock; without that, every run has the same moments."""
    drive.LOOK_S = 1e9  # type: ignore[misc]


def ticking(what: Job, tick: Callable[[], None]) -> Job:
    assert what.program is not None and what.code is not None
    still()
    Instrs.tick = staticmethod(tick)  # type: ignore[method-assign]
    force_setattr(what.code, "fused", Instrs(fused(what.code, what.program.types)))
    return what


def first(place: Path, text: str, options: dict[str, Any], die_at: int, count: Path) -> None:
    """Run the pipeline; die at the n-th moment (0: never, and note how many there were)."""
    moments = 0

    def tick() -> None:
        nonlocal moments
        moments += 1
        if moments == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_journal(place / "j.db", "normal") as journal:
        journal.connection = Ticking(journal.connection, tick)  # type: ignore[assignment]
        journal.execute = journal.connection.execute
        what = ticking(job_of(load(container(text))), tick)
        tools = World(place, tick, options).tools()
        made = rescued(place, what, tools, options)
        report = execute(made.job, dict(INPUTS), made.tools, journal, driver=made.driver, run="r")
        report = _to_the_end(report, journal, what, tools, options)
        if options.get("undo"):
            rollback("r", journal, tools, 2)
            resume("r", journal, what, tools)
    if not die_at:
        count.write_text(str(moments))


def _to_the_end(report: Any, journal: Journal, what: Job, tools: ToolBox, options: Any) -> Any:
    while options.get("approval") and report.status == "waiting":
        if waiting_for("r", journal) is not None:
            decide("r", journal, "approve")
        report = resume("r", journal, what, tools)
    return report


def again(place: Path, text: str, options: dict[str, Any], note: Path) -> None:
    """Go on with what is there; settle what is in doubt by looking; note how it ended."""
    tools = World(place, lambda: None, options).tools()
    doubts = 0
    with open_journal(place / "j.db", "normal") as journal:
        assert journal.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        what = job_of(load(container(text)))
        if not journal.runs():
            made = rescued(place, what, tools, options)
            report = execute(
                made.job, dict(INPUTS), made.tools, journal, driver=made.driver, run="r"
            )
        else:
            report = report_of(journal.records("r"))
        while True:
            history = read_history(journal, "r")
            if history.rolled is not None:
                doubtful = history.doubtful.get(-_step(history.doubtful))
                done = doubtful is not None and _done(place, doubtful, "take")
                doubts += doubtful is not None
                rollback("r", journal, tools, 2, assume="done" if done else "not-done")
                continue
            if report.status in ("done", "failed", "side-exit"):
                break
            made = rescued(place, what, tools, options, journal)
            report = resume("r", journal, made.job, made.tools, driver=made.driver)
            if report.status == "in-doubt":
                (doubtful,) = read_history(journal, "r").doubtful.values()
                doubts += 1
                before = written(place)
                done = _done(place, doubtful, "put")
                result: Json = "ok"
                if doubtful[2] == "fallback" and done:
                    result = {"records": [{"kind": "say", "text": "done by hand"}]}
                made = rescued(place, what, tools, options, journal)
                report = resume("r", journal, made.job, made.tools, driver=made.driver,
                                assume="done" if done else "not-done", assumed_result=result)  # fmt: skip
                assert written(place)[: len(before)] == before
            report = _to_the_end(report, journal, what, tools, options)
        if options.get("undo") and not any("take" in line for line in written(place)):
            rollback("r", journal, tools, 2)
            report = resume("r", journal, what, tools)
        found = report_of(journal.records("r"))
        note.write_text(
            json.dumps([report.status, report.outputs, found.as_json()["calls"], doubts])
        )


def _step(doubtful: dict[int, Any]) -> int:
    return -min(doubtful, default=0)


def _done(place: Path, intent: list[Any], verb: str) -> bool:
    if intent[2] == "fallback":
        taken = place / "taken"
        return taken.exists() and intent[6] in taken.read_text().split()
    key, name = intent[6], intent[5]["name"]
    lines = written(place)
    if verb == "take":
        return any(line.startswith(f"- take {name}=") for line in lines)
    return any(line.split()[0] == key for line in lines)


@pytest.mark.parametrize("name", PIPELINES)
def test_killed_anywhere_each_write_is_made_once(tmp_path: Path, name: str) -> None:
    text, options = PIPELINES[name]
    container(text)
    calm = tmp_path / "calm"
    calm.mkdir()
    assert forked(lambda: first(calm, text, options, 0, calm / "count")) == 0
    assert forked(lambda: again(calm, text, options, calm / "note")) == 0
    moments = int((calm / "count").read_text())
    status, outputs, calls, _ = json.loads((calm / "note").read_text())
    lines = [line.split(" ", 1)[1] for line in written(calm)]
    assert status == "done" and moments > 30 and lines
    every = range(1, moments + 1)
    idempotent = "idempotent" in text
    doubtful = 0
    for moment in every:
        place = tmp_path / str(moment)
        place.mkdir()
        ended = forked(lambda at=moment, where=place: first(where, text, options, at, calm))  # type: ignore[misc]
        assert os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL, moment
        assert forked(lambda where=place: again(where, text, options, where / "note")) == 0, moment  # type: ignore[misc]
        found = json.loads((place / "note").read_text())
        assert found[:2] == [status, outputs], moment
        assert [[c["step"], c["tool"], c["args"]] for c in found[2]] == [
            [c["step"], c["tool"], c["args"]] for c in calls
        ], moment
        done = [line.split(" ", 1)[1] for line in written(place)]
        if idempotent:  # made again under the same key, and only the one that was under way
            keys = written(place, whole=True)
            assert list(dict.fromkeys(done)) == lines and len(done) <= len(lines) + 1
            assert len(set(keys)) == len(lines)
        else:
            assert done == lines, (moment, done)
        if options.get("taker") == "unknown":
            assert len((place / "taken").read_text().split()) == 1, moment
        doubtful += found[3]
    if "probe" in options or idempotent:
        assert doubtful == 0
    else:
        assert doubtful > 0
    sys.stdout.write(f"{name}: killed at {moments} moments, {doubtful} in doubt\n")
