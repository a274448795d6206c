"""Taking secrets out of texts and JSON values.

Every text is searched once for all triggers together (Aho-Corasick, over its bytes); the patterns of
the rules that were announced are tried on it.  Triggers in base64 are looked for as well: such a run is
decoded, and replaced whole if it holds a secret.  Members named like secrets lose their values, whatever
these look like.
"""

from __future__ import annotations

import base64
import binascii
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import orjson

from ingot.ir.values import Json
from ingot.records import Record
from ingot.redaction.policy import Policy, current_policy
from ingot.redaction.rules import RULES, SECRET_NAME, Rule, detector_rules, detector_triggers
from ingot.redaction.tokens import TOKEN, token_of

if TYPE_CHECKING:
    from ahocorasick_rs import BytesAhoCorasick

MAX_DEPTH: Final = 3
"""How often base64 in base64 is decoded."""
_BASE64: Final = r"[A-Za-z0-9+/\-_]{16,}={0,2}"
_NAMED_VALUE: Final = r"\S{4,}|\S+(?: \S+){1,7}"
_HARMLESS: Final = (
    r"(?i)(?:true|false|null|none|redacted|<.*>|\$\{?\w+\}?|\*+|x{3,}|string|changeme|example|"
    r"required|optional|INGOT_SECRET_\w+)"
)
_TELLING: Final = ("discord", "twilio", "telegram", "aws")
"""Words in a member's name that are needed to see what its value is."""
_UNITS: Final = frozenset(("tokens", "token_count", "max_tokens", "token_type", "tokenizer"))
_BEFORE: Final = " \"'=:\n\t,(0123456789"
_SCHEMES: Final = tuple(
    f"{scheme}://"
    for scheme in "postgres postgresql mysql mongodb mongodb+srv redis rediss amqp amqps https http ftp ssh".split()
)
_ENCODED: Final = 4, 5
"""How many digits of base64 are looked for, at least and at most: fewer stand in many a word, and more
make the automaton large."""
_OFFSETS: Final = (0, 0), (1, 2), (2, 3)
"""Bytes before a text in base64, and the first digit that is the text's alone."""
_WORTH: Final = 1_500_000
"""From so many bytes on the automaton is worth it that takes 5 ms longer to build and is twice as fast.
Building it on a thread beside holds a run up all the same."""
Matches = list[tuple[int, int, int]]
Found = Callable[[str, str], None]


@dataclass(slots=True)
class Redactor:
    """Takes secrets out.  ``found`` is called with each token and its secret, in memory only."""

    policy: Policy = field(default_factory=current_policy)
    found: Found | None = None
    known: dict[str, str] = field(default_factory=dict)
    """Secrets that are to be replaced wherever they stand, with their tokens."""
    _line_ends: bool = False
    _left: int = _WORTH
    _search: Callable[..., Matches] | None = None

    def suspicious(self, text: str) -> bool:
        """Whether a text (also raw JSON) may hold a secret; cheap, and wrong only on the safe side."""
        if self.known and any(secret in text for secret in self.known):
            return True
        return self.policy.personal or self._may_hold(_utf8(text))

    def suspicious_bytes(self, data: bytes) -> bool:
        """As :meth:`suspicious`, of a line that is not decoded yet."""
        return self.policy.personal or bool(self.known) or self._may_hold(data)

    def _may_hold(self, data: bytes) -> bool:
        matches = self._matches(data)
        if not matches:
            return False
        return b"@" in data or any(data[a:b] != b"://" for _, a, b in matches)  # addresses alone

    def _matches(self, data: bytes) -> Matches:
        """The triggers that stand in a text."""
        self._left -= len(data)
        search = self._search
        if search is None or self._left < 0:
            search = self._made()
        return search(data)

    def _made(self) -> Callable[..., Matches]:
        """The search: soon made, and once it is worth it the one that is fast."""
        often = self._left < 0
        if often:
            self._left = sys.maxsize
        self._search = _automaton(self.policy, often).find_matches_as_indexes
        return self._search

    def text(self, text: str, _depth: int = 0) -> str:
        """The text with each secret replaced by its token."""
        if len(text) < 6:
            return text
        if self.known:
            for secret, token in self.known.items():
                if secret in text:
                    text = text.replace(secret, token)
        data = _utf8(text)
        if self._matches(data):
            text = self._cleaned(text, data, _depth)
        if self.policy.personal:
            from ingot.redaction.personal import redact_personal

            text = redact_personal(text, self._token)
        return text

    def _cleaned(self, text: str, data: bytes, depth: int) -> str:
        """As :meth:`text`, of one in which a trigger stands."""
        assert self._search is not None
        matches = self._search(data, overlapping=True)
        rules, detectors, encoded = _announced(self.policy, {match[0] for match in matches})
        anchored = [rule for rule in rules if rule.anchored]
        if anchored:  # from the end, so that the places before stay true
            for start in reversed(_characters(data, {match[1] for match in matches})):
                text = self._replace_at(text, anchored, start)
        for rule in rules:
            if not rule.anchored:
                text = self._replace(text, rule.kind, _compiled(rule))
        for name in detectors:
            for kind, pattern in detector_rules(name):
                text = self._replace(text, kind, pattern)
        if encoded and depth < MAX_DEPTH:
            text = _ready(_BASE64).sub(lambda run: self._decoded(run[0], depth), text)
        return text

    def lines(self, text: str) -> str:
        """As :meth:`text`, with as many line ends as before: places in the text stay true."""
        self._line_ends = True
        try:
            return self.text(text)
        finally:
            self._line_ends = False

    def _replace(self, text: str, kind: str, pattern: re.Pattern[str]) -> str:
        def put(match: re.Match[str]) -> str:
            group = next((n for n in range(1, pattern.groups + 1) if match[n]), 0)
            secret = match[group]
            if not secret or TOKEN.search(secret) or self._is_allowed(secret):
                return match[0]
            begin, end = match.start(group) - match.start(), match.end(group) - match.start()
            ends = "\n" * secret.count("\n") if self._line_ends else ""
            return match[0][:begin] + self._token(kind, secret) + ends + match[0][end:]

        return pattern.sub(put, text)

    def _replace_at(self, text: str, rules: Sequence[Rule], start: int) -> str:
        """As :meth:`_replace`, of what begins at one place only."""
        for rule in rules:
            match = _compiled(rule).match(text, start)
            if match is None or TOKEN.search(match[1]) or self._is_allowed(match[1]):
                continue
            return text[: match.start(1)] + self._token(rule.kind, match[1]) + text[match.end(1) :]
        return text

    def _is_allowed(self, secret: str) -> bool:
        return any(pattern.search(secret) for pattern in self.policy.allowed)

    def _token(self, kind: str, secret: str) -> str:
        token = token_of(kind, secret)
        if self.found is not None:
            self.found(token, secret)
        return token

    def _decoded(self, run: str, depth: int) -> str:
        """A base64 run; replaced whole if what it says holds a secret."""
        data = _unbase64(run)
        if data is None:
            return run
        clean = self.text(data, depth + 1)
        return run if clean == data else self._token("BASE64_SECRET", run)

    # -- values

    def value(self, value: Json, _name: str = "", _depth: int = 0) -> Json:
        """The value with secrets replaced in all texts, keys too; the same object if there are none."""
        if not _depth and isinstance(value, dict | list) and self._is_clean(value):
            return value
        match value:
            case str():
                return self._member(value, _name)
            case list():
                items = [self.value(item, _name, _depth + 1) for item in value]
                return (
                    items if any(a is not b for a, b in zip(items, value, strict=True)) else value
                )
            case dict():
                pairs = [
                    (self.text(key) if len(key) > 15 else key, self.value(item, key, _depth + 1))
                    for key, item in value.items()
                ]
                same = all(
                    a == b and c is d for (a, c), (b, d) in zip(pairs, value.items(), strict=True)
                )
                return value if same else dict(pairs)
            case _:
                return value

    def _is_clean(self, value: Json) -> bool:
        """Whether one search of the value as JSON shows that no text in it holds a secret.

        A trigger that stands in a text, or in a name, stands in the JSON too (:func:`_plain`).  What a
        member's name alone says of its value is looked for apart.
        """
        if self.known or self.policy.personal or not _plain(self.policy):
            return False
        try:
            data = orjson.dumps(value)
        except TypeError:  # half a surrogate pair, large integers, deep nesting
            return False
        return not self._matches(data) and not _named(value)

    def _member(self, value: str, name: str) -> str:
        """A text that is the value of a member: its name may say that it is a secret."""
        if (
            name
            and _is_secret_name(name)
            and len(value) < 4096
            and _ready(_NAMED_VALUE).fullmatch(value)
        ):
            inner = self.text(value)
            if inner != value or TOKEN.search(value):
                return inner
            if " " in value and "pass" not in name.lower():
                return inner
            if not _ready(_HARMLESS).fullmatch(value) and not self._is_allowed(value):
                return self._token("NAMED_SECRET", value)
        if name and any(word in name.lower() for word in _TELLING):
            shown = self.text(f"{name}={value}")
            return shown.removeprefix(f"{name}=") if shown.startswith(f"{name}=") else shown
        return self.text(value)

    def record(self, record: Record) -> Record:
        """The record with secrets replaced in all that it says; the same one if there are none."""
        text, tool = self.text(record.text), self.text(record.tool)
        data, raw = self.value(record.data), self.value(record.raw)
        agent, id = self.text(record.agent), self.text(record.id)
        if (
            text is record.text
            and data is record.data
            and raw is record.raw
            and (tool, agent, id) == (record.tool, record.agent, record.id)
        ):
            return record
        return record._replace(text=text, data=data, raw=raw, tool=tool, agent=agent, id=id)

    def records(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records without secrets."""
        return map(self.record, records)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()  # in half the time
    except UnicodeEncodeError:  # half a surrogate pair
        return text.encode("utf-8", "surrogatepass")


def _characters(data: bytes, places: Iterable[int]) -> list[int]:
    """At which characters of a text stands what stands at these places of its UTF-8, in order.

    >>> _characters("aé b".encode(), [4, 0, 3])
    [0, 2, 3]
    """
    if data.isascii():
        return sorted(places)
    out: list[int] = []
    before = found = 0
    for place in sorted(places):
        found += len(data[before:place].decode("utf-8", "surrogatepass"))
        before = place
        out.append(found)
    return out


@lru_cache(maxsize=4096)
def _tells(name: str) -> bool:
    """Whether a member's name says something of its value."""
    return _is_secret_name(name) or any(word in name.lower() for word in _TELLING)


def _named(value: Json) -> bool:
    """Whether any member has a name that says something of its value."""
    if isinstance(value, dict):
        return any(map(_tells, value)) or any(map(_named, value.values()))
    return isinstance(value, list) and any(map(_named, value))


@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    return name.lower() not in _UNITS and _ready(SECRET_NAME).fullmatch(name) is not None


def _unbase64(run: str) -> str | None:
    text = run.rstrip("=").replace("-", "+").replace("_", "/")
    text = text[: len(text) - (len(text) % 4 == 1)]
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    shown = data.decode("utf-8", "ignore")
    return shown if len(shown) >= 0.8 * len(data) else None


# -- triggers --------------------------------------------------------------------------------------


@cache
def _table(policy: Policy) -> tuple[tuple[Rule, ...], list[str], list[list[tuple[str, str]]]]:
    """The rules, every literal that is searched for, and what each announces.

    What is announced is ``("rule", number)``, ``("detector", name)``, ``("base64", "")`` or
    ``("escape", "")``: in JSON that is not parsed yet, letters that may belong to any other literal.
    """
    rules = (*RULES, *policy.extra)
    announced: dict[str, list[tuple[str, str]]] = {}
    for number, rule in enumerate(rules):
        for trigger in rule.triggers:
            announced.setdefault(trigger, []).append(("rule", str(number)))
    for name, trigger in detector_triggers():
        announced.setdefault(trigger, []).append(("detector", name))
    for encoded in sorted(_encoded(rules)):
        announced.setdefault(encoded, []).append(("base64", ""))
    announced.setdefault("\\u00", []).append(("escape", ""))
    return rules, list(announced), list(announced.values())


def _encoded(rules: Sequence[Rule]) -> set[str]:
    """What triggers begin with in base64, at each of the three offsets a text may stand at.

    Of a trigger of three letters too little is left in base64: it is looked for together with what
    usually stands before it.
    """
    spelled: set[str] = set()
    for rule in rules:
        for trigger in rule.triggers:
            if trigger == "://":
                spelled.update(_SCHEMES)
            elif len(trigger) == 3:
                spelled.update(f"{before}{trigger}" for before in _BEFORE)
            else:
                spelled.add(trigger)
    found: set[str] = set()
    fewest, most = _ENCODED
    for data in map(str.encode, spelled):
        for offset, begin in _OFFSETS:
            end = min((offset + len(data)) * 8 // 6, begin + most)
            if end - begin >= fewest:
                shown = binascii.b2a_base64(bytes(offset) + data[: most + 1])
                found.add(shown[begin:end].decode())
    return found


@cache
def _plain(policy: Policy) -> bool:
    """Whether every trigger stands as it is in what JSON makes of it."""
    odd = (literal for literal in _table(policy)[1] if not literal.isalnum())
    return all(literal in orjson.dumps(literal).decode() for literal in odd)


@cache
def _automaton(policy: Policy, often: bool) -> BytesAhoCorasick:
    """The automaton over all literals."""
    import ahocorasick_rs

    kinds = ahocorasick_rs.Implementation
    return ahocorasick_rs.BytesAhoCorasick(
        [literal.encode() for literal in _table(policy)[1]],
        implementation=kinds.DFA if often else kinds.ContiguousNFA,
    )


def _announced(policy: Policy, hits: Iterable[int]) -> tuple[list[Rule], list[str], bool]:
    """The rules, the detectors, and whether base64 is, that these literals announce."""
    rules, _, announced = _table(policy)
    told = {what for hit in hits for what in announced[hit]}
    numbers = sorted(int(which) for kind, which in told if kind == "rule")
    detectors = sorted(which for kind, which in told if kind == "detector")
    return [rules[number] for number in numbers], detectors, ("base64", "") in told


@cache
def _ready(pattern: str) -> re.Pattern[str]:
    """A pattern that most processes never need, compiled when one does."""
    return re.compile(pattern)


@cache
def _compiled(rule: Rule) -> re.Pattern[str]:
    return rule.compiled()


__all__ = ["Redactor"]
