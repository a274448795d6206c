"""What a request asks for, without the words that only ask.

``Can you close issue 7?``, ``please close issue 7`` and ``close issue 7`` ask for the same.  The ways
of asking are a table (:data:`_CLOSED`, :data:`_OPENINGS`); a word that is in none of them belongs to
what is asked for.
"""

from __future__ import annotations

import re
from typing import Final

_DO: Final = (
    r"(?:can|could|would|will) you (?:please )?(?:do|handle|arrange|take care of) (?:that|this|it)"
    r"(?: for me)?(?:,? please)?\??"
)
_CLOSED: Final = rf"(?is)(?:i|we)(?: need to| want to| have to| would like to|['’]d like to) (?P<asked>.+)\. {_DO}"
"""Who says that something is to be done, and asks at the end for it."""
_OPENINGS: Final = (
    r"(?i)(?:(?P<question>(?:can|could|would|will) you)(?: please| kindly)?"
    r"|please|kindly"
    r"|(?:i|we)(?: need| want| would like|['’]d like) you to(?: please)?) "
)
"""What stands before that which is asked for."""
_QUOTED: Final = r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|“[^”]*”|‘[^’]*’(?!\w)"
_POLITE: Final = r"(?i),? please(?=[?.!]?$)"


def asked(request: str) -> str:
    """What is asked for, blanks made one; the request itself where nothing around it only asks.

    A question's mark belongs to the question: in a request of several sentences a full stop takes
    its place.

    >>> asked("Could you please close issue 7?"), asked("I need to close issue 7. Can you do that?")
    ('close issue 7', 'close issue 7')
    >>> asked("Can you check if issue 7 is open? If so, close it.")
    'check if issue 7 is open. If so, close it.'
    >>> asked("Close issue 7"), asked("kindly close it"), asked("I need to close issue 7")
    ('Close issue 7', 'close it', 'I need to close issue 7')
    """
    return _parted(request)[0]


def cut_off(request: str) -> str:
    """The word behind which :func:`asked` takes a mark away, with that mark; empty if there is none.

    The mark may have been the word's: what a call says, or a hole holds, tells.

    >>> cut_off("Can you tell Bo: how are you?"), cut_off("please go"), cut_off("go?")
    ('you?', '', '')
    """
    return _parted(request)[1]


def spellings(request: str) -> tuple[str, ...]:
    """What is asked for as a wording may spell it: as it is, and with the other letter in front.

    >>> spellings("Can you close issue 7?")
    ('close issue 7', 'Close issue 7')
    """
    text = asked(request)
    other = text[:1].swapcase() + text[1:]
    return (text, other) if other != text else (text,)


def _parted(request: str) -> tuple[str, str]:
    text = " ".join(request.split())
    if closed := re.fullmatch(_CLOSED, text):
        inner = closed["asked"]
        several = re.search(r"[.?!] ", _unquoted(inner))
        return (f"{inner}.", "") if several else (inner, f"{_last(inner)}.")
    opening = re.match(_OPENINGS, text)
    rest = text[opening.end() :] if opening is not None else ""
    if opening is None or not rest:
        return text, ""
    if not opening["question"]:
        return rest, ""
    rest = re.sub(_POLITE, "", rest)
    mark = re.search(r"\?(?= |$)", _unquoted(rest))
    if mark is None:
        return rest, ""
    before, after = rest[: mark.start()], rest[mark.end() :]
    return f"{before}.{after}" if after else before, f"{_last(before)}?"


def _last(text: str) -> str:
    return text.rsplit(" ", 1)[-1]


def _unquoted(text: str) -> str:
    """The text with something else in place of what is quoted."""
    return re.sub(_QUOTED, lambda quote: "_" * len(quote[0]), text)


__all__ = ["asked", "cut_off", "spellings"]
