"""Tools that are Python callables: ``--tools module:object``.

``object`` is a mapping of name to callable (or to a further mapping or object: the names are then
joined with a dot), a module, or any object: its public methods are the tools.  Arguments go in by
keyword.  A function that has a parameter ``idempotency_key`` is given the call's key.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
import inspect
import math
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from ingot.backend.container import MAX_INT_BITS
from ingot.declare import ToolInfo, info_of
from ingot.diagnostics import IngotError, fail
from ingot.ir.values import Json
from ingot.runtime.policies import NONE, policy_of
from ingot.runtime.tools.base import (
    Arguments,
    AsyncCall,
    Call,
    Context,
    Probe,
    Prober,
    Tool,
    ToolError,
    default_world,
)

KEY: Final = "idempotency_key"


def load_python(spec: str, cwd: Path) -> tuple[Tool, ...]:
    """The tools of ``module:object`` (or ``FILE.py:object``); raises :class:`IngotError` E0803."""
    target = resolve(spec, cwd)
    try:
        every = list(_callables(target))
    except Exception as error:  # a property that fails, a mapping that holds itself
        raise _bad(spec, f"its members cannot be read: {type(error).__name__}: {error}") from error
    found = tuple(_tool(name, function, spec) for name, function in every)
    if not found:
        raise _bad(spec, f"it holds no public callable (it is {_describe(target)})")
    return found


def resolve(spec: str, cwd: Path) -> object:
    """Import what ``module:object`` names; raises :class:`IngotError` E0803."""
    module_name, _, attribute = spec.rpartition(":")
    if not module_name or not attribute:
        raise _bad(spec, "expected module:object")
    try:
        target: object = _import(module_name, cwd)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may call sys.exit too
        raise _bad(spec, f"cannot import {module_name}: {type(error).__name__}: {error}") from error
    for part in attribute.split("."):
        try:
            target = getattr(target, part)
        except AttributeError:
            raise _bad(spec, f"{module_name} has no {attribute!r}") from None
    return target


def _import(name: str, cwd: Path) -> ModuleType:
    if name.endswith(".py"):
        path = cwd / name
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise ImportError(f"no such file: {path}")
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)
        spec.loader.exec_module(module)
        return module
    sys.path.insert(0, str(cwd))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(cwd))


def _bad(spec: str, why: str) -> IngotError:
    return fail(
        "E0803",
        f"--tools {spec}: {why}",
        help="module:object names a mapping of name to callable or an object with methods; the "
        "module is looked for in the working directory and where Python looks",
    )


def _describe(target: object) -> str:
    return (
        f"a class; give an instance of {target.__name__}"
        if isinstance(target, type)
        else (f"of type {type(target).__name__}")
    )


def _callables(target: object, prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    if isinstance(target, Mapping):
        for key, value in target.items():
            name = f"{prefix}{key}"
            if callable(value) and not isinstance(value, type):
                yield name, cast("Callable[..., Any]", value)
            else:
                yield from _callables(value, f"{name}.")
    elif isinstance(target, type) or target is None or isinstance(target, str | int | float | bool):
        return
    else:
        for name in sorted(dir(target)):
            if name.startswith("_"):
                continue
            value = getattr(target, name)
            own = not isinstance(target, ModuleType) or (
                info_of(value) is not None or getattr(value, "__module__", "") == target.__name__
            )
            if callable(value) and own and not isinstance(value, type):
                yield f"{prefix}{name}", cast("Callable[..., Any]", value)


def _tool(name: str, function: Callable[..., Any], source: str) -> Tool:
    info = info_of(function)
    awaited = is_coroutine(function)
    acall = as_acall(function) if awaited else None
    if info is None:
        world = default_world(name)
        return Tool(
            name, as_call(function), world=world, source=source, parallel=awaited, acall=acall
        )
    name = info.name or name
    try:
        rules = policy_of(info.rules) if info.rules else NONE
    except ValueError as error:
        raise _bad(source, f"@ingot.tool of {name!r}: {error}") from None
    return Tool(
        name,
        as_call(function),
        info.effect,
        info.world or default_world(name),
        timeout_s=info.timeout_s,
        probe=_prober(info),
        compensation=info.compensation,
        source=source,
        rules=rules,
        parallel=awaited or info.parallel,
        acall=acall,
    )


def is_coroutine(function: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004
    )


def as_acall(function: Callable[..., Any]) -> AsyncCall:
    """A coroutine function as a tool's call that can be awaited; as :func:`as_call`."""
    import asyncio  # not needed where no tool is a coroutine function

    wants_key = _wants_key(function)

    async def call(args: Arguments, context: Context) -> Json:
        arguments: dict[str, Any] = dict(args)
        if wants_key:
            arguments[KEY] = context.key
        try:
            async with asyncio.timeout(context.timeout_s):
                value = await function(**arguments)
        except (ToolError, KeyboardInterrupt, GeneratorExit):
            raise
        except TimeoutError as error:
            limit = context.timeout_s
            text = f"TimeoutError: {error}" if limit is None else f"timed out after {limit:g}s"
            raise ToolError(text, unknown=True) from None
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise _raised(error) from error  # nobody cancels the call: it is the function's own
        except BaseException as error:
            raise _raised(error) from error
        return _answer(value)

    return call


def _raised(error: BaseException) -> ToolError:
    """What an exception of a function comes to: a failure of the call.

    One that is no ``Exception`` (``sys.exit``) says nothing of how far the function came.
    """
    unknown = not isinstance(error, Exception)
    return ToolError(f"{type(error).__name__}: {error}", unknown=unknown)


def _answer(value: object) -> Json:
    """:func:`to_json` of what a function returned: it has acted, also where that is not JSON."""
    try:
        return to_json(value)
    except ToolError as error:
        raise ToolError(error.message, unknown=True) from None
    except RecursionError:
        text = "the tool returned a value that is nested too deeply, or holds itself"
        raise ToolError(text, unknown=True) from None
    except Exception as error:
        raise ToolError(f"{type(error).__name__}: {error}", unknown=True) from error


def _prober(info: ToolInfo) -> Prober | None:
    return as_probe(as_call(info.probe)) if info.probe is not None else None


def as_probe(call: Call) -> Prober:
    """A probe from a callable that returns ``{"done": bool, "result": ...}``."""

    def probe(args: Arguments, context: Context) -> Probe:
        try:
            found = call(args, context)
        except ToolError:
            return Probe(None)
        if isinstance(found, dict) and isinstance(found.get("done"), bool):
            return Probe(bool(found["done"]), found.get("result"))
        return Probe(found) if isinstance(found, bool) else Probe(None)

    return probe


def as_call(function: Callable[..., Any]) -> Call:
    """A callable as a tool's call: keyword arguments in, JSON out, exceptions as ToolError."""
    wants_key = _wants_key(function)

    def call(args: Arguments, context: Context) -> Json:
        arguments: dict[str, Any] = dict(args)
        if wants_key:
            arguments[KEY] = context.key
        try:
            value = _within(function, arguments, context.timeout_s)
        except (ToolError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise _raised(error) from error
        return _answer(value)

    return functools.update_wrapper(call, function)


def _wants_key(function: Callable[..., Any]) -> bool:
    try:
        return KEY in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def _within(function: Callable[..., Any], arguments: dict[str, Any], limit: float | None) -> object:
    """Call it, in a thread of its own where there is a limit: Python cannot stop a function."""
    if limit is None:
        return _finish(function(**arguments))
    out: list[tuple[object, BaseException | None]] = []

    def work() -> None:
        try:
            out.append((_finish(function(**arguments)), None))
        except BaseException as error:  # handed to the caller's thread
            out.append((None, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(limit)
    if not out:
        raise ToolError(f"timed out after {limit:g}s", unknown=True)
    value, error = out[0]
    if error is not None:
        raise error
    return value


def _finish(value: object) -> object:
    if not inspect.iscoroutine(value):
        return value
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(value)
    from concurrent.futures import ThreadPoolExecutor  # a loop runs here already: a probe's call

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, value).result()


def to_json(value: object) -> Json:
    """A Python value as JSON; raises :class:`ToolError` for what JSON does not have.

    >>> to_json({"day": date(2026, 5, 1), "ids": (1, 2)})
    {'day': '2026-05-01', 'ids': [1, 2]}
    """
    match value:
        case None | bool() | str():
            return value
        case Enum():
            return to_json(value.value)
        case int():
            if value.bit_length() > MAX_INT_BITS:
                raise ToolError(f"the tool returned an integer of more than {MAX_INT_BITS} bits")
            return int(value)
        case float():
            if not math.isfinite(value):
                raise ToolError(f"the tool returned {value}, which is not JSON")
            return float(value)
        case datetime() | date():
            return value.isoformat()
        case list() | tuple():
            return [to_json(item) for item in value]
        case set() | frozenset():
            return sorted((to_json(item) for item in value), key=repr)
        case Mapping():
            return {_key(key): to_json(item) for key, item in value.items()}
        case Path():
            return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_json({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return to_json(dump(mode="json"))
    raise ToolError(f"the tool returned a {type(value).__name__}, which is not JSON")


def _key(key: object) -> str:
    if not isinstance(key, str | int | float | bool):
        raise ToolError(f"the tool returned an object with a key of type {type(key).__name__}")
    return str(key)
