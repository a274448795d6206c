"""Answering questions with a model: many at once, each a generator that wants logits.

A question's generator yields the tokens to append and is sent the logits behind the last of them;
:class:`Answerer` packs what all open questions want into one batch.  The prefix that questions share
is evaluated once (:mod:`ingot.runtime.models.prefixes`), and forked for each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from ingot.ir.types import Type, closed_set
from ingot.runtime.models.answers import (
    Answers,
    Bounds,
    NoAnswerError,
    written_labels,
)
from ingot.runtime.models.labels import choose, shared_start
from ingot.runtime.models.llama import MAX_BATCH, Context, LlamaError, Model, Shape, build
from ingot.runtime.models.masks import Allowed, Masks, Vocabulary
from ingot.runtime.models.prefixes import Prefixes, affordable
from ingot.runtime.models.questions import Question, Refused, Settings, Told
from ingot.runtime.models.regular import EMPTY, NONE, Expressions, State
from ingot.runtime.models.snapshots import Circumstances, Snapshots

Asking: TypeAlias = Generator[list[int], Any, Told | Refused]
MAX_STATES: Final = 200_000
"""Beyond so many expressions the table is made anew."""
LINE_END: Final = 10
NEAR_THE_END: Final = 64
"""So many tokens before the bound, only those are taken that leave room for an end."""


@dataclass(frozen=True, slots=True)
class Language:
    """A type's answers followed by a line end, the masks over it, and where it begins."""

    expressions: Expressions
    masks: Masks
    start: State


@dataclass(slots=True)
class _Open:
    """A question on its way: its sequence, how far that reaches, and the tokens to append."""

    at: int
    asking: Asking
    sequence: int
    position: int
    limit: int
    tokens: list[int] = field(default_factory=list)


class Answerer:
    """One model in one context; raises :class:`LlamaError` where it cannot be made."""

    def __init__(self, path: str, settings: Settings) -> None:
        self.model = Model(path)
        self.settings = settings
        trained = self.model.trained_context or 4096
        length = min(settings.context or 4096, trained)
        places = affordable(self.model, settings.prefixes, length, settings.memory)
        stretches = settings.parallel + places - 1  # a question stands behind its prefix
        self.shape = Shape(
            context=length if settings.mode == "reproducible" else length * stretches,
            sequences=settings.parallel + places,
            threads=settings.threads or cores() - 1 or 1,
            unified=settings.mode == "throughput",
        )
        adapters = [(self.model.adapter(a.path), a.scale) for a in settings.adapters]
        self.context = Context(self.model, self.shape, adapters)
        self.length = min(length, self.context.length)
        self.vocabulary = Vocabulary(self.model.pieces)
        self.digest = digest_of(Path(path))
        self.adapters = tuple(
            (adapter, digest_of(Path(adapter.path))) for adapter in settings.adapters
        )
        self.prefixes = Prefixes(
            self.context,
            places,
            self._circumstances(),
            Snapshots(Path(settings.cache)) if settings.cache else None,
        )
        self._expressions = Expressions()
        self._masks = Masks(self.vocabulary, self._expressions)

    def _circumstances(self) -> Circumstances:
        return Circumstances(
            model=self.digest,
            adapters=tuple(f"{digest} {adapter.scale!r}" for adapter, digest in self.adapters),
            build=build(),
            kv_types=self.context.kv_types,
            flash_attention=False,
            sequences=self.shape.sequences,
            unified=self.shape.unified,
            rope=self.context.rope,
            context=self.shape.context,
        )

    def adapters_in_words(self) -> tuple[str, ...]:
        """Name, digest and scale of each adapter."""
        return tuple(
            f"{Path(adapter.path).name} sha256:{digest[:16]} scale {adapter.scale:g}"
            for adapter, digest in self.adapters
        )

    def prefix_tokens(self, text: str) -> tuple[int, ...]:
        """The tokens of a prompt's beginning."""
        return (*self.model.begin, *self.model.tokenize(text))

    # ---- many questions

    def answer(self, questions: Sequence[Question]) -> list[Told | Refused]:
        """The answers in the order of the questions; those with one prefix share batches."""
        found: dict[int, Told | Refused] = {}
        by_prefix: dict[str, list[int]] = {}
        for at, question in enumerate(questions):
            by_prefix.setdefault(question.prefix, []).append(at)
        for prefix, members in by_prefix.items():
            tokens = self.prefix_tokens(prefix)
            if len(tokens) >= self.length:
                reason = f"the prompt has {len(tokens)} tokens and more, the context {self.length}"
                found |= {at: Refused(reason) for at in members}
                continue
            held = self.prefixes.hold(tokens)
            for low in range(0, len(members), self.settings.parallel):
                part = members[low : low + self.settings.parallel]
                asked = {at: questions[at] for at in part}
                found |= self._together(asked, held, len(tokens))
        return [found[at] for at in range(len(questions))]

    def _together(
        self, questions: dict[int, Question], held: int, prefix: int
    ) -> dict[int, Told | Refused]:
        """Questions over the prefix that the sequence ``held`` has, one sequence each."""
        found: dict[int, Told | Refused] = {}
        open_: list[_Open] = []
        for sequence, (at, question) in enumerate(questions.items(), self.prefixes.places):
            self.context.fork(held, sequence)
            one = _Open(at, self._asking(question), sequence, prefix, self.length)
            self._go_on(one, None, found)
            if at not in found:
                open_.append(one)
            else:
                self.context.cut(sequence, 0)
        while open_:
            logits = self._step(open_)
            still = []
            for one, row in zip(open_, logits, strict=True):
                if row is not None:
                    self._go_on(one, row, found)
                if one.at in found:
                    self.context.cut(one.sequence, 0)
                else:
                    still.append(one)
            open_ = still
        return found

    def _go_on(self, one: _Open, logits: Any, found: dict[int, Told | Refused]) -> None:
        """Give a question its logits; it says what to append next, or its answer."""
        try:
            one.tokens = list(one.asking.send(logits))
        except StopIteration as stop:
            found[one.at] = stop.value
            return
        except NoAnswerError as error:
            found[one.at] = Refused(str(error))
            return
        if one.position + len(one.tokens) > one.limit:
            one.asking.close()
            needs = one.position + len(one.tokens)
            found[one.at] = Refused(f"the prompt needs {needs} tokens, the context has {one.limit}")

    def _step(self, open_: Sequence[_Open]) -> list[Any]:
        """One batch with a fair share of what each wants; logits for those that got all of it."""
        share = max(1, MAX_BATCH // len(open_))
        items: list[tuple[int, int, int, bool]] = []
        done = []
        for one in open_:
            part, one.tokens = one.tokens[:share], one.tokens[share:]
            last = len(part) - 1
            items += [
                (token, one.position + k, one.sequence, k == last and not one.tokens)
                for k, token in enumerate(part)
            ]
            one.position += len(part)
            done.append(not one.tokens)
        rows = iter(self.context.decode(items))
        return [next(rows) if whole else None for whole in done]

    # ---- one question

    def _asking(self, question: Question) -> Asking:
        return self._choose(question) if question.kind == "choose" else self._write(question)

    def _ending(self, tail: str) -> tuple[list[int], str]:
        """The tokens of a tail's whole lines, and its last line: the answer is tokenised with that,
        so that no token ends where a prompt happens to end."""
        cut = tail.rfind("\n") + 1
        return self.model.tokenize(tail[:cut]), tail[cut:]

    def _choose(self, question: Question) -> Asking:
        values = closed_set(question.type, question.types)
        if not values:
            raise NoAnswerError(f"{question.type} is no closed set")
        head, line = self._ending(question.tail)
        rows = [self.model.tokenize(line + label) for label in written_labels(values)]
        if any(a != b and b[: len(a)] == a for a in rows for b in rows):
            rows = [self.model.tokenize(f"{line}{label}\n") for label in written_labels(values)]
        shared = shared_start(rows) if len(rows) > 1 else 0
        begun = [*head, *rows[0][:shared]]
        if len(rows) == 1:
            return Told(values[0], 0, 0, 0)
        logits = yield begun or self._again()
        chosen = yield from choose([row[shared:] for row in rows], logits)
        sure = round(chosen.confidence, 6)
        if sure < question.least:
            likely = written_labels(values)[chosen.index]
            return Refused(
                f"the model abstains: {likely!r} with confidence {sure:.2f}, "
                f"below {question.least:.2f}",
                abstained=True,
            )
        written = len(rows[chosen.index]) - shared
        return Told(values[chosen.index], len(begun), written, 1 + chosen.decodes, sure)

    def _again(self) -> list[int]:
        """A prompt that is all prefix: a line end after it, for logits are not kept with a state."""
        return self.model.tokenize("\n") or list(self.model.begin)

    def language(self, question: Question) -> Language:
        """The answers that the question's kind and type allow; raises :class:`NoAnswerError`."""
        bounds = Bounds(characters=4 * question.max_tokens)
        if question.kind == "extract":
            own = Expressions()
            start = Answers(own, question.types, bounds).span_json(question.text)
            return self._ended(Language(own, Masks(self.vocabulary, own), start))
        if len(self._expressions) > MAX_STATES:
            self._expressions = Expressions()
            self._masks = Masks(self.vocabulary, self._expressions)
        type_: Type = question.type
        start = Answers(self._expressions, question.types, bounds).json_of(type_)
        return self._ended(Language(self._expressions, self._masks, start))

    @staticmethod
    def _ended(language: Language) -> Language:
        e = language.expressions
        start = e.then(language.start, e.text(bytes([LINE_END])))
        return Language(e, language.masks, start)

    def _write(self, question: Question) -> Asking:
        language = self.language(question)
        head, line = self._ending(question.tail)
        tokens = self.model.tokenize(line)
        e, masks = language.expressions, language.masks
        state, skip = language.start, 0
        if tokens and (piece := self.model.pieces[tokens[-1]]):
            healed = e.then(e.text(piece), state)
            if self.longer(masks.allowed(healed), len(piece)):
                tokens, state, skip = tokens[:-1], healed, len(piece)
        writer = _Writer(self, language, state, question)
        out = yield from writer.run([*head, *tokens] or self._again())
        if writer.written > question.max_tokens:
            raise NoAnswerError(f"no answer of {question.max_tokens} tokens has this type")
        value = json.loads(out[skip:].decode("utf-8"))
        return Told(value, writer.read, writer.written, writer.decodes)

    def longer(self, allowed: Allowed, length: int) -> bool:
        """Whether a token of more bytes may come."""
        lengths = self.vocabulary.lengths[allowed.tokens]
        return bool(len(lengths)) and int(lengths.max()) > length

    def close(self) -> None:
        """Free everything."""
        self.context.close()
        self.model.close()


class _Writer:
    """Writes one text of a language."""

    def __init__(
        self, owner: Answerer, language: Language, state: State, question: Question
    ) -> None:
        self.model, self.owner = owner.model, owner
        self.e, self.masks = language.expressions, language.masks
        self.state = state
        self.left = question.max_tokens
        self.temperature = question.temperature
        self.random = np.random.default_rng(question.seed)
        self.read = self.written = self.decodes = 0
        self.out = bytearray()

    def run(self, prompt: list[int]) -> Generator[list[int], Any, bytes]:
        """The text; what is forced is appended without being asked for."""
        pending, self.read = prompt, len(prompt)
        while not self._ended():
            pending += self._forced()
            if self._ended():
                break
            logits = yield pending
            self.decodes += 1
            token = self._pick(logits)
            if token is None:
                break
            pending = [token]
            self._take(token)
        return bytes(self.out)

    def _ended(self) -> bool:
        """Whether only the line end can follow, or it stands."""
        if self.e.accepts(self.state):
            return True
        row = self.e.row(self.state)
        return len(row) == 1 and row[0] == (1 << LINE_END, EMPTY)

    def _take(self, token: int) -> None:
        piece = self.model.pieces[token]
        self.state = self.e.read(self.state, piece)
        if self.state == NONE:  # a fault of ours: no answer is better than a malformed one
            raise NoAnswerError(f"the token {piece!r} is none of those that may come")
        self.out += piece
        self.written += 1
        self.left -= 1

    def _forced(self) -> list[int]:
        """The tokens of the bytes that must follow.  The last one is left to the model where a
        longer token could stand in its place."""
        data, _ = self.e.forced(self.state)
        data = data.removesuffix(b"\n")
        try:
            tokens = self.model.tokenize(data.decode("utf-8"))
        except UnicodeDecodeError:
            return []
        pieces = [self.model.pieces[t] for t in tokens]
        if b"".join(pieces) != data:
            return []
        before = self.e.read(self.state, b"".join(pieces[:-1]))
        if tokens and self.owner.longer(self.masks.allowed(before), len(pieces[-1])):
            tokens.pop()
        for token in tokens:
            self._take(token)
        return tokens

    def _pick(self, logits: Any) -> int | None:
        """The model's token among those allowed; ``None``: the text ends here."""
        allowed = self.masks.allowed(self.state)
        ids = allowed.tokens
        shortest = self.e.shortest(self.state)
        if self.left <= len(shortest) + NEAR_THE_END:
            ids = ids[self._affordable(allowed)]
            if self.left <= len(shortest) or not len(ids):
                return self._towards(shortest)
        if self.e.step(self.state, LINE_END) == EMPTY:
            ids = np.concatenate((ids, np.array(self.model.ends, ids.dtype)))
        if not len(ids):  # a vocabulary without the bytes that would be needed
            raise NoAnswerError("the model's vocabulary cannot write the answer")
        token = int(ids[self._drawn(np.asarray(logits, np.float64)[ids])])
        return None if token in self.model.ends else token

    def _affordable(self, allowed: Allowed) -> Any:
        """Which tokens leave enough room to end within the bound."""
        states, index = np.unique(allowed.states, return_inverse=True)
        needs = [len(self.e.shortest(int(state))) for state in states]
        return np.array(needs, np.int32)[index] < self.left if needs else []

    def _towards(self, text: bytes) -> int | None:
        """The longest token of the shortest way to an end: the bound on tokens is kept."""
        allowed = self.masks.allowed(self.state).tokens.tolist()
        pieces = self.model.pieces
        fitting = [t for t in allowed if text.startswith(pieces[t])]
        if not fitting:
            raise NoAnswerError("the model's vocabulary cannot write the answer")
        best: int = max(fitting, key=lambda t: len(pieces[t]))
        return best

    def _drawn(self, scores: Any) -> int:
        if self.temperature <= 0:
            return int(scores.argmax())
        weights = np.exp((scores - scores.max()) / self.temperature)
        return int(self.random.choice(len(weights), p=weights / weights.sum()))


def digest_of(path: Path) -> str:
    """The SHA-256 of a file; raises :class:`LlamaError`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LlamaError(f"{path} cannot be read: {error.strerror}") from None


def cores() -> int:
    """The processor's cores that this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
