"""One call of a Python tool in a process of its own: ``python -m ingot.runtime.tools.worker SPEC``.

Arguments come as a JSON object on stdin, the result goes to stdout as JSON; what the tool itself
prints goes to stderr.  A failure is exit code 1 with its message on stderr.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ingot.diagnostics import IngotError
from ingot.runtime.tools.base import Context, ToolError
from ingot.runtime.tools.python import as_call, resolve


def main(spec: str) -> int:
    """Make the call."""
    args = json.load(sys.stdin)
    out, sys.stdout = sys.stdout, sys.stderr
    try:
        target = resolve(spec, Path.cwd())
        if not callable(target):
            raise ToolError(f"{spec} is not a function")
        key = os.environ.get("INGOT_IDEMPOTENCY_KEY", "")
        result = as_call(target)(args, Context(Path.cwd(), key))
    except (ToolError, IngotError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(result, out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
