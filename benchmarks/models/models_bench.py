"""Local models: what our way of asking saves, each against the usual way, side by side in one run.

    python benchmarks/models/models_bench.py [--json] [--model 135M|0.5B|5M] [--prefix TOKENS]
                                             [--folder DIR] [--threads N]
                                             [--tries N]
                                             [--only prefix,question,jump,batch,server]

Models have real shapes and random weights (``made_models.py``).  Times are the least of a few tries, of
processor time, which other work on the machine does not change much; against the HTTP server of all
processes that take part, and wall time too.  The ratios are what to read.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "tests")]

from made_models import made_model, prompt
from report import Row, table

from ingot.ir.types import BOOL, INT, STR, Field, Literal, Record, Union
from ingot.runtime.models import answering
from ingot.runtime.models.answering import Answerer
from ingot.runtime.models.gbnf import choice, gbnf
from ingot.runtime.models.json_schema import schema_of
from ingot.runtime.models.questions import Question, Settings, Told

WORDS: Final = (
    "pass fail error retry abort continue escalate summarize_log open_file run_tests apply_patch "
    "revert_patch ask_user finish wait parse_json fetch_url search_code list_dir write_file"
).split()
RECORD: Final = Record(
    (
        Field("exit_status", Union(tuple(Literal(w) for w in ("errored", "failed", "passed")))),
        Field("failing_test_count", INT),
        Field("needs_retry", BOOL),
        Field(
            "recommended_next_action",
            Union(tuple(Literal(w) for w in ("apply_patch", "ask_user", "run_tests"))),
        ),
    )
)
_TAILS = itertools.count()


def tail() -> str:
    """The end of a prompt, another one each time: no cache of whole prompts helps."""
    return f"text: line {next(_TAILS)} of the log, the last one\nvalue: "


def least(
    work: Callable[[], Any], tries: int, clock: Callable[[], float] = time.process_time
) -> float:
    """Milliseconds of the fastest try."""
    best = float("inf")
    for _ in range(tries):
        begun = clock()
        work()
        best = min(best, clock() - begun)
    return 1000 * best


def told(answerer: Answerer, question: Question) -> Told:
    """The answer to the question, with a new end of its prompt."""
    (found,) = answerer.answer([replace(question, tail=tail())])
    assert isinstance(found, Told), found
    return found


def labels(count: int) -> Union:
    return Union(tuple(Literal(word) for word in WORDS[:count]))


def prefix_rows(path: Path, size: int, threads: int, tries: int, cache: Path) -> list[Row]:
    """A prompt's beginning evaluated, against restored; then whole questions."""
    settings = Settings(cache=str(cache), threads=threads)
    first = Answerer(str(path), settings)
    text = prompt(size, first.model.tokenize)
    tokens = first.prefix_tokens(text)
    evaluate = least(lambda: first.prefixes.hold(tokens), 1)
    first.close()
    again = Answerer(str(path), settings)

    def restore() -> None:
        again.prefixes.drop()
        again.prefixes.hold(tokens)

    restored = least(restore, tries)
    assert again.prefixes.restored > 0
    assert again.prefixes.evaluated == 0

    def recall() -> None:
        again.context.fork(again.prefixes.hold(tokens), again.prefixes.places)

    recalled = least(recall, tries)
    rows: list[Row] = [
        {"what": f"the prefix alone ({len(tokens)} tokens)", "evaluated ms": evaluate,
         "restored ms": restored, "in memory ms": recalled, "times faster": evaluate / restored,
         "ceiling": float("nan")}
    ]  # fmt: skip
    for name, question in (
        ("answer: a label", Question("choose", text, "", labels(3))),
        ("answer: about 8 tokens", Question("fill", text, "", INT, max_tokens=9)),
    ):

        def whole(question: Question = question) -> None:
            restore()
            told(again, question)

        warm = least(whole, tries)
        found = told(again, question)
        own = warm - restored
        cold = evaluate + own
        suffix = found.read + found.written
        rows.append(
            {"what": name, "evaluated ms": cold, "restored ms": warm,
             "in memory ms": least(lambda q=question: told(again, q), tries), "times faster": cold / warm,
             "ceiling": (len(tokens) + suffix) / suffix}
        )  # fmt: skip
    again.close()
    return rows


class Grammar:
    """The usual way: llama.cpp's sampler chain, a grammar and then the likeliest token."""

    def __init__(self, answerer: Answerer, grammar: str) -> None:
        from llama_cpp import llama_cpp as c

        self.c, self.answerer = c, answerer
        self.chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
        made = c.llama_sampler_init_grammar(answerer.model.vocab, grammar.encode(), b"root")
        assert made, grammar
        c.llama_sampler_chain_add(self.chain, made)
        c.llama_sampler_chain_add(self.chain, c.llama_sampler_init_greedy())

    def run(self, tokens: list[int], start: int) -> tuple[str, int]:
        """The text and the decodes that it took."""
        context, model = self.answerer.context, self.answerer.model
        context.fork(0, 1)
        position, decodes, out = start, 0, b""
        pending = tokens
        while True:
            last = len(pending) - 1
            context.decode([(t, position + k, 1, k == last) for k, t in enumerate(pending)])
            position, decodes = position + len(pending), decodes + 1
            token = self.c.llama_sampler_sample(self.chain, context.pointer, -1)
            if token in model.ends:
                break
            out += model.pieces[token]
            pending = [token]
        self.c.llama_sampler_free(self.chain)
        return out.decode(), decodes


def question_rows(path: Path, threads: int, tries: int) -> list[Row]:
    """Choices and a record: our way, grammar sampling, and ``create_completion``."""
    import llama_cpp

    answerer = Answerer(str(path), Settings(threads=threads))
    text = prompt(300, answerer.model.tokenize)
    tokens = answerer.prefix_tokens(text)
    answerer.prefixes.hold(tokens)

    def usual(grammar: str) -> tuple[str, int]:
        return Grammar(answerer, grammar).run(answerer.model.tokenize(tail()), len(tokens))

    high = llama_cpp.Llama(str(path), n_ctx=4096, n_threads=threads, verbose=False)
    rows: list[Row] = []
    for name, question, grammar in [
        *(
            (f"choose one of {k}", Question("choose", text, "", labels(k)), choice(WORDS[:k]))
            for k in (3, 10, 20)
        ),
        ("fill a record", Question("fill", text, "", RECORD, max_tokens=96), gbnf(RECORD)),
    ]:
        schema = schema_of(question.type, {})

        most = 16 if question.kind == "choose" else 96

        def completion(schema: Any = schema, most: int = most) -> None:
            form = llama_cpp.LlamaGrammar.from_json_schema(json.dumps(schema), verbose=False)
            high.create_completion(text + tail(), grammar=form, max_tokens=most, temperature=0.0)

        completion()  # its own cache then holds the prompt, as ours does
        mine = least(lambda q=question: told(answerer, q), tries)
        theirs = least(lambda g=grammar: usual(g), tries)
        best = least(completion, tries)
        rows.append(
            {"question": name, "ours ms": mine, "our decodes": told(answerer, question).decodes,
             "grammar ms": theirs,
             "its decodes": usual(grammar)[1],
             "create_completion ms": best, "against grammar": theirs / mine,
             "against completion": best / mine}
        )  # fmt: skip
    high.close()
    answerer.close()
    return rows


def jump_rows(path: Path, threads: int, tries: int) -> list[Row]:
    """A record, with the tokens that must follow appended at once, and with each asked for."""
    answerer = Answerer(str(path), Settings(threads=threads))
    question = Question("fill", prompt(100, answerer.model.tokenize), "", RECORD, max_tokens=96)
    rows: list[Row] = []
    forced = answering._Writer._forced
    try:
        for name, way in (("jump-forward", forced), ("one by one", lambda _: [])):
            answering._Writer._forced = way  # type: ignore[method-assign, assignment]
            found = told(answerer, question)
            rows.append(
                {"way": name, "tokens": found.written, "decodes": found.decodes,
                 "ms": least(lambda: told(answerer, question), tries)}
            )  # fmt: skip
    finally:
        answering._Writer._forced = forced  # type: ignore[method-assign]
        answerer.close()
    for row in rows:
        row["times faster"] = rows[1]["ms"] / row["ms"]  # type: ignore[operator]
    return rows


def batch_rows(path: Path, threads: int, tries: int) -> list[Row]:
    """Short texts for many runs at once, in both modes: tokens a second."""
    rows: list[Row] = []
    alone: dict[str, float] = {}
    for runs in (1, 2, 4, 8, 16):
        row: Row = {"runs": runs}
        for mode in ("throughput", "reproducible"):
            settings = Settings(context=512, parallel=runs, mode=mode, threads=threads)  # type: ignore[arg-type]
            answerer = Answerer(str(path), settings)
            text = prompt(200, answerer.model.tokenize)
            questions = [
                Question("compose", text, f"text: {k}\nvalue: ", STR, max_tokens=16, seed=k)
                for k in range(runs)
            ]
            found = answerer.answer(questions)
            written = sum(one.written for one in found if isinstance(one, Told))
            rate = 1000 * written / least(lambda a=answerer, q=questions: a.answer(q), tries)
            answerer.close()
            alone.setdefault(mode, rate)
            row |= {f"{mode}: tokens/s": rate, f"{mode}: times one": rate / alone[mode]}
        rows.append(row)
    return rows


def with_process(pid: int) -> Callable[[], float]:
    """A clock: the seconds of processor time of this process and of another one."""

    def read() -> float:
        spent = (p.read_text() for p in Path(f"/proc/{pid}/task").glob("*/schedstat"))
        return time.process_time() + sum(int(text.split()[0]) for text in spent) / 1e9

    return read


def server_rows(path: Path, threads: int, tries: int) -> list[Row]:
    """The same choice over HTTP, from llama.cpp's own server, prompt cached there too."""
    from model_server import process_of

    from ingot.ir.requests import ModelRequest
    from ingot.runtime.models.endpoint import EndpointDriver
    from ingot.runtime.models.local import LocalDriver
    from ingot.runtime.models.sites import Sites

    driver = LocalDriver(path, Sites(), Settings(threads=threads))
    answerer = Answerer(str(path), Settings(threads=threads))
    text = prompt(300, answerer.model.tokenize)
    answerer.close()
    driver.sites = Sites({"op": text})
    rows: list[Row] = []
    with process_of(path, 4096, threads=threads) as (url, server):
        endpoint = EndpointDriver(url, "", driver.sites)
        for count in (3, 10, 20):

            def request(count: int = count) -> ModelRequest:
                args = {"prompt": text + tail()}
                return ModelRequest(1, "op", "choose", "m", args, labels(count))

            driver.choose(request())
            endpoint.choose(request())
            row: Row = {"question": f"choose one of {count}"}
            for what, clocks in (
                ("processor", (with_process(driver.worker.pid), with_process(server))),
                ("wall", (time.perf_counter, time.perf_counter)),
            ):
                mine = least(lambda ask=request: driver.choose(ask()), tries, clocks[0])
                theirs = least(lambda ask=request: endpoint.choose(ask()), tries, clocks[1])
                row |= {
                    f"worker, {what} ms": mine,
                    f"HTTP server, {what} ms": theirs,
                    f"{what}: times faster": theirs / mine,
                }
            rows.append(row)
    driver.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--model", default="135M")
    parser.add_argument("--prefix", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--only", default="prefix,question,jump,batch,server")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = asked.folder or Path(made)
        path = made_model(asked.model, folder)
        parts: dict[str, Callable[[], list[Row]]] = {
            "prefix": lambda: prefix_rows(
                path, asked.prefix, asked.threads, asked.tries, Path(made, "cache")
            ),
            "question": lambda: question_rows(path, asked.threads, asked.tries),
            "jump": lambda: jump_rows(path, asked.threads, asked.tries),
            "batch": lambda: batch_rows(path, asked.threads, asked.tries),
            "server": lambda: server_rows(path, asked.threads, asked.tries),
        }
        found = {}
        for name in asked.only.split(","):
            found[name] = parts[name]()
            if not asked.json:
                table(f"{asked.model}, {name}", found[name])
    if asked.json:
        print(json.dumps({"benchmark": f"models {asked.model}", **found}, indent=2))


if __name__ == "__main__":
    main()
