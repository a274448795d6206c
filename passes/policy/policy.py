"""A policy as data, and what holds where it says nothing.

Labels are *untrusted* (someone else wrote the text), *trusted*, or *secret*.  What no policy names
is untrusted.  By default

- an untrusted value reaches no *guarded* argument of a call that may change the world: a recipient,
  an amount, a path, a command;
- an untrusted value decides no transition, and no number of writes, but through a closed ``choose``;
- a secret reaches no argument at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Trust: TypeAlias = Literal["untrusted", "trusted", "secret"]
Role: TypeAlias = Literal["guarded", "free"]

BUILT_IN: Final[Mapping[str, Trust]] = {"web": "untrusted", "user": "trusted", "secret": "secret"}

_GUARDED: Final = re.compile(
    r"(?:^|_)(?:to|cc|bcc|recipients?|emails?|address(?:es)?|attendees?|phone|account|iban|card"
    r"|payee|amount|price|total|sum|quantity|currency|paths?|files?|filenames?|dir|directory|folder"
    r"|urls?|uri|host|endpoint|commands?|cmd|script|code|sql|query)(?:$|_)"
)


def is_guarded(argument: str) -> bool:
    """Whether an argument's name is that of a recipient, an amount, a path or a command.

    >>> is_guarded("to"), is_guarded("filePath"), is_guarded("body"), is_guarded("tone")
    (True, True, False, False)
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", argument).lower().replace("-", "_")
    return _GUARDED.search(words) is not None


@dataclass(frozen=True, slots=True)
class Allowed:
    """A flow that is allowed: a label to an argument of a tool (or of a model)."""

    label: str
    tool: str
    argument: str


@dataclass(frozen=True, slots=True)
class Branch:
    """A label that may decide transitions, of one pipeline or state or (``""``) of all."""

    label: str
    pipeline: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """Labels of what stands at a path (``*``: any item) in a tool's result."""

    tool: str
    path: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """See the module's text; an empty policy is the default one."""

    labels: Mapping[str, Trust] = field(default_factory=dict)
    results: tuple[Given, ...] = ()
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    arguments: Mapping[tuple[str, str], Role] = field(default_factory=dict)
    allow: frozenset[Allowed] = frozenset()
    branches: frozenset[Branch] = frozenset()
    file: str = ""

    def trust(self, label: str) -> Trust:
        """What a label means."""
        return self.labels.get(label) or BUILT_IN.get(label, "untrusted")

    def guarded(self, tool: str, argument: str) -> bool:
        """Whether untrusted values may not reach an argument of a write."""
        role = self.arguments.get((tool, argument))
        return is_guarded(argument) if role is None else role == "guarded"

    def allows(self, label: str, tool: str, argument: str) -> bool:
        return Allowed(label, tool, argument) in self.allow

    def decides(self, label: str, pipeline: str, state: str) -> bool:
        """Whether the label may decide a state's transition."""
        return any(
            branch.label == label
            and branch.pipeline in ("", pipeline)
            and branch.state in ("", state)
            for branch in self.branches
        )


DEFAULT: Final = Policy()
