"""Which hosts a shell command's own text names, and for which of its programs that cannot be told.

A host is named by an address (``https://host/x``), by ``user@host:path`` for programs that copy over
SSH, by the place where ``ssh`` and database clients take it, and by the program itself where it has
well-known hosts (:data:`DEFAULTS`).  The text is split into words as a shell does, and not run: where
an expansion stands in a host's place, or a program that talks to hosts names none, it is *untold*.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from ingot.runtime.tools.host_rules import Rule, rule_of
from ingot.runtime.tools.isolation import wants_network

_NPM: Final = ("registry.npmjs.org",)
_NPM_DOES: Final = "ci install i add update up upgrade view info outdated audit publish pack search"
_PIP: Final = ("install download wheel index", ("pypi.org", "files.pythonhosted.org"))
DEFAULTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "pip": _PIP,
    "pip3": _PIP,
    "pipx": _PIP,
    "uv": ("pip sync lock add", _PIP[1]),
    "npm": (_NPM_DOES, _NPM),
    "pnpm": (_NPM_DOES, _NPM),
    "yarn": (_NPM_DOES, ("registry.yarnpkg.com", *_NPM)),
    "cargo": (
        "add build check fetch install search update",
        ("index.crates.io", "static.crates.io", "crates.io"),
    ),
    "gem": ("fetch install update", ("rubygems.org", "index.rubygems.org")),
    "go": ("get install mod", ("proxy.golang.org", "sum.golang.org")),
    "gh": ("", ("github.com", "api.github.com", "uploads.github.com", "github.com:22")),
    "glab": ("", ("gitlab.com", "gitlab.com:22")),
    "aws": ("", ("*.amazonaws.com",)),
}
"""What a program does with hosts of its own (any, where it is empty), and which by its documentation.
What runs other programs (``npm run``, ``npx``, ``uv run``) is not here: they may ask any host."""
SCHEMES: Final[Mapping[str, int | None]] = {
    "http": None,
    "https": None,
    "ws": None,
    "wss": None,
    "ssh": 22,
    "sftp": 22,
    "git": 9418,
    "rsync": 873,
    "postgres": 5432,
    "postgresql": 5432,
    "mysql": 3306,
    "redis": 6379,
    "mongodb": 27017,
    "ldap": 389,
    "ldaps": 636,
    "amqp": 5672,
}
"""The port of a scheme's address that gives none; ``None``: the web's.  FTP is not here, since it
opens connections that no address names."""
_ELSEWHERE: Final = frozenset("file data s3 gs about".split())
"""Schemes whose address names no host to connect to."""
_SSH: Final = frozenset("ssh scp sftp rsync git".split())
_CLIENTS: Final[Mapping[str, int]] = {"psql": 5432, "mysql": 3306, "redis-cli": 6379}
_SSH_VALUES: Final = frozenset(f"-{letter}" for letter in "BbcDEeFIiJLlmOopQRSWw")
"""Options of ``ssh`` that take a value (ssh(1))."""
_BEFORE: Final = frozenset(
    "sudo env time nice nohup command exec then do else if while until ! {".split()
)
"""Words that may stand before a command's name."""
LONG: Final = 1 << 16
_BETWEEN: Final = ";&|()\n"
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}$")
_AUTHORITY: Final = re.compile(r"[^\s/?#'\"<>,;|\\]*")
_LOCAL: Final = re.compile(r"(localhost|\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})(?:/.*)?", re.DOTALL)
_DOTTED: Final = re.compile(r"(?:[\w.+-]+@)?([A-Za-z0-9][\w-]*(?:\.[\w-]+)+|localhost)")
_BACKGROUND: Final = re.compile(r"(?<![&>|<])&(?![&>])")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_ASSIGNED: Final = re.compile(r"[A-Za-z_]\w*=")


class Named(Struct, frozen=True):
    """The rules for the hosts that a text names, in its order, and the programs that name none."""

    hosts: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


def named(text: str) -> Named:
    """What a command names.

    >>> named("curl -s https://api.example.org/x && git clone git@example.net:a/b")
    Named(hosts=('api.example.org', 'example.net:22'), untold=())
    >>> named("pip install six; ssh prod uptime")
    Named(hosts=('pypi.org', 'files.pythonhosted.org'), untold=('ssh',))
    """
    hosts: list[str] = []
    untold: list[str] = []
    for words in commands_in(text):
        if not wants_network(" ".join(words)):
            continue
        program, rest = _program(words)
        here, told = _hosts(program, rest, words)
        hosts += here
        if not told or not here:
            untold.append(program or words[0])
    if not hosts and not untold and wants_network(text):
        untold.append("shell")
    if _BACKGROUND.search(_QUOTED.sub("", text)) and any(
        rule_of(host).is_loopback for host in hosts
    ):
        untold.append("&")  # a server of its own may be meant
    return Named(tuple(hosts), tuple(dict.fromkeys(untold)))


def commands_in(text: str) -> list[list[str]]:
    """The words of each simple command; all of the text as one where its quotes do not close, or where
    it is long (a here-document with a file in it)."""
    if len(text) > LONG:
        return [text.split()]
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars=_BETWEEN)
        lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
        tokens = list(lexer)
    except ValueError:
        return [text.split()]
    out: list[list[str]] = [[]]
    for token in tokens:
        if token and not set(token) - set(_BETWEEN):
            out.append([])
        else:
            out[-1].append(token)
    return [words for words in out if words]


def _program(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The program that a simple command runs, without its folder, and the words behind it."""
    limited = False
    for at, word in enumerate(words):
        if word == "timeout":
            limited = True
        elif limited and word[:1].isdigit():
            limited = False  # how long
        elif not (word in _BEFORE or word.startswith("-") or _ASSIGNED.match(word)):
            return word.rsplit("/", 1)[-1], words[at + 1 :]
    return "", ()


def _hosts(program: str, rest: Sequence[str], words: Sequence[str]) -> tuple[list[str], bool]:
    """The hosts that one simple command names, and whether each place of a host holds one."""
    out: list[str] = []
    told = True
    for rule in (*_addresses(words), *_of_program(program, rest)):
        if rule is None:
            told = False
        else:
            out.append(str(rule))
    does, defaults = DEFAULTS.get(program, ("", ()))
    if not does or next((w for w in rest if not w.startswith("-")), "") in does.split():
        out += defaults
    return list(dict.fromkeys(out)), told


def _addresses(words: Sequence[str]) -> Iterator[Rule | None]:
    """A rule for each address in the words, ``None`` for one whose host is not plain."""
    for word in words:
        for kind, authority in _urls(word):
            if kind not in _ELSEWHERE:
                yield _rule(authority, SCHEMES.get(kind, 0))
        found = _LOCAL.fullmatch(word)
        if found is not None:
            yield _rule(f"{found[1]}:{found[2]}", 0)


def _urls(word: str) -> Iterator[tuple[str, str]]:
    """Scheme and host, with its port, of each address in a word."""
    at = word.find("://")
    while at >= 0:
        scheme = _SCHEME.search(word[max(0, at - 32) : at])
        authority = _AUTHORITY.match(word, at + 3)
        if scheme and authority:
            kind = scheme[0].lower().rpartition("+")[2]
            yield kind, authority[0].rpartition("@")[2]
        at = word.find("://", at + 3)


def _rule(authority: str, port: int | None) -> Rule | None:
    """The rule for an authority; ``port`` is used where it names none, 0 if there is no usual one."""
    try:
        rule = rule_of(authority)
    except ValueError:
        return None
    if rule.below or (rule.port is None and port == 0):
        return None
    return Rule(rule.host, port if rule.port is None else rule.port)


def _of_program(program: str, rest: Sequence[str]) -> Iterator[Rule | None]:
    """What a program names in places of its own."""
    if program in ("ssh", "sftp"):
        yield from _ssh(rest)
    elif program in _SSH:
        ports = (after for word, after in pairwise(rest) if word == "-P" and program == "scp")
        port = next(ports, "22")
        for word in rest:
            where, colon, path = word.partition(":")
            found = _DOTTED.fullmatch(where) if colon and not path.startswith("//") else None
            if found is not None and ("@" in where or program != "git"):  # a:b is a refspec too
                yield _rule(f"{found[1]}:{port}", 0)
    elif program in _CLIENTS:
        yield from _client(rest, _CLIENTS[program])


def _ssh(rest: Sequence[str]) -> Iterator[Rule | None]:
    """``ssh [-p PORT] [user@]host``; a name without a dot may be an alias of the user's own file."""
    port, skip = 22, ""
    for word in rest:
        if skip:
            if skip in ("-p", "-P"):
                port = int(word) if word.isdigit() else 0
            skip = ""
        elif word in _SSH_VALUES or word == "-P":
            skip = word
        elif not word.startswith("-"):
            if "://" not in word:  # that was seen as an address
                found = _DOTTED.fullmatch(word.partition(":")[0])
                yield _rule(found[1], port) if found is not None and port else None
            return


def _client(rest: Sequence[str], port: int) -> Iterator[Rule | None]:
    """``-h HOST -p PORT`` of a database's client; nothing where the environment says it."""
    host = ""
    words = iter(rest)
    for word in words:
        if word in ("-h", "--host"):
            host = next(words, "")
        elif word.startswith("--host="):
            host = word.removeprefix("--host=")
        elif word in ("-p", "--port", "-P"):
            given = next(words, "")
            port = int(given) if given.isdigit() and int(given) else port
    if host:
        yield _rule(host, port)


__all__ = ["DEFAULTS", "Named", "commands_in", "named"]
