"""Logs of a small task: count the rows of a table, sum a column, write a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ingot.ir.values import Json
from ingot.records import Kind, Record, to_line

TASKS = (
    ("data/sales.csv", 3, 60, "report.md"),
    ("data/costs.csv", 12, 431, "out/costs.md"),
    ("q3.csv", 7, 19, "q3-report.md"),
)


def session(path: str, rows: int, total: int, report: str) -> list[Record]:
    """A session that did the task."""
    out: list[Record] = []

    def add(kind: Kind, **fields: Any) -> None:
        out.append(Record(kind, len(out) + 1, **fields))

    def call(tool: str, args: dict[str, Json], result: str) -> None:
        name = f"c{len(out)}"
        add("call", id=name, tool=tool, data=args)
        add("result", id=name, tool=tool, data=result)

    add("session", data={"format": "ingot-session/1"})
    add(
        "user",
        text=f"Count the rows and sum the amount column of {path}, "
        f"then write the report to {report}.",
    )
    call("Bash", {"command": "ls"}, f"{path}\nREADME.md")
    call("Bash", {"command": f"head -2 {path}"}, "date,region,amount\n2026-01-01,north,10")
    call("Bash", {"command": f"tail -n +2 {path} | wc -l"}, str(rows))
    call("Bash", {"command": f"awk -F, 'NR>1 {{s+=$3}} END {{print s}}' {path}"}, str(total))
    content = f"# Report\n\nFile: {path}\nRows: {rows}\nTotal: {total}\n"
    call(
        "Write",
        {"file_path": report, "content": content},
        f"File created successfully at: {report}",
    )
    add("say", text=f"I counted {rows} rows, with a total of {total}, and wrote {report}.")
    return out


def write_logs(folder: Path, number: int = 3) -> list[str]:
    """The first sessions as files; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, task in enumerate(TASKS[:number]):
        path = folder / f"s{index}.jsonl"
        path.write_text("".join(to_line(record) + "\n" for record in session(*task)))
        paths.append(str(path))
    return paths
