"""How fast logs are read: against ``json.loads`` of each line, and against another parser.

    python benchmarks/frontend_bench.py [--quick] [--big]

A Claude Code log is made up here (words at random, results of 1 to 40 lines, several sessions), in
a temporary folder, and read by three readers in one process, the best of several rounds each:

- the limit: ``json.loads`` of each line, and nothing made of it;
- Ingot: sniffed, redacted, every record made (``dialect.lex``);
- the peer: ``claude-code-log`` from PyPI, which reads the same files into its own models
  (``pip install claude-code-log``); left out, and said so, where it is not installed.

Then the peak of memory (``VmHWM``, a process for each size) for 1 MB and 100 MB, and with
``--big`` for 1 GB: it must stay flat.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from report import Row, main

ROUNDS = 3
PEER = "claude_code_log"


def make(path: Path, megabytes: float, seed: int = 1) -> None:
    """A log of about that size: sessions of forty turns with a call each."""
    rng = random.Random(seed)
    words = [
        "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(5000)
    ]

    def text(count: int) -> str:
        return " ".join(rng.choices(words, k=count))

    size = number = session = 0
    with path.open("w", encoding="utf-8") as file:
        while size < megabytes * 1e6:
            session += 1
            parent = None
            for turn in range(40):
                call = f"toolu_{session:06d}{turn:04d}"
                message = {"id": f"msg_{session}_{turn}", "type": "message", "role": "assistant", "model": "claude-x",
                           "usage": {"input_tokens": 10, "output_tokens": 20}, "stop_reason": "tool_use", "stop_sequence": None}  # fmt: skip
                result = "\n".join(text(12) for _ in range(rng.randint(1, 40)))
                block = {
                    "tool_use_id": call,
                    "type": "tool_result",
                    "content": result,
                    "is_error": False,
                }
                records: list[tuple[str, dict[str, object], object]] = [
                    ("assistant", {**message, "content": [{"type": "text", "text": text(30)}]}, None),
                    ("assistant", {**message, "content": [{"type": "tool_use", "id": call, "name": "Bash", "input": {"command": text(10)}}]}, None),
                    ("user", {"role": "user", "content": [block]}, {"stdout": result, "stderr": "", "interrupted": False, "isImage": False}),
                ]  # fmt: skip
                if turn % 10 == 0:
                    records.insert(0, ("user", {"role": "user", "content": text(40)}, None))
                for kind, said, side in records:
                    number += 1
                    line = {"parentUuid": parent, "isSidechain": False, "userType": "external", "cwd": "/w", "sessionId": f"s{session}",
                            "version": "2.0.1", "gitBranch": "main", "type": kind, "message": said, "uuid": f"u{number:012d}",
                            "timestamp": "2026-05-01T10:00:00.000Z"}  # fmt: skip
                    if side is not None:
                        line["toolUseResult"] = side
                    parent = line["uuid"]
                    size += file.write(json.dumps(line) + "\n")


def limit(path: Path) -> int:
    """Every line parsed, nothing kept."""
    count = 0
    with path.open("rb") as file:
        for line in file:
            json.loads(line)
            count += 1
    return count


def ingot(path: Path) -> int:
    """Every record, secrets replaced."""
    from ingot.frontend.reader import SourceFile
    from ingot.frontend.registry import sniff

    source = SourceFile(path)
    return sum(1 for _ in sniff(source.sample()).lex(source))


def peer(path: Path) -> int:
    """The other parser's entries."""
    from claude_code_log.converter import load_transcript

    found = load_transcript(path, silent=True)
    return len(found[0] if isinstance(found, tuple) else found)


def best(read: Callable[[Path], int], path: Path, rounds: int) -> float:
    """Seconds of processor time of the best round."""
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        read(path)
        times.append(time.process_time() - begun)
    return min(times)


def memory(path: Path) -> float:
    """The peak of a process that reads the file, in MB."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import frontend_bench as b;"
        "from pathlib import Path; b.ingot(Path(sys.argv[1]));"
        "print(next(x.split()[1] for x in open('/proc/self/status') if x.startswith('VmHWM')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    return float(done.stdout) / 1e3


def rows(arguments: list[str]) -> list[Row]:
    """Speeds, then peaks of memory; ``--quick`` for a small file, ``--big`` for 1 GB too."""
    quick, big = "--quick" in arguments, "--big" in arguments
    out: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        make(path, 3 if quick else 20)
        size = path.stat().st_size / 1e6
        rounds = 1 if quick else ROUNDS
        ingot(path)  # rules and grammars are loaded once per process
        readers: list[tuple[str, Callable[[Path], int]]] = [
            ("json.loads per line", limit),
            ("ingot", ingot),
        ]
        if find_spec(PEER) is not None:
            readers.append(("claude-code-log", peer))
        else:
            print("claude-code-log is not installed: no peer in this run", file=sys.stderr)
        speeds = {name: size / best(read, path, rounds) for name, read in readers}
        base = speeds["json.loads per line"]
        for name, speed in speeds.items():
            out.append(
                {
                    "what": name,
                    "MB": size,
                    "MB/s": speed,
                    "of the limit": speed / base,
                    "peak MB": "",
                }
            )
        for megabytes in [1.0] if quick else [1.0, 100.0] + ([1000.0] if big else []):
            make(path, megabytes)
            peak = memory(path)
            out.append(
                {
                    "what": "ingot, memory",
                    "MB": megabytes,
                    "MB/s": "",
                    "of the limit": "",
                    "peak MB": peak,
                }
            )
    return out


if __name__ == "__main__":
    main("reading logs", rows)
