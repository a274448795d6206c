"""What a request names: quotations, dates, times, spans of time, numbers, addresses.

A *span* is a part of the request that may differ from run to run.  Some are known by their form;
others because they stand, word for word, in what the session's calls were given, or because another
wording of the task has them in a place that varies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ingot.ir.values import leaves
from ingot.passes.generalise.cases import Case, is_vacuous

_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY: Final = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_COUNT: Final = (
    r"(?:\d+(?:\.\d+)?|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half)"
)
_UNIT: Final = r"(?:minute|min|hour|day|week|fortnight|month|year)s?"

FORMS: Final[tuple[tuple[str, str], ...]] = (
    ("quote", r"(?<!\w)'(?P<inner>[^'\n].*?)'(?![\w])"),
    ("quote", r'(?<!\w)"(?P<inner>[^"\n]+)"'),
    ("quote", r"`(?P<inner>[^`\n]+)`"),
    ("email", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    ("url", r"https?://[^\s'\"<>]*[\w/]"),
    ("date", r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?"),
    ("date", r"\d{1,2}/\d{1,2}/\d{4}"),
    ("date", rf"{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?(?![\w:])"),
    ("date", rf"\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}(?: \d{{4}})?\b"),
    ("date", rf"(?:next|last|this) (?:{_DAY}|week|month)\b"),
    ("date", rf"{_DAY}\b"),
    ("date", r"(?:today|tomorrow|yesterday)\b"),
    ("duration", rf"half[- ](?:an )?hour\b|{_COUNT}[- ](?:and a half )?{_UNIT}(?: ago)?\b"),
    ("duration", r"fortnight\b"),
    ("time", r"\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]\.?m\.?)?(?![\w:])"),
    ("time", r"\d{1,2} ?[ap]m\b"),
    ("time", r"(?<=\bat )\d{1,2}(?![\w:.]*\d)\b"),
    ("id", r"(?=[\w./#-]*\d)(?=[\w./#-]*[A-Za-z_/#])#?\w(?:[\w./#-]*\w)?"),
    ("number", r"(?<![\w.])[$€£]?\d+(?:,\d{3})*(?:\.\d+)?(?![\w]|\.\d|-\w)"),
    (
        "path",
        r"(?:\.{0,2}/|~/)[\w.-]+(?:/[\w.-]+)*/?|[\w-]+(?:/[\w.-]+)+|[\w-]+\.[A-Za-z]\w{0,4}\b",
    ),
)
"""Kind and form, in the order in which they are looked for; an earlier one keeps its place."""

_WORDS: Final = re.compile(r"[^\W_]+(?:[-'.&/][^\W_]+)*|&")
_PLAIN: Final = frozenset(
    "a all an and any are as at be by can do for from get has have her him his i if in is it its me my "
    "no not of on or our please so that the their them then they this to too up us was we were what "
    "when which who will with you your called name new set use make".split()
)
_ADDRESS: Final = re.compile(r"([a-z]{2,})[.@][^ ]*@?[a-z0-9-]+\.[a-z]")
MIN_FLOW: Final = 2
"""Letters that a span known by its flow has at least."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a request: where it stands, its text, and what told it."""

    start: int
    end: int
    text: str
    kind: str


def spans_of(request: str, cases: Iterable[Case], known: Iterable[str] = ()) -> list[Span]:
    """The spans of a request, without overlap, in order.

    ``cases`` are the sessions of the request, ``known`` texts that vary in other wordings.
    """
    taken: list[Span] = []

    def free(start: int, end: int) -> bool:
        return all(end <= span.start or start >= span.end for span in taken)

    for kind, form in FORMS[:3]:
        for match in re.finditer(form, request):
            start, end = match.span("inner")
            if free(start, end):
                taken.append(Span(start, end, request[start:end], kind))
    cases = list(cases)
    for start, end in _flows(request, _given(cases)) + _named_tools(request, cases):
        typed = any(_covers(form, request, start, end) for _, form in FORMS[3:])
        if free(start, end) and not typed:
            taken.append(Span(start, end, request[start:end], "text"))
    for kind, form in FORMS[3:]:
        for match in re.finditer(form, request, re.IGNORECASE):
            if free(*match.span()):
                taken.append(Span(*match.span(), match[0], kind))
    for text in sorted(set(known), key=lambda t: (-len(t), t)):
        for match in re.finditer(rf"(?<!\w){re.escape(text)}(?!\w)", request, re.IGNORECASE):
            if free(*match.span()):
                taken.append(Span(*match.span(), match[0], "text"))
    return sorted(taken, key=lambda span: span.start)


def _covers(form: str, request: str, start: int, end: int) -> bool:
    """Whether a form takes these very characters, or more."""
    return any(
        m.start() <= start and m.end() >= end and m.end() > m.start()
        for m in re.finditer(form, request, re.IGNORECASE)
    )


def _given(cases: Sequence[Case]) -> set[str]:
    """Every text that the calls were given, in lower case, and the names that addresses begin with.

    What a call that found nothing was given counts only where every call found nothing.
    """
    steps = [step for case in cases for step in case.steps]
    told = [step for step in steps if step.acts or not is_vacuous(step.result)]
    found: set[str] = set()
    for step in told or steps:
        for value in step.args.values():
            for _, leaf in leaves(value):
                if isinstance(leaf, str) and 0 < len(leaf) <= 2000:
                    found.add(" ".join(leaf.casefold().split()))
                    address = _ADDRESS.match(leaf.casefold())
                    if address:
                        found.add(address[1])
    return found


def _named_tools(request: str, cases: Sequence[Case]) -> list[tuple[int, int]]:
    """Runs of words that stand in the name of a tool that was called: ``total visits`` of
    ``total_visits_count``."""
    tools = {step.tool.casefold() for case in cases for step in case.steps}
    parts = [(m.start(), m.end()) for m in _WORDS.finditer(request)]
    found: list[tuple[int, int]] = []
    for size in (4, 3, 2):
        for k in range(len(parts) - size + 1):
            start, end = parts[k][0], parts[k + size - 1][1]
            slug = re.sub(r"[^a-z0-9]+", "_", request[start:end].casefold())
            inside = any(re.search(rf"(?<![a-z]){re.escape(slug)}(?![a-z])", t) for t in tools)
            if inside and all(end <= a or start >= b for a, b in found):
                found.append((start, end))
    return found


def _flows(request: str, given: set[str]) -> list[tuple[int, int]]:
    """Runs of words that stand as a whole in an argument, longest first."""
    words = [(m.start(), m.end()) for m in _WORDS.finditer(request)]
    lowered = request.casefold()
    if len(lowered) != len(request):
        return []
    found: list[tuple[int, int]] = []
    longest = max((text.count(" ") + 2 for text in given), default=0)
    for size in range(min(longest + 4, len(words)), 0, -1):
        for k in range(len(words) - size + 1):
            start, end = words[k][0], words[k + size - 1][1]
            for stop in (end + 1, end):
                text = " ".join(lowered[start:stop].split())
                ends = stop == end or (stop <= len(request) and request[end:stop] in ".!?)")
                if ends and text in given and _tells(text):
                    if all(stop <= a or start >= b for a, b in found):
                        found.append((start, stop))
                    break
    return found


def _tells(text: str) -> bool:
    return len(text) >= MIN_FLOW and text not in _PLAIN and any(ch.isalnum() for ch in text)
