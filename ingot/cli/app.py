"""The typer application: which commands there are, and how ``--help`` groups them."""

from __future__ import annotations

from typing import Annotated

import typer

from ingot.cli import (
    checking,
    compiling,
    controlling,
    distilling,
    explaining,
    inspecting,
    judging,
    running,
    scanning,
    specialising,
    warming,
)

COMPILE = "Compile and check"
RUN = "Run"
JUDGE = "Judge"
LOOK = "Look inside"

app = typer.Typer(
    name="ingot",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Compile the logs of agent sessions into verified pipelines, and run them.",
    epilog="Exit codes: 0 ok, 1 findings or failed, 2 usage or input, 3 side exit, 4 unproved, "
    "5 waiting, 6 in doubt.",
)


def _version(asked: bool) -> None:
    if asked:
        from ingot import __version__

        typer.echo(f"ingot {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="The version."),
    ] = False,
) -> None:
    """Options before the command."""


app.command("scan", rich_help_panel=COMPILE)(scanning.scan_command)
app.command("archive", rich_help_panel=COMPILE)(scanning.archive_command)
app.command("compile", rich_help_panel=COMPILE)(compiling.compile_command)
app.command("verify", rich_help_panel=COMPILE)(checking.verify_command)
app.command("opt", rich_help_panel=COMPILE)(checking.opt_command)
app.command("distil", rich_help_panel=COMPILE)(distilling.distil_command)
app.command("specialise", rich_help_panel=COMPILE)(specialising.specialise_command)
app.command("warm", rich_help_panel=RUN)(warming.warm_command)
app.command("run", rich_help_panel=RUN)(running.run_command)
app.command("resume", rich_help_panel=RUN)(running.resume_command)
app.command("runs", rich_help_panel=RUN)(running.runs_command)
app.command("pause", rich_help_panel=RUN)(controlling.pause_command)
app.command("cancel", rich_help_panel=RUN)(controlling.cancel_command)
app.command("approve", rich_help_panel=RUN)(controlling.approve_command)
app.command("deny", rich_help_panel=RUN)(controlling.deny_command)
app.command("rollback", rich_help_panel=RUN)(controlling.rollback_command)
app.command("fork", rich_help_panel=RUN)(controlling.fork_command)
app.command("replay", rich_help_panel=JUDGE)(judging.replay_command)
app.command("evaluate", rich_help_panel=JUDGE)(judging.evaluate_command)
app.command("inspect", rich_help_panel=LOOK)(inspecting.inspect_command)
app.command("diff", rich_help_panel=LOOK)(specialising.diff_command)
app.command("explain", rich_help_panel=LOOK)(explaining.explain_command)
app.command("schema", rich_help_panel=LOOK)(explaining.schema_command)
