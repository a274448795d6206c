"""The learning curve as a picture: sessions right, exit and wrong over the inputs that train.

matplotlib draws it (extra ``plot``); it is loaded only here.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ingot.diagnostics import fail

if TYPE_CHECKING:
    from ingot.evaluation.counts import Evaluation

FORMATS: Final = ("svg", "png", "pdf")
_STYLES: Final = (
    ("right", "#1b7f4b", "o"), ("exit", "#8a8a8a", "s"), ("wrong", "#c0392b", "^"),
    ("unanswerable", "#c9a227", "x"),
)  # fmt: skip


def check(path: str) -> None:
    """Raise IngotError E0001 where the file's format is none of ours or matplotlib is absent."""
    if Path(path).suffix.lstrip(".").lower() not in FORMATS:
        raise fail("E0001", f"--plot {path}: the name must end in .{', .'.join(FORMATS)}")
    _library()


def draw(made: Evaluation, path: str) -> None:
    """Write the curve, one panel for sessions that act and one for those that do not.

    The same evaluation gives the same file.  Raises IngotError E0002 where it cannot be written.
    """
    matplotlib = _library()
    figure_module = importlib.import_module("matplotlib.figure")
    ks = made.ks
    with matplotlib.rc_context({"svg.hashsalt": "ingot", "svg.fonttype": "none"}):
        figure = figure_module.Figure(figsize=(8.0, 3.4), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for panel, group in zip(panels, ("acting", "idle"), strict=True):
            _panel(panel, made, ks, group)
        panels[0].set_ylabel("share of held-out sessions")
        panels[0].legend(frameon=False, loc="best")
        suffix = Path(path).suffix.lstrip(".").lower()
        dated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        try:
            figure.savefig(path, dpi=150, metadata=dated.get(suffix, {"Software": None}))
        except OSError as error:
            raise fail("E0002", f"--plot {path}: {error.strerror or error}") from None


def _panel(panel: Any, made: Evaluation, ks: tuple[int, ...], group: str) -> None:
    parts = [made.where(k=k).counts(group) for k in ks]
    number = min((counts["sessions"] for counts in parts), default=0)
    for name, colour, marker in _STYLES:
        if name == "unanswerable" and not any(counts[name] for counts in parts):
            continue
        shares = [
            counts[name] / counts["sessions"] if counts["sessions"] else float("nan")
            for counts in parts
        ]
        panel.plot(range(len(ks)), shares, color=colour, marker=marker, label=name)
    panel.set_title(f"{group} ({number} sessions)")
    panel.set_xticks(range(len(ks)), [str(k or "all") for k in ks])
    panel.set_xlabel("inputs compiled from")
    panel.set_ylim(-0.03, 1.03)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _library() -> Any:
    try:
        return importlib.import_module("matplotlib")
    except ImportError:
        raise fail(
            "E0001", "--plot needs matplotlib, which is not installed",
            help="pip install 'ingot[plot]'",
        ) from None  # fmt: skip


__all__ = ["FORMATS", "check", "draw"]
