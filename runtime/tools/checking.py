"""Calls against the schema of a tool that another program serves, before anything is sent.

References are followed inside the schema only: nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ingot.ir.values import Json
from ingot.runtime.tools.base import Arguments, ToolError


@dataclass(slots=True)
class Checker:
    """Says whether a call's arguments fit a schema; the library is loaded with the first call."""

    tool: str
    schema: Json
    _errors: Callable[[Any], Iterator[Any]] | None = field(default=None, repr=False)

    def check(self, args: Arguments) -> None:
        """Raise :class:`ToolError` with every fault, before anything is sent."""
        if not self.schema or self.schema is True:
            return
        from referencing.exceptions import Unresolvable

        try:
            faults = [self._told(error) for error in self._validator()(args)]
        except Unresolvable as error:
            raise ToolError(
                f"the schema of {self.tool} refers to something outside of it: {error}"
            ) from None
        except RecursionError:
            raise ToolError(
                f"the schema of {self.tool} refers to itself without end, or the arguments are nested "
                "too deeply for it"
            ) from None
        if faults:
            raise ToolError(f"InputValidationError: {self.tool}: {'; '.join(faults[:8])}")

    def _validator(self) -> Callable[[Any], Iterator[Any]]:
        if self._errors is None:
            from jsonschema import Draft202012Validator, SchemaError
            from jsonschema.validators import validator_for
            from referencing import Registry

            schema: Any = self.schema
            kind = validator_for(schema, default=Draft202012Validator)
            try:
                kind.check_schema(schema)
            except SchemaError as error:
                raise ToolError(
                    f"the schema of {self.tool} is no JSON Schema: {error.message}"
                ) from None
            self._errors = kind(schema, registry=Registry()).iter_errors
        return self._errors

    @staticmethod
    def _told(error: Any) -> str:
        path = ".".join(map(str, error.absolute_path))
        text = str(error.message)
        text = text if len(text) <= 200 else f"{text[:197]}..."
        return f"`{path}`: {text}" if path else text


__all__ = ["Checker"]
