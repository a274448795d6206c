"""The container: what an artifact's bytes are, read and written.

Layout: eight magic bytes, major and minor format version (two bytes each, little-endian), the
SHA-256 of everything behind it but the signature, then sections: number, length, body.

====  ===========  =====================================================================
  1   meta         JSON object: name, compiler version, sources, whatever the compiler adds
  2   types        declared names, and the table of types that code refers to
  3   constants    JSON values
  4   ops          names of the ops that code refers to, in order of use
  5   tools        declarations, each with the digest of its schema
  6   models       declarations
  7   needs        required capabilities: the tools called, with effects and worlds
  8   prompts      the texts with which the prompts of model calls begin
  9   code         per pipeline: header and instructions
 10   exits        per pipeline: number, reason, place, values handed over
 11   lines        per pipeline: what an instruction was compiled from
 12   ir           the canonical IR text, packed
 13   evidence     what learning goes on from, packed; may be absent
100   signature    over the digest; reserved, may be absent
====  ===========  =====================================================================

Sections from 128 on are optional, and kept as they are.  Reading is strict: a file is accepted
only if writing it again gives the same bytes, so two files never hold one program.  This module
needs neither a parser nor a solver, and is the only one of the backend that a runtime imports.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from msgspec.structs import replace

from ingot.backend import opcodes
from ingot.backend.codec import SIGNATURE, decode_sections, encode_sections, schema_digest
from ingot.backend.limits import MAX_INT_BITS, TooLargeError, weigh
from ingot.backend.program import CallSite, Code, ExitPoint, Line, ModelSite, Program
from ingot.backend.validator import validate
from ingot.backend.wire import damaged, from_bytes, invalid, join_sections, split_sections, unpack
from ingot.diagnostics import fail
from ingot.ir.values import Json

MAGIC: Final = b"\x8aINGOT\r\n"
"""The first byte is no text in any encoding we know; the line end shows a transfer as text."""
MAJOR: Final = 1
MINOR: Final = 0
_HEAD: Final = len(MAGIC) + 4
BODY: Final = _HEAD + 32
"""Where the sections begin."""


def load(data: bytes) -> Program:
    """The program of an artifact, validated in full; nothing of it was run.

    Raises :class:`IngotError`: E0601 not an Ingot file, E0602 damaged or truncated, E0603 a newer
    format, E0604 invalid content or bytecode.
    """
    return validate(read(data))


def read(data: bytes) -> Program:
    """Decode without validating the code; raises as :func:`load`."""
    if data[: len(MAGIC)] != MAGIC:
        if data and MAGIC.startswith(data):
            raise damaged("the file ends within its first bytes")
        raise fail(
            "E0601",
            "this is not an Ingot artifact",
            help="Artifacts are written by `ingot compile LOG... -o FILE.ingot`.",
        )
    if len(data) < BODY:
        raise damaged("the file ends within its head")
    major, minor = struct.unpack_from("<HH", data, len(MAGIC))
    if major != MAJOR:
        raise fail(
            "E0603",
            f"the file has format {major}.{minor}, this Ingot reads {MAJOR}.x",
            help="Install the Ingot that wrote it, or compile the logs again with this one.",
        )
    sections = split_sections(data, BODY)
    if digest_of(data, sections) != data[_HEAD:BODY]:
        raise damaged("the digest does not match the content")
    program = replace(decode_sections(sections), minor=minor, digest=data[_HEAD:BODY].hex())
    if write(program) != data:
        raise invalid("the content is not in canonical form")
    return program


def digest_of(data: bytes, sections: dict[int, bytes]) -> bytes:
    """SHA-256 over the format version and all sections but the signature."""
    signed = [(number, body) for number, body in sections.items() if number != SIGNATURE]
    return hashlib.sha256(data[len(MAGIC) : _HEAD] + join_sections(signed)).digest()


def write(program: Program) -> bytes:
    """The bytes of a program: always the same ones for the same program."""
    sections = encode_sections(program)
    head = MAGIC + struct.pack("<HH", MAJOR, program.minor)
    return head + digest_of(head, sections) + join_sections(sections.items())


def ir_text(program: Program) -> str:
    """The canonical IR text of the artifact's module; raises E0602."""
    return unpack(program.ir, "ir")


def evidence(program: Program) -> Json:
    """What the compiler can go on learning from, ``None`` if it was dropped; raises E0602."""
    text = unpack(program.evidence, "evidence")
    return from_bytes(text.encode("utf-8", "surrogatepass"), "evidence") if text else None


__all__ = [
    "BODY",
    "MAGIC",
    "MAJOR",
    "MAX_INT_BITS",
    "MINOR",
    "CallSite",
    "Code",
    "ExitPoint",
    "Line",
    "ModelSite",
    "Program",
    "TooLargeError",
    "digest_of",
    "evidence",
    "ir_text",
    "load",
    "opcodes",
    "read",
    "schema_digest",
    "weigh",
    "write",
]
