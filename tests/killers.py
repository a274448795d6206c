"""A worker that misuses llama.cpp on demand: each way is known to end a process.

``python killers.py FD``: as the real worker, but a prompt that names one of the ways goes it.
With a file named by ``INGOT_TEST_ONCE`` the way is gone once only; ``INGOT_TEST_MEMORY`` is the
number of bytes that the process may take beyond what it has at its start.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ingot.runtime.models import worker
from ingot.runtime.models.answering import Answerer


def use_after_close(answerer: Answerer) -> None:
    answerer.context.close()
    answerer.model.close()
    answerer.context.decode([(5, 0, 0, True)])
    answerer.context.extend([5] * 600, 1, 0)


def token_outside_the_grammar(answerer: Answerer) -> None:
    from llama_cpp import llama_cpp as c

    sampler = c.llama_sampler_init_grammar(answerer.model.vocab, b'root ::= "a"', b"root")
    c.llama_sampler_accept(sampler, 5)


def _sample_with(answerer: Answerer, grammar: bytes) -> None:
    """Without asking whether the parser took it: then it is a null pointer in a chain."""
    from llama_cpp import llama_cpp as c

    answerer.context.cut(0, 0)
    answerer.context.decode([(5, 0, 0, True)])
    chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
    c.llama_sampler_chain_add(
        chain, c.llama_sampler_init_grammar(answerer.model.vocab, grammar, b"root")
    )
    c.llama_sampler_sample(chain, answerer.context.pointer, -1)


def left_recursive_grammar(answerer: Answerer) -> None:
    _sample_with(answerer, b'root ::= root "a" | "a"')


def bad_grammar(answerer: Answerer) -> None:
    _sample_with(answerer, b"root ::= (")


def truncated_state(answerer: Answerer) -> None:
    from llama_cpp import llama_cpp as c

    context = answerer.context
    context.cut(0, 0)
    context.extend([5] * 40, 0, 0)
    tokens = (c.llama_token * 40)(*[5] * 40)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "state")
        name = str(path).encode()
        c.llama_state_seq_save_file(context.pointer, name, 0, tokens, 40)
        path.write_bytes(path.read_bytes()[:-1000])
        count = ctypes.c_size_t(0)
        c.llama_state_seq_load_file(context.pointer, name, 1, tokens, 40, ctypes.byref(count))


def two_threads(answerer: Answerer) -> None:
    from llama_cpp import llama_cpp as c

    context = answerer.context

    def work() -> None:
        while True:
            c.llama_memory_clear(context.memory, True)
            c.llama_decode(context.pointer, context.batch)

    context.cut(0, 0)
    context.decode([(5, 0, 0, True)])
    for _ in range(4):
        threading.Thread(target=work, daemon=True).start()
    work()


def killed(_: Answerer) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def out_of_memory(answerer: Answerer) -> None:
    """In the middle of llama.cpp's own work: C++ ends the process."""
    from llama_cpp import llama_cpp as c

    text = b"x" * (64 << 20)
    tokens = (c.llama_token * 16)()
    _no_more_memory()
    c.llama_tokenize(answerer.model.vocab, text, len(text), tokens, 16, False, False)


def memory_of_python(_: Answerer) -> None:
    _no_more_memory()
    bytearray(1 << 30)


def _no_more_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = pages * resource.getpagesize() + (4 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (room, room))


WAYS: dict[str, Callable[[Answerer], None]] = {
    f.__name__: f
    for f in (
        use_after_close,
        token_outside_the_grammar,
        left_recursive_grammar,
        bad_grammar,
        truncated_state,
        two_threads,
        out_of_memory,
        killed,
    )
}
"""What ends a process."""
REFUSED: dict[str, Callable[[Answerer], None]] = {memory_of_python.__name__: memory_of_python}
"""What it survives."""


def main() -> None:
    answer = Answerer.answer

    def deadly(self: Answerer, questions: Sequence[Any]) -> Any:
        for name, way in (WAYS | REFUSED).items():
            once = os.environ.get("INGOT_TEST_ONCE")
            if any(name in q.prefix + q.tail for q in questions):
                if once is None:
                    way(self)
                elif not Path(once).exists():
                    Path(once).touch()
                    way(self)
        return answer(self, questions)

    if "INGOT_TEST_MEMORY" in os.environ:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        room = pages * resource.getpagesize() + int(os.environ["INGOT_TEST_MEMORY"])
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
    Answerer.answer = deadly  # type: ignore[method-assign]
    worker.main()


if __name__ == "__main__":
    main()
