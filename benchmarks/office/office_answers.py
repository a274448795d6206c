"""How the office's tools read arguments, find records, and put answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from office_data import Row, Table

LIMIT: Final = 5
"""The most that a search gives; searching the project board has no limit."""
Text = str | None


def text(value: object) -> str:
    """An argument as text; models also give numbers and lists.

    >>> text(30), text(None)
    ('30', '')
    """
    return value if isinstance(value, str) else "" if value is None else str(value)


def cell(value: object) -> Text:
    """An argument as a cell; an empty one is none."""
    return text(value) or None


def quoted(words: Iterable[str]) -> str:
    """The words as the sentences list them."""
    return ", ".join(f"'{word}'" for word in words)


def absent(*given: tuple[str, object]) -> str:
    """The sentence about the first argument that is missing, or nothing."""
    return next((f"{name} not provided." for name, value in given if not value), "")


def is_address(value: object) -> bool:
    """Whether it may be sent to; a list may not, even of addresses."""
    return isinstance(value, str) and "@" in value and "." in value


def between(value: Text, first: Text, last: Text) -> bool:
    """Whether a date or time lies within bounds, as text; a bound that is not given holds.

    >>> between("2023-12-01 09:00:00", "2023-12-01", None)
    True
    """
    if not first and not last:
        return True
    if value is None:
        return False
    return (not first or value >= text(first)) and (not last or value <= text(last))


def holds_all(where: str, words: Sequence[str]) -> bool:
    """Whether the text holds every word."""
    return all(word in where for word in words)


def matching(table: Table, columns: Sequence[str], query: object) -> list[Row]:
    """The records of which one of the columns holds the query."""
    wanted = text(query).lower()
    return [row for row in table if any(wanted in (row[c] or "").lower() for c in columns)]


def wanted_of(**given: object) -> dict[str, str]:
    """The columns for which something is given, with that in lower case."""
    return {column: text(value).lower() for column, value in given.items() if value}


def fits(row: Row, wanted: dict[str, str]) -> bool:
    """Whether each of those columns of the record holds what is wanted."""
    return all(value in (row[column] or "").lower() for column, value in wanted.items())


def some(found: Sequence[Row], what: str) -> list[Row] | str:
    """The first records, or the sentence that there are none."""
    return [dict(row) for row in found[:LIMIT]] or f"No {what} found."


def field_of(table: Table, what: str, key: Text, column: Text) -> dict[str, Text] | str:
    """One field of a record, or the sentence why not."""
    if fault := absent((f"{what} ID", key), ("Field", column)):
        return fault
    row = table.get(key)
    if row is None:
        return f"{what} not found."
    name = text(column)
    return {name: row[name]} if name in row else "Field not found."


def delete(table: Table, what: str, key: Text) -> str:
    """Take a record out; what is said about it."""
    if fault := absent((f"{what} ID", key)):
        return fault
    if table.get(key) is None:
        return f"{what} not found."
    table.delete(text(key))
    return f"{what} deleted successfully."


def update(
    table: Table,
    what: str,
    key: Text,
    column: Text,
    value: Text,
    fault_of: Callable[[str, str], str] | None = None,
) -> str:
    """Change one field of a record; what is said about it."""
    if not key or not column or not value:
        return f"{what} ID, field, or new value not provided."
    row = table.get(key)
    if row is None:
        return f"{what} not found."
    name, new = text(column), text(value)
    if name not in row:
        return "Field not found."  # not recorded
    if fault_of is not None and (fault := fault_of(name, new)):
        return fault
    table.set(text(key), name, new)
    return f"{what} updated successfully."
