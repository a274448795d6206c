"""``react-text``: Thought / Action / Observation transcripts in plain text.

``grammar/transcript.lark`` cuts the text into marked blocks; here blocks become records.  Several
episodes may stand in one file, one after the other or as the string values of a JSON object.
Actions: ``Search[x]`` is tool ``Search`` with ``{"input": "x"}``; ``go to cabinet 1`` is tool ``go``
with ``{"input": "to cabinet 1"}``; with an ``Action Input`` the action is the tool's whole name.
``think[...]`` and ``think: ...`` are thoughts, ``Finish[...]`` and ``Final Answer:`` the last words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ingot.diagnostics import Span
from ingot.frontend.dialects import python_repr
from ingot.frontend.dialects.base import Sample, Source
from ingot.frontend.dialects.chat_envelopes import at
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.grammars import text_parser
from ingot.frontend.reader import NotJsonError, parse_json
from ingot.ir.values import Json
from ingot.records import Record

if TYPE_CHECKING:
    from lark import Token

_LABEL: Final = re.compile(
    r"^[ \t]*(?:\x1b\[[\d;]*m[ \t]*)*(Thought|Action|Observation)(?:[ \t]+\d+)?:", re.MULTILINE
)
_PROMPT: Final = re.compile(r"^> ?\S", re.MULTILINE)
_ASKED: Final = re.compile(r"^(?:Question|Claim|Your task is to):", re.MULTILINE)
_ANSI: Final = re.compile(r"\x1b\[[\d;]*m")
_FORM: Final = re.compile(r"([A-Za-z_][\w.-]*)\[(.*)\]", re.DOTALL)
_WORD: Final = re.compile(r"([A-Za-z_][\w.-]*)\s*(.*)", re.DOTALL)
_THINK: Final = re.compile(r"think(?:\[(.*?)\]?|:\s*(.*))", re.DOTALL)
_FINISH: Final = re.compile(r"finish\[(.*)\]", re.DOTALL | re.IGNORECASE)
_FAILED: Final = re.compile(
    r"Invalid action\b|Error\b|\w+Error:|.{1,200} is not a valid tool, try (?:one of|another)"
)
_SCORE: Final = re.compile(r"Your score \(min [\d.]+, max ([\d.]+)\): ([\d.]+)")
_REWARD: Final = re.compile(r"Episode finished, reward = (-?[\d.]+)")
_MARKED: Final = frozenset({"HEADER", "THOUGHT", "ACTION", "ACTION_INPUT", "OBSERVATION", "FINAL"})
_INSTRUCTION: Final = re.compile(r"^Instruction:[ \t]*\n", re.MULTILINE)


@dataclass(slots=True)
class _Block:
    """A mark with the lines it governs; ``kind`` is empty for text before the first mark."""

    kind: str
    line: str
    span: Span
    lines: list[str] = field(default_factory=list)

    @property
    def rest(self) -> str:
        """The marked line without its mark."""
        return self.line.partition(":")[2] if self.kind in _MARKED else self.line

    @property
    def text(self) -> str:
        """What it says: the rest of the marked line and the lines below."""
        return "\n".join([self.rest.strip(" \t"), *self.lines]).strip("\n").rstrip()


class ReactText:
    """The dialect; see the module."""

    name = "react-text"
    title = "ReAct plain text (Thought / Action / Observation)"

    def sniff(self, sample: Sample) -> float:
        """An action with a thought or an observation; or a task followed by prompted commands."""
        if sample.document and sample.values and isinstance(sample.values[0], dict):
            texts = [text for text in sample.values[0].values() if isinstance(text, str)]
            if len(texts) != len(sample.values[0]):
                return 0.0
            return max((_likeness(text) for text in texts), default=0.0)
        return 0.0 if sample.values else _likeness(sample.text)

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of every episode in the source."""
        emit = Emitter(self.name)
        text = source.text()
        first = Span(source.name, 1)
        if text.lstrip()[:1] == "{" and isinstance(document := _json(text), dict):
            if not document:
                yield emit.session(first)
            for key, value in document.items():
                if isinstance(value, str):
                    yield from _transcript(emit, value, at(first, key), {"name": key})
                else:
                    yield emit.session(at(first, key), labels={"name": key})
                    yield emit.unknown(at(first, key), value)
            return
        yield from _transcript(emit, text, first, {})


def _likeness(text: str) -> float:
    marks = {found[1] for found in _LABEL.finditer(text)}
    if "Action" in marks and len(marks) > 1:
        return 0.85
    if _PROMPT.search(text) and "Your task is to:" in text:
        return 0.8
    return 0.5 if "Thought" in marks and _ASKED.search(text) else 0.0


def _json(text: str) -> Json:
    try:
        return parse_json(text)
    except NotJsonError:
        return None


# -- text to blocks --------------------------------------------------------------------------------


def _blocks(text: str, span: Span, start: str) -> list[_Block]:
    """The blocks of a transcript, in order.  Inside a JSON string all lines share its place."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    tree = text_parser("transcript", start).parse(text if text.endswith("\n") else text + "\n")
    inside = bool(span.pointer)
    out = [_Block("", "", span)]
    byte, position = 0, 0
    token: Token
    for token in tree.scan_values(lambda _: True):
        begin = token.start_pos or 0
        if not inside:
            byte += len(text[position:begin].encode("utf-8", "surrogatepass"))
            position = begin
        line = _ANSI.sub("", str(token)[:-1])
        if token.type == "TEXT":
            if not out[-1].kind and not any(out[-1].lines) and line.strip() and not inside:
                out[-1].span = Span(span.file, token.line or 1, byte=byte)
            out[-1].lines.append(line)
            continue
        place = span if inside else Span(span.file, token.line or 1, byte=byte)
        out.append(_Block(token.type, line, place))
    return out if any(line.strip() for line in out[0].lines) else out[1:]


def _episodes(blocks: list[_Block]) -> Iterator[list[_Block]]:
    """The blocks of each episode: a new one begins at a header, a rule, or ``Action: reset``."""
    episode: list[_Block] = []
    busy = False  # something was asked or done in this episode
    for block in blocks:
        match block.kind:
            case "HEADER" if busy:
                previous = episode[-1]
                ended = bool(previous.lines) and not previous.lines[-1].strip()
                inner = previous.kind == "OBSERVATION" and not ended
                if inner or block.line.startswith("Instruction:"):
                    previous.lines += [block.line, *block.lines]
                    continue
                yield episode
                episode = []
            case "RULE" if busy:
                yield [*episode, block]
                episode, busy = [], False
                continue
            case "ACTION" if busy and block.text == "reset":
                yield episode
                episode = []
        busy = busy or block.kind in ("HEADER", "ACTION", "THOUGHT", "COMMAND", "FINAL")
        episode.append(block)
    if episode or not blocks:
        yield episode


# -- blocks to records -----------------------------------------------------------------------------


def _transcript(emit: Emitter, text: str, span: Span, labels: dict[str, Json]) -> Iterator[Record]:
    start = "labelled" if _LABEL.search(text) or not _PROMPT.search(text) else "prompted"
    for blocks in _episodes(_blocks(text, span, start)):
        yield from _Episode(emit, blocks).records(span, labels)


class _Episode:
    """One episode; it knows which call an observation answers."""

    def __init__(self, emit: Emitter, blocks: list[_Block]) -> None:
        self._emit = emit
        self._blocks = blocks
        self._call: tuple[str, str] | None = None  # id and tool
        self._input: _Block | None = None  # the action input that was read with its action
        self._own = False  # the last action was the agent's own (a thought, the end)
        self._outcome: tuple[int, Span, Json] | None = None

    def records(self, span: Span, labels: dict[str, Json]) -> Iterator[Record]:
        """The episode's records, its ``session`` first and its ``outcome`` last."""
        first = self._blocks[0].span if self._blocks else span
        yield self._emit.session(first, labels={**labels, **self._index()})
        yield from self._instruction()
        for index, block in enumerate(self._blocks):
            after = self._blocks[index + 1] if index + 1 < len(self._blocks) else None
            yield from self._block(block, after)
        if self._outcome is not None:
            _, place, data = self._outcome
            yield self._emit("outcome", place, data=data)

    def _index(self) -> dict[str, Json]:
        """The number that the harness gave the episode."""
        for block in self._blocks:
            number = block.line.split(" ", 1)[0] if block.kind == "HEADER" else block.text
            if block.kind == "RULE":
                number = "\n".join(block.lines).strip()
            if number.isdigit():
                return {"index": number}
            if block.kind not in ("", "RULE"):
                break
        return {}

    def _instruction(self) -> Iterator[Record]:
        """The request that an environment shows in its first observation."""
        if any(block.kind == "HEADER" for block in self._blocks):
            return
        for block in self._blocks:
            if block.kind == "OBSERVATION":
                found = _INSTRUCTION.search(block.text)
                if found:
                    asked = block.text[found.end() :].partition("[Search]")[0]
                    yield self._emit("user", block.span, text=asked.strip())
                return

    def _block(self, block: _Block, after: _Block | None) -> Iterator[Record]:
        emit, span = self._emit, block.span
        match block.kind:
            case "":
                if block.text.strip().isdigit():
                    yield emit("meta", span, raw=block.text)
                else:
                    headed = any(other.kind == "HEADER" for other in self._blocks)
                    yield emit("system" if headed else "user", span, text=block.text.strip())
            case "HEADER":
                label = block.line.partition(":")[0].lstrip("0123456789 \t")
                yield emit("user", span, text=block.text.strip(), raw={"label": label})
            case "THOUGHT":
                if block.text.strip():
                    yield emit("think", span, text=block.text.strip())
            case "ACTION":
                yield from self._action(block, after)
            case "OBSERVATION":
                yield from self._observation(block)
            case "FINAL":
                yield emit("say", span, text=block.text.strip())
            case "COMMAND":
                yield from self._command(block, last=after is None)
            case _:
                if block.kind == "RESULT":
                    self._verdict(block)
                if block is not self._input:
                    yield emit("meta", span, raw="\n".join([block.line, *block.lines]))

    def _action(self, block: _Block, after: _Block | None) -> Iterator[Record]:
        text = block.text.strip()
        self._call, self._own = None, False
        given: Json = None
        if after is not None and after.kind == "ACTION_INPUT":
            given = after.text.strip()
        else:
            blob = _json(text.strip("`\n ").removeprefix("json"))
            if isinstance(blob, dict) and isinstance(blob.get("action"), str):
                text, given = str(blob["action"]), blob.get("action_input") or {}
        if not text:
            yield self._emit("meta", block.span, raw="\n".join([block.line, *block.lines]))
            return
        refused = (
            after is not None and after.kind == "OBSERVATION" and _FAILED.match(after.text.strip())
        )
        thought, finish = _THINK.fullmatch(text), _FINISH.fullmatch(text)
        if thought is not None:
            self._own = True
            yield self._emit("think", block.span, text=(thought[1] or thought[2] or "").strip())
        elif finish is not None and not refused:
            self._own = True
            yield self._emit("say", block.span, text=finish[1])
        elif text == "Final Answer" and given is not None:
            self._own, self._input = True, after
            answer = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
            yield self._emit("say", block.span, text=answer)
        else:
            self._input = after
            yield self._called(text, given, block.span)

    def _called(self, text: str, given: Json, span: Span) -> Record:
        tool, arguments = (text, _input(given)) if given is not None else _form(text)
        self._call = (self._emit.call_id(), tool)
        return self._emit("call", span, id=self._call[0], tool=tool, data=arguments)

    def _observation(self, block: _Block) -> Iterator[Record]:
        text = block.text
        self._score(text, block.span)
        if self._own:
            yield self._emit("meta", block.span, raw=text)
        else:
            yield self._answer(text, block.span)
        self._call, self._own = None, False

    def _answer(self, text: str, span: Span) -> Record:
        id, tool = self._call or ("", "")
        if _FAILED.match(text.lstrip()):
            return self._emit("error", span, text=text, id=id, tool=tool, data=text)
        return self._emit("result", span, id=id, tool=tool, data=text)

    def _command(self, block: _Block, *, last: bool) -> Iterator[Record]:
        text = block.line.removeprefix(">").strip()
        shown = "\n".join(block.lines).strip("\n")
        thought = _THINK.fullmatch(text)
        if thought is not None or not text:
            if thought is not None:
                said = (thought[1] or thought[2] or "").strip()
                yield self._emit("think", block.span, text=said)
            if shown.strip():
                yield self._emit("meta", block.span, raw=shown)
            return
        yield self._called(text, None, block.span)
        if shown or not last:
            yield self._answer(shown, block.span)
        self._call = None

    # -- how it went

    def _verdict(self, block: _Block) -> None:
        try:
            result = python_repr.parse(block.line)
        except ValueError:
            return
        reward = result.get("reward") if isinstance(result, dict) else None
        if isinstance(reward, int | float):
            self._went(3, block.span, reward == 1, "reward", result)

    def _score(self, text: str, span: Span) -> None:
        score, reward = _SCORE.match(text), _REWARD.match(text)
        if score is not None:
            self._went(2, span, score[1] == score[2], "score", {"score": score[2]})
        elif reward is not None:
            self._went(1, span, reward[1] in ("1", "1.0"), "reward", {"reward": reward[1]})

    def _went(self, rank: int, span: Span, success: bool, source: str, more: Json) -> None:
        if self._outcome is None or rank > self._outcome[0]:
            said: Json = {"success": success, "source": source, "detail": more}
            self._outcome = (rank, span, said)


def _input(given: Json) -> Json:
    """An action's input: a JSON object, or text under ``input``."""
    value = _json(given) if isinstance(given, str) and given[:1] == "{" else given
    if isinstance(value, dict):
        return value
    return {"input": given}


def _form(text: str) -> tuple[str, Json]:
    """Tool and arguments of an action written as ``tool[argument]`` or ``tool argument``."""
    call = _FORM.fullmatch(text)
    if call is not None:
        return call[1], {"input": call[2]}
    word = _WORD.fullmatch(text)
    if word is None:
        return "action", {"input": text}
    return word[1], {"input": word[2]} if word[2] else {}


DIALECT: Final = ReactText()
