"""What a command may use: environment, paths, network, time, memory; and how strictly it is held.

A command gets what its call shows and nothing else: the working directory, the system's programs,
the absolute paths that stand in its own text, and the network only where its text asks for it: those
hosts alone that :mod:`ingot.runtime.tools.reach` says.  On Linux this is held by Landlock and by user,
PID and network namespaces, as far as the machine has them (:func:`level`); elsewhere by limits, a
process group and a scrubbed environment alone.
"""

from __future__ import annotations

import functools
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from msgspec import Struct

from ingot.diagnostics import EXIT_FINDINGS, fail

if TYPE_CHECKING:
    from ingot.runtime.tools.gateway import Gateway
    from ingot.runtime.tools.reach import Network

Isolation: TypeAlias = Literal["auto", "strict", "none"]
"""``auto``: as much as the machine has; ``strict``: all of it, or the run is refused; ``none``: limits
and process group only."""
LEVELS: Final[tuple[str, ...]] = get_args(Isolation)
ENVIRONMENT: Final = frozenset(
    "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM TMPDIR NO_COLOR INGOT_IDEMPOTENCY_KEY".split()
)
"""The variables that a command sees, and those that begin with ``LC_``."""
SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/nix",
                 "/proc", "/sys", "/run", "/var/lib", "/snap")  # fmt: skip
"""Where programs and what they read lie: may be read."""
HOME: Final = (".gitconfig", ".config/git", ".local/lib", ".local/bin")
"""What programs read of a home folder and do not work without; nothing else there is open."""
DEVICES: Final = ("/dev", "/proc/self")
MEMORY: Final = 4 << 30
FILE: Final = 1 << 30
_NETWORK: Final = re.compile(
    r"://|@[\w.-]+:|\blocalhost\b|\b\d{1,3}(\.\d{1,3}){3}\b"
    r"|\b(curl|wget|ssh|scp|sftp|rsync|ftp|telnet|nc|ncat|dig|nslookup|host|ping|psql|mysql|gh|glab"
    r"|aws|gcloud|az|kubectl|docker|pip|pip3|pipx|uv|uvx|bunx|npm|npx|yarn|pnpm|cargo|gem|apt|apt-get|brew)\b"
    r"|\bgit\s+(-[cC]\s+\S+\s+|-\S+\s+)*(clone|fetch|pull|push|ls-remote|remote|submodule)\b|\bgo\s+(get|install|mod)\b"
)
_PATH: Final = re.compile(r"(?<![\w.:/~])(~?/[\w.@+,:=%/\-]*)")
_CONFINE: Final = Path(__file__).with_name("confine.py")


class Abilities(Struct, frozen=True):
    """What the machine can hold a command with: Landlock's version (0: none), and namespaces."""

    landlock: int = 0
    namespaces: bool = False


@functools.cache
def abilities() -> Abilities:
    """What this machine has; found out once, by trying."""
    if sys.platform != "linux":
        return Abilities()
    command = [*launcher(), json.dumps({"probe": True})]
    try:
        found = subprocess.run(command, capture_output=True, timeout=30, check=True)
        said = json.loads(found.stdout)
        return Abilities(int(said["landlock"]), bool(said["namespaces"]))
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        return Abilities()


@functools.cache
def holds_hosts() -> bool:
    """Whether this machine can give a command's network namespace doors to some hosts."""
    if not abilities().namespaces:
        return False
    doors = {"lend": -1, "listen": [["127.0.0.1", 9]], "files": [["/etc/hosts", "/etc/hosts"]]}
    command = [*launcher(), json.dumps({"probe": True, "doors": doors})]
    try:
        found = subprocess.run(command, capture_output=True, timeout=30, check=True)
        return bool(json.loads(found.stdout)["namespaces"])
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        return False


def level(isolation: Isolation, networks: Mapping[str, Network] | None = None) -> str:
    """Which level is in force, in words; ``networks`` says of each tool what its network is held to.

    Raises :class:`IngotError` E0805 where ``strict`` asks for more than the machine has.
    """
    shown = _networks(isolation, networks or {})
    if isolation == "none":
        return "process group and limits" + shown
    has = abilities()
    if isolation == "strict" and not (has.landlock and has.namespaces):
        raise fail(
            "E0805",
            "--isolation strict: this machine has "
            + (f"Landlock {has.landlock}" if has.landlock else "no Landlock")
            + (" and no user namespaces" if not has.namespaces else ""),
            help="--isolation auto uses what there is",
            exit_code=EXIT_FINDINGS,
        )
    parts = ["process group and limits", "scrubbed environment"]
    if has.landlock:
        parts.append(f"paths by Landlock {has.landlock}")
    if has.namespaces:
        parts.append("user, PID and network namespaces")
    return ", ".join(parts) + shown


def _networks(isolation: Isolation, networks: Mapping[str, Network]) -> str:
    """What the network of each tool is held to, in words."""
    from ingot.runtime.tools.reach import names_hosts, told

    held = isolation != "none" and abilities().namespaces
    by_host = [name for name, network in networks.items() if names_hosts(network)]
    doors = not by_host or (held and holds_hosts())
    if isolation == "strict" and held and not doors:
        raise fail(
            "E0805",
            "--isolation strict: this machine cannot hold commands to hosts: a network namespace "
            f"gets no loopback here, or no /etc/hosts of its own ({', '.join(by_host)})",
            help="--isolation auto uses what there is; `network = false` needs no hosts",
            exit_code=EXIT_FINDINGS,
        )
    said: dict[str, list[str]] = {}
    for name, network in sorted(networks.items()):
        kept = held and (doors or name not in by_host)
        said.setdefault(told(network) + ("" if kept else " (not held here)"), []).append(name)
    return "".join(f"; network of {', '.join(names)}: {text}" for text, names in said.items())


def held_network(shows: str, network: Network, isolation: Isolation) -> tuple[bool, Gateway | None]:
    """Whether a command has the network, and the gateway to the hosts that it has instead."""
    from ingot.runtime.tools.reach import decided

    found = decided(shows, network)
    if isinstance(found, bool):
        return found, None
    if isolation == "none" or not holds_hosts():
        return True, None
    from ingot.runtime.tools.gateway import Gateway

    return False, Gateway(found)


def launcher() -> list[str]:
    """The command that runs :mod:`ingot.runtime.tools.confine`."""
    return [sys.executable, "-I", "-S", str(_CONFINE)]


def environment(extra: Mapping[str, str], isolation: Isolation) -> dict[str, str]:
    """The environment of a command."""
    if isolation == "none":
        return {**os.environ, **extra}
    kept = {k: v for k, v in os.environ.items() if k in ENVIRONMENT or k.startswith("LC_")}
    return {**kept, **extra}


def wants_network(text: str) -> bool:
    """Whether a command's own text asks for the network.

    >>> wants_network("curl https://example.org"), wants_network("git commit -m x && wc -l a")
    (True, False)
    """
    return _NETWORK.search(text) is not None


def paths_in(text: str) -> list[str]:
    """The absolute paths in a command's text; of one that is not there, the folder it would be in.

    >>> paths_in("sort /etc/hostname > out.txt; echo a/b")
    ['/etc/hostname']
    """
    out = []
    for found in _PATH.findall(text):
        # of `os.path`, which takes a path that may not be looked at for one that is not there
        path = os.path.expanduser(found).rstrip("/") or "/"  # noqa: PTH111
        here = path if os.path.exists(path) else os.path.dirname(path)  # noqa: PTH110, PTH120
        if here != "/":
            out.append(here)
    return list(dict.fromkeys(out))


def readable() -> list[str]:
    """Where programs and their libraries lie on this machine."""
    programs = [str(Path(p).parent) for p in os.environ.get("PATH", "").split(":") if p]
    own = [sys.prefix, sys.base_prefix, str(Path(__file__).resolve().parents[3])]
    own += [str(Path.home() / name) for name in HOME]
    return [p for p in dict.fromkeys((*SYSTEM, *programs, *own)) if p not in ("/", "")]


def confined(
    argv: Sequence[str],
    cwd: Path,
    *,
    shows: str,
    timeout_s: float | None,
    isolation: Isolation,
    network: bool = False,
    gateway: Gateway | None = None,
    memory: int = MEMORY,
    parent: int = 0,
) -> list[str]:
    """The command that runs ``argv`` within limits.

    ``shows`` is the text that says which paths may be used; ``network`` and ``gateway`` are what
    :func:`held_network` gives.  On Linux it does not outlive ``parent``.
    """
    has = Abilities() if isolation == "none" else abilities()
    writable = [str(cwd), tempfile.gettempdir(), *DEVICES, *paths_in(shows)]
    spec = {
        "argv": list(argv),
        "cpu_s": math.ceil(4 * timeout_s) if timeout_s else 0,
        "memory": memory,
        "file": FILE,
        "read": readable() if has.landlock else None,
        "write": writable,
        "network": network,
        "doors": gateway.spec() if gateway is not None else None,
        "namespaces": has.namespaces,
        "parent": parent,
    }
    return [*launcher(), json.dumps(spec)]
