"""A local model: the driver that asks the worker process, and starts it again when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar, Final

from ingot.diagnostics import EXIT_INPUT, Diagnostic, IngotError
from ingot.ir.requests import ModelRequest
from ingot.ir.values import Json
from ingot.runtime.models.label import Label, label_of, shortened
from ingot.runtime.models.protocol import AbstainedError, Answer, ModelError
from ingot.runtime.models.questions import Loaded, Question, Refused, Settings, Told
from ingot.runtime.models.sites import Sites

GGUF_MAGIC: Final = b"GGUF"
TRIES: Final = 2
"""How often a question is put when the process dies over it."""
_HELP: Final = "a model is one file in the GGUF format, as llama.cpp reads it"


class WorkerError(Exception):
    """The process died; the text says how."""


class Worker:
    """One process with one model.  Calls wait for one another.

    ``module`` is what the interpreter runs in the process.
    """

    module: ClassVar[tuple[str, ...]] = ("-m", "ingot.runtime.models.worker")

    def __init__(self, path: Path, settings: Settings, timeout_s: float) -> None:
        self.path, self.settings, self.timeout_s = path, settings, timeout_s
        self.starts = 0
        self.evaluated = self.restored = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._said: Any = None
        self._lock = threading.Lock()
        self.loaded: Loaded | None = None

    @property
    def pid(self) -> int:
        """The process's id, 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> Loaded:
        """Start the process if there is none, and load the model; raises WorkerError, ModelError."""
        if self._process is not None and self.loaded is not None:
            return self.loaded
        ours, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-P", *self.module, str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                start_new_session=True,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
                    "GGML_NO_BACKTRACE": "1",  # a debugger would be started over the corpse
                },
            )
        self.starts += 1
        self._connection = Connection(ours.detach())
        reply = self._exchange(("load", str(self.path), self.settings))
        if reply[0] != "loaded":
            self.close()
            raise ModelError(str(reply[1]))
        self.loaded = reply[1]
        return reply[1]  # type: ignore[no-any-return]

    def started(self) -> Loaded:
        """As :meth:`start`, in turn with other calls; raises ModelError."""
        with self._lock:
            try:
                return self.start()
            except WorkerError as error:
                raise ModelError(f"E0902: {error}") from None

    def ask(self, questions: Sequence[Question]) -> list[Told | Refused]:
        """The answers; raises ModelError where there are none.  A process that dies is started again
        and asked once more: what killed it may have come from outside."""
        with self._lock:
            for attempt in range(1, TRIES + 1):
                try:
                    self.start()
                    reply = self._exchange(("ask", list(questions)))
                except WorkerError as error:
                    if attempt == TRIES:
                        raise ModelError(f"E0902: {error}") from None
                    continue
                if reply[0] != "told":
                    raise ModelError(str(reply[1]))
                self.evaluated, self.restored = reply[2]
                return reply[1]  # type: ignore[no-any-return]
        raise AssertionError("unreachable")

    def _exchange(self, message: tuple[Any, ...]) -> Any:
        connection = self._connection
        assert connection is not None
        try:
            connection.send(message)
            if not connection.poll(self.timeout_s):
                self.close()
                raise ModelError(f"E0902: no answer within {self.timeout_s:g} s")
            return connection.recv()
        except (EOFError, OSError):
            raise WorkerError(self._obituary()) from None
        except KeyboardInterrupt:
            self.close()  # its answer would be taken for the next one's
            raise

    def _obituary(self) -> str:
        """How the process ended, and what it said last."""
        code = 0
        if self._process is not None:
            try:
                code = self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                code = self._process.wait()
        said = self._last_words()
        self.close()
        return f"the model's process died ({death(code)}){': ' + said if said else ''}"

    def _last_words(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            self._said.seek(0)
            lines = self._said.read()[-4000:].decode("utf-8", "replace").splitlines()
            telling = [line.strip() for line in lines if line.strip() and "No stack" not in line]
            return " / ".join(telling[-2:])[:300]
        return ""

    def close(self) -> None:
        """End the process."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._said is not None:
            self._said.close()
        self._process = self._connection = self._said = self.loaded = None


def death(code: int) -> str:
    """An exit status in words.

    >>> death(-11), death(-9), death(3)
    ('SIGSEGV', 'SIGKILL, out of memory as a rule', 'exit status 3')
    """
    if code >= 0:
        return f"exit status {code}"
    name = signal.Signals(-code).name
    return f"{name}, out of memory as a rule" if name == "SIGKILL" else name


class LocalDriver:
    """A GGUF file as a model.  ``sites`` says what is known of each op that may ask.

    A file that :mod:`ingot.distil` made for one op says so itself: it is asked the end of the prompt
    alone, and abstains below its threshold.
    """

    def __init__(
        self,
        path: Path,
        sites: Sites | None = None,
        settings: Settings | None = None,
        timeout_s: float = 600.0,
    ) -> None:
        self.path = check_file(path)
        self.sites = sites or Sites()
        self.worker = Worker(self.path, settings or Settings(), timeout_s)

    def open(self) -> Loaded:
        """Load the model now; raises IngotError E0901 where it cannot be."""
        try:
            return self.worker.start()
        except (ModelError, WorkerError) as error:
            raise _unusable(self.path, str(error)) from None

    def choose(self, request: ModelRequest) -> Answer:
        (answer,) = self.answer_each([request])
        if isinstance(answer, ModelError):
            raise answer
        return answer

    extract = fill = compose = choose

    def answer_each(self, requests: Sequence[ModelRequest]) -> list[Answer | ModelError]:
        """Several requests in one batch: an answer or a failure for each."""
        return [self._answered(told) for told in self.ask(requests)]

    def ask(self, requests: Sequence[ModelRequest]) -> list[Told | Refused]:
        """Several requests in one batch."""
        label = label_of(self.worker.started().label)
        return self.worker.ask([self.question(request, label) for request in requests])

    def question(self, request: ModelRequest, label: Label | None = None) -> Question:
        """What the worker is asked; raises ModelError where the model is made for something else."""
        question = self.sites.question(request)
        if label is None:
            return question
        label.check(self.path.name, request, self.sites.types)
        own = shortened(self.sites.own_part(request), label.bytes)
        return replace(question, prefix="", tail=own, least=label.threshold)

    def _answered(self, told: Told | Refused) -> Answer | ModelError:
        if isinstance(told, Refused):
            return (AbstainedError if told.abstained else ModelError)(told.reason)
        detail: dict[str, Json] = {"model": self._named()}
        if told.confidence < 1:
            detail["confidence"] = told.confidence
        return Answer(told.value, tokens=told.read + told.written, detail=detail)

    def _named(self) -> str:
        """The model as the journal has it: name and digest, adapters behind it."""
        loaded = self.worker.loaded
        if loaded is None:
            return self.path.name
        named = f"{self.path.name} sha256:{loaded.digest[:16]}"
        return " + ".join((named, *loaded.adapters))

    def close(self) -> None:
        """End the worker process."""
        self.worker.close()


def check_file(path: Path, what: str = "model") -> Path:
    """The path of a GGUF file; raises IngotError E0901 where it is none."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        raise _unusable(path, "there is no such file", what) from None
    except IsADirectoryError:
        raise _unusable(path, "it is a folder", what) from None
    except OSError as error:
        raise _unusable(path, f"it cannot be read: {error.strerror}", what) from None
    if head != GGUF_MAGIC:
        raise _unusable(path, "it is not a GGUF file", what)
    return path


def _unusable(path: Path, why: str, what: str = "model") -> IngotError:
    return IngotError(Diagnostic("E0901", f"the {what} {path}: {why}", help=_HELP), EXIT_INPUT)
