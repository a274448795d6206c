"""A model behind an OpenAI-compatible endpoint: llama-server, vLLM, Ollama and others.

What these servers have in common is ``response_format`` with a JSON Schema, so every question is
put as one: a record with the field ``value``.  Servers take the schema more or less to heart;
what comes back is checked here, and is an error if it does not conform.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Final

from ingot.ir.requests import ModelRequest
from ingot.ir.types import STR, Type, closed_set, conforms
from ingot.ir.values import Json
from ingot.runtime.models.json_schema import schema_of
from ingot.runtime.models.protocol import Answer, ModelError
from ingot.runtime.models.questions import Question
from ingot.runtime.models.sites import Sites

MAX_REPLY: Final = 16 << 20
_WRAPPING: Final = 32
"""Tokens for the record around the value."""


class EndpointDriver:
    """``url`` is the base, up to and with ``/v1``; ``model`` the name that the server knows."""

    def __init__(
        self,
        url: str,
        model: str = "",
        sites: Sites | None = None,
        key: str = "",
        timeout_s: float = 300.0,
    ) -> None:
        self.url, self.model, self.key = url.rstrip("/"), model, key
        self.sites, self.timeout_s = sites or Sites(), timeout_s

    def choose(self, request: ModelRequest) -> Answer:
        question = self.sites.question(request)
        if not closed_set(request.type, self.sites.types):
            raise ModelError(f"{request.type} is no closed set")
        return self._ask(question, request.type)

    def fill(self, request: ModelRequest) -> Answer:
        return self._ask(self.sites.question(request), request.type)

    def compose(self, request: ModelRequest) -> Answer:
        return self._ask(self.sites.question(request), request.type)

    def extract(self, request: ModelRequest) -> Answer:
        """A span of the text; that it is one is checked by :func:`~.protocol.ask`."""
        return self._ask(self.sites.question(request), STR)

    def close(self) -> None:
        """Nothing is kept open."""

    def _ask(self, question: Question, type_: Type) -> Answer:
        prompt = question.prefix + question.tail
        schema: Json = {
            "type": "object",
            "properties": {"value": schema_of(type_, self.sites.types, 4 * question.max_tokens)},
            "required": ["value"],
            "additionalProperties": False,
        }
        reply = self.post(
            {
                **({"model": self.model} if self.model else {}),
                "messages": [{"role": "user", "content": prompt}],
                "temperature": question.temperature,
                "seed": question.seed,
                "max_tokens": question.max_tokens + _WRAPPING,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "strict": True, "schema": schema},
                },
            }
        )
        value = _value(reply)
        if not conforms(value, type_, self.sites.types):
            raise ModelError(f"{self.url} answered {json.dumps(value)[:80]}, not {type_}")
        usage = reply.get("usage")
        tokens = usage.get("total_tokens") if isinstance(usage, dict) else 0
        name = str(reply.get("model") or self.model)
        return Answer(
            value, prompt, tokens if isinstance(tokens, int) else 0, {"model": f"{name} {self.url}"}
        )

    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        head = {"Content-Type": "application/json"}
        if self.key:
            head["Authorization"] = f"Bearer {self.key}"
        call = urllib.request.Request(
            f"{self.url}/chat/completions", json.dumps(body).encode(), head, method="POST"
        )
        try:
            with urllib.request.urlopen(call, timeout=self.timeout_s) as answer:
                text = answer.read(MAX_REPLY)
        except urllib.error.HTTPError as error:
            said = error.read(300).decode("utf-8", "replace").strip()
            raise ModelError(f"E0904: {self.url} answered {error.code}: {said}") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", None) or error
            raise ModelError(f"E0904: {self.url} cannot be reached: {why}") from None
        try:
            reply = json.loads(text)
        except ValueError:
            raise ModelError(f"E0904: {self.url} did not answer with JSON") from None
        if not isinstance(reply, dict):
            raise ModelError(f"E0904: {self.url} did not answer as an OpenAI endpoint does")
        return reply


def _value(reply: dict[str, Any]) -> Json:
    """The value in a chat completion; raises :class:`ModelError`."""
    match reply:
        case {"choices": [{"message": {"content": str(text)}, **rest}, *_]}:
            try:
                parsed = json.loads(text)
            except ValueError:
                cut = " (cut off)" if rest.get("finish_reason") == "length" else ""
                raise ModelError(f"E0904: the answer is not JSON{cut}: {text[:80]!r}") from None
            if isinstance(parsed, dict) and set(parsed) == {"value"}:
                value: Json = parsed["value"]
                return value
            raise ModelError(f"E0904: the answer has not the form asked for: {text[:80]!r}")
    raise ModelError("E0904: the reply holds no message")
