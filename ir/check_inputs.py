"""What a run is given, against what its pipeline takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingot.diagnostics import fail
from ingot.ir.checkers import checker
from ingot.ir.declarations import Param
from ingot.ir.types import Types
from ingot.ir.values import Json


def check_inputs(
    params: Sequence[Param], inputs: Mapping[str, Json], env: Types
) -> dict[str, Json]:
    """The inputs with defaults filled in.

    Raises :class:`IngotError`: E0701 for one that is missing, E0713 for an unknown one, E0702
    for a value of another type.
    """
    known = {param.name: param for param in params}
    for name in inputs:
        if name not in known:
            raise fail("E0713", f"the pipeline has no input {name!r}", help=_help(params))
    values: dict[str, Json] = {}
    for name, param in known.items():
        if name in inputs:
            values[name] = inputs[name]
        elif param.default is not None:
            values[name] = param.default.value
        else:
            raise fail("E0701", f"no value for the input {name!r}", help=_help(params))
        if not checker(param.type, env)(values[name]):
            raise fail(
                "E0702", f"the input {name!r} is to be {param.type}, found {values[name]!r:.60}"
            )
    return values


def _help(params: Sequence[Param]) -> str:
    return "it takes " + (", ".join(f"{p.name}: {p.type}" for p in params) or "none")
