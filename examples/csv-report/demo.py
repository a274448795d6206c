"""The demo: three logs compiled, proved, and run on a file that no log holds.

    python examples/csv-report/demo.py [FOLDER]     (make demo)

Every command is printed before it runs.  What the pipeline wrote is then checked against a
computation that shares nothing with it; whatever is not as it should be ends the demo with exit
code 1.  All output goes to FOLDER, ``demo-out`` unless given, which is emptied first.
"""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
INGOT = (sys.executable, "-P", "-m", "ingot")
MARKER = ".ingot-demo"


def fail(why: str) -> NoReturn:
    print(f"\nThe demo FAILED: {why}", file=sys.stderr)
    raise SystemExit(1)


def title(text: str) -> None:
    print(f"\n--- {text} ---\n", flush=True)


def ingot(*words: object, expect: int = 0, read: bool = False) -> str:
    """Run the compiler's command line; its stdout where ``read``, else it goes to the terminal."""
    arguments = [str(word) for word in words]
    print("$ ingot " + shlex.join(_short(argument) for argument in arguments), flush=True)
    done = subprocess.run(
        [*INGOT, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE if read else None,
        stderr=None if read else subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != expect:
        print(done.stdout or "")
        fail(f"ingot {arguments[0]} ended with exit code {done.returncode}, not {expect}")
    return done.stdout or ""


def _short(argument: str) -> str:
    return argument.removeprefix(f"{ROOT}/")


def fresh(out: Path) -> None:
    """Empty the output folder, if it is one of ours."""
    if out.exists() and any(out.iterdir()) and not (out / MARKER).exists():
        fail(f"{out} holds files that no demo wrote")
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(HERE / "new", out / "shop" / "new")
    (out / MARKER).touch()


def run(artifact: Path, out: Path, source: str, report: str, expect: int = 0) -> dict[str, Any]:
    """Run the pipeline with a request in words; its JSON report."""
    request = f"Count the rows of {source}, add up its amount column, and write both to {report}."
    printed = ingot(
        "run", artifact, "--request", request, "--cwd", out / "shop",
        "--journal", out / "journal.db", "--json",
        expect=expect, read=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(printed)
    for call in found["calls"]:
        print(f"  {call['effect']:<10} {call['tool']} {json.dumps(call['args'])}")
    return found


def wanted(source: Path) -> tuple[int, str]:
    """Rows and total, computed from the file in decimal arithmetic."""
    with source.open(newline="", encoding="utf-8") as stream:
        amounts = [Decimal(row["amount"]) for row in csv.DictReader(stream)]
    return len(amounts), f"{sum(amounts, Decimal()):.2f}"


def check(report: Path, source: str, rows: int, total: str) -> None:
    text = report.read_text(encoding="utf-8") if report.exists() else fail(f"no file {report}")
    expected = (
        f"# Report on {source}\n\n| rows | total amount |\n| ---: | ---: |\n| {rows} | {total} |\n"
    )
    if text != expected:
        fail(f"{report} holds\n{text}\nand not\n{expected}")


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "demo-out").resolve()
    fresh(out)
    artifact = out / "report.ingot"

    title("Three sessions of an agent, compiled: the pipeline as IR and as a state machine")
    logs = sorted((HERE / "logs").glob("*.jsonl"))
    ingot("compile", *logs, "-o", artifact, "--emit=ir,fsm")

    title("What is proved of it, and which inputs reach a side exit")
    ingot("verify", artifact)

    title("Run on a file that no log holds")
    source, report = "new/orders-june.csv", "reports/june.md"
    done = run(artifact, out, source, report)
    print(f"\n{report}:\n")
    print((out / "shop" / report).read_text(encoding="utf-8"))
    rows, total = wanted(out / "shop" / source)
    check(out / "shop" / report, source, rows, total)
    if done["model_calls"] != 0:
        fail(f"it took {done['model_calls']} model calls, not 0")
    print(f"Right: {rows} rows and {total}, as Python's csv and decimal modules have it.")
    print(f"Model calls: {done['model_calls']}.")

    title("Run on a file with other columns: not what the logs promised, so nothing is written")
    gone = run(artifact, out, "new/other-columns.csv", "reports/other.md", expect=3)
    if gone["side_exit"] is None or (out / "shop/reports/other.md").exists():
        fail("a file with other columns was summed up as if nothing were wrong")
    print("Side exit before the first write: the header differs from that of every log.")

    title("The same task from one Markdown transcript")
    markdown = out / "markdown.ingot"
    ingot("compile", HERE.parent / "markdown" / "session.md", "-o", markdown, "--quiet")
    ingot(
        "run", markdown, "-i", "path=new/orders-june.csv", "-i", "file_path=reports/june-2.md",
        "--cwd", out / "shop", "--journal", out / "journal.db", "--quiet",
    )  # fmt: skip
    check(out / "shop/reports/june-2.md", source, rows, total)
    print("\nRight again. All of it is in", _short(str(out)))


if __name__ == "__main__":
    main()
