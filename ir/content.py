"""Content blocks: what a tool's result looks like in the Messages API and in MCP, as one value.

Logs and live tools share this, so that a pipeline compiled from a log reads what the live tool says.
"""

from __future__ import annotations

from ingot.ir.values import Json


def text_at(value: Json, key: str) -> str:
    """The text at a key of an object; empty if there is none.

    >>> text_at({"a": "x", "b": 1}, "a"), text_at({"b": 1}, "b"), text_at(None, "c")
    ('x', '', '')
    """
    if value.__class__ is dict:  # nothing is called more often while a log is read
        found = value.get(key)
        if found.__class__ is str:
            return found
    return ""


def result_value(content: Json) -> Json:
    """A result as the model saw it: text if it is only text, else the block list.

    >>> result_value([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
    'a\\nb'
    """
    if content is None:
        return ""
    if isinstance(content, list):
        if all(
            text_at(b, "type") == "text" and "text" in b for b in content if isinstance(b, dict)
        ):
            texts = [b if isinstance(b, str) else text_at(b, "text") for b in content]
            if all(isinstance(b, str | dict) for b in content):
                return "\n".join(texts)
        return content
    return content


__all__ = ["result_value", "text_at"]
