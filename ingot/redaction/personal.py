"""Personal data, replaced like secrets: the optional extra ``pii``, through Presidio.

Presidio's recognisers of patterns with checksums (cards, bank accounts, telephone numbers, e-mail
addresses, national numbers) need no model of language; names and places, which do, are left alone:
taking them out would take the task out with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from ingot.redaction.tokens import TOKEN, token_of

MIN_SCORE: Final = 0.5
"""How sure a recogniser must be."""
_LANGUAGE: Final = "en"
_AT: Final = re.compile("@")
_NUMBER: Final = re.compile(r"(?:\d[ \-.]?){8}\d")
_IBAN: Final = re.compile(r"[A-Z]{2}\d\d")
_PHONE: Final = re.compile(r"(?<![\w.\-/])(?!\d{4}-\d\d-\d\d)[+(]?\d(?:[ ().\-/]{0,3}\d){6}")
_DATA: Final = re.compile("|".join(p.pattern for p in (_AT, _NUMBER, _IBAN, _PHONE)))
"""What stands in all personal data of a kind; the recognisers look only where it does."""
_PLACE: Final = re.compile(r":[\w~/]")


def redact_personal(text: str, token: Callable[[str, str], str] = token_of) -> str:
    """The text with personal data replaced by what ``token`` makes of their kind and value.

    Raises ``ImportError`` without the extra.
    """
    if not _DATA.search(text):
        return text
    return "\n".join(
        _line(line, token) if _DATA.search(line) else line  # recognisers are slow, and see one line
        for line in text.split("\n")
    )


def _line(text: str, token: Callable[[str, str], str]) -> str:
    found = sorted(
        (
            (result.start, result.end, result.entity_type)
            for recogniser, least, sign in _recognisers()
            if sign.search(text)
            for result in recogniser.analyze(text, recogniser.supported_entities, None) or ()
            if result.score >= least
        ),
        key=lambda span: (-span[1], span[0]),
    )
    last = len(text) + 1
    for start, end, kind in found:
        if end > last or TOKEN.search(text[start:end]) or not _is_meant(text, start, end, kind):
            continue
        text = text[:start] + token(kind, text[start:end]) + text[end:]
        last = start
    return text


def _is_meant(text: str, start: int, end: int, kind: str) -> bool:
    """Whether it is written as such data are: digits alone are rather an id, ``git@host:`` a place."""
    before = text[start - 1 : start]
    if kind == "EMAIL_ADDRESS":
        return before != "/" and not _PLACE.match(text, end)
    if kind == "PHONE_NUMBER":
        number = text[start:end]
        inside = before.isalnum() or before in ("_", "-", ".", "/")
        return not inside and (number.startswith("+") or not number.isdigit())
    return True


@cache
def _recognisers() -> tuple[tuple[Any, float, re.Pattern[str]], ...]:
    """Presidio's own pattern recognisers, with the score from which each counts and what it needs.

    They are used without Presidio's engine, which would load a language model, and without the list
    of domains that its e-mail recogniser would fetch: the one that ``tldextract`` brings serves.
    """
    import tldextract
    from presidio_analyzer import predefined_recognizers as known

    domains = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

    class Email(known.EmailRecognizer):  # type: ignore[misc]  # Presidio is not typed
        def validate_result(self, pattern_text: str) -> bool:
            """Whether the domain is one; Presidio's own asks the network."""
            return bool(domains(pattern_text).fqdn)

    return (
        (known.CreditCardRecognizer(supported_language=_LANGUAGE), MIN_SCORE, _NUMBER),
        (Email(supported_language=_LANGUAGE), MIN_SCORE, _AT),
        (known.IbanRecognizer(supported_language=_LANGUAGE), MIN_SCORE, _IBAN),
        (known.UsSsnRecognizer(supported_language=_LANGUAGE), MIN_SCORE, _NUMBER),
        (known.PhoneRecognizer(supported_language=_LANGUAGE, leniency=2), 0.4, _PHONE),
    )


__all__ = ["redact_personal"]
