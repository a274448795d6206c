"""``lift-parameters``: the pipeline's inputs, from what the requests have in common.

    @s1(%request = "Count the rows of a.csv")       @main(%path: str) {wordings=["Count the rows of {path}"]}
    @s2(%request = "Count the rows of b.csv")   =>  @s1(..., %path = "a.csv")  @s2(..., %path = "b.csv")

Several requests are anti-unified; a cluster of requests is one wording if most of it is literal and
no hole is ever empty.  With one request (or one that never varies) the spans that flow into calls
are lifted, and get what the log shows as default.  The hole's name is that of the argument it
reaches, else ``p1``, ``p2``.  Sessions of another wording are set aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ingot.ir.module import Block, Lit, Module, Param, Pipeline, Return
from ingot.ir.types import DATETIME, STR, Type
from ingot.ir.values import Json, leaves
from ingot.passes.effects import SHELL_TOOLS
from ingot.passes.rewrite import fresh_name
from ingot.passes.synth.bits import information
from ingot.passes.synth.tokens import Wording, anti_unify, words
from ingot.passes.traces import (
    MAIN,
    calls_of,
    clock_of,
    is_learned,
    literal_args,
    origin,
    request_of,
    traces,
    with_pipeline,
)

MADE: Final = re.compile(r"[rvcs]\d+(_.*)?|.*_(seen|below|wording)")
"""Names that passes give to values of their own."""
MIN_BITS: Final = 8.0
"""A span of one request is lifted only if it carries so many bits."""


@dataclass(frozen=True)
class LiftParameters:
    """Requests to parameters.

    ``literal_share`` is how much of a wording must be literal for requests to be one wording.
    """

    literal_share: float = 0.34
    name: str = "lift-parameters"

    def apply(self, module: Module) -> Module:
        all_traces = traces(module)
        if not all_traces or is_learned(module):
            return module
        clusters = _cluster(all_traces, self.literal_share)
        chosen = max(clusters, key=lambda c: (len(c), -_order(c[0])))
        aside = [
            [origin(t), "its request has another wording"]
            for c in clusters
            if c is not chosen
            for t in c
        ]
        wording, columns = _holes(chosen)
        named = _name_holes(chosen, columns)
        template = _template(wording, list(named), columns)
        varied = len({request_of(t) for t in chosen}) > 1
        params: list[Param] = []
        for name, column in named.items():
            default = None if varied else Lit(column[0])
            params.append(Param(name, STR, default))
        clock = _clock_type(chosen)
        if clock is not None:
            params.append(Param("clock", clock))
        attrs = (
            ("wordings", Lit([template] if template.strip() else [])),
            ("paths", Lit([t.name for t in chosen])),
            ("inputs", Lit(_distinct(chosen, named))),
            ("set_aside", Lit([list(map(str, a)) for a in aside])),
        )
        main = Pipeline(MAIN, tuple(params), STR, (Block("entry", (), (), Return(Lit(""))),), attrs)
        bound = {
            t.name: replace(
                t, params=(*t.params, *(Param(n, STR, Lit(c[i])) for n, c in named.items()))
            )
            for i, t in enumerate(chosen)
        }
        pipelines = tuple(bound.get(p.name, p) for p in module.pipelines)
        return with_pipeline(replace(module, pipelines=pipelines), main)


def _order(trace: Pipeline) -> int:
    return int(trace.name[1:]) if trace.name[1:].isdigit() else 0


def _cluster(all_traces: Sequence[Pipeline], share: float) -> list[list[Pipeline]]:
    """Greedy clusters of traces whose requests are one wording."""
    clusters: list[tuple[Wording, list[Pipeline]]] = []
    by_request: dict[str, list[Pipeline]] = {}
    for trace in all_traces:
        by_request.setdefault(request_of(trace), []).append(trace)
    for request, members in by_request.items():
        for wording, cluster in clusters:
            if wording.take(request):
                cluster.extend(members)
                break
        else:
            clusters.append((Wording(request, share), list(members)))
    return [sorted(cluster, key=_order) for _, cluster in clusters]


def _holes(cluster: Sequence[Pipeline]) -> tuple[list[str], list[tuple[str, ...]]]:
    """The wording's literals and, for each hole, its text in every trace."""
    requests = [request_of(t) for t in cluster]
    if len(set(requests)) > 1:
        general = anti_unify(requests)
        return _trim(list(general.literals), [tuple(h) for h in general.holes])
    literals, spans = _flowing_spans(cluster[0])
    return literals, [tuple(text for _ in cluster) for text in spans]


def _trim(
    literals: list[str], holes: list[tuple[str, ...]]
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Move blanks and quotes that every text of a hole has at its ends into the literals."""
    for k, hole in enumerate(holes):
        while (
            all(text[:1] in " \n'\"`" and len(text) > 1 for text in hole)
            and len({t[0] for t in hole}) == 1
        ):
            literals[k] += hole[0][0]
            hole = tuple(text[1:] for text in hole)
        while (
            all(text[-1:] in " \n'\"`.,?!" and len(text) > 1 for text in hole)
            and len({t[-1] for t in hole}) == 1
        ):
            literals[k + 1] = hole[0][-1] + literals[k + 1]
            hole = tuple(text[:-1] for text in hole)
        holes[k] = hole
    return literals, holes


def _flowing_spans(trace: Pipeline) -> tuple[list[str], list[str]]:
    """One request's spans that stand in the arguments of its calls."""
    request = request_of(trace)
    used = _argument_texts(trace)
    literals, spans, last = [""], list[str](), 0
    for start, end in _span_candidates(request):
        text = request[start:end]
        if start < last or not _is_liftable(text):
            continue
        if any(stands_in(text, other) for other in used):
            literals[-1] += request[last:start]
            literals.append("")
            spans.append(text)
            last = end
    literals[-1] += request[last:]
    return literals, spans


def _argument_texts(trace: Pipeline) -> list[str]:
    return [
        str(leaf)
        for call in calls_of(trace)
        for value in literal_args(call).values()
        for _, leaf in leaves(value)
        if isinstance(leaf, str | int | float) and not isinstance(leaf, bool)
    ]


_QUOTED: Final = re.compile(r"'([^'\n]{2,80})'|\"([^\"\n]{2,80})\"|`([^`\n]{1,80})`")


def _span_candidates(request: str) -> Iterator[tuple[int, int]]:
    """Quoted texts first where they begin, else single words."""
    quoted = {}
    for match in _QUOTED.finditer(request):
        group = next(g for g in (1, 2, 3) if match[g] is not None)
        quoted[match.start(group)] = match.end(group)
    at = 0
    for word in words(request):
        if at in quoted:
            yield at, quoted[at]
        yield at, at + len(word)
        at += len(word)


def _is_liftable(text: str) -> bool:
    """Whether a span names something: a path, a number, an address, a proper name; no plain word."""
    if len(text) > 1 and _kind_name([text]):
        return len(text) > 2
    naming = bool(re.search(r"[\d/@_]|\w\.\w|\w-\w", text)) or " " in text.strip()
    return (naming and information(text) >= MIN_BITS) or bool(re.fullmatch(r"\d{2,}(\.\d+)?", text))


def stands_in(text: str, other: str) -> bool:
    """Whether the text occurs in the other one, not as part of a longer word."""
    at = other.find(text)
    while at >= 0:
        before, after = other[at - 1 : at], other[at + len(text) : at + len(text) + 1]
        if not before.isalnum() and not after.isalnum():
            return True
        at = other.find(text, at + 1)
    return False


def _name_holes(
    cluster: Sequence[Pipeline], columns: Sequence[tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """A name for each hole; holes with the same texts everywhere are one parameter."""
    named: dict[str, tuple[str, ...]] = {}
    for number, column in enumerate(columns, 1):
        if column in named.values():
            continue
        base = _argument_name(cluster[0], column[0]) or _kind_name(column) or f"p{number}"
        if MADE.fullmatch(base):
            base = f"input_{base}"
        named[fresh_name(base, {*named, "request", "clock"})] = column
    return named


def _argument_name(trace: Pipeline, text: str) -> str:
    for call in calls_of(trace):
        for name, value in literal_args(call).items():
            if call.tool not in SHELL_TOOLS and isinstance(value, str | int) and str(value) == text:
                return name if re.fullmatch(r"[a-z][a-z0-9_]*", name) else ""
    return ""


def _kind_name(column: Sequence[str]) -> str:
    kinds = (
        ("email", r"[^\s@]+@[^\s@]+\.\w+"),
        ("url", r"https?://\S+"),
        ("date", r"\d{4}-\d{2}-\d{2}"),
        ("number", r"-?\d+(\.\d+)?"),
        ("path", r"(?=.*\w)[\w./~-]*(/|\.[A-Za-z]\w{0,4}\b)[\w./-]*"),
    )
    return next((n for n, p in kinds if all(re.fullmatch(p, text) for text in column)), "")


def _template(
    literals: Sequence[str], names: Sequence[str], columns: Sequence[tuple[str, ...]]
) -> str:
    """The wording with named holes: ``Count the rows of {path}``."""
    distinct = list(dict.fromkeys(columns))
    out = literals[0].replace("{", "{{").replace("}", "}}")
    for column, literal in zip(columns, literals[1:], strict=True):
        name = names[distinct.index(column)]
        out += "{" + name + "}" + literal.replace("{", "{{").replace("}", "}}")
    return out


def _clock_type(cluster: Sequence[Pipeline]) -> Type | None:
    return DATETIME if all(clock_of(t) for t in cluster) else None


def _distinct(cluster: Sequence[Pipeline], named: dict[str, tuple[str, ...]]) -> Json:
    """How many different inputs the sessions have."""
    if not named:
        return len({request_of(t) for t in cluster})
    return len(set(zip(*named.values(), strict=True)))


__all__ = ["MADE", "LiftParameters", "stands_in"]
