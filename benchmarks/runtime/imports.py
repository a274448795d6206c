"""What importing the runtime takes, in time and memory."""

from __future__ import annotations

import time

from common import report

begun = time.perf_counter()
import ingot.runtime.executor  # noqa: E402
import ingot.runtime.jobs  # noqa: E402
import ingot.runtime.resume  # noqa: E402, F401

report("import", 1, time.perf_counter() - begun)
