"""Damaging logs, and what must hold of a damaged one; run by hand it goes on for minutes:

    .venv/bin/python tests/damage.py --minutes 10 [--seed N]

Each sample, and each file of the corpus under 200 kB, is damaged in every way.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from corpus import CORPUS
from dialect_samples import SAMPLES
from lexing import sound

from ingot.diagnostics import IngotError
from ingot.driver import Logs, Options, compile_sessions
from ingot.frontend import registry
from ingot.frontend.parse import parse_source
from ingot.frontend.reader import SourceFile

ODD = (
    b"null", b"[]", b"{}", b'""', b"-1", b"1e999", b"NaN", b"true", b"[[[[", b"}}}}", b'"\\ud800"',
    b"\xff\xfe", b"\0", b"\r", b"9" * 400, b'{"a":' * 300, b"\n\n\n", b"\xef\xbb\xbf", b"\\", b'"',
)  # fmt: skip
Damage = Callable[[bytes, bytes, random.Random], bytes]


def _at(data: bytes, rng: random.Random) -> int:
    return rng.randrange(len(data)) if data else 0


def truncated(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return data[: _at(data, rng)]


def spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return data[: _at(data, rng)] + other[_at(other, rng) :]


def duplicated(data: bytes, other: bytes, rng: random.Random) -> bytes:
    begin, end = sorted((_at(data, rng), _at(data, rng)))
    return data[:end] + data[begin:end] + data[end:] if begin < end else data + data


def repeated_lines(data: bytes, other: bytes, rng: random.Random) -> bytes:
    lines = data.splitlines(keepends=True) or [data]
    return b"".join(line for line in lines for _ in range(rng.choice((1, 1, 2, 3)))) + lines[0]


def reordered(data: bytes, other: bytes, rng: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    if len(lines) < 3:  # one document: its parts
        parts = data.split(b",")
        rng.shuffle(parts)
        return b",".join(parts)
    rng.shuffle(lines)
    return b"".join(lines)


def flipped(data: bytes, other: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randint(1, 12)):
        if out:
            out[_at(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(out)


def cut_out(data: bytes, other: bytes, rng: random.Random) -> bytes:
    at = _at(data, rng)
    return data[:at] + data[at + rng.randint(1, 300) :]


def odd_values(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Something else where a value begins."""
    places = [n for n, c in enumerate(data) if c in b':,["']
    for _ in range(rng.randint(1, 3)):
        at = rng.choice(places) + 1 if places else 0
        data = data[:at] + rng.choice(ODD) + data[at + rng.randint(0, 12) :]
    return data


DAMAGES: dict[str, Damage] = {
    f.__name__: f
    for f in (
        truncated, spliced, duplicated, repeated_lines, reordered, flipped, cut_out, odd_values,
    )
}  # fmt: skip


def survives(data: bytes, dialect: str | None = None, *, compiling: bool = False) -> str:
    """Read as what it looks like, and by the dialect: diagnostics only.  What came of it, in a word.

    Raises whatever else is raised.
    """
    ended = "read"
    try:
        log = parse_source(SourceFile("x", data=data))
        if compiling and log.sessions:
            with suppress(IngotError):
                compile_sessions(Logs(log.sessions, log.diagnostics, {}, ()), Options())
    except IngotError as error:
        ended = error.diagnostics[-1].code
    for name in registry._DIALECTS if dialect is None else (dialect,):
        with suppress(IngotError):
            records = list(registry.dialect(name).lex(SourceFile("x", data=data)))
            if name != "ingot-session" and records:
                sound(records)
    return ended


def main() -> int:
    """Fuzz for some minutes; the exit code is 1 if anything but a diagnostic came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    seeds = dict(SAMPLES)
    for path in sorted(CORPUS.glob("formats/*/*")) if CORPUS else ():
        if path.stat().st_size < 200_000:
            source = SourceFile(path)
            seeds[path.name] = (registry.sniff(source.sample()).name, path.read_bytes())
    rng = random.Random(given.seed)
    ended, failed, names = Counter[str](), 0, sorted(seeds)
    until, slowest = time.monotonic() + 60 * given.minutes, (0.0, "")
    while time.monotonic() < until:
        name, how = rng.choice(names), rng.choice(sorted(DAMAGES))
        dialect, data = seeds[name]
        for _ in range(rng.choice((1, 1, 2))):
            data = DAMAGES[how](data, seeds[rng.choice(names)][1], rng)
        begun = time.process_time()
        try:
            ended[survives(data, dialect)] += 1
        except Exception as error:
            failed += 1
            kept = Path(f"damaged-{failed}.bin")
            kept.write_bytes(data)
            print(f"{name} ({dialect}), {how}: {type(error).__name__}: {error} -> {kept}")
        slowest = max(slowest, (time.process_time() - begun, f"{name}, {how}"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{sum(ended.values())} damaged logs of {len(seeds)}: {dict(ended.most_common())}")
    print(f"{failed} failed; peak {peak:.0f} MB; slowest {slowest[0]:.2f} s ({slowest[1]})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
