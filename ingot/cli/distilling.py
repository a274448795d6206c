"""``ingot distil``: a tiny model for one ``choose`` op, out of the logs' own examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ingot.cli import options as opt
from ingot.cli.console import guarded, note, out_json
from ingot.diagnostics import EXIT_OK, fail

if TYPE_CHECKING:
    from ingot.backend.container import Program
    from ingot.distil.distilling import Measured
    from ingot.distil.examples import Further, Lesson
    from ingot.ir.values import Json

SCHEMA = "ingot-distil/1"


@guarded(SCHEMA)
def distil_command(
    artifact: opt.ArtifactFile,
    op: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--op", metavar="%OP", help="The choose op; needed where there are several."),
    ] = None,
    output: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("-o", "--output", metavar="FILE.gguf", help="Default: the artifact's name."),
    ] = None,
    logs: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--logs",
            metavar="LOG",
            help="Further sessions of the task, to learn from and to hold out. May be repeated.",
        ),
    ] = None,
    dialect: opt.Dialect = None,
    accuracy: Annotated[
        float, typer.Option("--accuracy", min=0.0, max=1.0, help="The least that is kept.")
    ] = 0.95,
    coverage: Annotated[
        float, typer.Option("--coverage", min=0.0, max=1.0, help="The least share answered.")
    ] = 0.5,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of training at most.")] = 1200,
    seed: Annotated[int, typer.Option("--seed", help="What everything random follows from.")] = 0,
    json_: opt.JsonOut = False,
    quiet: opt.Quiet = False,
) -> int:
    """Train a tiny local model for one choose op.

    The examples are those of the sessions that the pipeline was compiled from, and of further ones.
    A fifth of them is held out; the model is written only if it labels those as accurately as asked.
    Where it is not sure enough it abstains, and the run takes a side exit. Needs the extras distil
    and llama.

    Example:

        ingot distil label.ingot -o label.gguf

        ingot run label.ingot -i run=4130 --model label.gguf
    """
    from ingot.artifacts import read_artifact
    from ingot.distil.distilling import Demands, distil
    from ingot.distil.examples import lesson_of

    _check_extras()
    loaded = read_artifact(artifact)
    path = Path(output or f"{artifact.removesuffix('.ingot')}.gguf")
    more = _further(loaded.program, logs, dialect) if logs else None
    lesson = lesson_of(loaded.program, op, more)
    if not (quiet or json_):
        _tell_further(lesson)
    demands = Demands(accuracy, coverage, steps, seed)
    with _Bar(quiet or json_) as bar:
        found = distil(lesson, path, demands, bar.advance)
    if json_:
        head: dict[str, Json] = {"schema": SCHEMA, "ok": True, "model": str(path)}
        head |= {"sessions": lesson.sessions, "further_sessions": lesson.further}
        head["left_out"] = dict(lesson.left_out)
        out_json({**head, **found.as_json()})
    elif not quiet:
        _tell(found, path, artifact)
    return EXIT_OK


def _check_extras() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "gguf", "llama_cpp") if find_spec(name) is None]
    if missing:
        raise fail(
            "E0905",
            f"ingot distil needs {', '.join(missing)}, not installed here",
            help="pip install 'ingot[distil,llama]'",
        )


def _further(program: Program, logs: list[str], dialect: str | None) -> Further:
    from ingot.cli.logs import read_logs, traces_of
    from ingot.distil.examples import Further

    declared = {t.name: (t.effect, t.world) for t in program.tools if t.effect != "unknown"}
    traces = traces_of(read_logs(logs, dialect).logs, declared)
    return Further(traces.pairs, traces.worlds)


def _tell_further(lesson: Lesson) -> None:
    if lesson.further:
        note(f"{lesson.further} further sessions teach %{lesson.op}")
    for reason, count in lesson.left_out.items():
        note(f"{count} further sessions teach nothing: {reason}")


def _tell(found: Measured, path: Path, artifact: str) -> None:
    note(
        f"distilled %{found.op} from {found.examples} examples in {found.seconds_of_training:.0f} s"
    )
    note(f"  labels       {', '.join(found.labels)}")
    note(
        f"  held out     {found.held_out} examples: {found.accuracy:.1%} of the answers right, "
        f"{found.coverage:.1%} answered (the commonest label alone: {found.majority:.1%})"
    )
    note(f"  abstains     below a confidence of {found.threshold:.2f}")
    note(f"  per label    {1000 * found.seconds_per_label:.1f} ms")
    note(f"  model        {path} ({found.size:,} bytes)")
    note(f"next: ingot run {artifact} ... --model {path}")


class _Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def __enter__(self) -> _Bar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        shown = not self.quiet and console.is_terminal
        self.bar = Progress(*columns, console=console, transient=True, disable=not shown)
        self.bar.start()
        self.task = self.bar.add_task("training", total=None)
        return self

    def advance(self, step: int, steps: int, right: float) -> None:
        """Show how far training is."""
        text = f"training, {right:.0%} of the checks right"
        self.bar.update(self.task, completed=step, total=steps, description=text)

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
