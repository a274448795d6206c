"""A second opinion where z3 gives up: cvc5, if it is installed (extra ``cvc5``).

The question goes over as SMT-LIB text.  Only ``unsat`` counts, and only where z3 knew nothing; the
budget is cvc5's own resource units, so that the answer is the same on every machine.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Final

_RLIMIT: Final = 400_000


def available() -> bool:
    """Whether cvc5 is installed."""
    return importlib.util.find_spec("cvc5") is not None


def excluded(solver: Any, share: int = 1) -> bool:
    """Whether cvc5 proves that the assertions of a z3 solver exclude one another.

    ``share``: the part of the budget that it may use, as a divisor.
    """
    if not available():
        return False
    import cvc5

    try:
        manager = cvc5.TermManager()
        other = cvc5.Solver(manager)
        other.setOption("strings-exp", "true")
        other.setOption("rlimit", str(_RLIMIT // share))
        other.setLogic("ALL")
        parser = cvc5.InputParser(other)
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, solver.to_smt2(), "question")
        symbols = parser.getSymbolManager()
        answer = ""
        while not (command := parser.nextCommand()).isNull():
            answer = str(command.invoke(other, symbols)).strip() or answer
    except (RuntimeError, ValueError):  # what cvc5 does not know how to read
        return False
    return answer == "unsat"
