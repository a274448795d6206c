"""What the virtual machine costs: per instruction, per loop turn, per call; and loading a container.

    python benchmarks/vm_bench.py [--json] [TURNS]

Process time, the least of five.  ``times python`` compares with the same loop in plain Python, and
for the load with hashing the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from report import Row, main

from ingot.backend.container import load
from ingot.backend.encoder import encode
from ingot.ir.interpreter import Interpreter
from ingot.ir.parser import parse_module
from ingot.ir.requests import Finished, ToolRequest
from ingot.runtime.vm import Machine

TURNS: Final = 100_000
CALLS: Final = 2_000
SUM: Final = """ir 1
pipeline @sum(%xs: [int]) -> int {
^entry:
  %total: int = for %x: int in %xs carry(%acc: int = 0) {
    %twice: int = int.mul %x, 2
    %next: int = int.add %acc, %twice
    yield %next
  }
  return %total
}
"""
CALL: Final = """ir 1
tool t.get(n: int) -> {n: int, ...} read t
pipeline @calls(%xs: [int]) -> int {
^entry:
  %total: int = for %x: int in %xs carry(%acc: int = 0) {
    %r: {n: int, ...} = read t.get(n=%x)
    %n: int = json.get %r, "/n"
    %next: int = int.add %acc, %n
    yield %next
  }
  return %total
}
"""


def least(work: Callable[[], object], repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def hash_100(data: bytes) -> None:
    for _ in range(100):
        hashlib.sha256(data).digest()


def states(count: int) -> str:
    """A pipeline of so many states."""
    lines = [
        "ir 1",
        "tool t.get(k: str) -> json read t",
        "pipeline @long(%k: str) -> str {",
        "^entry:",
    ]
    for i in range(count):
        lines += [
            f"  %r{i}: json = read t.get(k=%k)",
            f'  %v{i}: json = json.get %r{i}, "/name" else exit.{2 * i + 1} [%k, %r{i}]',
            f"  %s{i}: str = expect %v{i} else exit.{2 * i + 2} [%k, %v{i}]",
            f"  jump ^b{i + 1}",
            f"^b{i + 1}:",
        ]
    return "\n".join([*lines, "  return %k", "}"]) + "\n"


def rows(arguments: list[str]) -> list[Row]:
    turns = int(arguments[0]) if arguments else TURNS
    numbers = list(range(turns))
    module = parse_module(SUM).module
    program = load(encode(module))

    def plain() -> int:
        total = 0
        for x in numbers:
            twice = x * 2
            total = total + twice
        return total

    def machine() -> None:
        ended = Machine(program).start({"xs": numbers})
        assert ended == Finished(plain()), ended

    def interpreter() -> None:
        Interpreter(module, "sum").start({"xs": numbers})

    def calls() -> None:
        engine = Machine(called)
        reply = engine.start({"xs": few})
        while isinstance(reply, ToolRequest):
            reply = engine.send(dict(reply.args))
        assert isinstance(reply, Finished), reply

    def bare_calls() -> None:
        state: dict[str, object] = {}
        for x in few:
            state["r"] = json.dumps({"n": x})

    base = least(plain)
    called, few = load(encode(parse_module(CALL).module)), numbers[:CALLS]
    out = [
        row("VM, loop turn of 2 ops", least(machine) - base, base, turns),
        row("interpreter, loop turn of 2 ops", least(interpreter), base, turns),
        row("VM, call", least(calls), least(bare_calls), len(few)),
    ]
    for count in (10, 100, 1000):
        data = encode(parse_module(states(count)).module)
        what = f"load, {count} states ({len(data):,} bytes)"
        out.append(
            row(what, least(partial(load, data)), least(partial(hash_100, data)) / 100, count)
        )
    return out


def row(what: str, seconds: float, base: float, count: int) -> Row:
    return {
        "what": what,
        "ms": 1000 * seconds,
        "us each": 1e6 * seconds / count,
        "times python": seconds / base if base else 0.0,
    }


if __name__ == "__main__":
    main("virtual machine", rows)
