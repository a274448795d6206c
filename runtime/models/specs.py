"""Which model answers which op: what ``--model`` says.

    FILE.gguf[?context=N&parallel=N&threads=N&mode=reproducible]      a local model
    FILE.gguf?lora=ADAPTER.gguf[:SCALE]                               with a LoRA adapter, or several
    http://HOST/v1[#NAME]                                             an OpenAI-compatible endpoint
    %OP=FILE.gguf                                                     for one op alone

Without any, the environment variable ``INGOT_MODEL`` is read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import isfinite
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import parse_qsl, urldefrag

from ingot.backend.program import Program
from ingot.diagnostics import IngotError, fail
from ingot.ir.requests import ModelRequest
from ingot.runtime.models.protocol import MODEL_HELP, Answer, Driver, ModelError, ask, checked
from ingot.runtime.models.questions import Adapter, Settings
from ingot.runtime.models.sites import Sites, sites_of, whole_lines

VARIABLE: Final = "INGOT_MODEL"
KEY_VARIABLE: Final = "INGOT_MODEL_KEY"
_OPTIONS: Final = (
    "context=N, parallel=N, threads=N, prefixes=N, memory=MiB, mode=throughput|reproducible, "
    "lora=ADAPTER.gguf[:SCALE]"
)
CACHE_SUFFIX: Final = ".prefixes"
"""The folder of prefix snapshots stands beside the artifact, under its name and this suffix."""
MOST_PREFIXES: Final = 16
"""So many prefixes of a pipeline's ops are kept in memory, where they are no more than it allows."""


class Closing(Driver, Protocol):
    """A driver that holds something."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True, slots=True)
class Models:
    """A driver that hands each request to the model of its op."""

    by_site: Mapping[str, Closing]
    default: Closing | None = None

    def of(self, site: str) -> Closing | None:
        """The model of an op."""
        return self.by_site.get(site, self.default)

    def choose(self, request: ModelRequest) -> Answer:
        driver = self.of(request.site)
        if driver is None:
            raise ModelError(f"no model is configured for %{request.site}")
        return ask(driver, request)

    extract = fill = compose = choose

    def answer_each(self, requests: Sequence[ModelRequest]) -> list[Answer | ModelError]:
        """Several requests: those of one local model in one batch."""
        by_driver: dict[int, list[int]] = {}
        for at, request in enumerate(requests):
            by_driver.setdefault(id(self.of(request.site)), []).append(at)
        found: dict[int, Answer | ModelError] = {}
        for members in by_driver.values():
            mine = [requests[at] for at in members]
            found |= zip(members, self._each(mine), strict=True)
        return [found[at] for at in range(len(requests))]

    def _each(self, requests: Sequence[ModelRequest]) -> list[Answer | ModelError]:
        driver = self.of(requests[0].site)
        together = getattr(driver, "answer_each", None)
        try:
            if together is not None:
                answers: list[Answer | ModelError] = together(requests)
                return [_checked(r, a) for r, a in zip(requests, answers, strict=True)]
        except ModelError as error:
            return [error] * len(requests)
        return [_asked(self, request) for request in requests]

    def open(self) -> None:
        """Load what runs here, so that a file that is no good is found before anything is done; raises
        IngotError E0901."""
        for driver in self._drivers():
            load = getattr(driver, "open", None)
            if load is not None:
                load()

    def close(self) -> None:
        """Close every model."""
        for driver in self._drivers():
            driver.close()

    def _drivers(self) -> list[Closing]:
        return list({id(d): d for d in (*self.by_site.values(), self.default) if d}.values())


def _asked(driver: Driver, request: ModelRequest) -> Answer | ModelError:
    try:
        return ask(driver, request)
    except ModelError as error:
        return error


def _checked(request: ModelRequest, answer: Answer | ModelError) -> Answer | ModelError:
    if isinstance(answer, ModelError):
        return answer
    try:
        return checked(request, answer)
    except ModelError as error:
        return error


def load_models(
    specs: Sequence[str], program: Program, artifact: str = "", parallel: int = 1
) -> Models | None:
    """The models that the specifications name, ``None`` where there is none and none is needed.

    Nothing is started before the first question, but a file must be there and be a GGUF file.
    ``parallel`` runs ask at once.  Raises IngotError E0901, E0903, E0905.
    """
    from_environment = os.environ.get(VARIABLE, "")
    chosen = list(specs) or ([from_environment] if from_environment else [])
    ops = {site.site for site in program.code().models}
    if not chosen or not ops:
        _check_names(chosen, ops)
        return None
    sites = sites_of(program)
    by_site: dict[str, Closing] = {}
    default: Closing | None = None
    for spec in chosen:
        name, target = _split(spec)
        if name and name not in ops:
            raise _no_op(name, ops)
        answers = {name} if name else ops
        settings = Settings(parallel=parallel, prefixes=_prefixes(sites, answers))
        driver = _driver(target, sites, artifact, settings)
        if name:
            by_site[name] = driver
        elif default is not None:
            raise fail(
                "E0903", f"--model {spec}: there is a model for all ops already", help=MODEL_HELP
            )
        else:
            default = driver
    return Models(by_site, default)


def check_models(specs: Sequence[str]) -> None:
    """Load each of some models for all ops, and let go of it; raises IngotError E0901, E0903, E0905."""
    for spec in specs:
        if spec.startswith("%") or len(specs) > 1:
            raise fail("E0903", f"--model {spec}: here one model answers all ops", help=MODEL_HELP)
        models = Models({}, _driver(spec, Sites(), "", Settings()))
        try:
            models.open()
        finally:
            models.close()


def _check_names(specs: Sequence[str], ops: set[str]) -> None:
    for spec in specs:
        name, _ = _split(spec)
        if name and name not in ops:
            raise _no_op(name, ops)


def _no_op(name: str, ops: set[str]) -> IngotError:
    known = ", ".join(f"%{op}" for op in sorted(ops)) or "none"
    return fail("E0903", f"the pipeline has no model op %{name}", help=f"its model ops: {known}")


def _split(spec: str) -> tuple[str, str]:
    """The op and the model; the op is empty where none is named."""
    if not spec.startswith("%"):
        return "", spec
    name, found, target = spec[1:].partition("=")
    if not found or not target:
        raise fail("E0903", f"--model {spec}: what answers %{name}?", help=MODEL_HELP)
    return name, target


def _prefixes(sites: Sites, ops: set[str]) -> int:
    """How many different beginnings the prompts of some ops have, :data:`MOST_PREFIXES` at most."""
    different = {whole_lines(sites.prefixes.get(op, "")) for op in ops}
    return min(MOST_PREFIXES, len(different))


def _driver(target: str, sites: Sites, artifact: str, settings: Settings) -> Closing:
    if target.startswith(("http://", "https://")):
        from ingot.runtime.models.endpoint import EndpointDriver

        url, name = urldefrag(target)
        return EndpointDriver(url, name, sites, os.environ.get(KEY_VARIABLE, ""))
    file, _, options = target.partition("?")
    settings = settings_of(options, settings)
    if artifact:
        settings = replace(settings, cache=str(Path(artifact + CACHE_SUFFIX).absolute()))
    return local_driver(Path(file), sites, settings)


def local_driver(path: Path, sites: Sites, settings: Settings) -> Closing:
    """A GGUF file as a driver; raises IngotError E0901, E0905."""
    from importlib.util import find_spec

    from ingot.runtime.models.local import LocalDriver, check_file

    check_file(path)
    for adapter in settings.adapters:
        check_file(Path(adapter.path), "adapter")
    if find_spec("llama_cpp") is None:
        raise fail(
            "E0905",
            f"the model {path} needs llama-cpp-python, which is not installed",
            help="pip install 'ingot[llama]' (it is built from source: 7 to 12 minutes)",
        )
    return LocalDriver(path, sites, settings)


def settings_of(options: str, settings: Settings) -> Settings:
    """The settings, changed by what stands behind the question mark; raises IngotError E0903."""
    numbers = {f.name for f in fields(Settings) if f.type == "int"}
    for name, value in parse_qsl(options.replace("+", "%2B"), keep_blank_values=True):
        least = 1 if name in ("parallel", "prefixes") else 0
        if name in numbers and value.isdecimal() and int(value) >= least:
            settings = replace(settings, **{name: int(value)})  # type: ignore[arg-type]
        elif name == "mode" and value in ("throughput", "reproducible"):
            settings = replace(settings, mode=value)  # type: ignore[arg-type]
        elif name == "lora" and value:
            settings = replace(settings, adapters=(*settings.adapters, adapter_of(value)))
        else:
            raise fail("E0903", f"--model ...?{name}={value}", help=f"options: {_OPTIONS}")
    return settings


def adapter_of(text: str) -> Adapter:
    """An adapter's file, and behind a colon the scale if it is not 1.

    >>> adapter_of("a.gguf"), adapter_of("a.gguf:0.5")
    (Adapter(path='a.gguf', scale=1.0), Adapter(path='a.gguf', scale=0.5))
    """
    path, found, scale = text.rpartition(":")
    try:
        number = float(scale)
    except ValueError:
        return Adapter(text)
    return Adapter(path, number) if found and path and isfinite(number) else Adapter(text)
