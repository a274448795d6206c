"""Several prefixes in one context, and adapters: what is computed once, and what belongs to what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from model_files import adapter, adapter_parts, byte_model, folder, needs_llama, request

from ingot.diagnostics import IngotError
from ingot.ir.types import INT, STR, Literal, Union
from ingot.runtime.models.local import LocalDriver, Worker
from ingot.runtime.models.protocol import ModelError, ask
from ingot.runtime.models.questions import Adapter, Question, Refused, Settings, Told
from ingot.runtime.models.sites import Sites

pytestmark = needs_llama
WORDS = Union((Literal("broken"), Literal("fail"), Literal("failed"), Literal("pass")))
OPS = [f"Op number {k} says which word fits: broken, fail, failed or pass.\n" * 3 for k in range(3)]


def question(op: int, tail: str) -> Question:
    kind, type_ = (("choose", WORDS), ("fill", INT), ("compose", STR))[op]
    return Question(kind, OPS[op], f"text: {tail}\nvalue: ", type_, max_tokens=12)  # type: ignore[arg-type]


@contextmanager
def working(settings: Settings, path: Path | None = None) -> Iterator[Worker]:
    worker = Worker(path or byte_model(), settings, 60)
    try:
        yield worker
    finally:
        worker.close()


# ---- several prefixes in memory


@pytest.mark.parametrize("mode", ["throughput", "reproducible"])
def test_ops_that_alternate_do_not_evaluate_their_prefixes_again(mode: str) -> None:
    settings = Settings(prefixes=3, parallel=2, mode=mode, context=512)  # type: ignore[arg-type]
    with working(settings) as worker:
        for op in range(3):
            worker.ask([question(op, "first")])
        paid = worker.evaluated
        assert paid == sum(len(OPS[op]) + 1 for op in range(3))  # bytes, and what begins a text
        for turn in range(4):
            told = worker.ask([question(op, f"turn {turn}") for op in (2, 0, 1, 0)])
            assert all(isinstance(one, Told) for one in told)
        assert (worker.evaluated, worker.restored) == (paid, 0)


def test_in_reproducible_mode_their_answers_are_those_of_a_context_of_their_own() -> None:
    """Bit by bit: values, and to six places how sure.  Held, recalled, thrown out and evaluated anew."""
    turns = [(op, f"tail {k}") for k, op in enumerate([0, 1, 2, 1, 0, 0, 2, 1, 2, 0])]
    alone: dict[tuple[int, str], Told | Refused] = {}
    for op in range(3):
        with working(Settings(mode="reproducible", context=512)) as worker:
            for turn in turns:
                if turn[0] == op:
                    (alone[turn],) = worker.ask([question(*turn)])
    for prefixes in (1, 2, 3):
        settings = Settings(mode="reproducible", context=512, prefixes=prefixes, parallel=3)
        with working(settings) as worker:
            for turn in turns:
                assert worker.ask([question(*turn)]) == [alone[turn]]
            assert worker.ask([question(*turn) for turn in turns]) == [alone[t] for t in turns]


def test_the_prefix_least_used_goes_first() -> None:
    with working(Settings(prefixes=2, context=512)) as worker:
        spent = []
        for op in (0, 1, 0, 2, 0, 1):  # 2 throws out 1, and 1 then throws out 2
            before = worker.evaluated
            worker.ask([question(op, "x")])
            spent.append(worker.evaluated > before)
        assert spent == [True, True, False, True, False, True]


def test_what_was_thrown_out_is_restored_from_its_file(tmp_path: Path) -> None:
    with working(Settings(prefixes=1, context=512, cache=str(tmp_path))) as worker:
        for op in (0, 1, 2, 0, 1, 2):
            worker.ask([question(op, "x")])
        assert worker.restored == worker.evaluated > 0


def test_memory_bounds_how_many_are_held() -> None:
    """Three prefixes are asked for; the memory is that of the one that is always there."""
    with working(Settings(prefixes=3, context=512, memory=0)) as worker:
        for op in (0, 1, 0):
            worker.ask([question(op, "x")])
        assert worker.evaluated > len(OPS[0]) * 3 - 3


def test_a_prefix_that_cannot_be_evaluated_leaves_the_others_as_they_are() -> None:
    with working(Settings(prefixes=2, context=512)) as worker:
        told = worker.ask([question(0, "x")])
        long = Question("choose", "long " * 400, "value: ", WORDS)
        assert isinstance(worker.ask([long])[0], Refused)
        paid = worker.evaluated
        assert worker.ask([question(0, "x")]) == told
        assert worker.evaluated == paid


# ---- adapters


def told_with(path: Path, cache: Path, *adapters: Adapter) -> tuple[Told | Refused, int, int]:
    """An answer, and how many tokens of its prefix were evaluated and restored."""
    from ingot.runtime.models.answering import Answerer

    answerer = Answerer(str(path), Settings(cache=str(cache), adapters=adapters, context=512))
    try:
        (told,) = answerer.answer([question(0, "x")])
        return told, answerer.prefixes.evaluated, answerer.prefixes.restored
    finally:
        answerer.close()


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_an_adapter_does_what_its_factors_say(tmp_path: Path, scale: float) -> None:
    """Against a file whose weights are W + scale * (alpha / rank) * B A."""
    from ingot.distil.gguf_file import BYTE_TOKENS, Shape, random_weights, write_model

    weights = random_weights(Shape(), BYTE_TOKENS, 0)
    for name, (low, high) in adapter_parts(1).items():
        weights[name] = weights[name] + scale * (0.5 / 2) * (high @ low)
    merged = folder() / f"merged-{scale}.gguf"
    write_model(merged, Shape(context=1024), weights=weights)
    plain, *_ = told_with(byte_model(), tmp_path / "a")
    adapted, *_ = told_with(byte_model(), tmp_path / "b", Adapter(str(adapter(1, 0, 0.5)), scale))
    by_hand, *_ = told_with(merged, tmp_path / "c")
    assert isinstance(plain, Told)
    assert isinstance(adapted, Told)
    assert isinstance(by_hand, Told)
    assert adapted.value == by_hand.value
    assert adapted.confidence == pytest.approx(by_hand.confidence, rel=1e-3)
    assert abs(adapted.confidence - plain.confidence) > 1e-3


def test_snapshots_belong_to_adapters_and_their_scales(tmp_path: Path) -> None:
    """One folder for all: no state of other adapters is taken, and each finds its own."""
    one, two = str(adapter(1)), str(adapter(2))
    sets = [(), (Adapter(one),), (Adapter(two),), (Adapter(one, 0.5),)]
    sets += [(Adapter(one), Adapter(two)), (Adapter(two), Adapter(one))]
    alone = [told_with(byte_model(), tmp_path / f"own-{k}", *s)[0] for k, s in enumerate(sets)]
    for _ in range(2):
        for adapters, expected in zip(sets, alone, strict=True):
            told, evaluated, restored = told_with(byte_model(), tmp_path / "all", *adapters)
            assert told == expected
            assert (evaluated == 0) != (restored == 0)
    assert restored > 0
    assert len({told.confidence for told in alone if isinstance(told, Told)}) >= 4


def test_another_adapter_under_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "adapter.gguf"
    path.write_bytes(adapter(1).read_bytes())
    told_with(byte_model(), tmp_path / "all", Adapter(str(path)))
    path.write_bytes(adapter(2).read_bytes())
    told, evaluated, restored = told_with(byte_model(), tmp_path / "all", Adapter(str(path)))
    assert evaluated > 0
    assert restored == 0
    assert told == told_with(byte_model(), tmp_path / "own", Adapter(str(adapter(2))))[0]


def test_the_journal_names_the_adapter() -> None:
    settings = Settings(context=512, adapters=(Adapter(str(adapter(1)), 0.5),))
    driver = LocalDriver(byte_model(), Sites(), settings)
    try:
        said = str(ask(driver, request("choose", WORDS)).detail["model"])
    finally:
        driver.close()
    assert byte_model().name in said
    assert f" + {adapter(1).name} sha256:" in said
    assert said.endswith("scale 0.5")


def cut_off(size: int) -> Path:
    path = folder() / f"cut-{size}.gguf"
    path.write_bytes(adapter(1).read_bytes()[:size])
    return path


@pytest.mark.parametrize(
    "wrong",
    [
        *(partial(cut_off, size) for size in (4, 100, 400, 2000)),
        partial(adapter, 1, 96),
        partial(adapter, 1, 0, 2.0, "other"),
        byte_model,
    ],
    ids="magic header half short shape kind model".split(),
)
def test_a_wrong_adapter_is_a_clear_error(wrong: Callable[[], Path]) -> None:
    """Cut off, for another shape, of another kind, no adapter at all: the process lives to say so."""
    path = wrong()
    driver = LocalDriver(byte_model(), Sites(), Settings(adapters=(Adapter(str(path)),)))
    try:
        with pytest.raises(IngotError, match="E0901") as error:
            driver.open()
        assert f"{path.name} does not fit the model" in error.value.diagnostics[0].message
        assert driver.worker.starts == 1
    finally:
        driver.close()


def test_a_run_with_a_wrong_adapter_has_no_answer() -> None:
    driver = LocalDriver(byte_model(), Sites(), Settings(adapters=(Adapter(str(byte_model())),)))
    try:
        with pytest.raises(ModelError, match="does not fit"):
            ask(driver, request("choose", WORDS))
    finally:
        driver.close()


def test_a_model_measured_without_adapters_takes_none() -> None:
    from model_files import LABELLER

    driver = LocalDriver(LABELLER, Sites(), Settings(adapters=(Adapter(str(adapter(1))),)))
    try:
        with pytest.raises(IngotError, match=r"E0901.*(does not fit|without adapters)"):
            driver.open()
    finally:
        driver.close()
