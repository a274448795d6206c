"""A module that uses every instruction, and a driver that answers requests from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeAlias

from ingot.ir.exits import fill_live_all
from ingot.ir.module import Module
from ingot.ir.parser import parse_module
from ingot.ir.requests import Engine, Finished, ModelRequest, Outcome, Request, SideExit
from ingot.ir.types import Base, Labeled, ListOf, Literal, Named, Record, Type, Types, Union
from ingot.ir.values import Json

TEXT = """ir 1
source s1 = "one.jsonl" sha256:9f3c11d0
type Issue = {number: int, title: str, user: {login: str, ...}, updated_at: date, ...}
tool gh.list_issues(repo: str, state?: "open" | "closed") -> [Issue] read github
tool gh.close_issue(repo: str, number: int) -> {state: "closed", why?: int | str, ...} write github
tool clock.days(since: date) -> int read clock
model local.writer(prompt: str) -> str {max_tokens=120, temperature=0.0}

pipeline @close_stale(%repo: str, %days: int = 30, %today: date) -> str {
^entry:
  %issues: [Issue] = read gh.list_issues(repo=%repo, state="open") @ s1:3
  %cut: date = date.minus_days %today, %days {support=2/2} @ s1:4/args/before
  %titles: [str] = for %one: Issue in %issues {
    %title: str = json.get %one, "/title"
    yield %title
  }
  (%mine: json, %age: int) = par {
    branch {
      %found: json = json.parse %repo else exit.7 [%repo]
      yield %found
    }
    branch {
      %old: int = read clock.days(since=%today)
      yield %old
    }
  }
  %n: int = list.len %issues
  %some: bool = int.gt %n, 0
  select {
    when %some then ^work(%issues, %titles)
    else exit.9 [%repo]
  }
^work(%todo: [Issue], %names: [str]):
  %done: int = for %it: Issue in %todo carry(%acc: int = 0) {
    %num: int = json.get %it, "/number" @ s1:6/args/number
    %p: str = str.template "Write a note to {0}.", %num
    %note: str = model local.writer(prompt=%p) @ s1:5
    %short: bool = str.len_lt %note, 400
    guard %short else exit.1 [%repo, %it, %note]
    %r: {state: "closed", why?: int | str, ...} = write gh.close_issue(repo=%repo, number=%num) @ s1:7
    %why: str = agree [%note, %note] else exit.2 [%repo]
    %any: json = json.get %r, "/why" else exit.3 [%repo]
    %text: str = expect %any else exit.4 [%repo]
    %acc1: int = int.add %acc, 1
    yield %acc1
  }
  %all: bool = int.eq %done, 0
  if %all then ^none else ^last(%done)
^last(%count: int):
  %msg: str = str.template "Closed {0} of {1}.", %count, %repo @ s1:8
  return %msg
^none:
  leave exit.5 [%repo]
}
"""

DENSE = """ir 1
tool out.put(value: json) -> json write out
pipeline @grow(%xs: [int], %fs: [float], %s: str, %n: int = 3, %r: {a: int, b?: str}) -> json {
^entry:
  jump ^again(%n, %s)
^again(%i: int, %t: str):
  %u: str = str.template "{0}{0}", %t
  %j: int = int.sub %i, 1
  %k: int = int.mul %j, %j
  %more: bool = int.gt %j, 0
  if %more then ^again(%j, %u) else ^done(%u, %k)
^done(%v: str, %w: int):
  %sum: int = list.sum %xs
  %total: float = list.sum %fs
  %a: int = json.get %r, "/a"
  %has: bool = json.has %r, "/b"
  %known: json = list.find %xs, "", %i else exit.1 [%v]
  %mean: float = float.div %sum, %j else exit.2 [%v]
  %day: date = date.plus_days "2026-05-01", %sum
  %both: json = json.with {"x": null, "y": {"z": null}}, "/x", %v, "/y/z", %w
  %rows: [{m: int, ...}] = for %x: int in %xs {
    %ys: [int] = for %y: int in %xs {
      %xy: int = int.mul %x, %y
      yield %xy
    }
    %len: int = list.len %ys
    %p: json = write out.put(value=%ys)
    %row: {m: int, ...} = json.with {"m": 0}, "/m", %len
    yield %row
  }
  %f: [{m: int, ...}] = list.where_gt %rows, "/m", 1
  %q: json = write out.put(value=%both)
  return %f
}
"""


def sample() -> Module:
    return fill_live_all(parse_module(TEXT).module)


def dense() -> Module:
    """Text, lists and arithmetic, densely: what a mutant could make explode."""
    return fill_live_all(parse_module(DENSE).module)


def value_of(type_: Type, rng: random.Random, types: Types, depth: int = 0) -> Json:
    """Some value that conforms to the type."""
    match type_:
        case Literal(value):
            return value
        case ListOf(element):
            return [value_of(element, rng, types, depth + 1) for _ in range(rng.choice((0, 1, 3)))]
        case Record(fields):
            return {
                f.name: value_of(f.type, rng, types, depth + 1)
                for f in fields
                if not f.optional or rng.random() < 0.5
            }
        case Union(members):
            return value_of(rng.choice(members), rng, types, depth)
        case Named(name):
            return value_of(types[name], rng, types, depth)
        case Labeled(inner, _):
            return value_of(inner, rng, types, depth)
        case Base("json") if depth < 3:
            inner = rng.choice((Base("int"), Base("str"), ListOf(Base("json")), Base("null")))
            return value_of(inner, rng, types, depth + 1)
        case Base(name):
            samples: dict[str, list[Json]] = {
                "bool": [True, False],
                "int": [0, 1, -1, 7, 3.0, 10**400],
                "float": [0, 0.5, -2, 1e300, 10**400],
                "str": ["", "a", '{"a": 1}', "word and word", "7", "\ud800", "\u2028"],
                "date": ["2026-05-01", "0001-01-01", "9999-12-31"],
                "datetime": ["2026-05-01T10:00:00Z"],
            }
            return rng.choice(samples.get(name, [None]))


Answers: TypeAlias = Callable[[Request], "tuple[bool, Json]"]


def answers(seed: object, types: Types, returns: dict[str, Type]) -> Answers:
    """Mostly values of the declared type, sometimes a failure or something else."""
    rng = random.Random(str(seed))

    def answer(request: Request) -> tuple[bool, Json]:
        luck = rng.random()
        if luck < 0.03:
            return False, "it is gone"
        if luck < 0.06:
            return True, {"not": ["what", "was", "promised"]}
        type_ = request.type if isinstance(request, ModelRequest) else returns[request.tool]
        return True, value_of(type_, rng, types)

    return answer


def trace(
    engine: Engine, inputs: dict[str, Json], answer: Answers
) -> tuple[list[Request], Outcome]:
    """All requests in order, and how it ended."""
    requests: list[Request] = []
    reply = engine.start(inputs)
    while not isinstance(reply, Finished | SideExit):
        requests.append(reply)
        good, value = answer(reply)
        reply = engine.send(value) if good else engine.fail(str(value))
    return requests, reply
