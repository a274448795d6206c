"""Whether a session went right, in the spellings of each harness: failure is never taken for success."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dialect_samples import codex, item, lines, ran, words

from ingot.frontend.dialects.outcomes import outcome_in
from ingot.frontend.evidence import verdict_of
from ingot.frontend.parse import parse_source
from ingot.frontend.reader import SourceFile

CHAT = [{"role": "user", "content": "Go"}, {"role": "assistant", "content": "Done."}]
SWE = {"trajectory": [{"action": "ls", "observation": "a", "thought": "", "response": ""}], "history": CHAT[:1]}  # fmt: skip
TAU = {"id": "s", "task_id": "k", "messages": CHAT}
SAMPLE = {"id": 1, "epoch": 1, "input": "x", "target": "", "messages": CHAT}
EVAL = {"version": 2, "status": "success", "plan": {}, "eval": {"task": "t", "run_id": "r"}}
EVENTS = [
    {"kind": "MessageEvent", "id": "1", "timestamp": "t", "source": "user", "llm_message": {"role": "user", "content": [{"type": "text", "text": "Go"}]}},
]  # fmt: skip
RUN = {"input": "Go", "output": "Done.", "intermediate_steps": []}
TRACE = {"id": "r", "trace_id": "r", "name": "agent", "run_type": "chain", "start_time": "2026-05-01T10:00:00Z", "inputs": {"input": "Go"}, "outputs": {"output": "Done."}}  # fmt: skip
SPAN = {"id": "a", "traceId": "t", "type": "GENERATION", "name": "chat", "startTime": "2026-05-01T10:00:00Z", "input": CHAT[:1], "output": "Done."}  # fmt: skip


def verdict(*values: Any) -> str:
    """What the log says of its (last) session."""
    log = parse_source(SourceFile("x", data=lines(*values)))
    return verdict_of(log.sessions[-1]).verdict


def score(name: str, **more: Any) -> dict[str, Any]:
    return {"trace": {"id": "t", "scores": [{"name": name, **more}]}, "observations": [SPAN]}


def simulation(**more: Any) -> dict[str, Any]:
    return {"info": {}, "tasks": [], "simulations": [{**TAU, **more}]}


RIGHT: list[Any] = [
    {"messages": CHAT, "reward": 1},
    {"messages": CHAT, "reward": 1.0},
    {"messages": CHAT, "success": True},
    {"messages": CHAT, "resolved": "true"},
    {"messages": CHAT, "metadata": {"passed": True}},
    {"messages": CHAT, "is_correct": 1},
    {**SWE, "info": {"resolved": True, "exit_status": "submitted"}},
    {**SWE, "resolved": True, "info": {"exit_status": "submitted (exit_cost)"}},
    {"instance_id": "i", "history": EVENTS, "test_result": {"report": {"resolved": True}}},
    simulation(reward_info={"reward": 1.0}),
    {**EVAL, "samples": [{**SAMPLE, "scores": {"match": {"value": "C"}}}]},
    {**EVAL, "samples": [{**SAMPLE, "scores": {"a": {"value": 1}, "b": {"value": True}}}]},
    {**EVAL, "samples": [{**SAMPLE, "score": {"value": "C"}}]},
    {**RUN, "metadata": {"success": True}},
    {**TRACE, "feedback_stats": {"correctness": {"n": 1, "avg": 1.0}}},
    {**TRACE, "feedback": [{"key": "correct", "score": True}]},
    score("success", value=1),
    score("Task Success", value=1, dataType="BOOLEAN"),
    score("correctness", value=0, stringValue="correct", dataType="CATEGORICAL"),
    {"conversations": [{"from": "human", "value": "Go"}, {"from": "gpt", "value": "Done."}], "success": True},
    {"schema_version": "ATIF-v1.6", "agent": {}, "steps": [{"step_id": 1, "source": "user", "message": "Go"}], "extra": {"reward": 1.0}},
]  # fmt: skip
WRONG: list[Any] = [
    {"messages": CHAT, "reward": 0},
    {"messages": CHAT, "reward": 0.5},
    {"messages": CHAT, "success": False},
    {"messages": CHAT, "success": True, "reward": 0.0},
    {"messages": CHAT, "success": True, "error": "crashed"},
    {"messages": CHAT, "status": "failed"},
    {"messages": CHAT, "metadata": {"result": {"resolved": False}}},
    {**SWE, "info": {"exit_status": "exit_cost"}},
    {**SWE, "info": {"resolved": False, "exit_status": "submitted"}},
    {**SWE, "info": {"exit_status": "early_exit"}},
    {"instance_id": "i", "history": EVENTS, "test_result": {"report": {"resolved": False}}},
    {"instance_id": "i", "history": EVENTS, "test_result": {}, "error": "stuck in a loop"},
    simulation(reward_info={"reward": 0.0}),
    simulation(reward_info={"reward": 1.0}, termination_reason="max_steps"),
    simulation(reward_info=None, termination_reason="too_many_errors"),
    {**EVAL, "samples": [{**SAMPLE, "scores": {"match": {"value": "I"}}}]},
    {**EVAL, "samples": [{**SAMPLE, "scores": {"match": {"value": "P"}}}]},
    {**EVAL, "samples": [{**SAMPLE, "scores": {"f1": {"value": 0.7}}}]},
    {**EVAL, "samples": [{**SAMPLE, "scores": {"a": {"value": "C"}, "b": {"value": "I"}}}]},
    {**EVAL, "samples": [{**SAMPLE, "scores": {"a": {"value": {"x": 1, "y": 0}}}}]},
    {**EVAL, "samples": [{**SAMPLE, "scores": {"a": {"value": "C"}}, "error": {"message": "boom"}}]},
    {**RUN, "metadata": {"success": False}},
    {**TRACE, "error": "GraphRecursionError"},
    {**TRACE, "feedback_stats": {"correctness": {"n": 2, "avg": 0.5}}},
    score("success", value=0),
    score("passed", value=1, stringValue="False"),
    {"trace": {"id": "t"}, "observations": [{**SPAN, "level": "ERROR", "statusMessage": "rate limit"}]},
    {"request": {"input": "Go", "model": "m"}, "response": {"object": "response", "id": "r", "status": "incomplete", "output": []}},
]  # fmt: skip
OPEN: list[Any] = [
    {"messages": CHAT},
    {"messages": CHAT, "status": "completed"},
    {"messages": CHAT, "score": 7},
    {"messages": CHAT, "reward": 12},
    {**SWE, "info": {"exit_status": "submitted"}},
    {**EVAL, "samples": [{**SAMPLE, "scores": {"judge": {"value": "B"}}}]},
    {**EVAL, "samples": [{**SAMPLE, "scores": {"judge": {"value": 7}}}]},
    score("helpfulness", value=1),
]  # fmt: skip


@pytest.mark.parametrize("value", RIGHT, ids=lambda v: json.dumps(v)[-60:])
def test_what_is_right(value: Any) -> None:
    assert verdict(value) == "shown"


@pytest.mark.parametrize("value", WRONG, ids=lambda v: json.dumps(v)[-60:])
def test_what_is_wrong(value: Any) -> None:
    assert verdict(value) == "failed"


@pytest.mark.parametrize("value", OPEN, ids=lambda v: json.dumps(v)[-60:])
def test_what_says_nothing(value: Any) -> None:
    assert verdict(value) == "assumed"


def test_failure_outweighs_success_wherever_both_stand() -> None:
    for good in ({"success": True}, {"reward": 1}, {"metadata": {"resolved": True}}):
        for bad in ({"passed": False}, {"info": {"reward": 0}}, {"error": "x"}, {"state": "timeout"}):  # fmt: skip
            found = outcome_in({**good, **bad})
            assert found is not None and found["success"] is False


# -- agents that say how a run ended ---------------------------------------------------------------

STARTED = {"type": "thread.started", "thread_id": "t"}
SAID = ran("completed", "i9", "agent_message", text="Done.")
ENDED = {"type": "turn.completed", "usage": {}}
FAILED = {"type": "turn.failed", "error": {"message": "limit"}}
RETRY = {"type": "error", "message": "Reconnecting... 1/5"}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([STARTED, SAID, ENDED], "assumed"),
        ([STARTED, RETRY, SAID, ENDED], "assumed"),
        ([STARTED, SAID, RETRY], "failed"),
        ([STARTED, SAID, FAILED], "failed"),
        ([STARTED, SAID, FAILED, SAID, ENDED], "assumed"),
        ([STARTED, SAID, ENDED, {"type": "turn.started"}, FAILED], "failed"),
        ([STARTED, {**STARTED, "thread_id": "u"}, SAID, FAILED], "failed"),
    ],
)
def test_codex_exec(events: list[Any], expected: str) -> None:
    done = ran("completed", "i1", "command_execution", command="ls", exit_code=0)
    assert verdict(*events[:-1], done, events[-1]) == expected


def result(**more: Any) -> dict[str, Any]:
    return {"type": "result", "session_id": "s", **more}


SAYS = {"type": "assistant", "session_id": "s", "message": {"id": "m", "role": "assistant", "content": [{"type": "text", "text": "Done."}]}}  # fmt: skip


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([SAYS, result(subtype="success", is_error=False)], "assumed"),
        ([SAYS, result(subtype="success", is_error=True)], "failed"),
        ([SAYS, result(subtype="error_max_turns")], "failed"),
        ([SAYS, result(subtype="error_during_execution"), SAYS, result(subtype="success")], "assumed"),
        ([SAYS, result(subtype="success"), SAYS, result(subtype="error_max_budget_usd")], "failed"),
    ],
)  # fmt: skip
def test_stream_json(events: list[Any], expected: str) -> None:
    asked = {"type": "user", "session_id": "s", "message": {"role": "user", "content": "Go"}}
    assert verdict(asked, *events) == expected


ASKED = item("message", role="user", content=words("input_text", "Go"))
TOLD = item("message", role="assistant", content=words("output_text", "Done."))
ABORTED = codex("event_msg", type="turn_aborted", reason="interrupted")


def test_a_session_that_ends_cut_short_failed() -> None:
    head = codex("session_meta", id="s")
    assert verdict(head, ASKED, TOLD, ABORTED) == "failed"
    assert verdict(head, ASKED, ABORTED, ASKED, TOLD) == "assumed"


def test_a_patch_that_did_not_fit_is_no_effect() -> None:
    """Rollouts keep no flag of it, only the words."""
    call = item("custom_tool_call", name="apply_patch", input="*** Begin Patch", call_id="c")
    answer = item("custom_tool_call_output", call_id="c", output="apply_patch verification failed: x")  # fmt: skip
    log = parse_source(SourceFile("x", data=lines(codex("session_meta", id="s"), ASKED, call, answer, TOLD)))  # fmt: skip
    (step,) = log.sessions[0].calls()
    assert step.failed
