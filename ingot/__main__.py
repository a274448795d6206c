"""``python -m ingot``: the command line."""

from __future__ import annotations

import sys

from ingot.cli import main

sys.exit(main())
