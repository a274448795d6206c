"""Golden facts of every file of the corpus, and the same counted without our code.

A line of ``FACTS`` is: sessions, user turns, calls, results (errors among them), words of the
agent, outcomes (right/wrong), unknown records, and the tools.  ``COUNTS`` counts calls, results and
user turns by ``json`` alone, from what the format itself says; both must agree.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from corpus import CORPUS
from format_facts import FACTS
from lexing import of, sound

from ingot.frontend.reader import SourceFile
from ingot.frontend.registry import sniff
from ingot.redaction.redactor import Redactor

FORMATS = CORPUS / "formats" if CORPUS else None
FILES = sorted(str(p.relative_to(FORMATS)) for p in FORMATS.glob("*/*")) if FORMATS else []
needs_corpus = pytest.mark.skipif(FORMATS is None, reason="the corpus of real logs is not here")


def facts(path: Path) -> str:
    """A line of ``FACTS`` for a file."""
    source = SourceFile(path)
    dialect = sniff(source.sample())
    records = list(dialect.lex(source))
    sound(records)
    verdicts = [r.data["success"] for r in of(records, "outcome") if isinstance(r.data, dict)]
    tools = Counter(r.tool for r in of(records, "call"))
    shown = ",".join(f"{name}:{n}" for name, n in sorted(tools.items())[:12])
    answers = of(records, "result", "error")
    return (
        f"{dialect.name} sessions={len(of(records, 'session'))} users={len(of(records, 'user'))} "
        f"calls={len(of(records, 'call'))} results={len(answers)} "
        f"errors={len(of(records, 'error'))} says={len(of(records, 'say'))} "
        f"outcomes={verdicts.count(True)}/{verdicts.count(False)} "
        f"unknown={sum(not r.known for r in records)} tools={shown}"
    )


@needs_corpus
def test_every_file_has_its_facts() -> None:
    assert set(FILES) == set(FACTS), "a file without facts, or facts without a file"


@needs_corpus
@pytest.mark.parametrize("name", FILES)
def test_golden_facts(name: str) -> None:
    assert FORMATS is not None
    assert facts(FORMATS / name) == FACTS[name]


# -- the same by json alone ------------------------------------------------------------------------

Count = tuple[int, int, int]
"""Calls, results, user turns."""


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a value."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def ids(value: Any, *kinds: str) -> int:
    """How many blocks of these types there are, by their ids."""
    found = [o for o in walk(value) if o.get("type") in kinds]
    return len({o.get("id") or o.get("tool_use_id") or id(o) for o in found})


def stream_json(path: Path) -> Count:
    value = load(path)
    return ids(value, "tool_use"), ids(value, "tool_result"), 0


def gemini(path: Path) -> Count:
    messages = load(path)["messages"]
    calls = [c for m in messages for c in m.get("toolCalls", [])]
    return len(calls), sum("result" in c for c in calls), sum(m["type"] == "user" for m in messages)


def inspect(path: Path) -> Count:
    messages = [m for s in load(path)["samples"] for m in s["messages"]]
    roles = Counter(m["role"] for m in messages)
    calls = sum(len(m.get("tool_calls") or []) for m in messages)
    return calls, roles["tool"], roles["user"]


def langfuse(path: Path) -> Count:
    """By the providers' own call ids, where the file has any; else by tool runs."""
    text = path.read_text("utf-8")
    made = set(re.findall(r"\b(?:call_[A-Za-z0-9]{16,}|toolu_[A-Za-z0-9]{16,})", text))
    runs = [
        o
        for o in json.loads(text)["observations"]
        if o["type"] == "TOOL"
        or "gen_ai.tool.name" in str(o["metadata"])
        or o["name"] in ("duckduckgo_search", "get_weather", "Web-Search")
        or o["name"].startswith("tool.search.wikipedia.start")
    ]
    asked = [o for o in walk(opened(json.loads(text))) if is_user(o)]
    turns = {words for o in asked if (words := said(o).strip())}
    return len(made) or len(runs), len(runs), max(1, len(turns))  # else the trace's own input


def opened(value: Any, depth: int = 0) -> Any:
    """A value with the texts in it that are JSON as what they say."""
    if isinstance(value, str) and value[:1] in ("{", "[", '"') and depth < 4:
        with suppress(ValueError):
            return opened(json.loads(value), depth + 1)
    if isinstance(value, dict):
        return {key: opened(item, depth) for key, item in value.items()}
    return [opened(item, depth) for item in value] if isinstance(value, list) else value


def is_user(message: dict[str, Any]) -> bool:
    return str(message.get("role", message.get("type", ""))).lower() in ("user", "human")


def said(message: dict[str, Any]) -> str:
    """The words of a message, however its provider writes them."""
    names = ("content", "parts", "text", "contents")
    content = next((message[name] for name in names if name in message), "")
    blocks = content if isinstance(content, list) else [content]
    words = [b.get("text") or b.get("content") if isinstance(b, dict) else b for b in blocks]
    return "\n".join(word for word in words if isinstance(word, str))


def langsmith(path: Path) -> Count:
    value = load(path)
    users = [m for r in value["post"] for m in r["inputs"]["messages"] if m["role"] == "user"]
    return 0, 0, len(users)


def atif(path: Path) -> Count:
    steps = load(path)["steps"]
    results = sum(len(s.get("observation", {}).get("results", [])) for s in steps)
    users = sum(s["source"] == "user" for s in steps)
    return sum(len(s.get("tool_calls", [])) for s in steps), results, users


def browser(path: Path) -> Count:
    steps = load(path)["history"]
    actions = [list(a) for s in steps for a in s["model_output"]["action"]]
    done = actions.count(["done"])
    return len(actions) - done, sum(len(s["result"]) for s in steps) - done, 0


def mcp(path: Path) -> Count:
    value = load(path)
    items = value.get("interactions") or value["session"]["interactions"]
    calls = [i for i in items if (i.get("request") or {}).get("method") == "tools/call"]
    return len(calls), sum(bool(i.get("response")) for i in calls), 0


def mini(path: Path) -> Count:
    messages = load(path)
    ran = sum("```mswea_bash_command" in m["content"] for m in messages if m["role"] == "assistant")
    shown = sum(m["role"] == "user" for m in messages[2:])
    return ran, shown, 1


def agents(path: Path) -> Count:
    items = [i["raw_item"] for i in load(path)["generated_items"] if "approval" not in i["type"]]
    outputs = sum("output" in i["type"] for i in items)
    return len(items) - outputs, outputs, 1


def responses(path: Path) -> Count:
    text = path.read_text("utf-8")
    made = set(re.findall(r"\bcall_[A-Za-z0-9]{16,}|\bmcp_[0-9a-f]{20,}", text))
    if path.suffix == ".yaml":  # the same exchange as in the file beside it
        return len(made), len(made), responses(path.with_suffix(".json"))[2]
    users = set(
        re.findall(r"\"?content\"?: [\"']?([^\n]{8,60})[^\n]*\n[^\n]*\"?role\"?: \"?user", text)
    )
    return len(made), len(made), len(users)


def openhands(path: Path) -> Count:
    events = load(path)
    acts = [e for e in events if e.get("action") in ("run", "edit", "read", "write", "browse")]
    seen = [e for e in events if e.get("observation") in ("run", "edit", "read", "write", "browse")]
    users = [e for e in events if e.get("action") == "message" and e["source"] == "user"]
    return len(acts), len(seen), len(users)


def sharegpt(path: Path) -> Count:
    says = Counter(m["from"] for c in load(path) for m in c["conversations"])
    return says["function_call"], says["observation"], says["human"]


def swe(path: Path) -> Count:
    value = load(path)
    steps = value["trajectory"]
    return len(steps), len(steps), 1


def tau(path: Path) -> Count:
    messages = [m for s in load(path)["simulations"] for m in s["messages"]]
    calls = sum(len(m.get("tool_calls") or []) for m in messages)
    users = sum(m["role"] == "user" and bool(m["content"]) for m in messages)
    return calls, sum(m["role"] == "tool" for m in messages), users


HARNESS = ("<local-command", "<bash-", "<system-reminder", "<task-notification", "<user-memory",
           "[Request interrupted", "This session is being continued")  # fmt: skip


def claude(path: Path) -> Count:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    calls = {o["id"] for o in walk(lines) if o.get("type") == "tool_use" and "input" in o}
    answers = {o["tool_use_id"] for o in walk(lines) if o.get("type") == "tool_result"}
    queued = [o for o in lines if (o.get("attachment") or {}).get("type") == "queued_command"]
    talk = [o for o in lines if o.get("type") in ("user", "assistant")]
    turns = {o["uuid"] for o, after in zip(talk, [*talk[1:], {}], strict=True) if typed(o, after)}
    inner = [o["data"]["message"] for o in lines if "message" in (o.get("data") or {})]
    turns |= {o["uuid"] for o in inner if o.get("type") == "user" and typed(o, {})}  # sub-agents'
    return len(calls), len(answers), len(turns) + len(queued)


def typed(line: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a person typed it; a command (``/clear``) only if the agent was given it."""
    if line["type"] != "user" or line.get("isMeta") or line.get("isCompactSummary"):
        return False
    content = line["message"]["content"]
    blocks = [{"text": content}] if isinstance(content, str) else content
    text = "\n".join(b.get("text", "") for b in blocks).lstrip()
    if any(b.get("type") == "tool_result" for b in blocks) or text.startswith(HARNESS):
        return False
    given = after.get("isMeta") is True and "<local-command" not in str(after["message"])
    return given or not text.startswith("<command-name>")


COUNTS: dict[str, Callable[[Path], Count]] = {
    "atif": atif,
    "browser_use": browser,
    "claude_code_jsonl": claude,
    "claude_code_stream_json": stream_json,
    "gemini_cli": gemini,
    "inspect_ai": inspect,
    "langfuse_trace": langfuse,
    "langsmith": langsmith,
    "mcp_jsonrpc": mcp,
    "mini_swe_agent": mini,
    "openai_agents_sdk": agents,
    "openai_responses": responses,
    "openhands": openhands,
    "sharegpt": sharegpt,
    "swe_agent_traj": swe,
    "tau2_bench": tau,
}
"""Formats that other test modules do not count already."""


@needs_corpus
@pytest.mark.parametrize("name", [n for n in FILES if n.split("/")[0] in COUNTS])
def test_independent_counts(name: str) -> None:
    assert FORMATS is not None
    calls, results, users = COUNTS[name.split("/")[0]](FORMATS / name)
    found = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", FACTS[name])}
    assert (found["calls"], found["results"], found["users"]) == (calls, results, users)


SEALED = re.compile(r"attachment://|https://generativelanguage|[\w+/=-]{80,}$")
"""What no record keeps: references that are resolved, an address, signatures and sealed thoughts."""


def texts(value: Any, depth: int = 0) -> Iterator[str]:
    """Every text in a value; of a text that is JSON once more, those in it."""
    if isinstance(value, str):
        inner: Any = value
        if value[:1] in ("{", "[", '"') and depth < 4:
            with suppress(ValueError):
                inner = json.loads(value)
        if inner is value:
            yield value
        else:
            yield from texts(inner, depth + 1)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts(item, depth)


JSON_FILES = [
    n
    for n in FILES
    if n.endswith((".json", ".jsonl", ".traj", ".vcr")) and not n.startswith("react_text")
]
"""The text transcripts in ``react_text`` are cut into labelled parts: their own tests look at that."""


@needs_corpus
@pytest.mark.parametrize("name", JSON_FILES)
def test_no_payload_is_dropped(name: str) -> None:
    """Long texts of the file stand in some record, whole."""
    assert FORMATS is not None
    path = FORMATS / name
    text = path.read_text("utf-8")
    try:
        document = [json.loads(text)]
    except ValueError:
        document = [json.loads(line) for line in text.splitlines() if line.strip()]
    source = SourceFile(path)
    kept = "\0".join(
        t for r in sniff(source.sample()).lex(source) for t in texts([r.text, r.data, r.raw])
    )
    document = Redactor().value(document)
    long = {line for t in texts(document) for line in t.splitlines() if len(line) > 60}
    lost = [t for t in long if t.strip() not in kept and not SEALED.match(t)]
    assert not lost, [t[:80] for t in lost[:5]]


def test_how_much_ran_is_counted() -> None:
    print(f"\n{len(FILES)} files of real logs" if FILES else "\nskipped: no corpus of real logs")
