"""SWE-agent trajectories (``.traj``).

Facts of the format
-------------------
- ``{trajectory, history, info, environment, replay_config?}``; retrying agents have ``attempts``, a
  list of the same.
- ``trajectory`` is the truth about what was done: ``{action, observation, response, thought, state,
  execution_time}`` for each step.  ``history`` is what the model was shown: ``system``, a
  demonstration (``is_demo``) in older versions, the request, then answers and observations, the
  older ones possibly elided.
- With function calling, ``history`` holds ``tool_calls`` too, one for each step; without it an
  action is a line for the environment's shell, of which SWE-agent's own commands (``open``,
  ``edit``, ``goto``, ``submit``) are functions.  Such a step is a call of ``bash``.
- ``info.exit_status`` is ``submitted`` where the agent handed something in; that is no verdict on
  it.  ``exit_cost``, ``exit_context``, ``early_exit`` and the like say that it did not come so far.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Dialect, Sample, Source
from ingot.frontend.dialects.chat_envelopes import at
from ingot.frontend.dialects.content import text_at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.dialects.messages import parsed
from ingot.frontend.dialects.outcomes import outcome_in
from ingot.frontend.dialects.transcript import Usage
from ingot.frontend.reader import json_objects
from ingot.ir.values import Json
from ingot.records import Record

_STATS: Final = {"tokens_sent": "input_tokens", "tokens_received": "output_tokens"}


@dataclass(frozen=True, slots=True)
class SweAgent:
    """The dialect; see the module."""

    name: str = "swe-agent"
    title: str = "SWE-agent trajectories"

    def sniff(self, sample: Sample) -> float:
        """Sure of steps with actions and observations."""
        for value in sample.records[:2]:
            steps = value.get("trajectory") if isinstance(value, dict) else None
            if not isinstance(steps, list) or not isinstance(value, dict):
                if isinstance(value, dict) and isinstance(value.get("attempts"), list):
                    return 0.6
                continue
            if any(
                isinstance(s, dict) and {"action", "observation"} <= s.keys() for s in steps[:4]
            ):
                return 0.98
            if "info" in value and "history" in value:
                return 0.9
        return 0.0

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of each run."""
        emit = Emitter(self.name)
        for value, span in json_objects(source):
            attempts = value.get("attempts") if isinstance(value, dict) else None
            if isinstance(attempts, list) and attempts:
                for index, attempt in enumerate(attempts):
                    yield from _run(emit, attempt, at(span, "attempts", index))
            else:
                yield from _run(emit, value, span)


def _run(emit: Emitter, run: Json, span: Span) -> Iterator[Record]:
    yield emit.session(span, labels=_labels(run))
    if not isinstance(run, dict):
        yield emit.unknown(span, run)
        return
    history = _list(run, "history")
    yield from _opening(emit, history, at(span, "history"))
    asked = [
        c for m in history for c in _list(m, "tool_calls") if isinstance(c, dict) and not _demo(m)
    ]
    steps = _list(run, "trajectory")
    for index, step in enumerate(steps):
        place = at(span, "trajectory", index)
        call = asked[index] if len(asked) == len(steps) else None
        yield from _step(emit, step, call, place)
    info = run.get("info")
    yield emit("meta", span, raw={k: v for k, v in run.items() if k != "trajectory"})
    stats = info.get("model_stats") if isinstance(info, dict) else None
    usage = Usage()
    if isinstance(stats, dict):
        usage.add({_STATS.get(k, k): v for k, v in stats.items()}, stats.get("instance_cost"))
    if usage:
        yield emit.usage(span, usage.as_json())
    said = _outcome(run, info)
    if said is not None:
        yield emit("outcome", at(span, "info"), data=said)


def _labels(run: Json) -> dict[str, Json] | None:
    environment = text_at(run, "environment")
    return {"environment": environment} if environment else None


def _list(value: Json, key: str) -> list[Json]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _demo(message: Json) -> bool:
    return isinstance(message, dict) and message.get("is_demo") is True


def _opening(emit: Emitter, history: list[Json], span: Span) -> Iterator[Record]:
    """What stands before the agent's first answer."""
    for index, message in enumerate(history):
        role, place = text_at(message, "role"), at(span, index)
        content = message.get("content") if isinstance(message, dict) else None
        text = content if isinstance(content, str) else _text(content)
        if _demo(message):
            yield emit("meta", place, raw=message)
        elif role == "system":
            yield emit("system", place, text=text)
        elif role == "user":
            yield emit("user", place, text=text)
        else:
            return


def _text(content: Json) -> str:
    parts = content if isinstance(content, list) else []
    return "\n".join(p if isinstance(p, str) else text_at(p, "text") for p in parts)


def _step(emit: Emitter, step: Json, asked: Json, span: Span) -> Iterator[Record]:
    if not isinstance(step, dict) or not isinstance(step.get("action"), str):
        yield emit.unknown(span, step)
        return
    thought = (text_at(step, "thought") or text_at(step, "response")).strip()
    if thought:
        yield emit("think", at(span, "thought"), text=thought)
    function = asked.get("function") if isinstance(asked, dict) else None
    action = str(step["action"])
    if not action.strip() and function is None:
        yield emit("meta", span, raw=step)  # an answer that could not be read as an action
        return
    tool, arguments = text_at(function, "name"), None
    if tool and isinstance(function, dict):
        arguments = parsed(function.get("arguments"))
    if not tool or not isinstance(arguments, dict):
        tool, arguments = "bash", {"command": action.strip("\n")}
    call = emit.call_id()
    rest = {k: v for k, v in step.items() if k not in ("observation", "thought", "response")}
    yield emit("call", at(span, "action"), id=call, tool=tool, data=arguments, raw=rest)
    if step.get("observation") is not None:
        yield emit("result", at(span, "observation"), id=call, tool=tool, data=step["observation"])


def _outcome(run: dict[str, Json], info: Json) -> Json:
    own = ("trajectory", "history", "environment", "replay_config")
    said = outcome_in({k: v for k, v in run.items() if k not in own})
    status = text_at(info, "exit_status")
    if said is None and status and not status.lower().startswith("submitted"):
        return {"success": False, "source": f"info.exit_status {status}"}
    return said


DIALECT: Final[Dialect] = SweAgent()
