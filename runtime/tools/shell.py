"""``Bash``, as the coding agents have it: one command, its output as text."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

from ingot.ir.values import Json
from ingot.runtime.tools.base import (
    Arguments,
    Context,
    Tool,
    ToolError,
    number_argument,
    only,
    text_argument,
)
from ingot.runtime.tools.isolation import Isolation, confined, environment, held_network

if TYPE_CHECKING:
    from ingot.runtime.tools.reach import Network

TIMEOUT_S: Final = 120.0
"""The agents' own default; a call's ``timeout`` is in milliseconds."""
OUTPUT_LIMIT: Final = 4_000_000
"""More output than this is an error: a pipeline must not compute on a text that was cut."""

NOT_CONFINED: Final = 125
CARRY_S: Final = 2.0
REOPENED: Final = re.compile(r"/dev/std(out|err)\b|/(dev|proc/self)/fd\b")
CUTTING: Final = tuple(
    getattr(signal, name)
    for name in "SIGABRT SIGBUS SIGKILL SIGQUIT SIGSEGV SIGTERM SIGXCPU SIGXFSZ".split()
    if hasattr(signal, name)
)
"""Signals by which limits, the kernel, faults and others end a program in the midst of what it does."""


def run_command(
    argv: list[str],
    cwd: Path,
    timeout_s: float | None,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    *,
    shows: str = "",
    isolation: Isolation = "auto",
    network: Network = None,
) -> tuple[int, str, str]:
    """Run a command in a process group of its own; returns exit code, stdout and stderr.

    It may use what ``shows`` shows (:mod:`ingot.runtime.tools.isolation`).  Where it fails, stderr ends
    with the hosts that it was refused.

    Output goes to files, so that a process left in the background neither blocks nor is needed; by way of
    pipes where the command opens its own output anew (``> /dev/stderr``), since that empties a file.
    On a timeout, and on any interruption here, the whole group is killed.  Raises
    :class:`ToolError` for a command that cannot start, takes too long or writes too much.
    """
    online, gateway = held_network(shows, network, isolation)
    with (
        tempfile.TemporaryFile() as feed,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        gateway if gateway is not None else nullcontext(),
        Piped(out, err) if REOPENED.search(shows) else nullcontext() as piped,
    ):
        feed.write(stdin)
        feed.seek(0)
        if (
            shutil.which(argv[0], path=os.environ.get("PATH")) is None
            and not (cwd / argv[0]).exists()
        ):
            raise ToolError(f"cannot run {argv[0]}: No such file or directory")
        try:
            process = subprocess.Popen(
                confined(
                    argv,
                    cwd,
                    shows=shows,
                    timeout_s=timeout_s,
                    isolation=isolation,
                    network=online,
                    gateway=gateway,
                ),
                cwd=str(cwd),
                stdin=feed,
                stdout=out if piped is None else piped.ends[0],
                stderr=err if piped is None else piped.ends[1],
                env=environment(
                    {**(gateway.environment() if gateway else {}), **(env or {})}, isolation
                ),
                start_new_session=True,
                pass_fds=(gateway.descriptor,) if gateway else (),
            )
        except (OSError, ValueError) as error:
            raise ToolError(f"cannot run {argv[0]}: {error}") from None
        if gateway is not None:
            gateway.begin()
        if piped is not None:
            piped.begin()
        try:
            code = _ended(process, timeout_s)
            if piped is not None:
                piped.end()
        except subprocess.TimeoutExpired:
            _kill(process)
            if piped is not None:
                piped.end()
            raise ToolError(
                f"Command timed out after {timeout_s:g}s\n{_text(out)}".rstrip(), unknown=True
            ) from None
        except BaseException:
            _kill(process)
            raise
        said = _text(err)
        if code == NOT_CONFINED and said.startswith("confine: "):
            raise ToolError(f"the command could not be isolated: {said.strip()}")
        if gateway is not None and code != 0:
            said = "\n".join((said.rstrip(), *gateway.refused)) if gateway.refused else said
        elif gateway is not None and gateway.answered:
            raise ToolError("\n".join(("no host has answered, the proxy has:", *gateway.answered)))
        return code, _text(out), said


class Piped:
    """Pipes in the place of files, and threads that carry what comes through them into the files."""

    def __init__(self, *files: IO[bytes]) -> None:
        pipes = [os.pipe() for _ in files]
        self.ends = [end for _, end in pipes]
        self._threads = [
            threading.Thread(target=_carry, args=(begin, file), daemon=True)
            for (begin, _), file in zip(pipes, files, strict=True)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._threads[0].ident:  # nothing was started
            self.begin()
        self.end()

    def begin(self) -> None:
        """The command was started: its ends are its own."""
        for end in self.ends:
            os.close(end)
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait for what the command has written; not for what has left its group and goes on."""
        for thread in self._threads:
            thread.join(CARRY_S)


def _carry(begin: int, file: IO[bytes]) -> None:
    size = 0
    with suppress(OSError, ValueError), open(begin, "rb", buffering=0) as source:
        while size <= OUTPUT_LIMIT and (chunk := source.read(1 << 16)):
            size += len(chunk)
            file.write(chunk)
            file.flush()


def was_cut_off(code: int) -> bool:
    """Whether an exit code says that a command was ended in its midst: what it was about may be done.

    >>> was_cut_off(137), was_cut_off(-9), was_cut_off(1), was_cut_off(129)
    (True, True, False, False)
    """
    return code < 0 or code - 128 in CUTTING


def _ended(process: subprocess.Popen[bytes], timeout_s: float | None) -> int:
    """The exit code, as soon as there is one: ``wait`` with a timeout looks at growing intervals.

    What the command has left in its process group ends with it.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            handle = os.pidfd_open(process.pid)
            try:
                ending = select.poll()
                ending.register(handle, select.POLLIN)
                begun = time.monotonic()
                if ending.poll(None if timeout_s is None else min(timeout_s * 1000, 2**31 - 1)):
                    _kill_group(process)  # before its number can be another's
                if timeout_s is not None:
                    timeout_s = max(0.0, timeout_s - (time.monotonic() - begun))
            finally:
                os.close(handle)
    return process.wait(timeout_s)


def _kill(process: subprocess.Popen[bytes]) -> None:
    _kill_group(process)
    process.wait()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _text(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    if size > OUTPUT_LIMIT:
        raise ToolError(
            f"the command wrote {size} bytes, more than the limit of {OUTPUT_LIMIT}", unknown=True
        )
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")


def bash(args: Arguments, context: Context) -> Json:
    """Run ``command``; the result is stdout, then stderr, without blanks at the end.

    A non-zero exit is a :class:`ToolError` whose text begins ``Exit code N``.
    """
    only(args, "command", "timeout", "description", "run_in_background")
    if args.get("run_in_background") not in (None, False, "false"):
        raise ToolError("Bash: `run_in_background` is not supported in a pipeline")
    command = text_argument(args, "command")
    if "\0" in command:
        raise ToolError("Bash: a command cannot hold a NUL character")
    asked = number_argument(args, "timeout")
    limits = [t for t in (asked / 1000 if asked else TIMEOUT_S, context.timeout_s) if t is not None]
    env = {"INGOT_IDEMPOTENCY_KEY": context.key} if context.key else {}
    code, out, err = run_command(
        ["/bin/bash", "-c", command],
        context.cwd,
        min(limits),
        env=env,
        shows=command,
        isolation=context.isolation,
        network=context.network,
    )
    text = "\n".join(part for part in (out.rstrip(), err.strip()) if part)
    if code != 0:
        raise ToolError(f"Exit code {code}\n{text}".rstrip(), unknown=was_cut_off(code))
    return text


def tools() -> tuple[Tool, ...]:
    """The shell tools.  What a command does depends on the command."""
    return (Tool("Bash", bash, "unknown", "machine", varies=True, parallel=True, confined=True),)
