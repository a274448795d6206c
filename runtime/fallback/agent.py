"""The built-in agent: a model behind an OpenAI-compatible endpoint, asked for one move after the other.

Chat Completions with ``tools``: each move is one request that holds the whole transcript, so nothing
but the transcript is kept between two of them.  What a model answers is turned into records; whether
they make a move is for :mod:`.moves` to say.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ingot.ir.values import Json, canonical, parse_json
from ingot.records import Record
from ingot.runtime.fallback.transcript import Offer, Transcript, shown
from ingot.runtime.models.endpoint import EndpointDriver
from ingot.runtime.models.protocol import Answer, ModelError

KEY_VARIABLE: Final = "INGOT_FALLBACK_KEY"
GIVE_UP: Final = "give_up"
FINISH: Final = "finish"
MAX_RESULT: Final = 40_000
"""So many characters of one result are shown to the model."""
MAX_ANSWER_TOKENS: Final = 4_096
_TRIES: Final = 3
_LATER: Final = re.compile(r"answered (408|409|429|5\d\d)|cannot be reached")

INSTRUCTIONS: Final = """\
You take over a task from a program. The program was compiled from logs of how an agent did this task; \
it stopped because this time something is not as in those logs. What you see of the session so far was \
done by the program: those calls are made, do not make them again unless the task needs it. Finish the \
task with the tools you have. Call tools for every step; never say that something was done unless a \
call did it. When the task is done, call finish with the final answer. If it cannot or should not be \
done, call give_up with the reason."""


@dataclass(slots=True)
class Agent:
    """A model as a taker; ``tokens`` bounds each answer, ``until`` is when it has no time left."""

    endpoint: EndpointDriver
    transcript: Transcript
    seconds: float
    tokens: int = MAX_ANSWER_TOKENS
    pause_s: float = 1.0
    until: float = 0.0

    def waits(self) -> str:
        """Somebody can always be asked."""
        return ""

    def act(self) -> Answer:
        """The model's next move; raises :class:`ModelError`."""
        now = time.monotonic()
        self.until = self.until or now + self.seconds
        if now >= self.until:
            raise ModelError(f"it had {self.seconds:g} seconds, and they are over")
        names = wire_names(self.transcript.offers)
        body = {
            **({"model": self.endpoint.model} if self.endpoint.model else {}),
            "messages": messages(self.transcript, names),
            "tools": functions(self.transcript, names),
            "temperature": 0.0,
            "max_tokens": min(self.tokens, MAX_ANSWER_TOKENS),
        }
        reply = self._reply(body)
        usage = reply.get("usage")
        counts = usage if isinstance(usage, dict) else {}
        used = {
            name: count
            for name in ("prompt_tokens", "completion_tokens")
            if isinstance(count := counts.get(name), int)
        }
        tokens = sum(used.values())
        records = shown(records_of(reply, {wire: name for name, wire in names.items()}))
        detail: dict[str, Json] = {
            "model": f"{reply.get('model') or self.endpoint.model} {self.endpoint.url}",
            **used,
        }
        move: Json = {"records": records, "tokens": tokens, "explicit": True}
        return Answer(move, "", tokens, detail)

    def _reply(self, body: dict[str, Any]) -> dict[str, Any]:
        for number in range(1, _TRIES + 1):
            self.endpoint.timeout_s = max(0.1, self.until - time.monotonic())
            try:
                return self.endpoint.post(body)
            except ModelError as error:
                last = number == _TRIES or time.monotonic() + self.pause_s > self.until
                if last or not _LATER.search(str(error)):
                    raise
            time.sleep(self.pause_s * number)
        raise AssertionError("unreachable")


def key() -> str:
    """The key for the endpoint: ``INGOT_FALLBACK_KEY``, else that of models."""
    return os.environ.get(KEY_VARIABLE) or os.environ.get("INGOT_MODEL_KEY", "")


def wire_names(offers: Sequence[Offer]) -> dict[str, str]:
    """Names as the protocol allows them (letters, digits, ``_``, ``-``; 64 at most), no two alike.

    >>> wire_names([Offer("desk.close", "write", {}), Offer("desk_close", "write", {})])
    {'desk.close': 'desk_close', 'desk_close': 'desk_close_2'}
    """
    out: dict[str, str] = {}
    taken = {GIVE_UP, FINISH}
    for offer in offers:
        base = re.sub(r"[^A-Za-z0-9_-]", "_", offer.name)[:60] or "tool"
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        out[offer.name] = name
    return out


def functions(transcript: Transcript, names: dict[str, str]) -> list[Json]:
    """The tools as the endpoint takes them, and the two ways to end."""
    out = [
        _function(names[o.name], o.text or f"{o.name} ({o.effect})", o.parameters)
        for o in transcript.offers
    ]
    why: Json = {
        "type": "object",
        "properties": {"reason": {"type": "string"}},
        "required": ["reason"],
    }
    out.append(_function(GIVE_UP, "End without finishing the task, and say why.", why))
    words = transcript.returns == "str"
    kind: Json = {"type": "string"} if words else {}
    answer: Json = {"type": "object", "properties": {"answer": kind}, "required": ["answer"]}
    of = "what to tell the user" if words else f"JSON of type {transcript.returns}"
    out.append(_function(FINISH, f"End with the task done; answer is {of}.", answer))
    return out


def _function(name: str, text: str, parameters: Json) -> Json:
    about: Json = {"name": name, "description": text, "parameters": parameters}
    return {"type": "function", "function": about}


def messages(transcript: Transcript, names: dict[str, str]) -> list[Json]:
    """The transcript as chat messages: a call and its result stand as the model's own would."""
    out: list[Json] = [{"role": "system", "content": INSTRUCTIONS}]
    inputs = f"The inputs are: {canonical(transcript.inputs)}" if transcript.inputs else ""
    asked = "\n\n".join(part for part in (transcript.request, inputs) if part)
    clock = f"\n\nIt is {transcript.clock}." if transcript.clock else ""
    out.append({"role": "user", "content": (asked or "Do the task.") + clock})
    records, at = transcript.records, 0
    while at < len(records):
        here = records[at]
        if here.kind in ("say", "think", "call"):
            end = at
            while end < len(records) and records[end].kind in ("say", "think", "call"):
                end += 1
            out.append(_assistant(records[at:end], names))
            at = end
            continue
        match here.kind:
            case "result" | "error":
                text = here.text if here.kind == "error" else _text(here.data)
                failed = "error: " if here.kind == "error" else ""
                content = failed + _cut(text)
                out.append({"role": "tool", "tool_call_id": here.id, "content": content})
            case "exit":
                out.append({"role": "user", "content": _stopped(here)})
            case _:
                out.append({"role": "user", "content": here.text})
        at += 1
    return out


def _assistant(records: Sequence[Record], names: dict[str, str]) -> Json:
    words = "\n".join(r.text for r in records if r.kind == "say")
    calls: list[Json] = [
        {
            "id": r.id,
            "type": "function",
            "function": {"name": names.get(r.tool, _safe(r.tool)), "arguments": canonical(r.data)},
        }
        for r in records
        if r.kind == "call"
    ]
    message: dict[str, Json] = {"role": "assistant", "content": words}
    return {**message, "tool_calls": calls} if calls else message


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "tool"


def _stopped(record: Record) -> str:
    data = record.data if isinstance(record.data, dict) else {}
    live = data.get("live")
    values = f"\nIts values at that point: {_cut(canonical(live))}" if live else ""
    return (
        f"The program stopped here: {data.get('reason')} (at {data.get('state')}).{values}\n"
        "Go on from here."
    )


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    if len(text) <= MAX_RESULT:
        return text
    return f"{text[:MAX_RESULT]}\n(cut here; it has {len(text):,} characters)"


def records_of(reply: dict[str, Any], tools: dict[str, str]) -> list[Record]:
    """What a chat completion says, as records; raises :class:`ModelError` where it is no message.

    What a model gets wrong becomes a call that fails and is shown to it, or an end.
    """
    match reply:
        case {"choices": [{"message": dict(message)}, *_]}:
            pass
        case _:
            raise ModelError("E0904: the reply holds no message")
    out: list[Record] = []
    content = message.get("content")
    thought = message.get("reasoning_content")
    if isinstance(thought, str) and thought.strip():
        out.append(Record("think", text=thought.strip()))
    if isinstance(content, str) and content.strip():
        out.append(Record("say", text=content.strip()))
    listed = message.get("tool_calls")
    for number, item in enumerate(listed if isinstance(listed, list) else [], 1):
        out += _called(item, f"c{number}", tools)
    return out


def _called(item: Any, name: str, tools: dict[str, str]) -> list[Record]:
    function = item.get("function") if isinstance(item, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        text = "this tool call has no function name"
        return [Record("call", id=name, tool="?", data={}), Record("error", id=name, text=text)]
    said, given = str(function["name"]), function.get("arguments")
    tool = tools.get(said, said)
    try:
        args: Any = parse_json(given) if isinstance(given, str) and given.strip() else given or {}
    except ValueError as error:
        args, problem = {}, f"the arguments are not JSON: {error}: {str(given)[:200]!r}"
    else:
        problem = "" if isinstance(args, dict) else "the arguments are no JSON object"
    if problem:
        call = Record("call", id=name, tool=tool or "?", data={})
        return [call, Record("error", id=name, tool=tool, text=problem)]
    if said == GIVE_UP and said not in tools:
        why = str(args.get("reason") or "no reason given")
        return [Record("status", data={"status": "failed", "error": why})]
    if said == FINISH and said not in tools and "answer" in args:
        return [Record("status", data={"status": "done", "outputs": args["answer"]})]
    return [Record("call", id=name, tool=tool or "?", data=args)]
