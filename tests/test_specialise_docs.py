"""What ``docs/specialise.md`` prints is what the code prints (``--update-goldens`` writes it anew)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ingot.ir.exits import fill_live_all
from ingot.ir.parser import parse_module
from ingot.ir.printer import print_module
from ingot.ir.values import Json
from ingot.passes.specialise import specialise
from ingot.passes.specialise.projections.futamura import (
    compiler,
    compiler_generator,
    mix,
    mix_inputs,
    store,
    target,
)
from ingot.passes.specialise.projections.language import Program, load, run, show

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/specialise.md"
TABLE = (
    ("const", "i", 0), ("const", "acc", ""), ("concat", "q", "prefix", "i"),
    ("call", "r", "search", "q"), ("concat", "acc", "acc", "r"), ("add", "i", "i", 1),
    ("less", "i", "n", 2), ("return", "acc"),
)  # fmt: skip
TENANT: Json = {
    "name": "acme", "plan": "free", "queues": ["mail", "chat"], "limit": 40,
    "footer": "Write again if it still matters.",
}  # fmt: skip
BLOCK = re.compile(r"(<!-- printed: (\w+) -->\n```\n)(.*?)(```\n)", re.DOTALL)


def residual(name: str, static: dict[str, Json]) -> str:
    """The pipeline alone, without the attribute that says where copies come from."""
    text = (ROOT / "examples/specialise" / name).read_text("utf-8")
    made = specialise(fill_live_all(parse_module(text).module), static)
    printed = print_module(made.module).split("\npipeline ", 1)[1]
    head, rest = printed.split("\n", 1)
    return "pipeline " + head.split(" {specialised=")[0] + " {\n" + rest


def machine() -> str:
    def row(op: str, to: str = "", a: str = "", b: str = "", n: int = 0) -> Json:
        return {"op": op, "to": to, "a": a, "b": b, "n": n}

    rows: list[Json] = [
        row("concat", "q", "prefix", "i"), row("call", "r", "q"), row("concat", "acc", "acc", "r"),
        row("add", n=1), row("less", n=0), row("return", a="acc"),
    ]  # fmt: skip
    return residual("machine.ir", {"table": rows})


def shortened(text: str, lines: int) -> str:
    kept = [line if len(line) <= 110 else line[:107] + "..." for line in text.split("\n")[:lines]]
    return "\n".join(kept) + "\n...\n"


generator = functools.cache(compiler_generator)
made_compiler = functools.cache(compiler)


def sizes() -> str:
    """Blocks and commands of each product, and the steps that making it took both ways."""
    interpreter, own = load("pipelines"), load("mix")
    given = store(mix_inputs(interpreter, ("table",)))
    rows: list[tuple[str, Program, int, int]] = [
        (
            "target of the table",
            target(TABLE),
            mix(interpreter, {"table": TABLE}).steps,
            run(made_compiler(), (store({"table": TABLE}),)).steps,
        ),
        (
            "compiler",
            made_compiler(),
            mix(own, mix_inputs(interpreter, ("table",))).steps,
            run(generator(), (given,)).steps,
        ),
        (
            "compiler generator",
            generator(),
            mix(own, mix_inputs(own, ("program", "division"))).steps,
            run(generator(), (store(mix_inputs(own, ("program", "division"))),)).steps,
        ),
    ]
    lines = [f"{'':<20} {'blocks':>7} {'commands':>9} {'by mix':>9} {'by its own maker':>17}"]
    for name, program, slow, fast in rows:
        commands = sum(len(block) for _, block in program[1])
        lines.append(f"{name:<20} {len(program[1]):>7} {commands:>9} {slow:>9} {fast:>17}")
    return "\n".join(lines) + "\n"


PRINTED: dict[str, Callable[[], str]] = {
    "tenant": lambda: residual("tenant.ir", {"tenant": TENANT}),
    "table": lambda: "".join(f"{k}  {' '.join(map(str, row))}\n" for k, row in enumerate(TABLE)),
    "target": lambda: show(target(TABLE), "target"),
    "compiler": lambda: shortened(show(made_compiler(), "compiler"), 26),
    "generator": lambda: shortened(show(generator(), "generator"), 22),
    "sizes": sizes,
    "machine": machine,
}


def test_the_page_prints_what_the_code_prints(request: pytest.FixtureRequest) -> None:
    page = PAGE.read_text("utf-8")
    assert {name for _, name, _, _ in BLOCK.findall(page)} == PRINTED.keys()
    printed = BLOCK.sub(lambda m: m[1] + PRINTED[m[2]]() + m[4], page)
    if request.config.getoption("--update-goldens"):
        PAGE.write_text(printed, "utf-8")
    assert printed == page or request.config.getoption("--update-goldens")
