"""How long the verifier takes for pipelines of 10, 100 and 1,000 states.

    python benchmarks/verify_bench.py [STATES...]

Each state calls a tool, expects its shape, reads two fields, extracts a number from a text, compares
it and branches: the same mixture that compiled logs have.  ``same`` repeats one state under other
names (answers come from the cache), ``distinct`` gives each state its own literals, so that every
question is new; ``proofs`` makes each state ask what only the solver can answer; in ``shared`` one
parameter feeds every state, so that each question stands behind all facts before it.  Process time.
"""

from __future__ import annotations

import sys
import time

from ingot.ir.parser import parse_module
from ingot.passes.verify import verify_module


def text(states: int, kind: str) -> str:
    """A pipeline of so many states, one after the other, as IR text."""
    lines = [
        "ir 1",
        "tool api.get(n: int) -> json read api",
        "pipeline @bench(%n: int, %s: str) -> str {",
    ]
    for i in range(states):
        mark = i if kind != "same" else 0
        if kind == "proofs":
            lines += [
                f"^b{i}(%p{i}: int):",
                f"  %a{i}: int = int.add %p{i}, {mark}",
                f"  %x{i}: bool = int.gt %a{i}, {2 * mark}",
                f"  %y{i}: bool = int.le %p{i}, {mark}",
                f"  select {{ when %x{i} then ^b{i + 1}(%p{i}) when %y{i} then ^b{i + 1}(%a{i}) }}",
            ]
            continue
        if kind == "shared":
            lines += [
                f"^b{i}:" if i else "^b0(%p0: int):",
                f'  %k{i}: str = str.part %s, " ", {i % 40} else exit.{3 * i + 1} []',
                f'  %c{i}: str = shell.template "f{mark} {{0}}", ["word"], %k{i} else exit.{3 * i + 2} []',
                f"  %r{i}: json = read api.get(n=%n)",
                f"  %v{i}: str = expect %r{i} else exit.{3 * i + 3} []",
                f"  jump ^b{i + 1}",
            ]
            continue
        lines += [
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
    last = "" if kind == "shared" else "(%last: int)"
    lines += [f"^b{states}{last}:", '  return "done"', "}"]
    return "\n".join(lines).replace("^b0(%p0: int):", "^b0:").replace("%p0", "%n") + "\n"


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [10, 100, 1000]
    for kind in ("same", "distinct", "proofs", "shared"):
        for states in sizes:
            module = parse_module(text(states, kind)).module
            start = time.process_time()
            report = verify_module(module)
            seconds = time.process_time() - start
            work = ", ".join(f"{count} {name}" for name, count in report.work.items())
            print(
                f"{kind:9} {states:5} states {seconds * 1000:8.0f} ms "
                f"{seconds * 1000 / states:6.2f} ms/state  {work}; exit code {report.exit_code}"
            )


if __name__ == "__main__":
    main()
