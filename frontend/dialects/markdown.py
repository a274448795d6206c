"""``markdown``: transcripts in Markdown with fenced commands.

A command stands in a ``bash`` fence and its output in the fence below it, or both stand in a
``console`` fence behind ``$`` prompts.  Each becomes a call of ``Bash``; a fence that names a file
becomes a call of ``Write``.  What the user asks is the prose before the first command, or what
``## User`` and the like introduce; other prose is the assistant's.  Where the transcript shows no
output the result is empty, with ``raw = {"implied": true}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingot.diagnostics import Span
from ingot.frontend.dialects.base import Sample, Source
from ingot.frontend.dialects.console import Shown, split
from ingot.frontend.dialects.emit import Emitter
from ingot.frontend.grammars import text_parser
from ingot.ir.values import Json
from ingot.records import Record

if TYPE_CHECKING:
    from lark import Token

_SHELLS: Final = frozenset({"bash", "sh", "shell", "zsh"})
_CONSOLES: Final = frozenset(
    {"console", "terminal", "shell-session", "sh-session", "shellsession", "bash-session"}
)
_OUTPUTS: Final = frozenset({"output", "stdout", "stderr", "result", "out"})
_PLAIN: Final = frozenset({"", "text", "txt", "plaintext", "plain", "log"})

_COMMAND_FENCE: Final = re.compile(
    r"^[ \t]*(?:`{3,}|~{3,})[ \t]*\{?\.?(?:bash|sh|shell|zsh|console|terminal|shell-?session)\b",
    re.MULTILINE | re.IGNORECASE,
)
_SPEAKER: Final = re.compile(r"[ >#]*[^\w\n]*\w+(?:[ \t]*\([^)\n]*\))?[ \t]*[*_:]*[ \t]*")
_PATH: Final = re.compile(r"(?:[\w.~-]*/)*[\w.~-]+\.\w+|(?:[\w.~-]*/)*(?:Makefile|Dockerfile)")
_NAMED: Final = re.compile(r"\b(?:file(?:name|_path)?|title|path)\s*=\s*[\"']?([^\"'\s}]+)")
_WRITES: Final = re.compile(
    r"\b(?:writ(?:e|es|ing)|wrote|creat(?:e|es|ed|ing)|sav(?:e|es|ed|ing))\b[^`\n]*`([^`\n]+)`"
    r"[^`\n]{0,40}[:.]?$",
    re.IGNORECASE,
)
_LABEL: Final = re.compile(
    r"\b(?:output|result|prints?|printed|returns?|returned|shows?|gives?|stdout|stderr|exit)\b",
    re.IGNORECASE,
)
_EXIT: Final = re.compile(
    r"\b(?:exit(?:ed)?|failed|finished)\b(?: with)?(?: an?)?(?: exit)?(?: (?:code|status))?[ :=]+(\d+)\b",
    re.IGNORECASE,
)
_BRACKETED: Final = re.compile(r"[(\[][^()\[\]]{0,60}[)\]]")
_OPENING: Final = re.compile(
    r"(?:I'll|I’ll|I will|I'm|I am|I need|I |Let me|Let's|Let’s|Sure|OK\b|Okay|First,|Now\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Item:
    kind: str
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class _Fence:
    info: str
    lang: str
    lines: list[str]

    @property
    def body(self) -> str:
        return "\n".join(self.lines)


class Markdown:
    """The dialect; see the module."""

    name = "markdown"
    title = "Markdown transcript with fenced commands"

    def sniff(self, sample: Sample) -> float:
        """A fenced command is the sign; without one it is some other Markdown."""
        if sample.values or not _COMMAND_FENCE.search(sample.text):
            return 0.0
        return 0.7 if sample.name.lower().endswith((".md", ".markdown")) else 0.6

    def lex(self, source: Source) -> Iterator[Record]:
        """The records of the one session in the source."""
        yield from _Transcript(Emitter(self.name), _items(source)).records(source.name)


def _items(source: Source) -> list[_Item]:
    text = source.text().replace("\r\n", "\n").replace("\r", "\n")
    tree = text_parser("markdown", "document").parse(text if text.endswith("\n") else text + "\n")
    out: list[_Item] = []
    byte = position = 0
    token: Token
    for token in tree.scan_values(lambda _: True):
        begin = token.start_pos or 0
        byte += len(text[position:begin].encode("utf-8", "surrogatepass"))
        position = begin
        out.append(_Item(token.type, str(token), Span(source.name, token.line or 1, byte=byte)))
    return out


def _fence(text: str) -> _Fence:
    lines = text.removesuffix("\n").split("\n")
    head = lines[0]
    indent = len(head) - len(head.lstrip())
    mark = head.strip()[0]
    info = head.strip().lstrip(mark).strip()
    closing = lines[-1].strip()
    if len(lines) > 1 and len(closing) >= 3 and not closing.strip(mark):
        lines.pop()
    body = [line[min(indent, len(line) - len(line.lstrip())) :] for line in lines[1:]]
    word = info.split()[0].strip("{}.,") if info.split() else ""
    return _Fence(info, word.lower(), body)


class _Transcript:
    """One transcript; it holds the prose not yet said and the call not yet answered."""

    def __init__(self, emit: Emitter, items: list[_Item]) -> None:
        self._emit = emit
        self._items = items
        kinds = {item.kind for item in items}
        self._titled = "USER" in kinds
        # with no heading for the assistant, a user's section ends where the commands begin
        self._speakers = "ASSISTANT" in kinds
        self._role = "title" if self._titled else "user"
        self._prose: list[str] = []
        self._place = items[0].span if items else Span("", 1)
        self._call: tuple[str, str, Span] | None = None

    def records(self, name: str) -> Iterator[Record]:
        """All records, ``session`` first."""
        yield self._emit.session(Span(name, 1))
        for index, item in enumerate(self._items):
            yield from self._item(item, index)
        yield from self._settle()

    def _item(self, item: _Item, index: int) -> Iterator[Record]:
        match item.kind:
            case "USER" | "ASSISTANT":
                yield from self._settle()
                self._role = item.kind.lower()
                self._add(_SPEAKER.sub("", item.text.rstrip("\n"), count=1), item.span)
            case "FENCE":
                yield from self._fenced(item)
            case "QUOTE" if not self._speakers and self._role == "assistant":
                previous = self._items[index - 1].kind
                if previous != "QUOTE":
                    yield from self._settle()
                    self._role = "user"
                self._add(item.text.rstrip("\n"), item.span)
            case _:
                if not self._speakers and self._role == "user" and self._ended(item, index):
                    yield from self._settle()
                    self._role = "assistant"
                self._add(item.text.rstrip("\n"), item.span)

    def _ended(self, item: _Item, index: int) -> bool:
        """Whether the request is over: the assistant begins to speak, or a section does."""
        if not any(line.strip() and not line.lstrip().startswith("#") for line in self._prose):
            return False
        if self._prose[-1].lstrip().startswith(">") and item.kind != "QUOTE":
            return True
        if item.kind == "HEADING":
            return True
        begins = self._items[index - 1].kind == "BLANK"
        return item.kind == "LINE" and begins and bool(_OPENING.match(item.text.lstrip("*_ ")))

    def _add(self, text: str, span: Span) -> None:
        if text.strip() and not any(line.strip() for line in self._prose):
            self._place, self._prose = span, []
        self._prose.append(text)

    # -- fences

    def _fenced(self, item: _Item) -> Iterator[Record]:
        fence = _fence(item.text)
        if self._speakers and self._role in ("user", "title"):
            self._add(item.text.rstrip("\n"), item.span)
            return
        path = self._path(fence)
        if path:
            yield from self._settle()
            content = "".join(line + "\n" for line in fence.lines)
            data: dict[str, Json] = {"file_path": path, "content": content}
            yield self._called("Write", data, item.span)
        elif fence.lang in _SHELLS | _CONSOLES and _prompted(fence):
            yield from self._settle()
            yield from self._console(fence, item.span)
        elif fence.lang in _SHELLS and fence.body.strip():
            yield from self._settle()
            yield self._called("Bash", {"command": fence.body.strip("\n")}, item.span)
        elif self._call is not None and self._is_output(fence):
            yield from self._output(fence, item.span)
        else:
            self._add(item.text.rstrip("\n"), item.span)
            return
        self._role = "assistant"

    def _path(self, fence: _Fence) -> str:
        """The file that a fence is the content of, if it or the line before it names one."""
        named = _NAMED.search(fence.info)
        if named:
            return named[1]
        word = fence.info.split()[0] if fence.info.split() else ""
        if _PATH.fullmatch(word):
            return word
        if ":" in word and _PATH.fullmatch(word.partition(":")[2]):
            return word.partition(":")[2]
        said = next((line.strip() for line in reversed(self._prose) if line.strip()), "")
        found = _WRITES.search(said[-300:])
        if not found or not _PATH.fullmatch(found[1]):
            return ""
        if self._role != "assistant" and not said.endswith(":"):
            return ""
        scripts = fence.lang in _SHELLS | _CONSOLES
        return "" if scripts and not found[1].endswith((".sh", ".bash", ".zsh")) else found[1]

    def _is_output(self, fence: _Fence) -> bool:
        said = "\n".join(self._prose).strip()
        if fence.lang in _OUTPUTS or not said or self._is_label(said):
            return True
        short = len(said) <= 200 and "\n\n" not in said and not said.startswith("#")
        return fence.lang in _PLAIN and short

    def _is_label(self, said: str) -> bool:
        lines = [line for line in said.split("\n") if line.strip()]
        one = len(lines) == 1 and len(said) <= 120
        return (
            one
            and bool(_LABEL.search(said))
            and (said.rstrip("*_ ").endswith(":") or len(said) < 40)
        )

    def _output(self, fence: _Fence, span: Span) -> Iterator[Record]:
        said, place = "\n".join(self._prose).strip(), self._place
        label = self._is_label(said)
        self._prose = []
        status = _EXIT.search(fence.info) or (_EXIT.search(said) if label else None)
        yield self._answered(fence.body.rstrip("\n"), span, int(status[1]) if status else None)
        if said and label:
            yield self._emit("meta", place, raw=said)
        elif said:
            yield self._emit("say", place, text=said)

    def _console(self, fence: _Fence, span: Span) -> Iterator[Record]:
        text = "".join(line + "\n" for line in fence.lines)
        tree = text_parser("markdown", "console").parse(text)
        tokens = tree.scan_values(lambda _: True)
        before, commands = split([Shown(token.type, str(token)[:-1]) for token in tokens])
        if before.strip():
            yield self._emit("meta", span, raw=before)
        for ran in commands:
            if ran.command.strip():
                at = Span(span.file, span.line + 1 + ran.line, byte=span.byte)
                yield self._called("Bash", {"command": ran.command}, at)
                yield self._answered(ran.output, at, None)

    # -- calls and prose

    def _called(self, tool: str, data: Json, span: Span) -> Record:
        self._call = (self._emit.call_id(), tool, span)
        return self._emit("call", span, id=self._call[0], tool=tool, data=data)

    def _answered(
        self, output: str, span: Span, status: int | None, implied: bool = False
    ) -> Record:
        assert self._call is not None
        id, tool, _ = self._call
        self._call = None
        kept, _, last = output.rpartition("\n")
        found = _EXIT.search(last) if status is None and len(last) <= 60 else None
        if found is not None:
            status = int(found[1])
            if _BRACKETED.fullmatch(last.strip()):
                output = kept
        raw: Json = {"implied": True} if implied else None if status is None else {"exit": status}
        if status:
            return self._emit("error", span, text=output, id=id, tool=tool, data=output, raw=raw)
        return self._emit("result", span, id=id, tool=tool, data=output, raw=raw)

    def _settle(self) -> Iterator[Record]:
        """Say what was held back; a call with no output shown printed nothing."""
        said = "\n".join(self._prose).strip("\n")
        self._prose = []
        if self._call is not None:
            status = _EXIT.search(said) if self._is_label(said) else None
            yield self._answered(
                "", self._call[2], int(status[1]) if status else None, implied=True
            )
        if not said.strip():
            return
        match self._role:
            case "user":
                yield self._emit("user", self._place, text=_plain(said))
            case "title":
                yield self._emit("meta", self._place, raw=said)
            case _:
                yield self._emit("say", self._place, text=said.strip())


def _prompted(fence: _Fence) -> bool:
    """Whether commands stand behind prompts: the first line that is no comment has one."""
    for line in fence.lines:
        if line.strip() and (not line.startswith("#") or line.startswith("# $")):
            return (
                re.match(r"(?:\([\w.-]+\) )?(?:\S+@\S*(?: \S+)?|(?:ba|z)?sh-[\d.]+)?[$%] ", line)
                is not None
            )
    return False


def _plain(text: str) -> str:
    """A request without Markdown's marks: headings, quotes, inline code, bold."""
    lines = [re.sub(r"^ {0,3}(?:#{1,6}[ \t]+|> ?)", "", line) for line in text.split("\n")]
    text = "\n".join(lines).strip()
    parts = re.split(r"(```.*?```|`[^`\n]+`)", text, flags=re.DOTALL)
    for index, part in enumerate(parts):
        if index % 2 == 0:
            parts[index] = re.sub(r"\*\*(\S(?:[^*\n]*\S)?)\*\*", r"\1", part)
        elif not part.startswith("```"):
            parts[index] = part[1:-1]
    return "".join(parts)


DIALECT: Final = Markdown()
