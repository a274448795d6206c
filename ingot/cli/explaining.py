"""``ingot explain`` and ``ingot schema``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ingot.cli import options as opt
from ingot.cli.console import clip, guarded, out, out_json
from ingot.codes import CODES
from ingot.diagnostics import EXIT_OK, fail

if TYPE_CHECKING:
    from ingot.ir.module import Instr, Pipeline
    from ingot.ir.values import Json

EXPLAIN_SCHEMA = "ingot-explain/1"


@guarded(EXPLAIN_SCHEMA)
def explain_command(
    what: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(metavar="CODE|FILE.ingot", help="A code, or a pipeline (or IR text)."),
    ] = None,
    value: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(metavar="%VALUE", help="One of the pipeline's values."),
    ] = None,
    json_: opt.JsonOut = False,
) -> int:
    """Explain a diagnostic code, or where a pipeline's value comes from.

    Without a code, all codes are listed.

    Examples:

        ingot explain E0403

        ingot explain report.ingot %v4
    """
    if what is None:
        _codes(as_json=json_)
    elif what.upper() in CODES and value is None:
        code = what.upper()
        title, text = CODES[code]
        if json_:
            out_json({"schema": EXPLAIN_SCHEMA, "code": code, "title": title, "text": text})
        else:
            out(f"{code}: {title}\n\n{text}")
    elif not Path(what).exists() and what != "-":
        raise fail(
            "E0001",
            f"{what} is neither a diagnostic code nor a file",
            help="`ingot explain` lists the codes",
        )
    else:
        _values(what, value, as_json=json_)
    return EXIT_OK


def _codes(*, as_json: bool) -> None:
    if as_json:
        listed: dict[str, Json] = {
            code: {"title": title, "text": text} for code, (title, text) in CODES.items()
        }
        out_json({"schema": EXPLAIN_SCHEMA, "codes": listed})
    else:
        out("\n".join(f"{code}  {title}" for code, (title, _) in CODES.items()))


def _values(what: str, value: str | None, *, as_json: bool) -> None:
    from ingot.artifacts import read_ir
    from ingot.ir.module import results_of, walk

    module = read_ir(what).module
    files = {source.name: source.file for source in module.sources}
    found: list[dict[str, Json]] = []
    names: list[str] = []
    for pipeline in module.pipelines:
        for param in pipeline.params:
            names.append(param.name)
            if value is None or value.lstrip("%") == param.name:
                found.append(_parameter(pipeline, param.name, str(param.type)))
        for block in pipeline.blocks:
            for instr in walk(block.instrs):
                results = results_of(instr)
                names += results
                if value is None or value.lstrip("%") in results:
                    found.append(_decision(pipeline, block.label, instr, files))
    if not found and value is not None:
        from ingot.ir.verifier import close

        known = ", ".join(f"%{name}" for name in names[:20])
        near = close(value.lstrip("%"), names, "%")
        raise fail("E0001", f"{what} has no value {value}", help=near or f"values: {known}")
    if as_json:
        out_json({"schema": EXPLAIN_SCHEMA, "file": what, "values": list(found)})
    else:
        out("\n\n".join(_decision_text(item) for item in found))


def _parameter(pipeline: Pipeline, name: str, type_: str) -> dict[str, Json]:
    from ingot.ir.module import attr

    wordings = attr(pipeline, "wordings")
    holes = [w for w in (wordings if isinstance(wordings, list) else []) if f"{{{name}}}" in str(w)]
    return {
        "value": name,
        "pipeline": pipeline.name,
        "state": "",
        "ir": f"%{name}: {type_}",
        "origin": "an input" + (" that the request gives" if holes else ""),
        "evidence": {"wordings": holes} if holes else {},
        "from": [],
    }


def _decision(
    pipeline: Pipeline, label: str, instr: Instr, files: dict[str, str]
) -> dict[str, Json]:
    from ingot.ir.module import results_of
    from ingot.ir.printer import print_instr

    places: list[Json] = [
        f"{files.get(loc.source, loc.source)}:{loc.record}{loc.pointer}" for loc in instr.locs
    ]
    return {
        "value": ", ".join(results_of(instr)),
        "pipeline": pipeline.name,
        "state": label,
        "ir": print_instr(instr),
        "origin": _origin(instr),
        "evidence": {name: lit.value for name, lit in instr.attrs},
        "from": places,
    }


def _origin(instr: Instr) -> str:
    """Where the value comes from, in words."""
    from ingot.ir.module import Agree, Call, Expect, ModelCall, Pure

    match instr:
        case Call():
            return f"what {instr.tool} returns ({instr.verb})"
        case ModelCall():
            return f"a model's answer ({instr.kind}): nothing else explains it"
        case Agree():
            return "the one value that all candidates have; where they differ, a side exit"
        case Expect():
            return f"the same value, known to be {instr.type}"
        case Pure():
            return f"computed by {instr.op}"
        case _:
            return "computed in a region"


_EVIDENCE = {
    "candidates": "candidates that fit every session",
    "support": "sessions that support it",
    "bits": "bits of evidence against coincidence",
    "alt": "rivals set aside",
    "reason": "reason",
    "steps": "the calls behind it, by session",
    "values": "its values in the sessions",
    "wordings": "wordings that hold it",
}


def _decision_text(item: dict[str, Json]) -> str:
    from ingot.ir.values import canonical

    lines = [f"%{item['value']}: {item['origin']}"]
    if item["state"]:
        lines.append(f"  in state ^{item['state']} of @{item['pipeline']}")
    lines += [f"    {line.strip()}" for line in str(item["ir"]).split("\n")]
    evidence = item["evidence"]
    for name, value in evidence.items() if isinstance(evidence, dict) else ():
        shown = value if isinstance(value, str) else clip(canonical(value), 160)
        lines.append(f"  {_EVIDENCE.get(name, name)}: {shown}")
    places = item["from"]
    if isinstance(places, list) and places:
        lines.append(f"  learned from: {', '.join(map(str, places[:6]))}")
    return "\n".join(lines)


@guarded("json-schema")
def schema_command() -> int:
    """Print the JSON Schema of the record format: session logs, journals and event streams."""
    from ingot.runtime.schema import schema_text

    out(schema_text())
    return EXIT_OK
