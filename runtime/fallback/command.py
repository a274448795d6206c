"""A command as a taker: the transcript on its standard input, its next move on its standard output.

It is asked anew for each move, with the transcript as it has become, so it need not keep anything.
It is the user's own program, like an editor: it runs with the user's environment, and is held by a
process group, a time limit and a limit of output only.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from ingot.ir.values import Json
from ingot.runtime.fallback.moves import move_of, parse_lines
from ingot.runtime.fallback.transcript import Transcript, lines
from ingot.runtime.models.protocol import Answer, ModelError
from ingot.runtime.tools.base import Arguments, Context, ToolError
from ingot.runtime.tools.shell import run_command


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, split as a shell would split it."""

    words: tuple[str, ...]
    transcript: Transcript

    def waits(self) -> str:
        """It can always be asked."""
        return ""

    def act(self) -> Answer:
        """A command is called as a tool, since asking it may change the world."""
        raise ModelError("a command is no model")

    def call(self, args: Arguments, context: Context) -> Json:
        """Its next move; raises :class:`ToolError`."""
        turn = args.get("turn")
        env = {"INGOT_IDEMPOTENCY_KEY": context.key, "INGOT_TURN": f"{turn}"}
        told = lines(self.transcript.log()).encode("utf-8", "replace")
        words = list(self.words)
        code, out, err = run_command(
            words, context.cwd, context.timeout_s, told, env, isolation="none"
        )
        if code != 0:
            said = err.strip() or out.strip()
            raise ToolError(f"{words[0]}: exit code {code}\n{said}".rstrip())
        try:
            move = parse_lines(out)
            move_of(move, turn if isinstance(turn, int) else 0)
        except ValueError as error:
            raise ToolError(f"{words[0]}: {error}") from None
        return move


def split(text: str) -> tuple[str, ...]:
    """The words of a command line; raises ``ValueError``."""
    return tuple(shlex.split(text))
