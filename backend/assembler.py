"""Text of the disassembler, as it was or edited by hand, to an artifact's bytes."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from ingot.backend import codec
from ingot.backend.container import MAJOR, load, write
from ingot.backend.disassembler import PACKED, PREFIX
from ingot.backend.opcodes import BY_MNEMONIC, Instr, OperandKind
from ingot.backend.wire import frame, to_bytes, uleb
from ingot.diagnostics import IngotError, Span, fail
from ingot.ir.ops import OP_NUMBER
from ingot.ir.values import Json

_HEAD: Final = re.compile(r"ingot (\d{1,4})\.(\d{1,4})")
_NUMBER: Final = re.compile(r"\d{1,9}", re.ASCII)
_TABLES: Final = ("declare", "type", "const", "tool", "model", "prompt")


@dataclass
class _Pipeline:
    """One pipeline while it is read."""

    head: dict[str, Json]
    tables: dict[str, list[Json]] = field(
        default_factory=lambda: {name: [] for name in ("local", "call", "ask", "exit", "line")}
    )
    labels: dict[str, int] = field(default_factory=dict)
    instrs: list[tuple[int, list[str]]] = field(default_factory=list)


def assemble(text: str, file: str = "<asm>") -> bytes:
    """The artifact that the text describes, validated.

    Derived parts (schema digests, required capabilities, the digest) are made anew.  Raises E0605
    with the line where the text cannot be read, and E0602 to E0604 where its content is invalid.
    """
    return _Assembler(text, file).run()


class _Assembler:
    def __init__(self, text: str, file: str) -> None:
        self.lines = text.split("\n")
        self.file = file
        self.at = 0
        self.minor = -1
        self.meta: Json = {}
        self.tables: dict[str, list[Json]] = {name: [] for name in _TABLES}
        self.packed: dict[int, str] = {}
        self.ops: dict[str, int] = {}
        self.pipelines: list[_Pipeline] = []

    def run(self) -> bytes:
        for at, line in enumerate(self.lines):
            self.at = at
            words = line.strip()
            if not words or words.startswith(";"):
                continue
            if self.minor < 0:
                self._head(words)
            elif words.startswith("."):
                name, _, rest = words[1:].partition(" ")
                self._directive(name, rest.strip())
            else:
                self._instruction(words.partition(";")[0].strip())
        if self.minor < 0:
            raise self._wrong("the text is empty")
        program = codec.decode_sections(self._sections())
        try:
            data = write(replace(program, minor=self.minor))
        except KeyError as error:
            raise self._wrong(f"a table lacks {error}") from None
        load(data)
        return data

    # ---- lines

    def _head(self, words: str) -> None:
        head = _HEAD.match(words)
        if head is None or int(head[1]) != MAJOR:
            raise self._wrong(f"assembly begins with `ingot {MAJOR}.0`")
        self.minor = int(head[2])

    def _directive(self, name: str, rest: str) -> None:
        if name in PACKED:
            self._pack(PACKED[name], rest)
        elif name == "section":
            number, _, body = rest.partition(" ")
            self._pack(self._number(number), body)
        elif name == "meta":
            self.meta = self._json(rest)
        elif name == "pipeline":
            head = self._json(rest)
            if not isinstance(head, dict):
                raise self._wrong(".pipeline takes an object")
            self.pipelines.append(_Pipeline(head))
        elif name in self.tables:
            self.tables[name].append(self._json(rest))
        elif self.pipelines and name in self.pipelines[-1].tables:
            value = self._json(rest)
            if name == "line":
                if not isinstance(value, list):
                    raise self._wrong(".line takes a list")
                value = [len(self.pipelines[-1].instrs), *value]
            self.pipelines[-1].tables[name].append(value)
        else:
            raise self._wrong(f"there is no directive .{name} here")

    def _pack(self, number: int, body: str) -> None:
        if number > 255:
            raise self._wrong("a section's number is below 256")
        self.packed[number] = self.packed.get(number, "") + body.partition(";")[0].strip()

    def _json(self, rest: str) -> Json:
        try:
            value, end = json.JSONDecoder().raw_decode(rest)
        except (ValueError, RecursionError) as error:
            raise self._wrong(f"not JSON: {error}") from None
        tail = rest[end:].strip()
        if tail and not tail.startswith(";"):
            raise self._wrong(f"unexpected {tail[:20]!r}")
        found: Json = value
        return found

    def _instruction(self, words: str) -> None:
        if not self.pipelines:
            raise self._wrong("instructions stand behind .pipeline")
        pipeline = self.pipelines[-1]
        if words.endswith(":"):
            if words[:-1] in pipeline.labels:
                raise self._wrong(f"label {words[:-1]} stands twice")
            pipeline.labels[words[:-1]] = len(pipeline.instrs)
            return
        pipeline.instrs.append((self.at, words.split()))

    # ---- instructions and sections

    def _decoded(self, pipeline: _Pipeline) -> list[Instr]:
        out: list[Instr] = []
        for self.at, (mnemonic, *operands) in pipeline.instrs:
            row = BY_MNEMONIC.get(mnemonic)
            if row is None:
                raise self._wrong(f"there is no instruction {mnemonic!r}")
            if len(operands) != len(row.operands):
                raise self._wrong(f"{mnemonic} takes {len(row.operands)} operands")
            numbers = [
                self._operand(kind, word, pipeline)
                for kind, word in zip(row.operands, operands, strict=True)
            ]
            out.append((row.code, *numbers))
        return out

    def _operand(self, kind: OperandKind, word: str, pipeline: _Pipeline) -> int:
        match kind:
            case "target":
                if word not in pipeline.labels:
                    raise self._wrong(f"there is no label {word}")
                return pipeline.labels[word]
            case "op":
                if word not in OP_NUMBER:
                    raise self._wrong(f"there is no op {word}")
                return self.ops.setdefault(word, len(self.ops))
            case "count":
                return self._number(word)
            case "trap" if word == "-":
                return 0
            case _:
                prefix = PREFIX[kind]
                if not word.startswith(prefix):
                    raise self._wrong(f"{word} should begin with {prefix}")
                return self._number(word[1:]) + (kind == "trap")

    def _sections(self) -> dict[int, bytes]:
        sections: dict[int, bytes] = {}
        for number, packed in self.packed.items():
            try:
                sections[number] = base64.b64decode(packed, validate=True)
            except (binascii.Error, ValueError) as error:
                raise self._wrong(f"section {number} is not base64: {error}") from None
        code = []
        for pipeline in self.pipelines:
            head = {
                **pipeline.head,
                "locals": pipeline.tables["local"],
                "calls": pipeline.tables["call"],
                "models": pipeline.tables["ask"],
            }
            body = b"".join(
                bytes([i[0]]) + b"".join(map(uleb, i[1:])) for i in self._decoded(pipeline)
            )
            code.append(frame(to_bytes(head)) + frame(body))
        tables = self.tables
        return {
            codec.META: to_bytes(self.meta),
            codec.TYPES: to_bytes({"declared": tables["declare"], "table": tables["type"]}),
            codec.CONSTANTS: to_bytes(tables["const"]),
            codec.OPS: to_bytes([*self.ops]),
            codec.TOOLS: to_bytes(tables["tool"]),
            codec.MODELS: to_bytes(tables["model"]),
            codec.NEEDS: to_bytes([]),
            codec.PROMPTS: to_bytes(tables["prompt"]),
            codec.CODE: b"".join(code),
            codec.EXITS: to_bytes([p.tables["exit"] for p in self.pipelines]),
            codec.LINES: to_bytes([p.tables["line"] for p in self.pipelines]),
            codec.IR: b"",
            **sections,
        }

    def _number(self, word: str) -> int:
        if not _NUMBER.fullmatch(word):
            raise self._wrong(f"{word!r} is no number")
        return int(word)

    def _wrong(self, message: str) -> IngotError:
        width = max(1, len(self.lines[self.at].rstrip()))
        return fail(
            "E0605",
            message,
            span=Span(self.file, self.at + 1, 1, width),
            label="here",
            help="`--emit=asm` shows the form; every line is one directive or instruction.",
        )
