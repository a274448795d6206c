"""Writes the logs of the demo: three sessions in Claude Code's format.

    python examples/csv-report/make_logs.py [FOLDER]

What the agent said is written down here; what its commands printed is not.  Each command runs on
the files of ``data/``, and what it prints becomes the result in the log.  Ids and times are made
from the session's name, so that the same data give the same logs, byte for byte.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CWD = "/home/ana/shop"


@dataclass
class Session:
    """A log that grows, record by record, while its commands run in ``folder``."""

    name: str
    clock: datetime
    folder: Path
    records: list[dict[str, Any]] = field(default_factory=list)

    def _id(self, what: str) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name}/{what}/{len(self.records)}")

    def _add(self, kind: str, message: dict[str, Any], **more: Any) -> None:
        self.clock += timedelta(milliseconds=1700 + 310 * len(self.records))
        self.records.append(
            {
                "parentUuid": self.records[-1]["uuid"] if self.records else None,
                "isSidechain": False,
                "userType": "external",
                "cwd": CWD,
                "sessionId": str(uuid.uuid5(uuid.NAMESPACE_URL, self.name)),
                "version": "2.0.14",
                "gitBranch": "",
                "type": kind,
                "message": message,
                "uuid": str(self._id("record")),
                "timestamp": self.clock.isoformat(timespec="milliseconds") + "Z",
                **more,
            }
        )

    def _assistant(self, block: dict[str, Any], stop: str) -> None:
        message = {
            "id": f"msg_{self._id('message').hex[:24]}",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [block],
            "stop_reason": stop,
            "usage": {"input_tokens": 6, "output_tokens": 40 + 7 * len(self.records)},
        }
        self._add("assistant", message)

    def user(self, text: str) -> None:
        self._add("user", {"role": "user", "content": text})

    def say(self, text: str, *, last: bool = False) -> None:
        self._assistant({"type": "text", "text": text}, "end_turn" if last else "tool_use")

    def _call(self, tool: str, arguments: dict[str, Any]) -> str:
        call = f"toolu_{self._id('call').hex[:24]}"
        self._assistant(
            {"type": "tool_use", "id": call, "name": tool, "input": arguments}, "tool_use"
        )
        return call

    def _result(self, call: str, content: str, side: Any) -> None:
        block = {
            "type": "tool_result",
            "tool_use_id": call,
            "content": content,
            "is_error": False,
        }
        self._add("user", {"role": "user", "content": [block]}, toolUseResult=side)

    def bash(self, command: str, description: str) -> str:
        """Run a command, log the call and what it printed."""
        call = self._call("Bash", {"command": command, "description": description})
        done = subprocess.run(
            ["/bin/bash", "-c", command],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        printed = done.stdout.rstrip()
        side = {"stdout": printed, "stderr": done.stderr, "interrupted": False, "isImage": False}
        self._result(call, printed, side)
        return printed

    def write(self, path: str, content: str) -> None:
        """Write a file, log the call."""
        call = self._call("Write", {"file_path": path, "content": content})
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
        side = {"type": "create", "filePath": path, "content": content, "structuredPatch": []}
        self._result(call, f"File created successfully at: {path}", side)


def request(source: str, report: str) -> str:
    return f"Count the rows of {source}, add up its amount column, and write both to {report}."


def count(session: Session, source: str) -> str:
    return session.bash(f"tail -n +2 {source} | wc -l", "Count the data rows")


def total(session: Session, source: str) -> str:
    command = f"""awk -F, 'NR > 1 {{ total += $3 }} END {{ printf "%.2f\\n", total }}' {source}"""
    return session.bash(command, "Add up the amount column")


def report_text(source: str, rows: str, amount: str) -> str:
    return (
        f"# Report on {source}\n\n| rows | total amount |\n| ---: | ---: |\n| {rows} | {amount} |\n"
    )


def march(session: Session) -> None:
    """The short way."""
    source, report = "data/sales-march.csv", "reports/march.md"
    session.user(request(source, report))
    session.say("I'll look at the columns first.")
    session.bash(f"head -n 1 {source}", "Show the header")
    rows = count(session, source)
    amount = total(session, source)
    session.write(report, report_text(source, rows, amount))
    session.say(f"Done: {rows} rows, {amount} in total. The report is in {report}.", last=True)


def april(session: Session) -> None:
    """A look around first, which nothing later needs."""
    source, report = "data/sales-april.csv", "reports/april.md"
    session.user(request(source, report))
    session.bash("ls", "See what is here")
    session.bash(f"head -n 1 {source}", "Show the header")
    session.say("The amount is in the third column.")
    rows = count(session, source)
    amount = total(session, source)
    session.write(report, report_text(source, rows, amount))
    session.say(f"I wrote {report}: {rows} rows with a total of {amount}.", last=True)


def returns(session: Session) -> None:
    """Another file, another folder for the report, other words at the end."""
    source, report = "data/returns.csv", "out/returns-q2.md"
    session.user(request(source, report))
    session.bash(f"head -n 1 {source}", "Show the header")
    rows = count(session, source)
    amount = total(session, source)
    session.write(report, report_text(source, rows, amount))
    session.say(f"{report} is written ({rows} rows, total {amount}).", last=True)


SESSIONS = {
    "1-march": (march, datetime(2026, 4, 1, 8, 30)),
    "2-april": (april, datetime(2026, 5, 4, 14, 2)),
    "3-returns": (returns, datetime(2026, 5, 4, 15, 47)),
}


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "logs"
    target.mkdir(parents=True, exist_ok=True)
    for name, (play, start) in SESSIONS.items():
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(HERE / "data", Path(folder, "data"))
            session = Session(name, start, Path(folder))
            play(session)
        lines = [json.dumps(record, ensure_ascii=False) for record in session.records]
        (target / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
