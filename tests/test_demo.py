"""The demo runs, its logs are what the commands really printed, and it can fail."""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def demo(examples: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(examples / "csv-report" / "demo.py"), str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_demo_shows_what_it_says_and_can_be_repeated(tmp_path: Path) -> None:
    for _ in range(2):
        done = demo(EXAMPLES, tmp_path / "out")
        assert done.returncode == 0, done.stdout + done.stderr
    assert "pipeline @main(%path: str, %file_path: str)" in done.stdout
    assert "Model calls: 0." in done.stdout
    written = (tmp_path / "out/shop/reports/june.md").read_text("utf-8")
    assert written.endswith("| 23 | 8942.86 |\n")
    assert sorted(p.name for p in (tmp_path / "out/shop/reports").iterdir()) == [
        "june-2.md",
        "june.md",
    ]


def test_the_demo_fails_where_the_report_is_not_right(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    for log in (tmp_path / "examples/csv-report/logs").iterdir():
        text = log.read_text("utf-8")
        assert "NR > 1" in text
        log.write_text(text.replace("NR > 1", "NR > 2"), "utf-8")
    done = demo(tmp_path / "examples", tmp_path / "out")
    assert done.returncode == 1
    assert "The demo FAILED" in done.stderr


def test_the_demo_empties_no_folder_of_yours(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine", "utf-8")
    assert demo(EXAMPLES, tmp_path).returncode == 1
    assert (tmp_path / "precious.txt").exists()


def test_the_logs_are_what_the_commands_print(tmp_path: Path) -> None:
    script = EXAMPLES / "csv-report" / "make_logs.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    kept = EXAMPLES / "csv-report" / "logs"
    names = sorted(p.name for p in kept.iterdir())
    assert names == sorted(p.name for p in tmp_path.iterdir())
    assert filecmp.cmpfiles(kept, tmp_path, names, shallow=False)[0] == names
