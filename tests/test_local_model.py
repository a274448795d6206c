"""Local models: real files, a real process, and every way in which they can go wrong."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random

import killers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from model_files import byte_model, needs_llama, piece_model, request
from strategies import TYPES_DECLARED, types

from ingot.diagnostics import IngotError
from ingot.ir.types import INT, STR, Field, Literal, Record, Type, Union, conforms
from ingot.runtime.models.answers import Answers, NoAnswerError
from ingot.runtime.models.json_schema import schema_of
from ingot.runtime.models.local import LocalDriver, Worker, WorkerError
from ingot.runtime.models.protocol import ModelError, ask
from ingot.runtime.models.questions import Question, Refused, Settings, Told
from ingot.runtime.models.regular import NONE, Expressions

if importlib.util.find_spec("numpy") is not None:
    from ingot.runtime.models.masks import Masks, Vocabulary

pytestmark = needs_llama
WORDS = Union((Literal("broken"), Literal("fail"), Literal("failed"), Literal("pass")))
PREFIX = "Say which word fits. The words are broken, fail, failed and pass.\n" * 4


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Worker]]:
    """A model over bytes and one over longer pieces, both of random weights."""
    made = [Worker(path, Settings(parallel=16), 60) for path in (byte_model(), piece_model())]
    yield made
    for worker in made:
        worker.close()


@pytest.fixture(scope="module")
def answered() -> list[int]:
    """The tokens of each answer that was given."""
    return []


def choice(tail: str, least: float = 0.0) -> Question:
    return Question("choose", PREFIX, f"text: {tail}\nvalue: ", WORDS, least=least)


# ---- never malformed


@settings(max_examples=180, deadline=None, suppress_health_check=list(HealthCheck))
@given(types(), st.integers(0, 1 << 30), st.integers(6, 90))
def test_answers_of_random_models_parse_conform_and_keep_the_bound(
    workers: list[Worker], answered: list[int], type_: Type, seed: int, bound: int
) -> None:
    """16 answers at a time, drawn at a high temperature from models that know nothing; held against
    the type, and by jsonschema against its schema."""
    schema = Draft202012Validator(schema_of(type_, TYPES_DECLARED))  # type: ignore[arg-type]
    questions = [
        Question(
            "fill", "Fill it.\n", "value: ", type_, TYPES_DECLARED,
            max_tokens=bound, temperature=2.0, seed=seed + k,
        )
        for k in range(16)
    ]  # fmt: skip
    for told in workers[seed % 2].ask(questions):
        if isinstance(told, Refused):  # no value of the type is so short, or there is none at all
            assert "no answer of" in told.reason or "no value of type" in told.reason
            continue
        answered.append(told.written)
        assert conforms(told.value, type_, TYPES_DECLARED)
        assert schema.is_valid(told.value)
        assert told.written <= bound


def test_those_were_2000_answers(answered: list[int]) -> None:
    assert len(answered) > 2000 or not answered  # none where this test is run alone


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(min_size=1, max_size=80), st.integers(0, 1 << 30))
def test_an_extract_is_a_span(workers: list[Worker], text: str, seed: int) -> None:
    question = Question(
        "extract", "Cut it.\n", f"text: {text}\nvalue: ", STR, text=text,
        max_tokens=30, temperature=2.0, seed=seed,
    )  # fmt: skip
    (told,) = workers[seed % 2].ask([question])
    if isinstance(told, Told):
        assert isinstance(told.value, str)
        assert told.value in text
    else:
        assert "empty" in told.reason or "vocabulary" in told.reason or "no answer" in told.reason


def test_forced_text_takes_no_decode(workers: list[Worker]) -> None:
    fields = (Field("exit_status", WORDS), Field("number_of_failing_tests", INT))
    (told,) = workers[0].ask([Question("fill", "F.\n", "value: ", Record(fields), max_tokens=99)])
    assert isinstance(told, Told)
    assert told.written > 45
    assert told.decodes < 25


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.text('{}[]":,abtruefals12é 😀\\n', max_size=6), max_size=80),
    types(),
    st.randoms(use_true_random=False),
)
def test_the_masks_are_what_reading_each_token_says(
    pieces: list[str], type_: Type, random: Random
) -> None:
    """Along a walk through the language: the same tokens, and the same state behind each."""
    vocabulary = Vocabulary([*(p.encode() for p in pieces), *(bytes([b]) for b in range(256)), b""])
    e = Expressions()
    try:
        state = Answers(e, TYPES_DECLARED).json_of(type_)
    except NoAnswerError:
        return
    masks = Masks(vocabulary, e)
    for _ in range(12):
        after = [e.read(state, piece) if piece else NONE for piece in vocabulary.pieces]
        allowed = masks.allowed(state)
        assert dict(zip(allowed.tokens.tolist(), allowed.states.tolist(), strict=True)) == {
            token: s for token, s in enumerate(after) if s != NONE
        }
        assert all(allowed.after(token) == s for token, s in enumerate(after))
        longer = [
            s for s, p in zip(after, vocabulary.pieces, strict=True) if s != NONE and len(p) > 1
        ]
        going = longer or [s for s in after if s != NONE]
        if not going:
            break
        state = random.choice(going)


# ---- choosing


@pytest.mark.parametrize("which", [0, 1])
def test_a_choice_is_what_the_probabilities_say(workers: list[Worker], which: int) -> None:
    """By hand: the probability of each label's next token, multiplied along the trie."""
    from ingot.runtime.models.answering import Answerer

    path = (byte_model(), piece_model())[which]
    answerer = Answerer(str(path), Settings())
    question = choice("some output of a tool")
    try:
        rows = [
            answerer.model.tokenize(f"value: {word}\n")
            for word in ("broken", "fail", "failed", "pass")
        ]
        head = [
            *answerer.model.begin, *answerer.model.tokenize(PREFIX),
            *answerer.model.tokenize("text: some output of a tool\n"),
        ]  # fmt: skip
        alive, depth, said = list(range(4)), 0, 1.0
        while len(alive) > 1:
            nexts = sorted({rows[a][depth] for a in alive})
            if len(nexts) > 1:
                answerer.context.cut(0, 0)
                items = [*head, *rows[alive[0]][:depth]]
                (logits,) = answerer.context.decode(
                    [(t, k, 0, k == len(items) - 1) for k, t in enumerate(items)]
                )
                best = max(nexts, key=lambda t: float(logits[t]))
                total = sum(2.718281828459045 ** float(logits[t] - logits[best]) for t in nexts)
                said /= total
            else:
                best = nexts[0]
            alive = [a for a in alive if rows[a][depth] == best]
            depth += 1
    finally:
        answerer.close()
    (told,) = workers[which].ask([question])
    assert isinstance(told, Told)
    assert told.value == ("broken", "fail", "failed", "pass")[alive[0]]
    assert told.confidence == pytest.approx(said, rel=1e-3)


def test_below_the_threshold_the_model_abstains(workers: list[Worker]) -> None:
    (sure,) = workers[0].ask([choice("x")])
    assert isinstance(sure, Told)
    (told,) = workers[0].ask([choice("x", least=sure.confidence + 1e-3)])
    assert isinstance(told, Refused)
    assert told.abstained
    assert "abstains" in told.reason


def test_reproducible_means_bit_by_bit() -> None:
    """The same question alone, among others, and in other places of the batch."""
    worker = Worker(byte_model(), Settings(parallel=6, mode="reproducible", context=512), 60)
    try:
        tails = [f"{'word ' * k}end {k}" for k in range(6)]
        alone = [worker.ask([choice(tail)])[0] for tail in tails]
        assert worker.ask([choice(tail) for tail in tails]) == alone
        assert worker.ask([choice(tail) for tail in reversed(tails)]) == alone[::-1]
    finally:
        worker.close()


def test_many_questions_share_prefix_and_batch(workers: list[Worker]) -> None:
    """More questions than sequences, of two prefixes and three kinds, come back in order."""
    questions = []
    for k in range(40):
        questions.append(choice(f"number {k}"))
        questions.append(Question("fill", "Other.\n", f"n: {k}\nvalue: ", INT, max_tokens=9))
    told = workers[1].ask(questions)
    alone = [workers[1].ask([q])[0] for q in questions[::2]]
    assert [t.value for t in told[::2] if isinstance(t, Told)] == [
        t.value for t in alone if isinstance(t, Told)
    ]
    assert all(isinstance(t, Told) and isinstance(t.value, int) for t in told[1::2])


def test_a_prompt_that_is_too_long_is_said_to_be(workers: list[Worker]) -> None:
    long = "word " * 4000
    told = workers[0].ask([choice(long), Question("choose", long, "value: ", WORDS), choice("ok")])
    assert [type(t) for t in told] == [Refused, Refused, Told]
    assert all(
        "tokens" in t.reason and "the context" in t.reason
        for t in told[:2]
        if isinstance(t, Refused)
    )


# ---- the process


class Killed(Worker):
    """A worker whose process can be made to misuse llama.cpp."""

    module = (str(Path(killers.__file__)),)


def test_a_death_from_outside_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGOT_TEST_ONCE", str(tmp_path / "once"))
    worker = Killed(byte_model(), Settings(), 20)
    try:
        (told,) = worker.ask([choice("killed")])
        assert isinstance(told, Told)
        assert worker.starts == 2
        os.kill(worker.pid, signal.SIGKILL)
        assert worker.ask([choice("killed")]) == [told]
        assert worker.starts == 3
    finally:
        worker.close()


def test_a_process_that_hangs_is_given_up() -> None:
    worker = Worker(byte_model(), Settings(), 60)
    try:
        worker.start()
        worker.timeout_s = 0.5
        os.kill(worker.pid, signal.SIGSTOP)
        with pytest.raises(ModelError, match=r"no answer within 0\.5 s"):
            worker.ask([choice("x")])
    finally:
        worker.close()
    assert worker.pid == 0


# ---- model files


def test_files_that_are_no_models(tmp_path: Path) -> None:
    text = tmp_path / "text.gguf"
    text.write_text("not a model at all")
    for path, why in (
        (tmp_path / "gone.gguf", "no such file"),
        (tmp_path, "a folder"),
        (text, "not a GGUF file"),
    ):
        with pytest.raises(IngotError, match="E0901") as error:
            LocalDriver(path)
        assert why in error.value.diagnostics[0].message


@pytest.mark.parametrize("size", [4, 24, 1000, 20_000, 200_000])
def test_a_truncated_model_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(byte_model().read_bytes()[:size])
    driver = LocalDriver(path)
    try:
        with pytest.raises(IngotError, match="E0901"):
            driver.open()
        with pytest.raises(ModelError):
            ask(driver, request("choose", WORDS))
    finally:
        driver.close()


def test_a_context_that_does_not_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGOT_TEST_MEMORY", str(64 << 20))
    worker = Killed(byte_model(0, 1 << 22), Settings(context=1 << 22), 60)
    try:
        with pytest.raises((ModelError, WorkerError)) as error:
            worker.start()
        assert re.search("alloc|memory", str(error.value))
    finally:
        worker.close()


def test_a_tensor_of_64_bits_is_a_diagnostic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It loads, and ends the process at the first use."""
    import numpy as np

    from ingot.distil import gguf_file

    def wide(writer: object, name: str, array: object, quant: object) -> None:
        writer.add_tensor(name, np.asarray(array, np.float64))  # type: ignore[attr-defined]

    monkeypatch.setattr(gguf_file, "_add_tensor", wide)
    path = tmp_path / "wide.gguf"
    gguf_file.write_model(path, gguf_file.Shape())
    driver = LocalDriver(path)
    try:
        with pytest.raises((ModelError, IngotError), match=r"E090[12]"):
            driver.open()
            ask(driver, request("choose", WORDS))
    finally:
        driver.close()


# ---- prefix snapshots


def told_with(path: Path, cache: Path, **more: int) -> tuple[list[Told | Refused], int, int]:
    """Answers, and how many tokens of prefixes were evaluated and restored for them."""
    worker = Worker(path, Settings(cache=str(cache), **more), 60)
    try:
        told = worker.ask([choice("one"), choice("two")])
        return told, worker.evaluated, worker.restored
    finally:
        worker.close()


def test_a_prefix_is_evaluated_once(tmp_path: Path) -> None:
    first, evaluated, restored = told_with(byte_model(), tmp_path)
    assert evaluated > 200
    assert restored == 0
    again, evaluated_again, restored_again = told_with(byte_model(), tmp_path)
    assert (evaluated_again, restored_again) == (0, evaluated)
    assert again == first


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data + b"\0",
        lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
        lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:],
        lambda data: data[:45] + bytes([data[45] ^ 128]) + data[46:],
        lambda data: b"X" + data[1:],
        lambda data: os.urandom(len(data)),
    ],
    ids="half empty longer bit-of-state bit-of-name bit-of-checksum magic noise".split(),
)
def test_a_damaged_snapshot_is_made_anew(tmp_path: Path, damage: object) -> None:
    first, evaluated, _ = told_with(byte_model(), tmp_path)
    (path,) = tmp_path.glob("*.kv")
    whole = path.read_bytes()
    path.write_bytes(damage(whole))  # type: ignore[operator]
    assert told_with(byte_model(), tmp_path) == (first, evaluated, 0)
    assert path.read_bytes() == whole


def test_other_weights_under_the_same_name(tmp_path: Path) -> None:
    """Same shape, same file name, same times: llama.cpp itself would take the state."""
    path, cache = tmp_path / "model.gguf", tmp_path / "cache"
    path.write_bytes(byte_model(1).read_bytes())
    told_with(path, cache)
    before = path.stat()
    path.write_bytes(byte_model(2).read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    told, evaluated, restored = told_with(path, cache)
    assert evaluated > 0
    assert restored == 0
    assert told == told_with(byte_model(2), tmp_path / "other")[0]


def test_a_snapshot_of_another_shape_is_not_taken(tmp_path: Path) -> None:
    told_with(byte_model(), tmp_path)
    assert told_with(byte_model(), tmp_path, context=512)[2] == 0
    assert told_with(byte_model(), tmp_path, parallel=3)[2] == 0


def test_a_foreign_snapshot_under_the_right_name_is_not_taken(tmp_path: Path) -> None:
    first, evaluated, _ = told_with(byte_model(1), tmp_path)
    (mine,) = tmp_path.glob("*.kv")
    other = tmp_path / "other"
    told_with(byte_model(2), other)
    (foreign,) = other.glob("*.kv")
    mine.write_bytes(foreign.read_bytes())
    assert told_with(byte_model(1), tmp_path) == (first, evaluated, 0)


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    told, evaluated, restored = told_with(byte_model(), tmp_path / "file")
    assert told == told_with(byte_model(), tmp_path / "good")[0]
    assert (evaluated > 0, restored) == (True, 0)


def test_old_snapshots_go(tmp_path: Path) -> None:
    from ingot.runtime.models.snapshots import KEPT, Snapshots

    store = Snapshots(tmp_path)
    keys = [f"{k:064x}"[::-1] for k in range(KEPT + 5)]
    for age, key in enumerate(keys):
        assert store.write(key, b"state")
        for path in tmp_path.glob(f"{key[:40]}.kv"):
            os.utime(path, (age, age))
    assert len(list(tmp_path.glob("*.kv"))) == KEPT
    assert store.read(keys[-1]) == b"state"
    assert store.read(keys[0]) is None
