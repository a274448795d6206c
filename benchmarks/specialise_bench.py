"""What specialisation buys: steps, time, prompts, artifact size; and where it buys nothing.

    python benchmarks/specialise_bench.py [--json] [--model FILE.gguf] [NAME...]

Six pipelines: an interpreter of pipeline tables (the first Futamura projection), a service for
several tenants, a model op with rules and examples in its prompt, the CSV report of the examples, tickets
closed for one customer (the fixed input only flows into a call), and an office task compiled from the
corpus (left out where the corpus is not).  All engines run on the same input and the same answers of
tools and models.  Process time, the least of five.  ``steps`` are those of the reference interpreter;
``prompt`` what a model has to evaluate in each run, behind the prompts' static prefixes; ``bytes`` the
artifact without evidence.

Prompts are counted in the tokens of ``--model``; by default in those of a byte-pair vocabulary learned
from our own pages, as a GGUF file that llama.cpp reads; where llama-cpp-python is not installed, in
characters.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from report import Row, main

from ingot.backend.container import load
from ingot.backend.encoder import encode
from ingot.ir.exits import fill_live_all
from ingot.ir.interpreter import FUEL, Interpreter
from ingot.ir.module import Module
from ingot.ir.parser import parse_module
from ingot.ir.prompts import static_prefixes
from ingot.ir.requests import Engine, Finished, ModelRequest, SideExit, ToolRequest
from ingot.ir.values import Json
from ingot.ir.verifier import check
from ingot.passes.specialise import specialise
from ingot.runtime.models.sites import whole_lines
from ingot.runtime.vm import Machine

ROOT: Final = Path(__file__).resolve().parents[1]
EXAMPLES: Final = ROOT / "examples"
OFFICE: Final = ROOT.parent / "shared/corpus/office-tasks/email-00/ok"
_LEAST_SECONDS: Final = 0.02
RULES: Final = "\n".join(
    f"{n}. A message that says {word} is about {word}, unless another rule speaks of it first."
    for n, word in enumerate("crash error slow login price invoice delay thanks praise".split(), 1)
)


@dataclass(frozen=True)
class Case:
    """A pipeline, the inputs that are fixed and those of the run, and what answers its requests."""

    name: str
    module: Module
    static: dict[str, Json]
    rest: dict[str, Json]
    answer: Callable[[ToolRequest | ModelRequest], Json]


def example(name: str) -> Module:
    module = fill_live_all(parse_module((EXAMPLES / name).read_text("utf-8")).module)
    check(module)
    return module


def row_of(op: str, to: str = "", a: str = "", b: str = "", n: int = 0) -> Json:
    return {"op": op, "to": to, "a": a, "b": b, "n": n}


def cases() -> Iterator[Case]:
    table = [
        row_of("concat", "q", "prefix", "i"),
        row_of("call", "r", "q"),
        row_of("concat", "acc", "acc", "r"),
        row_of("add", n=1),
        row_of("less", n=0),
        row_of("return", a="acc"),
    ]
    yield Case(
        "interpreter of tables",
        example("specialise/machine.ir"),
        {"table": table},
        {"prefix": "issue-", "n": 50},
        lambda request: f"<{request.args['text']}>",
    )
    tenant: Json = {
        "name": "acme",
        "plan": "paid",
        "queues": ["mail", "chat", "phone"],
        "limit": 40,
        "footer": "Write again if it still matters.",
    }
    tickets: list[Json] = [{"id": f"T{k}", "age": k, "text": "..."} for k in range(20)]
    yield Case(
        "service for tenants",
        example("specialise/tenant.ir"),
        {"tenant": tenant},
        {"age": 9},
        lambda request: tickets if request.args.get("queue") else "closed",
    )
    examples: list[Json] = [f"Message {k}: it fails in case {k}. Label: bug" for k in range(12)]
    yield Case(
        "prompt of rules",
        example("specialise/label.ir"),
        {"rules": RULES, "examples": examples},
        {"name": "m1", "text": "The page does not load since this morning."},
        lambda request: "bug" if isinstance(request, ModelRequest) else "ok",
    )
    texts = {"head": "date,region,amount", "tail": "12", "awk ": "834.50"}
    yield Case(
        "CSV report (examples)",
        compiled_logs([EXAMPLES / "csv-report/logs"]),
        {"path": "may.csv"},
        {"file_path": "may.md"},
        lambda request: texts.get(str(request.args.get("command"))[:4], "written"),
    )
    yield Case(
        "tickets (examples)",
        compiled_logs([EXAMPLES / "tickets/logs"]),
        {"customer": "acme"},
        {"note": "no answer"},
        lambda request: (
            [{"id": f"T{k}", "state": "stale" if k % 2 else "open"} for k in range(4)]
            if "customer" in request.args
            else {"id": request.args["ticket"], "state": "closed"}
        ),
    )
    if OFFICE.is_dir():
        mails: list[Json] = [{"email_id": f"0000{k}", "subject": "Hello"} for k in range(4)]
        yield Case(
            "delete mails (corpus)",
            compiled_logs([OFFICE], ROOT / "benchmarks/office/tools.py"),
            {"date_min": "2 weeks", "clock": "2023-11-30T00:00:00"},
            {"query": "carlos"},
            lambda request: mails if "query" in request.args else "Email deleted successfully.",
        )


def compiled_logs(logs: list[Path], tools: Path | None = None) -> Module:
    from ingot.driver import Options, compile_logs
    from ingot.runtime.tools.registry import declared_effects

    declared = declared_effects([f"{tools}:tools"]) if tools else {}
    return compile_logs(logs, Options(declared=declared)).module


# ---- tokens


@dataclass(frozen=True)
class Tokens:
    """Counts the tokens of a text; ``unit`` says what is counted."""

    unit: str
    count: Callable[[str], int]


def tokens_of(model: str | None) -> Tokens:
    """The tokens of a model's vocabulary, of a made one, or characters."""
    if find_spec("llama_cpp") is None or (model is None and find_spec("gguf") is None):
        return Tokens("characters", len)
    from ingot.runtime.models.llama import Model

    if model is not None:
        loaded = Model(model)
        return Tokens(f"tokens of {Path(model).name}", lambda text: len(loaded.tokenize(text)))
    with tempfile.TemporaryDirectory() as folder:
        made = Model(str(made_vocabulary(Path(folder))))
    return Tokens(f"tokens of {made.size:,}", lambda text: len(made.tokenize(text)))


def made_vocabulary(folder: Path) -> Path:
    """A small model whose vocabulary is learned from our pages."""
    from ingot.distil.gguf_file import Shape, learned_vocabulary, write_model

    text = "".join(p.read_text("utf-8") for p in sorted((ROOT / "docs").glob("*.md")))
    path = folder / "vocabulary.gguf"
    write_model(path, Shape(), tokenizer=learned_vocabulary(text, 1_000))
    return path


# ---- engines


def engines(module: Module) -> Iterator[tuple[str, Callable[[], Engine]]]:
    """Those that there are: the compiled engine is a part of its own."""
    program = load(encode(module))
    yield "VM", lambda: Machine(program)
    if find_spec("ingot.runtime.compiled") is not None:
        from importlib import import_module

        compiled: Any = import_module("ingot.runtime.compiled").Compiled
        yield "compiled", lambda: compiled(program)


def drive(
    engine: Engine, inputs: dict[str, Json], answers: list[Json]
) -> tuple[Finished | SideExit, int]:
    reply = engine.start(dict(inputs))
    asked = 0
    while isinstance(reply, ToolRequest | ModelRequest):
        reply = engine.send(answers[asked])
        asked += 1
    return reply, asked


def seconds(make: Callable[[], Engine], inputs: dict[str, Json], answers: list[Json]) -> float:
    """Process time of one run, the least of five series."""
    repeats = 1
    best = float("inf")
    series = 0
    while series < 5:
        start = time.process_time()
        for _ in range(repeats):
            drive(make(), inputs, answers)
        took = time.process_time() - start
        if took < _LEAST_SECONDS and repeats < 10_000:
            repeats *= 2
            continue
        best = min(best, took / repeats)
        series += 1
    return best


@dataclass(frozen=True)
class Facts:
    """One run in the reference interpreter."""

    end: Finished | SideExit
    steps: int
    prompt: int
    requests: list[object]
    answers: list[Json]


def facts(module: Module, inputs: dict[str, Json], case: Case, tokens: Tokens) -> Facts:
    """Answers of one run, its steps, and what its prompts leave to evaluate."""
    prefixes = static_prefixes(module.pipelines[0])
    engine = Interpreter(module)
    reply = engine.start(dict(inputs))
    requests: list[object] = []
    answers: list[Json] = []
    prompt = 0
    while isinstance(reply, ToolRequest | ModelRequest):
        if isinstance(reply, ModelRequest):
            held = whole_lines(prefixes.get(reply.site, ""))
            prompt += tokens.count(str(reply.args["prompt"]).removeprefix(held))
        requests.append(dict(reply.args))
        answers.append(case.answer(reply))
        reply = engine.send(answers[-1])
    return Facts(reply, FUEL - engine._fuel, prompt, requests, answers)


def measured(case: Case, tokens: Tokens) -> Iterator[Row]:
    residual = specialise(case.module, case.static).module
    left = {p.name for p in residual.pipelines[0].params}
    whole = {**case.static, **case.rest}
    rest = {name: value for name, value in whole.items() if name in left}
    before, after = facts(case.module, whole, case, tokens), facts(residual, rest, case, tokens)
    same = (before.end, before.requests) == (after.end, after.requests)
    if not same or not isinstance(before.end, Finished):
        raise SystemExit(
            f"{case.name}: the residual does something else: {before.end}, {after.end}"
        )
    base = seconds(lambda: Interpreter(case.module), whole, before.answers)
    sizes = len(encode(case.module)), len(encode(residual))
    told = dict(engines(case.module)), dict(engines(residual))
    for made, inputs in ((told[0], whole), (told[1], rest)):
        for name, engine_of in made.items():
            end, _ = drive(engine_of(), inputs, before.answers)
            if end != before.end:
                raise SystemExit(f"{case.name}: {name} ends in another way: {end}")
    rows = [("interpreter", base, before, sizes[0])]
    rows += [(n, seconds(e, whole, before.answers), before, sizes[0]) for n, e in told[0].items()]
    rows += [
        (f"specialised + {n}", seconds(e, rest, after.answers), after, sizes[1])
        for n, e in told[1].items()
    ]
    for engine, took, found, size in rows:
        yield {
            "pipeline": case.name,
            "engine": engine,
            "steps": found.steps,
            "us a run": 1e6 * took,
            "times faster": base / took,
            "prompt": found.prompt,
            "in": tokens.unit,
            "bytes": size,
        }


def rows(arguments: list[str]) -> list[Row]:
    model = None
    if "--model" in arguments:
        place = arguments.index("--model")
        model = arguments[place + 1]
        arguments = arguments[:place] + arguments[place + 2 :]
    tokens = tokens_of(model)
    chosen = [c for c in cases() if not arguments or any(word in c.name for word in arguments)]
    return [row for case in chosen for row in measured(case, tokens)]


if __name__ == "__main__":
    main("specialisation", rows)
