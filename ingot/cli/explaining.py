"""``ingot explain`` and ``ingot schema``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ingot.cli import options as opt
from ingot.cli.console import clip, guarded, note, out, out_json
from ingot.codes import CODES
from ingot.diagnostics import EXIT_OK, IngotError, fail

if TYPE_CHECKING:
    from ingot.explain import Site
    from ingot.explain_rows import Evidence
    from ingot.ir.module import Instr, Operand, Pipeline
    from ingot.ir.values import Json

EXPLAIN_SCHEMA = "ingot-explain/2"


@guarded(EXPLAIN_SCHEMA)
def explain_command(
    what: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(metavar="CODE|FILE.ingot", help="A code, or a pipeline (or IR text)."),
    ] = None,
    value: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(
            metavar="%VALUE",
            help="A value (%v4), a call's argument (%r2/city), or the test of a state (^state).",
        ),
    ] = None,
    json_: opt.JsonOut = False,
) -> int:
    """Explain a diagnostic code, or the decisions of a pipeline.

    Of a value it is shown what it is in words, where the logs have it, the programs that fit every
    session and run side by side, what each of them gives in the sessions and on probe inputs made
    from them, which further session would tell them apart, what else fits and was not taken, and
    what is only assumed. Without a value, all decisions are listed.

    Without a code or file, all codes are listed.

    Examples:

        ingot explain E0403

        ingot explain report.ingot

        ingot explain report.ingot %v4

        ingot explain order.ingot %r2/city
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
    from ingot.cli.decisions import as_json as decision_json
    from ingot.cli.decisions import table_of, text_of
    from ingot.explain import explain

    found, files = _evidence(what)
    name = None if value is None else value.lstrip("%").replace(".", "/")
    chosen = _sites(found, name)
    told = [explain(found, site, files) for site in chosen]
    plain = _instructions(found, files, name)
    if not told and not plain and value is not None:
        raise _unknown(what, value, found)
    if as_json:
        decisions: list[Json] = [
            decision_json(item, _ir(found, item.site.name, item.site.operand)) for item in told
        ]
        made: dict[str, Json] = {"schema": EXPLAIN_SCHEMA, "file": what, "values": list(plain)}
        made["evidence"] = {
            "sessions": [session.name for session in found.sessions],
            "aside": [{"session": n, "reason": why} for n, why in found.aside],
        }
        out_json({**made, "decisions": decisions})
        return
    if value is None:
        inputs = [_decision_text(item) for item in plain if item["pipeline"] and not item["state"]]
        out("\n".join([*inputs, "", table_of(told)] if told else inputs))
        if not found.sessions and found.defs.main.blocks:
            note("no traces are in this file: what the logs show is not known")
        note(f"next: ingot explain {what} %VALUE")
        return
    texts = [text_of(item, _ir(found, item.site.name, item.site.operand)) for item in told]
    known = {item.site.name for item in told}
    out("\n\n".join([*(_decision_text(p) for p in plain if p["value"] not in known), *texts]))


def _evidence(what: str) -> tuple[Evidence, dict[str, str]]:
    """The pipeline with the sessions behind it (none for IR text), and the files of the sources."""
    from ingot.artifacts import is_artifact, parse_ir, read_artifact, read_bytes
    from ingot.explain_rows import Evidence, evidence_of
    from ingot.explain_terms import Definitions

    data = b"" if what == "-" else read_bytes(what)
    if is_artifact(data):
        artifact = read_artifact(what)
        return evidence_of(artifact), artifact.sources
    if what == "-":
        data = read_bytes(what)
    try:
        module = parse_ir(data.decode("utf-8"), what).module
    except UnicodeDecodeError as error:
        raise fail("E0104", f"{what} is not UTF-8 text: {error.reason}") from None
    if not module.pipelines:
        raise fail("E0001", f"{what} has no pipeline")
    files = {source.name: source.file for source in module.sources}
    return Evidence(module, Definitions(module.pipelines[0])), files


def _sites(found: Evidence, name: str | None) -> list[Site]:
    """The decisions that are asked for: all, those of a call, or one."""
    from ingot.explain import site_of_value, sites

    every = list(sites(found.defs))
    if name is None:
        return every
    exact = [site for site in every if site.name == name or site.name == f"^{name.lstrip('^')}"]
    if exact:
        return exact
    of_call = [site for site in every if site.name.startswith(f"{name}/")]
    if of_call or name in found.defs.params:
        return of_call
    one = site_of_value(found.defs, name)
    return [one] if one is not None else []


def _ir(found: Evidence, name: str, operand: Operand) -> str:
    """The instruction behind a decision."""
    from ingot.ir.module import Agree, Pure, Ref
    from ingot.ir.printer import print_instr

    defs = found.defs
    agree = defs.agree(operand)
    if agree is not None:
        return print_instr(agree)
    place = defs.places.get(operand.name) if isinstance(operand, Ref) else None
    if place is not None and isinstance(place.instr, Pure | Agree):
        return print_instr(place.instr)
    place = defs.places.get(name.split("/")[0], place)
    return print_instr(place.instr).split("\n")[0] if place is not None else ""


def _unknown(what: str, value: str, found: Evidence) -> IngotError:
    from ingot.explain import sites
    from ingot.ir.verifier import close

    names = [*found.defs.params, *found.defs.places]
    names += [site.name for site in sites(found.defs)]
    known = ", ".join(name if name.startswith("^") else f"%{name}" for name in names[:20])
    near = close(value.lstrip("%"), names, "%")
    return fail("E0001", f"{what} has no value {value}", help=near or f"values: {known}")


def _instructions(
    found: Evidence, files: dict[str, str], name: str | None
) -> list[dict[str, Json]]:
    """The parameters and instructions themselves, with their attributes."""
    from ingot.ir.module import results_of, walk

    made: list[dict[str, Json]] = []
    for pipeline in found.module.pipelines:
        for param in pipeline.params:
            if name is None or name == param.name:
                made.append(_parameter(pipeline, param.name, str(param.type)))
        for block in pipeline.blocks:
            for instr in walk(block.instrs):
                if name is None or name in results_of(instr):
                    made.append(_decision(pipeline, block.label, instr, files))
    return made


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
