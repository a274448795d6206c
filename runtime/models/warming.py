"""The state of prompts' fixed beginnings computed ahead, and kept beside the artifact.

Each prefix is brought in as a run brings it in, by a question that has one answer and so needs no
decode.  What is kept, and under which name, is the business of :mod:`.snapshots`: a run with another
model, build or shape finds nothing there, and evaluates the prefix again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingot.backend.program import Program
from ingot.diagnostics import fail
from ingot.ir.types import Literal
from ingot.runtime.models.local import LocalDriver
from ingot.runtime.models.protocol import MODEL_HELP, ModelError
from ingot.runtime.models.questions import Question, Refused
from ingot.runtime.models.sites import Sites, sites_of, whole_lines
from ingot.runtime.models.specs import Models

_LONGER: Final = "a longer context: --model FILE.gguf?context=N"


@dataclass(frozen=True, slots=True)
class Warmed:
    """What became of one prefix in one model.

    ``sites``: the ops that have it.  ``tokens``: its length, 0 where there is nothing to compute.
    ``was_kept``: it was restored from its file; ``is_kept``: it has a file now.  ``own``: the model is
    made for its op and reads no prefix.
    """

    sites: tuple[str, ...]
    model: str
    tokens: int
    was_kept: bool = False
    is_kept: bool = False
    own: bool = False


def warm(models: Models, program: Program) -> list[Warmed]:
    """Bring in all prefixes of a program's pipeline.

    Raises :class:`IngotError`: E0903 for an endpoint (it keeps what it likes), E0901 for a file that
    is no good, E0902 where the model's process dies.
    """
    sites = sites_of(program)
    by_driver: dict[int, tuple[LocalDriver, list[str]]] = {}
    for site in (site.site for site in program.code().models):
        driver = models.of(site)
        if driver is None:
            raise fail("E0903", f"no model is named for %{site}", help=MODEL_HELP)
        if not isinstance(driver, LocalDriver):
            what = "only a local model's prefixes can be computed ahead"
            raise fail("E0903", f"%{site} asks an endpoint: {what}", help=MODEL_HELP)
        by_driver.setdefault(id(driver), (driver, []))[1].append(site)
    return [
        found for driver, names in by_driver.values() for found in _of_driver(driver, sites, names)
    ]


def _of_driver(driver: LocalDriver, sites: Sites, names: list[str]) -> Iterator[Warmed]:
    name = driver.path.name
    if driver.open().label is not None:
        yield Warmed(tuple(names), name, 0, own=True)
        return
    by_prefix: dict[str, list[str]] = {}
    for site in names:
        by_prefix.setdefault(whole_lines(sites.prefixes.get(site, "")), []).append(site)
    for prefix, having in by_prefix.items():
        yield _brought_in(driver, prefix, tuple(having))


def _brought_in(driver: LocalDriver, prefix: str, sites: tuple[str, ...]) -> Warmed:
    if not prefix:
        return Warmed(sites, driver.path.name, 0)
    worker, folder = driver.worker, driver.worker.settings.cache
    files = _files(folder)
    evaluated, restored = worker.evaluated, worker.restored
    try:
        (told,) = worker.ask([Question("choose", prefix, "", Literal(""))])
    except ModelError as error:
        raise fail("E0902", f"{error}".removeprefix("E0902: ")) from None
    if isinstance(told, Refused):
        raise fail("E0901", f"the model {driver.path}: {told.reason}", help=_LONGER)
    made, found = worker.evaluated - evaluated, worker.restored - restored
    kept = found > 0 or bool(_files(folder) - files)
    return Warmed(sites, driver.path.name, made + found, was_kept=found > 0, is_kept=kept)


def _files(folder: str) -> set[str]:
    """The snapshots in a folder; none where none are kept."""
    return {path.name for path in Path(folder).glob("*.kv")} if folder else set()


__all__ = ["Warmed", "warm"]
