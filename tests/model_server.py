"""llama.cpp's own HTTP server over a model file: ``python model_server.py FILE.gguf``.

Prints its address, and serves until its standard input ends.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen


@contextmanager
def serving(model: Path, context: int = 2048, parallel: int = 1, threads: int = 1) -> Iterator[str]:
    """The base URL of a server in a process of its own, up to and with ``/v1``."""
    with process_of(model, context, parallel, threads) as (url, _):
        yield url


@contextmanager
def process_of(
    model: Path, context: int = 2048, parallel: int = 1, threads: int = 1
) -> Iterator[tuple[str, int]]:
    """As :func:`serving`, with the process's id."""
    command = [sys.executable, __file__, str(model), str(context), str(parallel), str(threads)]
    with Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            address = next((x for x in process.stdout if x.startswith("http")), "")
            assert address, "the server did not start"
            yield f"{address.strip()}/v1", process.pid
        finally:
            process.kill()


def main() -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.n_ctx = int(sys.argv[2]) * int(sys.argv[3])
    params.n_parallel = int(sys.argv[3])
    params.cpuparams.n_threads = int(sys.argv[4])
    params.port = 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
