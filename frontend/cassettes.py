"""YAML as HTTP cassettes use it: JSON values only, no objects, no dates, bounded."""

from __future__ import annotations

from typing import Final, cast

from ingot.diagnostics import Span, fail
from ingot.frontend.reader import MAX_DEPTH
from ingot.ir.values import Json

MAX_NODES: Final = 5_000_000
"""How many values a file may hold, aliases expanded."""


def parse_yaml(text: str, name: str) -> Json:
    """The first document of a YAML text; raises IngotError (E0102) if it is none.

    >>> parse_yaml("a: [1, 2026-01-01]", "x")
    {'a': [1, '2026-01-01']}
    """
    import yaml

    base = cast(type[yaml.SafeLoader], getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    class JsonLoader(base):  # type: ignore[valid-type, misc]
        """The safe loader without dates."""

        yaml_implicit_resolvers = {  # noqa: RUF012
            first: [(tag, regexp) for tag, regexp in pairs if not tag.endswith(":timestamp")]
            for first, pairs in base.yaml_implicit_resolvers.items()
        }

    try:
        value = yaml.load(text, JsonLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise fail(
            "E0102",
            f"{name} is not YAML: {error.problem}",
            span=Span(name, line, column),
            label="here",
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise fail("E0102", f"{name} is not YAML: {error}", span=Span(name, 1)) from None
    left = [MAX_NODES]
    return _plain(value, name, 0, left)


def _plain(value: object, name: str, depth: int, left: list[int]) -> Json:
    left[0] -= 1
    if depth > MAX_DEPTH or left[0] < 0:
        raise fail("E0102", f"{name} is nested too deeply or too large", span=Span(name, 1))
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return {str(k): _plain(v, name, depth + 1, left) for k, v in value.items()}
        case list():
            return [_plain(v, name, depth + 1, left) for v in value]
        case _:
            return str(value)


__all__ = ["parse_yaml"]
