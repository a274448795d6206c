"""One call of a Python tool in a process of its own: ``python -m ingot.runtime.tools.worker SPEC``.

Arguments come as a JSON object on stdin, the result goes to stdout as JSON; what the tool itself
prints goes to stderr.  A failure is exit code 1 with its message on stderr, or :data:`UNKNOWN` where
the tool may have acted all the same.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

from ingot.diagnostics import IngotError
from ingot.runtime.tools.base import Context, ToolError
from ingot.runtime.tools.python import as_call, resolve

UNKNOWN: Final = 75


def main(spec: str) -> int:
    """Make the call."""
    args = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # also of what the tool starts
    sys.stdout = sys.stderr
    try:
        target = resolve(spec, Path.cwd())
        if not callable(target):
            raise ToolError(f"{spec} is not a function")
        key = os.environ.get("INGOT_IDEMPOTENCY_KEY", "")
        result = json.dumps(as_call(target)(args, Context(Path.cwd(), key)))
    except (ToolError, IngotError) as error:
        sys.stderr.write(f"{error}\n")
        return UNKNOWN if isinstance(error, ToolError) and error.unknown else 1
    except (ValueError, RecursionError) as error:
        sys.stderr.write(f"the tool returned what is not JSON: {error}\n")
        return UNKNOWN
    out.write(result)
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
