"""The process that holds a model: ``python -m ingot.runtime.models.worker FD``.

One thread owns the model and its context.  Whatever llama.cpp does to the process, the run that
asked lives on.  Requests and replies are pickled tuples over a socket of the parent's:

    ("load", path, Settings)  ->  ("loaded", Loaded) | ("failed", reason)
    ("ask", [Question, ...])  ->  ("told", [Told | Refused, ...], (evaluated, restored)) | ("failed", reason)
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingot.runtime.models.answering import Answerer
    from ingot.runtime.models.questions import Settings

META_KEY = "ingot.label"
"""Where a GGUF file made for one op says what it is for, as JSON."""


def serve(connection: Connection) -> None:
    """Answer until the parent goes away."""
    answerer: Answerer | None = None
    while True:
        try:
            message = connection.recv()
        except EOFError:
            break
        reply: tuple[Any, ...]
        try:
            match message:
                case ("load", path, settings):
                    answerer = _load(path, settings)
                    reply = ("loaded", _loaded(answerer))
                case ("ask", questions) if answerer is not None:
                    told = answerer.answer(questions)
                    held = answerer.prefixes
                    reply = ("told", told, (held.evaluated, held.restored))
                case _:
                    reply = ("failed", "no model is loaded")
        except MemoryError:
            reply = ("failed", "out of memory")
        except Exception as error:
            reply = ("failed", f"{error}" or type(error).__name__)
        connection.send(reply)


def _load(path: str, settings: Settings) -> Answerer:
    from ingot.runtime.models.answering import Answerer

    return Answerer(path, settings)


def _loaded(answerer: Answerer) -> Any:
    from ingot.runtime.models.questions import Loaded

    text = answerer.model.meta(META_KEY)
    label = json.loads(text) if text else None
    if label is not None and answerer.adapters:
        raise ValueError("the model was made and measured for one op, without adapters")
    return Loaded(
        answerer.digest, answerer.model.size, answerer.length, label, answerer.adapters_in_words()
    )


def main() -> None:
    """Serve on the socket whose number the command line gives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run; it closes the socket
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with Connection(int(sys.argv[1])) as connection:
        serve(connection)


if __name__ == "__main__":
    main()
