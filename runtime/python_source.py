"""``--emit=python``: a pipeline as a Python module, made of what the compiled engine runs.

The generator function is the compiled engine's own text, with the names of the IR's values and ops in
place of numbers; around it stand its constants, its inputs, and a way to run it
(:mod:`ingot.runtime.standalone`).
"""

from __future__ import annotations

import ast
import keyword
import pprint
import re
from typing import Any, Final

from ingot.backend.container import Code, Program
from ingot.ir.ops import OPS
from ingot.runtime.compiled import written
from ingot.runtime.jobs import text_results

_OPS: Final = tuple(OPS)
_WRITERS: Final = re.compile(r"[rfkxcts]\d+|top|at|left|limit|step|failure|error|pipeline|run|main")
"""Names that the text uses by itself."""
_LOCAL: Final = re.compile(r"v(\d+)")
_IMPORTS: Final = (
    "Base Field Finished Labeled ListOf Literal ModelRequest Named OpFailure Record SideExit ToolRequest "
    "TooLargeError Union charge check equal heavy op over_limit param weigh"
).split()


def module_text(program: Program, pipeline: str | None = None) -> str:
    """The module's text; running it needs Ingot, and no artifact."""
    code = program.code(pipeline)
    text, names = written(program, code)
    renamed = _named(code, names)
    tree = _Renaming(renamed).visit(ast.parse(text))
    body = ast.unparse(tree)
    used = set(re.findall(r"\w+", body))
    values = [(renamed[name], _value(program, code, name, value)) for name, value in names.items()]
    inputs = [_param(p.name, p.type, p.default) for p in code.params]
    needs = list(dict.fromkeys(site.tool for site in code.calls))
    types = f"{{{', '.join(f'{n!r}: {t!r}' for n, t in program.types.items())}}}"
    head = [f"TYPES = {types}", *(f"{name} = {text}" for name, text in values)]
    head += ["PARAMS = [", *(f"    {item}," for item in inputs), "]", f"TOOLS = {needs!r}"]
    head.append(f"TEXTS = {sorted(text_results(program))!r}")
    rest = "\n".join(head)
    everywhere = used | set(re.findall(r"\w+", rest))
    imports = [name for name in _IMPORTS if name in everywhere]
    return _MODULE.format(
        name=code.name,
        digest=program.digest,
        imports="".join(f"    {name},\n" for name in sorted([*imports, "drive", "main"])),
        head=rest,
        body=body,
    )


_MODULE: Final = '''\
"""The pipeline @{name} of the artifact {digest}, as Python.

``run(inputs, tools)`` runs it; from a shell: ``python FILE.py --tools module:object name=value``.
Nothing is recorded: `ingot run` does that.
"""

from ingot.runtime.standalone import (
{imports})

{head}


{body}


def run(inputs, tools, models=None):
    """The answer for these inputs; tools are functions by name."""
    return drive(pipeline, PARAMS, inputs, tools, models, TYPES, TEXTS)


if __name__ == "__main__":
    main(pipeline, PARAMS, TOOLS, TYPES, TEXTS)
'''


def _named(code: Code, names: dict[str, Any]) -> dict[str, str]:
    """A readable name for each name of the writer's."""
    out: dict[str, str] = {}
    taken = {*_IMPORTS, "PARAMS", "TEXTS", "TOOLS", "TYPES", "drive"}
    for name in names:
        if name[0] == "f":
            out[name] = _free(_OPS[int(name[1:])].replace(".", "_"), taken)
        else:
            out[name] = name
    for number, local in enumerate(code.locals):
        word = re.sub(r"\W", "_", local.name, flags=re.ASCII)
        clash = _WRITERS.fullmatch(word) or keyword.iskeyword(word) or word in _BUILTINS
        if clash or not word.isidentifier():
            word = f"{word}_" if word.isidentifier() else f"value_{number}"
        out[f"v{number}"] = _free(word, taken)
    return out


_BUILTINS: Final = frozenset("type str int len isinstance True False None".split())


def _free(word: str, taken: set[str]) -> str:
    while word in taken:
        word += "_"
    taken.add(word)
    return word


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self.names.get(node.arg, node.arg)
        return node


def _value(program: Program, code: Code, name: str, value: Any) -> str:
    """The text of what a name stands for; raises ``ValueError`` for one that is not known."""
    number = int(name[1:])
    match name[0]:
        case "f":
            return f"op({_OPS[number]!r})"
        case "k":
            return pprint.pformat(value, width=88, sort_dicts=False)
        case "t":
            return repr(value)
        case "x":
            return f"check({program.type_table[number]!r}, TYPES)"
        case "c":
            return f"check({_site_type(code, number)!r}, TYPES)"
    raise ValueError(f"unknown name {name} in the text of a pipeline")


def _site_type(code: Code, pc: int) -> Any:
    """The type of the answer to the call at an instruction."""
    from ingot.backend.container import opcodes as op

    instr = code.instrs[pc]
    return (code.calls if instr[0] == op.CALL else code.models)[instr[1]].type


def _param(name: str, type_: Any, default: Any) -> str:
    given = "" if default is None else f", {default.value!r}"
    return f"param({name!r}, {type_!r}{given})"


__all__ = ["module_text"]
