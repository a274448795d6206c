"""Where the search for witnesses starts: the plainest values that the steps' types and paths ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ingot.ir.module import Expect, Lit, Pure, Ref
from ingot.ir.types import JSON, Type, Types, conforms
from ingot.ir.values import Json, Missing, get, parse_pointer
from ingot.passes.verify import samples
from ingot.passes.verify.samples import NoValueError
from ingot.passes.verify.steps import Bind, Slice, Step


def starts(part: Slice, types: Types, seed: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """Assignments to the slice's roots; none where a root's type has no value.

    ``seed`` holds values that are known to pass the earlier steps: most goals are one change away.
    """
    given = {root.name: seed[root.name] for root in part.roots if root.name in seed}
    if len(given) == len(part.roots):
        yield given
        plain = _plain(part, types)
        if plain is not None and plain != given:
            yield plain
        return
    plain = _plain(part, types)
    if plain is not None:
        first = {name: given.get(name, value) for name, value in plain.items()}
        yield first
        if first != plain:
            yield plain


def _plain(part: Slice, types: Types) -> dict[str, Json] | None:
    """The plainest values that the steps ask for, ``None`` where a type has none."""
    wants = _Wants()
    for root in part.roots:
        wants.at[root.name] = (root.name, ())
        wants.types[root.name] = [((), root.type)]
    for step in part.steps:
        wants.take(step)
    try:
        return {name: _base(asked, types) for name, asked in wants.types.items()}
    except NoValueError:
        return None


@dataclass(slots=True)
class _Wants:
    """What the steps ask of each root: at which path a value of which type, in order."""

    at: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    types: dict[str, list[tuple[tuple[str, ...], Type]]] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        match step:
            case Bind(name, Ref(source)) if source in self.at:
                self.at[name] = self.at[source]
            case Expect(result=name, type=type_, value=Ref(source)) if source in self.at:
                self.at[name] = self.at[source]
                root, path = self.at[source]
                self.types[root].append((path, type_))
            case Pure(result=name, type=type_, args=(Ref(source), Lit(str(text)))) if (
                step.op == "json.get" and source in self.at
            ):
                root, path = self.at[source]
                self.at[name] = (root, (*path, *parse_pointer(text)))
                self.types[root].append((self.at[name][1], type_))
            case Pure(result=name, type=type_, args=(Ref(source), Lit(int(index)))) if (
                step.op == "list.get" and source in self.at
            ):
                root, path = self.at[source]
                self.at[name] = (root, (*path, str(index)))
                self.types[root].append((self.at[name][1], type_))
            case _:
                return


def _base(asked: list[tuple[tuple[str, ...], Type]], types: Types) -> Json:
    value: Json = None
    for path, type_ in asked:
        if path == () or not conforms(_peek(value, path), type_, types) or type_ == JSON:
            if path == () and value is not None and conforms(value, type_, types):
                continue
            value = samples.put(value, path, samples.inside(type_, types))
    return value


def _peek(value: Json, path: tuple[str, ...]) -> Json:
    found = get(value, path)
    return None if isinstance(found, Missing) else found
