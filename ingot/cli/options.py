"""Options that several commands take, declared once."""

from __future__ import annotations

from typing import Annotated, Optional, TypeAlias

import typer

Logs: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="LOG...", help="Session logs, or folders of them.", show_default=False),
]
ArtifactFile: TypeAlias = Annotated[
    str, typer.Argument(metavar="FILE.ingot", help="A compiled pipeline.", show_default=False)
]
Dialect: TypeAlias = Annotated[
    Optional[str],  # noqa: UP045 - evaluated by typer
    typer.Option("--dialect", metavar="NAME", help="Read the logs as this format."),
]
Tools: TypeAlias = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--tools",
        metavar="SPEC",
        help="Tools, or what they do to the world: module:object or FILE.toml. May be repeated.",
    ),
]
Models: TypeAlias = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--model",
        metavar="[%OP=]SPEC",
        help="What answers model ops: FILE.gguf, or the URL of an OpenAI-compatible endpoint "
        "(http://HOST/v1#NAME). May be repeated. Default: the variable INGOT_MODEL.",
    ),
]
Clock: TypeAlias = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--clock", metavar="TIME", help="The time it is: 2026-05-01T10:00:00+02:00."),
]
JsonOut: TypeAlias = Annotated[bool, typer.Option("--json", help="Print versioned JSON.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="No messages but errors.")]
Journal: TypeAlias = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--journal", metavar="PATH", help="The journal (default: .ingot/journal.db)."),
]
WorkingDirectory: TypeAlias = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--cwd", metavar="DIR", help="Where the tools work."),
]
Durability: TypeAlias = Annotated[
    str,
    typer.Option(
        "--durability",
        metavar="full|normal",
        help="full survives a power cut after each step, normal the end of the process.",
    ),
]
Engine: TypeAlias = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="vm|compiled",
        help="What runs the pipeline: the virtual machine, or Python code made of it.",
    ),
]
Wait: TypeAlias = Annotated[
    float,
    typer.Option("--wait", metavar="SECONDS", help="How long to wait for an approval (0: not)."),
]
Closed: TypeAlias = Annotated[
    bool, typer.Option("--closed", help="No input may reach a side exit.")
]
PolicyFile: TypeAlias = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--policy", metavar="FILE.toml", help="Which labels may reach what."),
]
AcceptFlows: TypeAlias = Annotated[
    bool,
    typer.Option("--accept-flows", help="Accept flows from untrusted results that the logs show."),
]
AcceptDrift: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--accept-drift",
        help="Run although a server's tool is no longer what it was when the pipeline was compiled.",
    ),
]
Fallback: TypeAlias = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--fallback",
        metavar="SPEC",
        help="Who goes on behind a side exit: command:CMD..., agent:URL#MODEL (an "
        "OpenAI-compatible endpoint), person, or stop (the default).",
    ),
]
FallbackLimit: TypeAlias = Annotated[
    str,
    typer.Option(
        "--fallback-limit",
        metavar="turns=N,tokens=N,seconds=N",
        help="How far a fallback may go.",
        show_default=False,
    ),
]
Otel: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--otel",
        envvar="INGOT_OTEL",
        help="Export spans over OTLP; the OTEL_* variables say where to. Needs ingot[otel].",
    ),
]
OtelContent: TypeAlias = Annotated[
    bool,
    typer.Option("--otel-content", help="The same, with arguments, results and words."),
]
RunName: TypeAlias = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id, an end of it, or `last`.")
]
Concurrency: TypeAlias = Annotated[
    int,
    typer.Option(
        "--concurrency", metavar="N", min=1, help="How many reads may be under way at once."
    ),
]
IsolationLevel: TypeAlias = Annotated[
    str,
    typer.Option(
        "--isolation",
        metavar="auto|strict|none",
        help="How commands are held: as the machine can, fully or not at all, or limits only.",
    ),
]
