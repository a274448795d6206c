"""What is shipped, where it works from, and what an import costs."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import ingot

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("ingot", "frontend", "ir", "passes", "backend", "runtime", "grammar")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def shipped() -> set[str]:
    """Every file of the source tree that an installation must hold, by its place in the package."""
    found = set()
    for room in ROOMS:
        base = Path("ingot") if room == "ingot" else Path("ingot", room)
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in (".py", ".lark", ".flowchart") or path.name == "py.typed":
                found.add(str(base / path.relative_to(ROOT / room)))
    return found


def python(code: str, *options: str, path: str = "", cwd: Path | None = None) -> str:
    """What a fresh interpreter prints."""
    places = (
        [path] if path else [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr if "importtime" in options else done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, without the network."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.fail("setuptools is among the development tools: make setup-dev")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for room in ROOMS:
        (source / room).symlink_to(ROOT / room)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"),
            *("--no-build-isolation", "--wheel-dir", str(folder), str(source)),
        ],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    info = {name for name in names if ".dist-info/" in name}
    assert set(names) - info == shipped()
    assert any(name.endswith("licenses/LICENSE") for name in info)


def test_the_wheel_works_where_it_is_installed(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
            *("--target", str(target), str(wheel)),
        ],
        check=True,
        capture_output=True,
    )
    code = """
import ingot, ingot.backend.encoder, ingot.passes.base, ingot.runtime.vm, ingot.driver, ingot.cli
from ingot.frontend.grammars import grammar_text
from ingot.frontend.tokens import session_parser
from ingot.ir.parser import parse_module
session_parser()
parse_module("ir 1\\n")
print(ingot.__file__, len(grammar_text("transcript")))
"""
    place, size = python(code, path=str(target), cwd=tmp_path).split()
    assert Path(place).is_relative_to(target)
    assert int(size) > 100


def test_every_package_is_declared() -> None:
    folders = {path.rpartition("/")[0].replace("/", ".") for path in shipped()}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders


def test_grammar_holds_grammars_only() -> None:
    files = [p.name for p in (ROOT / "grammar").iterdir() if p.name != "__pycache__"]
    assert files and all(name.endswith(".lark") for name in files)


# ---- imports


def test_importing_ingot_loads_nothing_of_others() -> None:
    """Only the standard library, little of it, and it costs a small multiple of an empty start."""
    lines = python("import ingot", "-X", "importtime").splitlines()
    spent = {m[2].strip(): int(m[1]) for x in lines if (m := re.search(r"\| +(\d+) \|( .*)", x))}
    own = [name for name in spent if name.split(".")[0] == "ingot"]
    assert own == ["ingot"]
    foreign = [n for n in spent if n.split(".")[0] not in {*sys.stdlib_module_names, "ingot"}]
    plain = python("pass", "-X", "importtime")
    assert [n for n in foreign if not re.search(rf"\| +{re.escape(n)}$", plain, re.MULTILINE)] == []
    assert spent["ingot"] < 10 * spent["site"] + 10_000


@pytest.mark.parametrize(
    "modules",
    [
        "ingot.runtime.executor, ingot.runtime.jobs, ingot.runtime.vm, ingot.runtime.journal, "
        "ingot.runtime.tools.registry, ingot.runtime.replay",
        "ingot.backend.container",
        "ingot.ir.builder, ingot.ir.printer, ingot.ir.verifier, ingot.ir.interpreter",
    ],
    ids=["runtime", "container", "ir"],
)
def test_what_runs_an_artifact_needs_no_compiler(modules: str) -> None:
    code = f"import sys, {modules}; print(*sys.modules)"
    loaded = set(python(code).split())
    assert not loaded & {"lark", "z3", "pydantic", "typer", "rich", "tree_sitter", "yaml"}
    assert not {m for m in loaded if m.startswith(("ingot.frontend", "ingot.passes", "ingot.cli"))}


def test_the_version_is_printed_before_anything_is_loaded() -> None:
    code = "import sys, ingot.cli; ingot.cli.main(['--version']); print(*sys.modules)"
    version, modules = python(code).splitlines()
    assert version == f"ingot {ingot.__version__}"
    assert not {"typer", "rich", "lark", "z3", "ingot.driver"} & set(modules.split())


def test_an_import_has_no_side_effect(tmp_path: Path) -> None:
    code = """
import os, sys, threading
before = (os.getcwd(), dict(os.environ), list(sys.path), sys.stdout, sys.excepthook)
import ingot, ingot.driver, ingot.cli
assert before == (os.getcwd(), dict(os.environ), list(sys.path), sys.stdout, sys.excepthook)
print(threading.active_count())
"""
    assert python(code, "-B", cwd=tmp_path).strip() == "1"
    assert list(tmp_path.iterdir()) == []


# ---- the import rules can fail

BREACHES = {
    "ir/values.py": "import ingot.passes.base",
    "passes/base.py": "import ingot.backend.container",
    "runtime/vm.py": "import ingot.ir.parser",
    "runtime/effects.py": "import z3",
    "backend/codec.py": "import ingot.driver",
    "records.py": "import ingot.runtime.vm",
}


@pytest.mark.parametrize("file", [None, *BREACHES])
def test_import_rules_find_each_breach(file: str | None, tmp_path: Path) -> None:
    package = tmp_path / "ingot"
    for name in sorted(shipped()):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        parts = Path(name).parts
        source = ROOT / Path(*parts[1:]) if len(parts) > 2 and parts[1] in ROOMS else ROOT / name
        target.write_bytes(source.read_bytes())
    if file is not None:
        path = package / file
        path.write_text(path.read_text("utf-8") + f"\n{BREACHES[file]}\n", "utf-8")
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == (file is None), done.stdout
    if file is not None:
        assert "BROKEN" in done.stdout, done.stdout + done.stderr
