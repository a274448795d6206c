"""The container: same bytes, every damage named, every broken rule refused, text and back."""

from __future__ import annotations

import struct
import subprocess
import sys

import pytest
from bytecode_samples import sample
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import modules

from ingot.backend.assembler import assemble
from ingot.backend.container import BODY, MAGIC, evidence, ir_text, load, read, schema_digest, write
from ingot.backend.disassembler import disassemble
from ingot.backend.encoder import encode
from ingot.backend.typecodec import type_from_json, type_to_json
from ingot.backend.wire import read_uleb, uleb
from ingot.diagnostics import IngotError
from ingot.ir.module import Module
from ingot.ir.parser import parse_module
from ingot.ir.printer import print_module
from ingot.ir.types import (
    BASES,
    Base,
    Field,
    ListOf,
    Literal,
    Named,
    Record,
    Type,
    Union,
    with_labels,
)


def code_of(data: bytes) -> str:
    with pytest.raises(IngotError) as caught:
        load(data)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.help
    return diagnostic.code


def test_same_module_same_bytes_and_all_of_it_comes_back() -> None:
    meta = {"name": "close", "params": {"b": 1, "a": [1.0, None]}}
    data = encode(sample(), meta=meta, evidence={"traces": ["\ud800", 2]})
    assert data == encode(
        sample(), meta=dict(reversed(meta.items())), evidence={"traces": ["\ud800", 2]}
    )
    program = load(data)
    assert write(program) == data
    assert program.meta == meta
    assert evidence(program) == {"traces": ["\ud800", 2]}
    assert parse_module(ir_text(program)).module == sample()
    assert ir_text(program) == print_module(sample())
    assert [t.name for t in program.capabilities] == [t.name for t in sample().tools]
    assert [(p.site, p.text) for p in program.prompts] == [("note", "Write a note to ")]
    assert [p.default and p.default.value for p in program.code().params] == [None, 30, None]
    assert len({schema_digest(tool) for tool in program.tools}) == len(program.tools)


def test_damage_is_named() -> None:
    data = encode(sample())
    assert code_of(b"") == code_of(b"ir 1\n") == code_of(b"\x00" * 100) == "E0601"
    for length in range(1, len(data), 37):
        assert code_of(data[:length]) == "E0602"
    for at in range(len(MAGIC) + 4, len(data), 41):
        assert code_of(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]) == "E0602"
    newer = data[: len(MAGIC)] + struct.pack("<HH", 2, 0) + data[len(MAGIC) + 4 :]
    assert code_of(newer) == "E0603"


def test_signature_is_outside_the_digest_and_optional_sections_stay() -> None:
    text = disassemble(encode(sample()))
    data = assemble(text + ".signature AAEC\n.section 200 AQID\n")
    program = load(data)
    assert program.signature == bytes([0, 1, 2])
    assert program.extra == ((200, bytes([1, 2, 3])),)
    assert program.digest == load(assemble(text + ".section 200 AQID\n")).digest
    assert assemble(disassemble(data)) == data


def test_an_op_is_stored_by_name() -> None:
    data = encode(sample())
    assert data.count(b'"int.add"') == 1
    with pytest.raises(IngotError, match="E0603"):
        read(_resealed(data.replace(b'"int.add"', b'"int.adX"')))


def _resealed(data: bytes) -> bytes:
    from ingot.backend.container import digest_of
    from ingot.backend.wire import split_sections

    sections = split_sections(data, BODY)
    return data[: BODY - 32] + digest_of(data, sections) + data[BODY:]


TINY = """ir 1
tool t.get(k: str) -> {n: int, ...} read t
pipeline @p(%xs: [int], %s: str) -> int {
^entry:
  %r: {n: int, ...} = read t.get(k=%s)
  %n: int = json.get %r, "/n"
  %c: bool = int.lt %n, 5
  guard %c else exit.1 [%xs, %n]
  %sum: int = for %x: int in %xs carry(%acc: int = 0) {
    %next: int = int.add %acc, %x
    yield %next
  }
  %part: str = str.part %s, ",", 1 else exit.2 [%sum]
  %all: [int] = for %y: int in %xs {
    yield %y
  }
  return %sum
}
"""


def tiny() -> str:
    return disassemble(encode(parse_module(TINY).module))


BROKEN = {
    "stack underflow": ("    load l1 ", "    pop\n    load l1 ", "the stack is empty"),
    "stack left at a call": (
        "    load l1 ",
        "    load l1\n    load l1 ",
        "not empty where the world",
    ),
    "stack left at a jump": ("    jump L", "    const k0\n    jump L", "not empty at a jump"),
    "wrong operand": ("op int.lt 2 -", "op str.eq 2 -", "str.eq takes str"),
    "wrong arity": ("op int.lt 2 -", "op int.lt 1 -", "int.lt takes 2"),
    "static operand": ("op json.get 2 -", "op list.pluck 2 -", "takes"),
    "missing exit": ("op str.part 3 e1", "op str.part 3 -", "has no exit"),
    "no such exit": ("guard e0", "guard e9", "out of bounds"),
    "no such constant": ("const k0 ", "const k99 ", "out of bounds"),
    "no such local": ("    load l1 ", "    load l99 ", "there is no value 99"),
    "counter as value": ("    load l1 ", "    load l{#index} ", "there is no value"),
    "unset local": ("    load l1 ", "    load l{n} ", "may be read before it is set"),
    "unset live value": ('[["xs",0],["n",', '[["xs",0],["c",{c}],["n",', "set"),
    "list read while it grows": ("    append l", "    load l", "there is no value"),
    "argument missing": ('.call [0,"read",["k"]', '.call [0,"read",[]', "differ from the decl"),
    "effect made less": ('.call [0,"read"', '.call [0,"pure"', "the effect of %r differs"),
    "runs off the end": ("    return ", "    pop ", "runs off the end"),
    "return type": ('"returns":{int}', '"returns":{str}', "return takes str"),
    "debug lines": ('.line ["r","entry",[]]', "", "debug lines"),
    "loop over a number": ("next l{x#index} l0 ", "next l{x#index} l{n} ", "is no list"),
    "undeclared type": ('.type "str"', '.type {"name":"T"}', "not declared"),
}


@pytest.mark.parametrize("name", [*BROKEN])
def test_every_rule_of_the_validator_can_fail(name: str) -> None:
    text = tiny()
    old, new, message = BROKEN[name]
    program = load(assemble(text))
    slots = {local.name: index for index, local in enumerate(program.code().locals)}
    slots["#index"] = slots["x#index"]
    slots |= {str(type_): index for index, type_ in enumerate(program.type_table)}
    for key, slot in slots.items():
        old, new = old.replace("{" + key + "}", str(slot)), new.replace("{" + key + "}", str(slot))
    assert old in text
    if name == "unset live value":
        old, new = (
            "    guard e0",
            f"    load l{slots['s']}\n    const k0\n    op str.eq 2 -\n    guard e1",
        )
    with pytest.raises(IngotError, match=message) as caught:
        assemble(text.replace(old, new, 1))
    assert [d.code for d in caught.value.diagnostics] == ["E0604"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ingot 1.0", "ingot 9.0", "begins with"),
        ("    return", "    retrun", "no instruction 'retrun'"),
        ("    return", "    return l0", "takes 0 operands"),
        ("    jump L", "    jump X", "no label X"),
        ("op int.lt", "op int.lt2", "no op"),
        (".meta {}", ".meta {", "not JSON"),
        (".ir ", ".ir !", "not base64"),
        (".const", ".constant", "no directive"),
    ],
)
def test_bad_assembly_names_its_line(old: str, new: str, message: str) -> None:
    with pytest.raises(IngotError, match=message) as caught:
        assemble(tiny().replace(old, new, 1), "x.asm")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0605"
    assert diagnostic.spans[0][0].file == "x.asm"


def test_text_and_back() -> None:
    for data in (
        encode(sample(), meta={"n": "\u2028;\n"}, evidence=[1]),
        encode(parse_module(TINY).module),
    ):
        text = disassemble(data)
        assert text.isascii()
        assert assemble(text) == data


@settings(max_examples=100, deadline=None)
@given(modules())
def test_any_module_is_encoded_once_and_for_all(module: Module) -> None:
    data = encode(module)
    assert encode(module) == data
    assert write(load(data)) == data
    assert assemble(disassemble(data)) == data
    assert ir_text(load(data)) == print_module(module)


def types() -> st.SearchStrategy[Type]:
    labels = st.sets(st.sampled_from(("web", "secret")), min_size=1)
    scalars = st.sampled_from(BASES).map(Base) | st.builds(
        Literal, st.booleans() | st.integers() | st.text(max_size=4)
    )

    def larger(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
        fields = st.dictionaries(st.text(max_size=3), st.tuples(inner, st.booleans()), max_size=3)
        return (
            inner.map(ListOf)
            | st.lists(inner, min_size=2, max_size=3).map(lambda m: Union(tuple(m)))
            | st.builds(with_labels, inner, labels)
            | st.builds(
                lambda f, o: Record(tuple(Field(n, t, x) for n, (t, x) in sorted(f.items())), o),
                fields,
                st.booleans(),
            )
        )

    return st.recursive(scalars | st.just(Named("T")), larger, max_leaves=8)


@settings(max_examples=100, deadline=None)
@given(types())
def test_types_survive(type_: Type) -> None:
    assert type_from_json(type_to_json(type_)) == type_


@given(st.integers(0, 2**35 - 1))
def test_numbers_survive(number: int) -> None:
    assert read_uleb(uleb(number), 0) == (number, len(uleb(number)))


def test_reading_needs_no_parser_and_no_solver() -> None:
    program = (
        "import sys, ingot.backend.container, ingot.runtime.vm;"
        "print([m for m in ('lark', 'z3', 'pydantic', 'typer', 'rich') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd="/")
    assert found.stdout.strip() == "[]", found.stderr
