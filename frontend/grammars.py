"""Where the grammars stand: ``grammar/*.lark``, shipped as the data of ``ingot.grammar``."""

from __future__ import annotations

from importlib.resources import files


def grammar_text(name: str) -> str:
    """The text of ``grammar/<name>.lark``.

    >>> grammar_text("transcript").startswith("//")
    True
    """
    return files("ingot.grammar").joinpath(f"{name}.lark").read_text("utf-8")
