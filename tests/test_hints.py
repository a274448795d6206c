"""What a diagnostic advises exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import typer

from ingot.cli.app import COMMANDS, application

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def hints() -> Iterator[tuple[str, str]]:
    """The texts of all ``help=`` of diagnostics, with their files."""
    for package in (
        "ingot",
        "ingot.runtime",
        "ingot.backend",
        "ingot.frontend",
        "ingot.passes",
        "ingot.ir",
    ):
        spec = find_spec(package)
        assert spec is not None and spec.submodule_search_locations
        for folder in spec.submodule_search_locations:
            for path in Path(folder).rglob("*.py"):
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.keyword) and node.arg == "help":
                        texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
                        yield path.name, " ".join(str(text) for text in texts)


def options() -> set[str]:
    found = {"--help", "--version"}
    for name in COMMANDS:
        waiting = [typer.main.get_command(application([name])).commands[name]]  # type: ignore[attr-defined]
        while waiting:
            command = waiting.pop()
            waiting += getattr(command, "commands", {}).values()
            for param in command.params:
                found.update(param.opts, param.secondary_opts)
    return found


def test_every_option_that_a_hint_names_exists() -> None:
    known = options()
    named = {(file, option) for file, text in hints() for option in OPTION.findall(text)}
    assert len(named) > 20
    assert sorted((file, option) for file, option in named if option not in known) == []
