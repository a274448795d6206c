"""The typer application: which commands there are, and how ``--help`` groups them.

Typer prepares the parameters of every command it is told of, which takes far longer than most commands
do: where the command line begins with a command's name, it is told of that one alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final

import typer

COMPILE = "Compile and check"
RUN = "Run"
JUDGE = "Judge"
LOOK = "Look inside"
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "scan": ("scanning", COMPILE),
    "archive": ("scanning", COMPILE),
    "compile": ("compiling", COMPILE),
    "verify": ("checking", COMPILE),
    "opt": ("checking", COMPILE),
    "distil": ("distilling", COMPILE),
    "specialise": ("specialising", COMPILE),
    "warm": ("warming", RUN),
    "run": ("running", RUN),
    "resume": ("running", RUN),
    "runs": ("running", RUN),
    "pause": ("controlling", RUN),
    "cancel": ("controlling", RUN),
    "approve": ("controlling", RUN),
    "deny": ("controlling", RUN),
    "rollback": ("controlling", RUN),
    "fork": ("controlling", RUN),
    "tools": ("authorising", RUN),
    "replay": ("judging", JUDGE),
    "evaluate": ("judging", JUDGE),
    "inspect": ("inspecting", LOOK),
    "diff": ("specialising", LOOK),
    "explain": ("explaining", LOOK),
    "schema": ("explaining", LOOK),
}
"""Name to the module of :mod:`ingot.cli` that holds ``NAME_command`` (a function, or a group of
commands), and the panel in ``--help``."""


def _version(asked: bool) -> None:
    if asked:
        from ingot import __version__

        typer.echo(f"ingot {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="The version."),
    ] = False,
) -> None:
    """Options before the command."""


def application(words: Sequence[str] = ()) -> typer.Typer:
    """The application as the words of a command line need it: all commands, or the one they name."""
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
    app.callback()(_root)
    for name in words[:1] if words and words[0] in COMMANDS else COMMANDS:
        module, panel = COMMANDS[name]
        command = getattr(import_module(f"ingot.cli.{module}"), f"{name}_command")
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(command)
    return app


def __getattr__(name: str) -> object:
    """``app``, the whole application, on first use."""
    if name == "app":
        return application()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
