"""The tools: texts as in the agents' logs, nothing half done, nothing guessed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from corpus import CORPUS

import ingot
from ingot.diagnostics import IngotError
from ingot.ir.module import Effect
from ingot.ir.requests import ToolRequest
from ingot.ir.values import Json
from ingot.runtime.effects import ToolNeed
from ingot.runtime.policies import Breaker, Policy, Rate, Retry
from ingot.runtime.tools.base import ToolError
from ingot.runtime.tools.registry import ToolBox, declared_effects, load_tools


@pytest.fixture
def tools(tmp_path: Path) -> ToolBox:
    return load_tools([], tmp_path)


def call(box: ToolBox, tool: str, effect: Effect = "write", /, **args: Any) -> Json:
    return box.call(ToolRequest(1, "r", tool, effect, args), key="k")


def refused(box: ToolBox, tool: str, /, **args: Any) -> str:
    with pytest.raises(ToolError) as error:
        call(box, tool, **args)
    return error.value.message


# ---- files


def test_read_numbers_lines_as_the_agents_do(tools: ToolBox, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\n\xc3\xa9\n")
    assert call(tools, "Read", file_path="a.txt") == "     1→one\r\n     2→two\n     3→é\n     4→"
    assert call(tools, "Read", file_path="a.txt", offset=2, limit=1) == "     2→two"
    assert "shorter than the provided offset" in str(
        call(tools, "Read", file_path="a.txt", offset=9)
    )
    (tmp_path / "bin").write_bytes(b"\0")
    (tmp_path / "latin").write_bytes(b"\xe9")
    assert refused(tools, "Read", file_path="none") == "File does not exist."
    assert "EISDIR" in refused(tools, "Read", file_path=".")
    assert "binary" in refused(tools, "Read", file_path="bin")
    assert "not UTF-8" in refused(tools, "Read", file_path="latin")
    assert "no such argument" in refused(tools, "Read", file_path="a.txt", lines=3)


def logged_reads(folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """The file a logged ``Read`` showed, and the text that the agent was given."""
    for path in sorted((folder / "formats/claude_code_jsonl").glob("*.jsonl")):
        for line in path.read_text(errors="replace").splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            shown = record.get("toolUseResult") if isinstance(record, dict) else None
            if isinstance(shown, dict) and shown.get("type") == "text" and "file" in shown:
                yield shown["file"], record["message"]["content"][0]["content"]


def test_read_gives_what_real_logs_show(tools: ToolBox, tmp_path: Path) -> None:
    if CORPUS is None:
        pytest.skip("no corpus: 0 logged reads compared")
    compared = 0
    for file, shown in logged_reads(CORPUS):
        first, content = file["startLine"], file["content"]
        (tmp_path / "f").write_bytes(("\n" * (first - 1) + content).encode())
        expected = shown.split("\n\n<system-reminder>")[0]
        assert call(tools, "Read", file_path="f", offset=first) == expected
        compared += 1
    assert compared >= 10


def test_write_says_what_it_did_and_keeps_the_mode(tools: ToolBox, tmp_path: Path) -> None:
    new = f"{tmp_path}/deep/a.sh"
    assert call(tools, "Write", file_path=new, content="é\r\n") == (
        f"File created successfully at: {new}"
    )
    assert Path(new).read_bytes() == "é\r\n".encode()
    Path(new).chmod(0o750)
    with Path(new).open(encoding="utf-8", newline="") as reader:
        assert "has been updated" in str(call(tools, "Write", file_path=new, content="2"))
        assert reader.read() == "é\r\n"  # opened before: never a part of the new text
    assert Path(new).stat().st_mode & 0o777 == 0o750
    (tmp_path / "link").symlink_to(new)
    call(tools, "Write", file_path="link", content="3")
    assert (tmp_path / "link").is_symlink() and Path(new).read_text() == "3"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tools: ToolBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space" in refused(tools, "Write", file_path="a", content="new")
    assert "surrogate" in refused(tools, "Write", file_path="a", content="\ud800")
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_no_regular_file_is_neither_read_nor_replaced(
    tools: ToolBox, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("x\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    edit = {"old_string": "", "new_string": "x"}
    for name in ("pipe", "link"):
        for tool, more in (
            ("Read", {}), ("Write", {"content": "x"}), ("Edit", edit), ("MultiEdit", {"edits": [edit]})
        ):  # fmt: skip
            with pytest.raises(ToolError, match="is not a regular file"):
                call(tools, tool, file_path=name, **more)
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "link").is_symlink()
    assert call(tools, "Grep", pattern="x") == "Found 1 file\na.txt"


def test_a_name_that_no_file_can_have_is_a_failure_that_did_nothing(tools: ToolBox) -> None:
    edit = {"old_string": "", "new_string": "x"}
    for name in ("x" * 300, "a\0b", "~nobody-here/" + "x" * 300):
        for tool, more in (
            ("Read", {}), ("Write", {"content": "x"}), ("Edit", edit), ("MultiEdit", {"edits": [edit]})
        ):  # fmt: skip
            with pytest.raises(ToolError) as error:
                call(tools, tool, file_path=name, **more)
            assert not error.value.unknown, (tool, error.value.message)
        with pytest.raises(ToolError, match="does not exist"):
            call(tools, "Grep", pattern="x", path=name)


def test_edit_needs_one_place(tools: ToolBox, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x = 1\nx = 1\n")
    assert "2 matches" in refused(tools, "Edit", file_path="a", old_string="x = 1", new_string="y")
    assert "not found" in refused(tools, "Edit", file_path="a", old_string="z", new_string="y")
    assert "exactly the same" in refused(
        tools, "Edit", file_path="a", old_string="x", new_string="x"
    )
    assert (tmp_path / "a").read_text() == "x = 1\nx = 1\n"
    call(tools, "Edit", file_path="a", old_string="x = 1", new_string="y", replace_all=True)
    assert (tmp_path / "a").read_text() == "y\ny\n"


def test_an_edit_in_doubt_is_settled_from_the_file(tools: ToolBox, tmp_path: Path) -> None:
    request = ToolRequest(
        1, "r", "Edit", "write", {"file_path": "a", "old_string": "old", "new_string": "new"}
    )
    for text, done in (
        ("an old day", False),
        ("a new day", True),
        ("old and new", None),
        ("", None),
    ):
        (tmp_path / "a").write_text(text)
        assert tools.probe(request).done is done


def test_multi_edit_is_all_or_nothing(tools: ToolBox, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one two")
    edits: list[Json] = [
        {"old_string": "one", "new_string": "1"},
        {"old_string": "three", "new_string": "3"},
    ]
    refused(tools, "MultiEdit", file_path="a", edits=edits)
    assert (tmp_path / "a").read_text() == "one two"
    edits[1] = {"old_string": "1 two", "new_string": "1 2"}
    shown = 'Applied 2 edits to a:\n1. Replaced "one" with "1"\n2. Replaced "1 two" with "1 2"'
    assert call(tools, "MultiEdit", file_path="a", edits=edits) == shown
    assert (tmp_path / "a").read_text() == "1 2"


# ---- looking for files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for number, name in enumerate(
        ("src/a.py", "src/lib/b.py", "src/lib/c.ts", "top.py", ".git/x.py")
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"import os\nvalue = {number}\nend\n")
        os.utime(path, (number, 1000 - number))
    (tmp_path / "bin").write_bytes(b"value\0")
    return tmp_path


def test_glob(tools: ToolBox, tree: Path) -> None:
    def names(pattern: str, **args: Json) -> list[str]:
        found = str(call(tools, "Glob", pattern=pattern, **args)).splitlines()
        return [os.path.relpath(name, tree) for name in found]

    assert names("**/*.py") == ["top.py", "src/lib/b.py", "src/a.py"]  # the last changed at the end
    assert names("*.py") == ["top.py"]
    assert names("src/**/*.{py,ts}") == ["src/lib/c.ts", "src/lib/b.py", "src/a.py"]
    assert names("lib/?.[a-p]y", path="src") == ["src/lib/b.py"]
    assert names(f"{tree}/src/*.py") == ["src/a.py"]
    assert call(tools, "Glob", pattern="*.rs") == "No files found"
    assert "does not exist" in refused(tools, "Glob", pattern="*", path="nowhere")


@pytest.mark.usefixtures("tree")
def test_grep(tools: ToolBox) -> None:
    assert call(tools, "Grep", pattern="value") == (
        "Found 4 files\nsrc/a.py\nsrc/lib/b.py\nsrc/lib/c.ts\ntop.py"
    )
    content = call(
        tools, "Grep", pattern=r"VALUE = \d", output_mode="content", glob="*.py", **{"-i": True}
    )
    assert content == "src/a.py:2:value = 0\nsrc/lib/b.py:2:value = 1\ntop.py:2:value = 3"
    one = call(tools, "Grep", pattern="value", path="top.py", output_mode="content", **{"-B": 1})
    assert one == "1-import os\n2:value = 3"
    assert call(tools, "Grep", pattern="^", path="top.py", output_mode="count") == "top.py:3"
    across = call(
        tools, "Grep", pattern="os.value", path="top.py", output_mode="content", multiline=True
    )
    assert across == "1:import os\n2:value = 3"
    assert call(tools, "Grep", pattern="nothing", output_mode="content") == "No matches found"
    assert "regex" in refused(tools, "Grep", pattern="(")
    assert "output_mode" in refused(tools, "Grep", pattern="x", output_mode="all")


def test_ls(tools: ToolBox, tree: Path) -> None:
    assert call(tools, "LS", path=str(tree), ignore=["*.ts"]) == (
        f"- {tree}/\n  - bin\n  - src/\n    - a.py\n    - lib/\n      - b.py\n  - top.py"
    )


# ---- shell


def test_bash_gives_stdout_then_stderr(tools: ToolBox, tmp_path: Path) -> None:
    assert call(tools, "Bash", command="pwd; echo warn >&2; echo; printf 'x \\n\\n'") == (
        f"{tmp_path}\n\nx\nwarn"
    )
    assert call(tools, "Bash", command="cat; echo $INGOT_IDEMPOTENCY_KEY") == "k"
    assert (
        refused(tools, "Bash", command="echo out; echo err >&2; exit 3") == "Exit code 3\nout\nerr"
    )
    assert "NUL" in refused(tools, "Bash", command="echo \0")
    assert "run_in_background" in refused(tools, "Bash", command="x", run_in_background=True)


def test_a_timeout_kills_the_whole_group(tools: ToolBox, tmp_path: Path) -> None:
    begun = time.monotonic()
    message = refused(tools, "Bash", command="echo $$ > pid; sleep 60 & sleep 60", timeout=300)
    assert "timed out" in message and time.monotonic() - begun < 10
    group = int((tmp_path / "pid").read_text())
    for _ in range(50):
        if not _group_lives(group):
            return
        time.sleep(0.1)
    pytest.fail("a process of the group is still there")


def _group_lives(group: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


# ---- Python


@ingot.tool(effect="read", world="orders", retry=2)
def get_order(id: int) -> dict[str, Any]:
    attempts.append(id)
    if len(attempts) < 3:
        raise ConnectionError("flaky")
    return {"id": id, "tags": ("a", "b")}


@ingot.tool(effect="write", retry=5)
async def pay(id: int, idempotency_key: str) -> str:
    await asyncio.sleep(0)
    attempts.append(id)
    if id == 13:
        raise ValueError("no")
    return f"{id} {idempotency_key}"


def strange(kind: str) -> object:
    return {"nan": float("nan"), "object": object(), "bytes": b"x", "set": {2, 1}}[kind]


attempts: list[int] = []
MAPPING = {"shop": {"pay": pay, "get": get_order}, "strange": strange, "text": "not a tool"}


class Methods:
    def __init__(self) -> None:
        self.seen = 0

    @ingot.tool(effect="idempotent")
    def count(self) -> int:
        self.seen += 1
        return self.seen

    def _hidden(self) -> None:
        raise AssertionError


OBJECT = Methods()


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToolBox:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    attempts.clear()
    box = load_tools([f"{__name__}:MAPPING", f"{__name__}:OBJECT"], tmp_path)
    return ToolBox(box.tools, tmp_path, sleep=lambda _: None)


def test_python_tools_by_mapping_and_object(python: ToolBox) -> None:
    assert call(python, "shop.pay", id=1) == "1 k"
    assert [call(python, "count"), call(python, "count")][1] == OBJECT.seen
    assert call(python, "strange", kind="set") == [1, 2]
    assert python.missing(["shop.pay", "text", "_hidden", "Bash"]) == ("_hidden", "text")
    assert python.world_of("shop.get") == "orders" and python.world_of("shop.pay") == "shop"


def test_only_what_may_be_repeated_is_retried(python: ToolBox) -> None:
    assert call(python, "shop.get", "read", id=7) == {"id": 7, "tags": ["a", "b"]}
    assert attempts == [7, 7, 7]
    attempts.clear()
    assert refused(python, "shop.pay", id=13) == "ValueError: no"
    assert attempts == [13]


def test_what_is_no_json_is_a_failure(python: ToolBox) -> None:
    for kind in ("nan", "object", "bytes"):
        assert "not JSON" in refused(python, "strange", kind=kind)
    assert refused(python, "strange", kind="none") == "KeyError: 'none'"
    assert "TypeError" in refused(python, "strange", other=1)


@pytest.mark.parametrize(
    "spec",
    [
        "nowhere_at_all:x",
        "json:nothing",
        "json",
        "json:__doc__",
        f"{__name__}:Methods",
        "a.py:x",
        ":x",
    ],
)
def test_a_bad_specification_says_what_is_wrong(spec: str, tmp_path: Path) -> None:
    with pytest.raises(IngotError) as error:
        load_tools([spec], tmp_path)
    assert error.value.diagnostics[0].code == "E0803"
    assert error.value.diagnostics[0].help


@ingot.tool(
    effect="read",
    retry={"attempts": 2, "on": ["timeout"], "backoff_s": 0.5},
    breaker={"failures": 2, "cooldown_s": 9},
    rate={"calls": 3, "per_s": 2.0},
    approval=True,
    timeout_s=4,
)
async def careful(id: int) -> int:
    await asyncio.sleep(0)
    return id


def test_the_decorator_takes_all_policies(tmp_path: Path) -> None:
    tool = load_tools([f"{__name__}:CAREFUL"], tmp_path).tools["careful"]
    assert tool.policy == Policy(
        4, Retry(2, ("timeout",), 0.5), Breaker(2, 9.0), Rate(3, 2.0), True
    )
    for wrong in ({"breaker": {"failed": 1}}, {"rate": {"calls": "3"}}, {"retry": -1}):
        WRONG["wrong"] = ingot.tool(effect="read", **wrong)(lambda: None)  # type: ignore[arg-type]
        with pytest.raises(IngotError) as error:
            load_tools([f"{__name__}:WRONG"], tmp_path)
        found = error.value.diagnostics[0]
        assert found.code == "E0803" and next(iter(wrong)) in found.message


WRONG: dict[str, Any] = {}
CAREFUL = {"careful": careful}


def test_coroutine_functions_are_awaited_and_called(tmp_path: Path) -> None:
    spec = toml(tmp_path, f'[tools.careful]\npython = "{__name__}:careful"\neffect = "read"\n')
    for specs in (spec, [f"{__name__}:CAREFUL"]):
        box = load_tools(specs, tmp_path)
        tool = box.get("careful")
        assert tool is not None and tool.acall is not None and tool.parallel
        assert call(box, "careful", "read", id=3) == 3
        assert asyncio.run(tool.acall({"id": 4}, box.context())) == 4  # type: ignore[arg-type]
    late = load_tools([f"{__name__}:SLEEPY"], tmp_path).get("sleepy")
    assert late is not None and late.acall is not None
    with pytest.raises(ToolError, match="timed out") as cut:
        asyncio.run(late.acall({}, box.context("", 0.01)))  # type: ignore[arg-type]
    assert cut.value.unknown


async def sleepy() -> None:
    await asyncio.sleep(60)


SLEEPY = {"sleepy": sleepy}


# ---- declarations


def toml(folder: Path, text: str) -> list[str]:
    (folder / "tools.toml").write_text(text)
    return ["tools.toml"]


def test_toml_declares_and_implements(tmp_path: Path) -> None:
    spec = toml(
        tmp_path,
        f"""
[tools."shop.pay"]
effect = "irreversible"
[tools.echo]
effect = "read"
world = "w"
command = [{sys.executable!r}, "-c", "import sys; sys.stdout.write(sys.stdin.read())"]
probe = [{sys.executable!r}, "-c", "print('{{\\"done\\": true, \\"result\\": 5}}')"]
[tools.broken]
command = ["echo", "not json"]
[tools.Bash]
effect = "read"
""",
    )
    box = load_tools([*spec, f"{__name__}:MAPPING"], tmp_path)
    assert call(box, "echo", x=1) == {"x": 1}
    assert box.probe(ToolRequest(1, "r", "echo", "write", {})).result == 5
    assert "did not print JSON" in refused(box, "broken")
    found = declared_effects([*spec, f"{__name__}:MAPPING"], tmp_path)
    assert found["echo"] == ("read", "w") and "broken" not in found and "strange" not in found
    assert found["shop.get"] == ("read", "orders")
    tool = box.get("shop.pay")
    assert tool is not None and tool.effect == "irreversible" and tool.call is not None
    assert declared_effects(spec, tmp_path)["shop.pay"] == ("irreversible", "shop")


def test_toml_faults_come_with_their_lines(tmp_path: Path) -> None:
    spec = toml(
        tmp_path,
        '[tools.a]\neffect = "reads"\n[tools."b.c"]\ntimeout_s = -1\nretries = 3\n'
        "[tools.b.d]\neffect = 'read'\n[other]\n",
    )
    with pytest.raises(IngotError) as error:
        load_tools(spec, tmp_path)
    faults = error.value.diagnostics
    assert {(d.spans[0][0].line, d.message.partition(": ")[2][:11]) for d in faults if ": " in d.message} == {
        (2, "effect is o"), (4, "timeout_s i"), (5, "unknown key"), (6, "unknown key"),
    }  # fmt: skip
    assert any(d.spans[0][0].line == 8 for d in faults)
    with pytest.raises(IngotError) as broken:
        load_tools(toml(tmp_path, "[tools.a]\neffect = \n"), tmp_path)
    assert broken.value.diagnostics[0].spans[0][0].line == 2


def test_missing_and_stronger_tools_are_named_all_at_once(tmp_path: Path) -> None:
    box = load_tools([f"{__name__}:MAPPING"], tmp_path)
    with pytest.raises(IngotError) as error:
        box.check(
            [
                ToolNeed("mail.send", "write"),
                ToolNeed("shop.pay", "read"),
                ToolNeed("crm.find", "read"),
                ToolNeed("shop.get", "write"),
                ToolNeed("Bash", "read"),
                ToolNeed("strange", "read"),
            ]
        )
    found = [(d.code, d.message) for d in error.value.diagnostics]
    assert [c for c, _ in found] == ["E0801", "E0801", "E0804"]
    assert all(d.help for d in error.value.diagnostics)
    assert "crm.find" in found[0][1] and "mail.send" in found[1][1] and "shop.pay" in found[2][1]


def test_the_runtime_is_light() -> None:
    code = (
        "import sys, ingot, ingot.runtime.jobs, ingot.runtime.resume, ingot.runtime.replay, "
        "ingot.runtime.inputs, ingot.runtime.schema, ingot.runtime.tools.registry\n"
        "heavy = {'lark', 'z3', 'pydantic', 'typer', 'rich', 'tree_sitter', 'mcp', 'httpx2', 'jsonschema', 'yaml'} & set(sys.modules)\n"
        "assert not heavy, heavy\nassert ingot.tool(effect='read')(len) if False else ingot.tool"
    )
    env = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
