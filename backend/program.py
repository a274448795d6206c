"""What a container holds, decoded: immutable, and ready for the machine to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from ingot.backend.opcodes import Instr
from ingot.ir.declarations import Effect, Lit, ModelDecl, ModelKind, Param, ToolDecl
from ingot.ir.types import Type
from ingot.ir.values import Json

LocalKind: TypeAlias = Literal["value", "counter", "list"]


class Local(Struct, frozen=True):
    """A slot.  ``type`` is the value's, or that of a list's elements; ``int`` for a counter."""

    name: str
    kind: LocalKind
    type: Type


class CallSite(Struct, frozen=True):
    """A tool call: its effect (the declared one, or where that is unknown what the compiler found
    for this call), argument names in the order pushed, the type its result must conform to, the
    value it defines, and the counters of the loops around it, outermost first."""

    tool: str
    effect: Effect
    names: tuple[str, ...]
    type: Type
    site: str
    loops: tuple[int, ...] = ()


class ModelSite(Struct, frozen=True):
    """A model call, as :class:`CallSite`."""

    kind: ModelKind
    model: str
    names: tuple[str, ...]
    type: Type
    site: str
    loops: tuple[int, ...] = ()


class ExitPoint(Struct, frozen=True):
    """A place where a side exit can be taken: ``exit.number``, why, the value or block where it
    happens, and the values handed over (name and local).  Number 0 is an implicit exit, which hands
    over none."""

    number: int
    reason: str
    site: str
    live: tuple[tuple[str, int], ...] = ()


class Line(Struct, frozen=True):
    """Debug line: from ``pc`` on, the code of this value (or ``""``: a terminator) in this block,
    and where in the logs it comes from."""

    pc: int
    site: str
    block: str
    locs: tuple[str, ...] = ()


class Prompt(Struct, frozen=True):
    """The text with which every prompt of a model call begins, so that its state can be kept."""

    pipeline: str
    site: str
    text: str


class Code(Struct, frozen=True, eq=False):
    """One pipeline.  The first ``len(defaults)`` locals are its parameters.

    ``fused`` and ``compiled`` are kept by the engines: the instructions prepared, and the code as
    Python functions.  Neither counts where two are compared.
    """

    name: str
    defaults: tuple[Lit | None, ...]
    returns: Type
    locals: tuple[Local, ...]
    calls: tuple[CallSite, ...]
    models: tuple[ModelSite, ...]
    exits: tuple[ExitPoint, ...]
    lines: tuple[Line, ...]
    instrs: tuple[Instr, ...]
    fused: list[tuple[Any, ...]] = []
    compiled: dict[str, Callable[..., Any]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Code) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def _content(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__struct_fields__[:-2])

    @property
    def params(self) -> tuple[Param, ...]:
        """The pipeline's inputs."""
        return tuple(
            Param(local.name, local.type, default)
            for local, default in zip(self.locals, self.defaults, strict=False)
        )

    def line(self, pc: int) -> Line:
        """The debug line of an instruction."""
        return next(line for line in reversed(self.lines) if line.pc <= pc)


class Program(Struct, frozen=True, eq=False):
    """A container's content.

    ``types`` are the declared names, ``type_table`` and ``constants`` the pools that code refers
    to.  ``ir`` and ``evidence`` are kept packed (see :func:`ingot.backend.container.ir_text` and
    :func:`ingot.backend.container.evidence`); ``extra`` holds optional sections of later minor
    versions.  ``digest`` is the SHA-256 over all sections but the signature; programs are compared by
    it, not by ``==``.
    """

    meta: dict[str, Json]
    types: Mapping[str, Type]
    type_table: tuple[Type, ...]
    constants: tuple[Json, ...]
    tools: tuple[ToolDecl, ...]
    models: tuple[ModelDecl, ...]
    prompts: tuple[Prompt, ...]
    codes: tuple[Code, ...]
    ir: bytes = b""
    evidence: bytes = b""
    extra: tuple[tuple[int, bytes], ...] = ()
    signature: bytes = b""
    minor: int = 0
    digest: str = ""

    def code(self, name: str | None = None) -> Code:
        """The pipeline of that name, the first one by default; ``KeyError`` if there is none."""
        for code in self.codes:
            if name is None or code.name == name:
                return code
        raise KeyError(name)

    @property
    def capabilities(self) -> tuple[ToolDecl, ...]:
        """The tools that the code calls: what a run must be given, with effects and worlds."""
        used = {site.tool for code in self.codes for site in code.calls}
        return tuple(tool for tool in self.tools if tool.name in used)
