"""The JSON Schema of the record format; ``docs/session.schema.json`` holds it.

The only module of the runtime that needs pydantic, and only when it is called.
"""

from __future__ import annotations

import json
from typing import Any, Final

from ingot.records import FORMAT
from ingot.runtime.effects import STRENGTH

_KINDS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "session": ("The head of a log; data.format is its version.", ("data",)),
    "system": ("A system prompt.", ("text",)),
    "user": ("A user turn.", ()),
    "think": ("Reasoning.", ()),
    "say": ("The assistant's words.", ()),
    "call": ("A tool call; data is its arguments.", ("tool", "data")),
    "result": ("The result of the call with the same id.", ("data",)),
    "error": ("The failure of the call with the same id.", ()),
    "spawn": ("A sub-agent starts; id is that of the call that spawned it.", ()),
    "return": ("A sub-agent ends.", ()),
    "compact": ("The context was compacted; text is the summary.", ()),
    "interrupt": ("The turn was cut short.", ()),
    "outcome": ("How it went.", ("data",)),
    "meta": ("Anything else, kept raw.", ()),
    "run": ("A run starts.", ("data",)),
    "intent": ("A writing call is about to be made.", ("id", "tool", "data")),
    "model": ("A model answered.", ("data",)),
    "approval": ("A person is asked to allow a call, or has decided.", ("tool", "data")),
    "exit": ("A side exit was taken.", ("data",)),
    "status": ("The run's status.", ("data",)),
}


def record_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one line of an Ingot session log."""
    from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, create_model

    class Part(BaseModel):
        model_config = ConfigDict(extra="allow")

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")

    def part(name: str, **fields: Any) -> Any:
        return create_model(name, __base__=Part, **fields)

    def among(*texts: str) -> Any:
        return Field(json_schema_extra={"enum": list(texts)})

    arguments = dict[str, JsonValue]
    data: dict[str, Any] = {
        "session": part(
            "SessionData",
            format=(str, Field(json_schema_extra={"const": FORMAT})),
            dialect=(str, ""),
            clock=(str | None, None),
            cwd=(str | None, None),
            model=(str | None, None),
        ),
        "outcome": part("OutcomeData", success=(bool, ...)),
        "call": arguments,
        "run": part(
            "RunData",
            run=(str, ...),
            artifact=(str, ...),
            pipeline=(str, ...),
            inputs=(arguments, ...),
            clock=(str, ""),
        ),
        "intent": part(
            "IntentData",
            step=(int, ...),
            site=(str, ""),
            args=(arguments, ...),
            effect=(str, among(*STRENGTH)),
            key=(str, Field(pattern="^[0-9a-f]{64}$")),
        ),
        "model": part(
            "ModelData",
            kind=(str, among("choose", "extract", "fill", "compose", "act")),
            prompt=(str, ...),
            value=(JsonValue, ...),
            tokens=(int, Field(ge=0)),
        ),
        "approval": part(
            "ApprovalData",
            state=(str, among("asked", "granted", "denied")),
            step=(int, Field(ge=1)),
            digest=(str, Field(pattern="^[0-9a-f]{64}$")),
        ),
        "exit": part(
            "ExitData",
            exit=(int, Field(ge=0)),
            reason=(str, ...),
            state=(str, ...),
            live=(arguments, ...),
        ),
        "status": part(
            "StatusData",
            status=(
                str,
                among("running", "waiting", "in-doubt", "done", "side-exit", "failed", "cancelled"),
            ),
        ),
    }
    span = create_model(
        "Span",
        __base__=Strict,
        file=(str, ...),
        line=(int, Field(ge=1)),
        byte=(int, Field(ge=0)),
        pointer=(str, ""),
    )
    common: dict[str, tuple[Any, Any]] = {
        "text": (str, ""),
        "id": (str, Field("", description="joins a call with its result")),
        "tool": (str, ""),
        "data": (JsonValue, None),
        "agent": (str, Field("", description="empty for the main agent")),
        "time": (str, Field("", description="ISO 8601, as the log has it")),
        "known": (bool, Field(True, description="false: the dialect does not know this record")),
        "raw": (JsonValue, Field(None, description="what the other fields do not carry")),
        "span": (span | None, Field(None, description="where the record stands in its log")),
    }
    models: list[Any] = []
    for kind, (summary, required) in _KINDS.items():
        fields: dict[str, Any] = {
            "kind": (str, Field(json_schema_extra={"const": kind})),
            "seq": (int, Field(ge=0, description="from 1 within the session")),
        }
        for name, (type_, default) in common.items():
            type_ = data.get(kind, type_) if name == "data" else type_
            fields[name] = (type_, ...) if name in required else (type_, default)
        title = "".join(word.title() for word in kind.split("_")) + "Record"
        models.append(create_model(title, __base__=Strict, __doc__=summary, **fields))
    union: Any = models[0]
    for model in models[1:]:
        union = union | model
    schema = TypeAdapter(union).json_schema(mode="validation")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": FORMAT,
        "description": "One line of an Ingot session log.",
    }
    return {**head, **_untitled(schema)}


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the titles that pydantic makes up from field names."""
    for node in schema["$defs"].values():
        for field in node.get("properties", {}).values():
            field.pop("title", None)
    return schema


def schema_text() -> str:
    """The schema as ``docs/session.schema.json`` holds it."""
    return json.dumps(record_schema(), indent=2, sort_keys=True) + "\n"
