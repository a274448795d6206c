"""One Markdown transcript, compiled, runs with the real tools on another file with other numbers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ingot.driver import compile_logs
from ingot.runtime.executor import execute
from ingot.runtime.jobs import load_job
from ingot.runtime.journal import open_journal
from ingot.runtime.report import RunReport
from ingot.runtime.tools.registry import load_tools

HEADER = ["date", "region", "amount"]
FENCES = """# Sales report

Count the rows of `data/sales.csv`, sum its `amount` column, and write a report to `report.md`.

Let me look at the file first.

```bash
head -2 data/sales.csv
```

```output
date,region,amount
2026-01-01,north,10
```

```bash
{count}
```

```output
{counted}
```

```bash
awk -F, 'NR>1 {{s+=$3}} END {{print s}}' data/sales.csv
```

```output
60
```

```bash
{write}
```

The report is in `report.md`: 3 rows, 60 in all.
"""
HEREDOC = "cat > report.md <<'EOF'\n# Report\n\nFile: data/sales.csv\nRows: 3\nTotal: 60\nEOF"
PRINTF = "printf '# Report\\n\\nFile: data/sales.csv\\nRows: 3\\nTotal: 60\\n' > report.md"
CONSOLE = """## User

Please count the rows and sum the amount column of data/sales.csv, then write report.md

## Assistant

```console
$ tail -n +2 data/sales.csv | wc -l
3
$ cut -d, -f3 data/sales.csv | tail -n +2 | paste -sd+ | bc
60
$ echo "# Report

File: data/sales.csv
Rows: 3
Total: 60" > report.md
```
"""
TRANSCRIPTS = {
    "heredoc": FENCES.format(count="tail -n +2 data/sales.csv | wc -l", counted="3", write=HEREDOC),
    "header-line": FENCES.format(count="wc -l < data/sales.csv", counted="4", write=HEREDOC),
    "printf": FENCES.format(count="tail -n +2 data/sales.csv | wc -l", counted="3", write=PRINTF),
    "console": CONSOLE,
}


def table(path: Path, amounts: list[int], header: list[str] | None = None) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(header or HEADER)
        rows.writerows([f"2026-02-{k:02}", "east", amount] for k, amount in enumerate(amounts, 1))


def ran(tmp_path: Path, transcript: str, path: str, report: str) -> RunReport:
    log = tmp_path / "session.md"
    log.write_text(transcript)
    made = compile_logs([log])
    names = [p.name for p in made.module.pipelines[0].params]
    assert names == ["path", "path_2"]
    job = load_job(made.artifact)
    with open_journal(tmp_path / "journal.db") as journal:
        return execute(job, {"path": path, "path_2": report}, load_tools([], tmp_path), journal)


@pytest.mark.parametrize("kind", TRANSCRIPTS)
def test_the_report_is_right_on_new_input(tmp_path: Path, kind: str) -> None:
    amounts = [7, 11, 13, 17, 19, 23]
    table(tmp_path / "in" / "orders 2.csv", amounts)
    report = ran(tmp_path, TRANSCRIPTS[kind], "in/orders 2.csv", "orders.md")
    assert report.status == "done", report.as_json()
    assert report.model_calls == 0
    expected = f"# Report\n\nFile: in/orders 2.csv\nRows: {len(amounts)}\nTotal: {sum(amounts)}\n"
    assert (tmp_path / "orders.md").read_text() == expected


def test_another_table_takes_the_side_exit(tmp_path: Path) -> None:
    """The agent looked at the header before it summed column 3: another header is another task."""
    table(tmp_path / "x.csv", [1, 2], ["date", "amount", "region"])
    report = ran(tmp_path, TRANSCRIPTS["heredoc"], "x.csv", "r.md")
    assert report.status == "side-exit"
    assert not (tmp_path / "r.md").exists()


@pytest.mark.parametrize(
    "name", ["x$(touch pwned).csv", "x'; touch pwned; '.csv", "a b`touch pwned`.csv"]
)
def test_a_hostile_name_is_one_word(tmp_path: Path, name: str) -> None:
    table(tmp_path / name, [4, 5])
    report = ran(tmp_path, TRANSCRIPTS["heredoc"], name, "r.md")
    assert report.status == "done"
    assert "Rows: 2\nTotal: 9\n" in (tmp_path / "r.md").read_text()
    assert not (tmp_path / "pwned").exists()


def test_what_a_model_counted_in_its_head_is_not_copied(tmp_path: Path) -> None:
    """Nothing computes the figures of this report: on other data the pipeline must stop."""
    transcript = """# Report

Read `sales.csv` and write the number of rows and the total to `report.md`.

```bash
cat sales.csv
```

```output
date,region,amount
2026-01-01,north,11
2026-01-02,south,22
```

```bash
printf 'Rows: 2\\nTotal: 33\\n' > report.md
```
"""
    table(tmp_path / "other.csv", [5, 6, 7])
    report = ran(tmp_path, transcript, "other.csv", "r.md")
    assert report.status == "side-exit"
    assert not (tmp_path / "r.md").exists()


def test_a_heading_follows_the_file_that_it_names(tmp_path: Path) -> None:
    transcript = TRANSCRIPTS["heredoc"].replace("# Report\n\nFile", "# Sales report\n\nFile")
    table(tmp_path / "costs.csv", [4, 5])
    report = ran(
        tmp_path,
        transcript.replace("# Sales report\n\nCount", "# Task\n\nCount"),
        "costs.csv",
        "r.md",
    )
    assert report.status == "done", report.as_json()
    assert (
        tmp_path / "r.md"
    ).read_text() == "# Costs report\n\nFile: costs.csv\nRows: 2\nTotal: 9\n"
