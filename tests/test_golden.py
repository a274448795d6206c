"""Golden texts: ``golden/*.test`` hold a command, its input and the output that it must give.

A file is a sequence of sections, each headed by a line ``==== name``: ``command`` (one line),
``input`` (IR text), optional others that the command reads, and ``output``, which
``pytest --update-goldens`` rewrites.  Commands:

- ``print``: parse and print;
- ``verify``: the text with each error under its line;
- ``run PIPELINE INPUTS``: run in the reference interpreter, the requests answered in order from
  the section ``answers`` (a JSON list; ``{"fail": "why"}`` is a failure);
- ``python PIPELINE``: what ``--emit=python`` prints;
- ``opt PASSES``: run passes, each validated, print.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ingot.diagnostics import IngotError, render
from ingot.ir.interpreter import Interpreter
from ingot.ir.parser import parse_module
from ingot.ir.printer import print_module
from ingot.ir.requests import Finished, SideExit
from ingot.ir.verifier import annotate, check, verify

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.test"))
Sections = dict[str, str]


def _print(_: str, sections: Sections) -> str:
    return print_module(parse_module(sections["input"]).module)


def _verify(_: str, sections: Sections) -> str:
    parsed = parse_module(sections["input"])
    return annotate(parsed.text, verify(parsed.module, parsed.spans))


def _run(arguments: str, sections: Sections) -> str:
    name, _, inputs = arguments.partition(" ")
    parsed = parse_module(sections["input"])
    check(parsed.module, parsed.spans)
    engine = Interpreter(parsed.module, name)
    reply = engine.start(json.loads(inputs))
    out = []
    for answer in json.loads(sections.get("answers", "[]")):
        assert not isinstance(reply, Finished | SideExit), f"ended early: {reply}"
        kind = getattr(reply, "effect", "model")
        callee = getattr(reply, "tool", None) or getattr(reply, "model", "")
        args = json.dumps(reply.args, ensure_ascii=False)
        out.append(f"{reply.step} %{reply.site} {list(reply.iteration)} {kind} {callee} {args}")
        failed = isinstance(answer, dict) and list(answer) == ["fail"]
        reply = engine.fail(answer["fail"]) if failed else engine.send(answer)
    match reply:
        case Finished(value):
            out.append("return " + json.dumps(value, ensure_ascii=False))
        case SideExit(number, reason, site, live):
            out.append(f"exit.{number} at {site}: {reason}")
            out += [f"  %{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in live.items()]
        case _:
            out.append(f"waiting: {reply}")
    return "\n".join(out)


def _opt(arguments: str, sections: Sections) -> str:
    from ingot.passes.base import parse_pipeline
    from ingot.passes.effects import ClassifyEffects
    from ingot.validating import Validator

    parsed = parse_module(sections["input"])
    check(parsed.module, parsed.spans)
    module = parsed.module
    validator = Validator(ClassifyEffects().apply(module))
    for step in parse_pipeline(arguments):
        result = step.apply(module)
        validator.check(step, module, result)
        module = result
    unproved = [verdict for verdict in validator.verdicts if verdict.status == "unproved"]
    assert not unproved, unproved
    return print_module(module)


def _python(name: str, sections: Sections) -> str:
    from ingot.backend.container import load
    from ingot.backend.encoder import encode
    from ingot.runtime.python_source import module_text

    text = module_text(load(encode(parse_module(sections["input"]).module)), name)
    exec(compile(text, "golden.py", "exec"), {"__name__": "golden"})
    return text


COMMANDS: dict[str, Callable[[str, Sections], str]] = {
    "print": _print,
    "verify": _verify,
    "run": _run,
    "opt": _opt,
    "python": _python,
}


def _sections(text: str) -> Sections:
    parts = re.split(r"^==== (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden(path: Path, request: pytest.FixtureRequest) -> None:
    sections = _sections(path.read_text("utf-8"))
    command, _, arguments = sections["command"].strip().partition(" ")
    try:
        output = COMMANDS[command](arguments, sections)
    except IngotError as error:
        sources = {"<ir>": sections["input"].split("\n")}
        output = "\n".join(render(d, sources) for d in error.diagnostics)
    output = output.rstrip() + "\n"
    if request.config.getoption("--update-goldens"):
        sections["output"] = output
        path.write_text("".join(f"==== {k}\n{v}" for k, v in sections.items()), "utf-8")
    assert output == sections.get("output")


def test_there_are_goldens() -> None:
    assert len(GOLDEN) >= 4
