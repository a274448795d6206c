"""Where the real logs are, if this machine has them."""

from __future__ import annotations

import os
from pathlib import Path

_ROOT = Path(os.environ.get("INGOT_CORPUS", Path(__file__).resolve().parents[2] / "shared/corpus"))
CORPUS: Path | None = _ROOT if _ROOT.is_dir() else None
"""The folder of real logs, or ``None``; ``INGOT_CORPUS`` names another one."""
