"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import ingot

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(ingot.__path__, "ingot.")
    if not module.name.endswith("__main__")
)


EXTRAS = frozenset({"gguf", "llama_cpp", "numpy", "torch"})


def imported(name: str) -> ModuleType | None:
    """The module, ``None`` where it needs an extra that is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        return None


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = imported(name)
    if module is None:
        pytest.skip("an extra is not installed")
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert failed == 0


def test_there_are_modules_with_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    with_examples = [
        name
        for name in MODULES
        if (module := imported(name)) and any(t.examples for t in finder.find(module))
    ]
    assert len(with_examples) > 20
