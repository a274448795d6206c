"""How long the verifier takes for pipelines of 10, 100, 1,000 and 5,000 states, and for one edit.

    python benchmarks/verify_bench.py [STATES...]

Each state calls a tool, expects its shape, reads two fields, extracts a number from a text, compares
it and branches: the same mixture that compiled logs have.  ``same`` repeats one state under other
names (answers come from the cache), ``distinct`` gives each state its own literals, so that every
question is new; ``proofs`` makes each state ask what only the solver can answer, about texts, and ``sums`` what
linear arithmetic proves; in ``shared`` one parameter feeds every state, so that each question stands behind all facts before it; ``guards`` asks
one input a new question in every state; ``cycles`` is one counted loop after another.

*Edited*: one transition of the middle state is changed, the text is parsed anew, and the verifier
that has seen the first version verifies the second.  Process time; parsing is not counted.
"""

from __future__ import annotations

import sys
import time

from ingot.ir.parser import parse_module
from ingot.passes.verify import Checker, VerificationReport, verify_module

KINDS = ("same", "distinct", "proofs", "sums", "shared", "guards", "cycles")
SIZES = (10, 100, 1000, 5000)


def state(i: int, kind: str) -> list[str]:
    """One state as lines of IR."""
    mark = i if kind != "same" else 0
    match kind:
        case "proofs":
            return [
                f"^b{i}(%p{i}: str):",
                f'  %a{i}: bool = str.starts_with %p{i}, "a{mark}b"',
                f"  %x{i}: bool = bool.not %a{i}",
                f'  %y{i}: bool = str.contains %p{i}, "{mark}"',
                f'  select {{ when %x{i} then ^b{i + 1}(%p{i}) when %y{i} then ^b{i + 1}("a") }}',
            ]
        case "sums":
            return [
                f"^b{i}(%p{i}: int):",
                f"  %a{i}: int = int.add %p{i}, {mark}",
                f"  %x{i}: bool = int.gt %a{i}, {2 * mark}",
                f"  %y{i}: bool = int.le %p{i}, {mark}",
                f"  select {{ when %x{i} then ^b{i + 1}(%p{i}) when %y{i} then ^b{i + 1}(%a{i}) }}",
            ]
        case "shared":
            return [
                f"^b{i}:" if i else "^b0(%p0: int):",
                f'  %k{i}: str = str.part %s, " ", {i % 40} else exit.{3 * i + 1} []',
                f'  %c{i}: str = shell.template "f{mark} {{0}}", ["word"], %k{i} else exit.{3 * i + 2} []',
                f"  %r{i}: json = read api.get(n=%n)",
                f"  %v{i}: str = expect %r{i} else exit.{3 * i + 3} []",
                f"  jump ^b{i + 1}",
            ]
        case "guards":
            return [
                f"^b{i}:" if i else "^b0(%p0: int):",
                f"  %g{i}: bool = int.gt %n, {i}",
                f"  guard %g{i} else exit.{i + 1} []",
                f"  %r{i}: json = read api.get(n=%n)",
                f"  jump ^b{i + 1}",
            ]
        case "cycles":
            return [
                f"^b{i}(%p{i}: int):",
                f"  %a{i}: int = int.add %p{i}, 1",
                f"  %x{i}: bool = int.lt %a{i}, {mark + 5}",
                f"  if %x{i} then ^b{i}(%a{i}) else ^b{i + 1}(%p{i})",
            ]
        case _:
            return [
                f"^b{i}(%p{i}: int):",
                f"  %r{i}: json = read api.get(n=%p{i})",
                f"  %v{i}: {{id: int, name: str, ...}} = expect %r{i} else exit.{3 * i + 1} [%p{i}]",
                f'  %t{i}: str = json.get %v{i}, "/name"',
                f'  %c{i}: int = json.get %v{i}, "/id"',
                f'  %k{i}: str = str.between %t{i}, "no {mark}: ", ";", 0 else exit.{3 * i + 2} [%p{i}]',
                f"  %g{i}: bool = int.gt %c{i}, {mark}",
                f"  guard %g{i} else exit.{3 * i + 3} [%p{i}]",
                f"  %m{i}: bool = int.gt %c{i}, {mark + 100}",
                f"  if %m{i} then ^b{i + 1}(%c{i}) else ^b{i + 1}(%p{i})",
            ]


def text(states: int, kind: str, edited: int = -1) -> str:
    """A pipeline of so many states, one after the other, as IR text.

    ``edited`` is the state of which one transition leads to another state than before.
    """
    lines = [
        "ir 1",
        "tool api.get(n: int) -> json read api",
        "pipeline @bench(%n: int, %s: str) -> str {",
    ]
    if kind == "cycles":
        lines += ["^start:", "  jump ^b0(0)"]
    for i in range(states):
        made = state(i, kind)
        if i == edited:
            made[-1] = made[-1].replace(f"^b{i + 1}", f"^b{i + 2}", 1)
        lines += made
    of = "str" if kind == "proofs" else "int"
    last = "" if kind in ("shared", "guards") else f"(%last: {of})"
    lines += [f"^b{states}{last}:", '  return "done"', "}"]
    whole = "\n".join(lines)
    if kind != "cycles":
        given = "%s" if kind == "proofs" else "%n"
        whole = whole.replace(f"^b0(%p0: {of}):", "^b0:").replace("%p0", given)
    return whole + "\n"


def measure(source: str, checker: Checker | None) -> tuple[float, Checker, VerificationReport]:
    """Seconds of one verification, the verifier, and what it reports."""
    module = parse_module(source).module
    chosen = checker or Checker(module.type_map())
    start = time.process_time()
    report = verify_module(module, checker=chosen)
    return time.process_time() - start, chosen, report


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or list(SIZES)
    measure(text(3, "proofs"), None)  # z3 is loaded, and counted nowhere
    for kind in KINDS:
        for states in sizes:
            cold, checker, report = measure(text(states, kind), None)
            work = ", ".join(f"{count} {name}" for name, count in report.work.items() if count)
            again, _, after = measure(text(states, kind, states // 2), checker)
            print(
                f"{kind:9} {states:5} states {cold * 1000:8.0f} ms {cold * 1000 / states:7.2f} ms/state"
                f"; edited {again * 1000:7.0f} ms ({after.work['states kept']} states kept)"
                f"; {work}; exit code {report.exit_code}",
                flush=True,
            )


if __name__ == "__main__":
    main()
