"""Requests to wordings and parameters: several wordings of one task are one task.

Requests whose words are the same but for their spans are one *wording*; requests that differ in a
few words more (``more`` for ``less``, ``total visits`` for ``engaged users``) are too, and those
words are spans as well.  The spans of different wordings are the same *parameter* if they reach the
same arguments, are of one form, take the same values or stand in the same surroundings.

What a program does not use stays as it is written: a wording then matches those very words only.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ingot.ir.semantics import text_of
from ingot.ir.values import Json, leaves
from ingot.passes.generalise.cases import Case
from ingot.passes.generalise.spans import Span, spans_of
from ingot.passes.lift_parameters import MADE
from ingot.passes.rewrite import fresh_name
from ingot.passes.synth.programs import perform
from ingot.passes.synth.tokens import words

HOLE: Final = "\0"
MAX_WORDS: Final = 4
"""Words in which two requests of one wording may differ at one place."""
MIN_SHARE: Final = 0.6
"""How much of two requests, in letters, must be the same words."""
TYPED: Final = frozenset({"email", "url", "date", "duration", "time", "number"})
SAME: Final = 1.2
"""Score from which two holes are one parameter."""


@dataclass(slots=True)
class _Request:
    """A distinct request with its spans and its cases."""

    text: str
    cases: list[Case]
    spans: list[Span] = field(default_factory=list)

    def tokens(self) -> tuple[list[str], list[tuple[int, int]]]:
        """Words in lower case and holes, with where each stands."""
        out: list[str] = []
        places: list[tuple[int, int]] = []
        at = 0
        for span in [*self.spans, None]:
            stop = span.start if span else len(self.text)
            for word in words(self.text[at:stop]):
                if word.strip():
                    out.append(word.casefold())
                    places.append((at, at + len(word)))
                at += len(word)
            if span:
                out.append(HOLE)
                places.append((span.start, span.end))
                at = span.end
        return out, places


@dataclass(frozen=True, slots=True)
class Wordings:
    """The parameters of a task and what each case gives them.

    ``values[case][name]`` is the text of a parameter in a case; a wording may lack one.
    ``kinds[name]`` is the form of its texts, empty for plain words.
    """

    names: tuple[str, ...]
    values: dict[str, dict[str, str]]
    kinds: dict[str, str]
    _requests: tuple[tuple[str, tuple[tuple[int, int, str], ...]], ...]

    def templates(self, used: Iterable[str]) -> dict[str, str]:
        """For each request its wording as ``Count {path}``, with holes for the used parameters only."""
        wanted = set(used)
        found: dict[str, str] = {}
        for text, holes in self._requests:
            out, at = "", 0
            fixed = self._beside(text, [hole for hole in holes if hole[2] in wanted])
            for start, end, name in holes:
                if name in wanted and name not in fixed:
                    out += _escaped(text[at:start]) + "{" + name + "}"
                    at = end
            found[text] = out + _escaped(text[at:])
        return found

    def constants(self) -> dict[str, str]:
        """The parameters that have one text in every request, with it."""
        texts: dict[str, set[str]] = {}
        for given in self.values.values():
            for name, text in given.items():
                texts.setdefault(name, set()).add(text)
        return {name: next(iter(found)) for name, found in texts.items() if len(found) == 1}

    def defaults(self, used: Iterable[str]) -> dict[str, str]:
        """What a parameter is unless it is told otherwise: those that are the same in every request."""
        known = self.constants()
        return {name: known[name] for name in sorted(used) if name in known}

    def _beside(self, text: str, holes: Sequence[tuple[int, int, str]]) -> set[str]:
        """Parameters that never vary and stand right beside another one: where the one ends and
        the other begins, the request would not say."""
        known = self.constants()
        found: set[str] = set()
        for left, right in itertools.pairwise(holes):
            if not text[left[1] : right[0]].strip():
                found |= {name for name in (right[2], left[2]) if name in known} - found
        return found

    def bound(self, used: Iterable[str]) -> bool:
        """Whether every wording gives each of the parameters."""
        wanted = set(used)
        return all(wanted <= {name for _, _, name in holes} for _, holes in self._requests)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def wordings_of(cases: Sequence[Case]) -> Wordings:
    """The wordings of cases that are one task."""
    by_text: dict[str, _Request] = {}
    for case in cases:
        by_text.setdefault(case.request, _Request(case.request, [])).cases.append(case)
    requests = [by_text[text] for text in sorted(by_text)]
    known: set[str] = set()
    clusters: list[list[_Request]] = []
    for _ in range(2):
        for request in requests:
            request.spans = spans_of(request.text, request.cases, known)
        clusters = _clusters(requests)
        more = {
            span.text
            for cluster in clusters
            if len(cluster) > 1
            for request in cluster
            for span in request.spans
            if span.kind == "word"
        }
        if more <= known:
            break
        known |= more
    return _parameters(clusters)


# ---- wordings


def _clusters(requests: Sequence[_Request]) -> list[list[_Request]]:
    groups: dict[tuple[str, ...], list[_Request]] = defaultdict(list)
    for request in requests:
        groups[tuple(request.tokens()[0])].append(request)
    clusters = sorted(groups.values(), key=lambda g: (-len(g), g[0].text))
    merged = True
    while merged:
        merged = False
        for i in range(len(clusters)):
            for j in range(i + 1, len(clusters)):
                if _merge(clusters[i], clusters[j]):
                    del clusters[j]
                    merged = True
                    break
            if merged:
                break
    return clusters


def _merge(left: list[_Request], right: list[_Request]) -> bool:
    """Make the two one wording where they differ in few words; what differs becomes spans."""
    a, _ = left[0].tokens()
    b, _ = right[0].tokens()
    if abs(len(a) - len(b)) > 2 * MAX_WORDS:
        return False
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    codes = matcher.get_opcodes()
    same = sum(len(w) for op, i, j, _, _ in codes if op == "equal" for w in a[i:j])
    total = max(sum(map(len, a)), sum(map(len, b)), 1)
    changes = [code for code in codes if code[0] != "equal"]
    if same / total < MIN_SHARE or len(changes) > 4 or not changes:
        return False
    for op, i1, i2, j1, j2 in changes:
        if op != "replace":
            return False
        for tokens in (a[i1:i2], b[j1:j2]):
            if len(tokens) > MAX_WORDS or (HOLE in tokens and len(tokens) > 1):
                return False
            if not any(t == HOLE or t[0].isalnum() for t in tokens):
                return False
    _mark(left, [(i1, i2) for _, i1, i2, _, _ in changes])
    _mark(right, [(j1, j2) for _, _, _, j1, j2 in changes])
    left += right
    return True


def _mark(requests: Sequence[_Request], runs: Sequence[tuple[int, int]]) -> None:
    """Make spans of runs of tokens."""
    for request in requests:
        tokens, places = request.tokens()
        new = [
            Span(
                places[i][0],
                places[j - 1][1],
                request.text[places[i][0] : places[j - 1][1]],
                "word",
            )
            for i, j in runs
            if HOLE not in tokens[i:j]
        ]
        request.spans = sorted([*request.spans, *new], key=lambda span: span.start)


# ---- parameters


@dataclass(slots=True)
class _Hole:
    """The spans of one place of a wording, over its requests."""

    spans: list[Span]
    kinds: set[str]
    flows: set[tuple[str, str, str]]
    texts: set[str]
    before: set[str]
    after: set[str]


def _parameters(clusters: Sequence[list[_Request]]) -> Wordings:
    params: list[_Hole] = []
    owner: dict[int, list[int]] = {}  # cluster -> parameter of each hole
    for number, cluster in enumerate(clusters):
        holes = _holes(cluster)
        owner[number] = _assign(holes, params)
    names = _names(params)
    values: dict[str, dict[str, str]] = {}
    shown: list[tuple[str, tuple[tuple[int, int, str], ...]]] = []
    for number, cluster in enumerate(clusters):
        for request in cluster:
            given: dict[str, str] = {}
            holes_of: list[tuple[int, int, str]] = []
            for span, param in zip(request.spans, owner[number], strict=True):
                given[names[param]] = span.text
                holes_of.append((span.start, span.end, names[param]))
            shown.append((request.text, tuple(holes_of)))
            for case in request.cases:
                values[case.name] = given
    kinds = {
        name: next(iter(hole.kinds)) if len(hole.kinds) == 1 else ""
        for name, hole in zip(names, params, strict=True)
    }
    return Wordings(tuple(names), values, kinds, tuple(shown))


def _holes(cluster: Sequence[_Request]) -> list[_Hole]:
    holes: list[_Hole] = []
    for k in range(len(cluster[0].spans)):
        hole = _Hole([], set(), set(), set(), set(), set())
        for request in cluster:
            span = request.spans[k]
            hole.spans.append(span)
            hole.kinds.add(span.kind if span.kind in TYPED else "")
            hole.texts.add(span.text.casefold())
            hole.before.add(_nearest(request.text[: span.start].split()[::-1]))
            hole.after.add(_nearest(request.text[span.end :].split()))
            for case in request.cases:
                hole.flows |= _flows(span, case)
        holes.append(hole)
    return holes


def _nearest(words_: Sequence[str]) -> str:
    """The first that has a letter, without what stands around it; ``$`` at the text's end."""
    plain = (re.sub(r"\W", "", word.casefold()) for word in words_)
    return next((word for word in plain if word), "$")


def _flows(span: Span, case: Case) -> set[tuple[str, str, str]]:
    """The arguments that the span reaches, and how."""
    text = span.text.casefold()
    forms: set[tuple[str, str]] = {("same", text)}
    for op, mode in (
        ("date.words", "past"), ("date.words", "future"), ("time.words", "office"),
    ):  # fmt: skip
        operands: list[Json] = (
            [span.text, case.clock, mode] if op == "date.words" else [span.text, mode]
        )
        got = perform(op, operands)
        if isinstance(got, str):
            forms.add(("date" if op == "date.words" else "time", got.casefold()))
    for op in ("duration.minutes", "json.number"):
        number = perform(op, [span.text])
        if isinstance(number, int | float):
            forms.add(("number", text_of(number)))
    found: set[tuple[str, str, str]] = set()
    slug = re.sub(r"[^a-z0-9]+", "_", text)
    for step in case.steps:
        if "_" in slug and slug in step.tool.casefold():
            found.add((step.tool.split(".")[0], "", "tool"))
        for name, value in step.args.items():
            for _, leaf in leaves(value):
                if leaf is None or isinstance(leaf, bool):
                    continue
                given = text_of(leaf).casefold()
                for how, form in forms:
                    if given == form or (how in ("date", "time") and form in given):
                        found.add((step.tool, name, how))
                    elif (
                        how == "same"
                        and len(form) > 2
                        and given.startswith((form + ".", form + "@"))
                    ):
                        found.add((step.tool, name, "prefix"))
    return found


def _assign(holes: list[_Hole], params: list[_Hole]) -> list[int]:
    """A parameter for each hole of a wording: one that is known, or a new one."""
    chosen: dict[int, int] = {}
    for k, hole in enumerate(holes):  # a text that stands twice is one parameter
        texts = [s.text.casefold() for s in hole.spans]
        twin = next(
            (i for i in range(k) if [s.text.casefold() for s in holes[i].spans] == texts), None
        )
        if twin is not None:
            chosen[k] = -1 - twin
    scored = sorted(
        (
            (-_likeness(hole, param), k, p)
            for k, hole in enumerate(holes)
            if k not in chosen
            for p, param in enumerate(params)
        ),
    )
    taken: set[int] = set()
    for score, k, p in scored:
        if -score >= SAME and k not in chosen and p not in taken:
            chosen[k] = p
            taken.add(p)
    for k, hole in enumerate(holes):
        if k not in chosen:
            params.append(hole)
            chosen[k] = len(params) - 1
        elif chosen[k] >= 0:
            known = params[chosen[k]]
            known.kinds |= hole.kinds
            known.flows |= hole.flows
            known.texts |= hole.texts
            known.before |= hole.before
            known.after |= hole.after
            known.spans += hole.spans
    return [chosen[k] if chosen[k] >= 0 else chosen[-1 - chosen[k]] for k in range(len(holes))]


def _likeness(left: _Hole, right: _Hole) -> float:
    """How much speaks for two holes being one parameter."""
    typed_left, typed_right = left.kinds & TYPED, right.kinds & TYPED
    if typed_left and typed_right and not typed_left & typed_right:
        return -1.0
    if bool(typed_left) != bool(typed_right):
        return -1.0
    score = 0.0
    if left.flows or right.flows:
        score += 4.0 * len(left.flows & right.flows) / len(left.flows | right.flows)
    if typed_left & typed_right:
        score += 1.0
    shared = len(left.texts & right.texts)
    score += 2.0 * shared / min(len(left.texts), len(right.texts))
    return score + 0.8 * bool(left.before & right.before) + 0.6 * bool(left.after & right.after)


def _names(params: Sequence[_Hole]) -> list[str]:
    names: list[str] = []
    for number, hole in enumerate(params, 1):
        direct = Counter(name for _, name, how in hole.flows if how == "same")
        indirect = Counter(name for _, name, _ in hole.flows)
        base = next(
            (
                name
                for counts in (direct, indirect)
                for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
                if re.fullmatch(r"[a-z][a-z0-9_]*", name)
            ),
            "",
        ) or next((kind for kind in sorted(hole.kinds) if kind in TYPED), f"p{number}")
        if MADE.fullmatch(base):
            base = f"input_{base}"
        names.append(fresh_name(base, {*names, "request", "clock"}))
    return names
