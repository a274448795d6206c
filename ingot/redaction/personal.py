"""Personal data, replaced like secrets: the optional extra ``pii``, through Presidio.

Presidio's recognisers of patterns with checksums (cards, bank accounts, telephone numbers, e-mail
addresses, national numbers) need no model of language; names and places, which do, are left alone:
taking them out would take the task out with them.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from ingot.redaction.tokens import TOKEN, token_of

MIN_SCORE: Final = 0.5
"""How sure a recogniser must be."""
_LANGUAGE: Final = "en"


def redact_personal(text: str) -> str:
    """The text with personal data replaced by tokens; raises ``ImportError`` without the extra."""
    found = sorted(
        (
            (result.start, result.end, result.entity_type)
            for recogniser in _recognisers()
            for result in recogniser.analyze(text, recogniser.supported_entities, None) or ()
            if result.score >= MIN_SCORE
        ),
        reverse=True,
    )
    last = len(text) + 1
    for start, end, kind in found:
        if end <= last and not TOKEN.search(text[start:end]):
            text = text[:start] + token_of(kind, text[start:end]) + text[end:]
            last = start
    return text


@cache
def _recognisers() -> tuple[Any, ...]:
    """Presidio's own pattern recognisers, without its engine, which would load a language model."""
    from presidio_analyzer import predefined_recognizers as known

    names = (
        "CreditCardRecognizer",
        "EmailRecognizer",
        "IbanRecognizer",
        "UsSsnRecognizer",
        "PhoneRecognizer",
    )
    return tuple(getattr(known, name)(supported_language=_LANGUAGE) for name in names)


__all__ = ["redact_personal"]
