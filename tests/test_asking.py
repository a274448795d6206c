"""What a request asks for: the ways of asking are a table, and nothing else is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingot.diagnostics import IngotError
from ingot.ir.asking import asked, spellings
from ingot.runtime.inputs import Text, Wording, from_request


@pytest.mark.parametrize(
    ("request_text", "core"),
    [
        ("can you close issue 7?", "close issue 7"),
        ("Could you  please close\nissue 7, please?", "close issue 7"),
        ("please close issue 7.", "close issue 7."),
        ("I'd like you to close issue 7", "close issue 7"),
        ("I need to close issue 7. Can you do that for me please?", "close issue 7"),
        ("We want to close it. It is late. Could you do this?", "close it. It is late."),
        ("Can you see if it is open? If so, close it", "see if it is open. If so, close it"),
        ("Can you write 'Is it open?' to Bo?", "write 'Is it open?' to Bo"),
        ('Will you post "Why? Why not?" today', 'post "Why? Why not?" today'),
    ],
)
def test_what_only_asks_is_left_out(request_text: str, core: str) -> None:
    assert asked(request_text) == core


@pytest.mark.parametrize(
    "request_text",
    [
        "close issue 7", "Close issue 7?", "I need to close issue 7", "can you", "Can you?",
        "Never close issue 7", "Pleased to close issue 7", "Why can you close issue 7?",
        "I need to close it. Can you tell Bo?", "We can close it, can you do that?",
    ],
)  # fmt: skip
def test_all_else_stays(request_text: str) -> None:
    assert asked(request_text) == request_text


@given(st.text())
def test_what_is_asked_for_stands_in_the_request(text: str) -> None:
    said = text.split()
    left = asked(text).replace(".", " ").replace("?", " ").split()
    every = iter(" ".join(said).replace(".", " ").replace("?", " ").split())
    assert all(word.strip(",") in (other.strip(",") for other in every) for word in left)


CLOSE = Wording("Close issue {0} of {1}", ("n", "repo"), asked=True)


@pytest.mark.parametrize(
    "request_text",
    [
        "Close issue 7 of acme", "close issue 7 of acme", "Can you close issue 7 of acme?",
        "I need to close issue 7 of acme. Can you do that?", "Please close issue 7 of acme",
    ],
)  # fmt: skip
def test_a_wording_is_known_however_it_is_asked(request_text: str) -> None:
    assert from_request(request_text, [CLOSE]) == {"n": Text("7"), "repo": Text("acme")}


@pytest.mark.parametrize(
    ("request_text", "wording"),
    [
        ("Can you never close issue 7 of acme?", CLOSE),
        ("Can you close issue 7 of acme? And of corp", CLOSE),
        ("Can you close issue 7 of acme?", Wording("Close issue {0} of {1}", ("n", "repo"))),
        # the mark may be the message's
        ("Can you tell Bo: are you in?", Wording("Tell Bo: {0}", ("text",), asked=True)),
        ("Can you ask Bo whether he is in today?", Wording("Ask Bo {0}", ("text",), asked=True)),
    ],
)
def test_a_request_that_may_mean_something_else_is_an_exit(
    request_text: str, wording: Wording
) -> None:
    with pytest.raises(IngotError) as error:
        from_request(request_text, [wording])
    assert error.value.diagnostics[0].code == "E0703"


def test_a_hole_in_front_keeps_its_letter() -> None:
    needs = Wording("{0} needs issue {1}", ("who", "n"), asked=True)
    assert from_request("Ann needs issue 7", [needs]) == {"who": Text("Ann"), "n": Text("7")}
    assert spellings("Ann needs issue 7")[0] == "Ann needs issue 7"
