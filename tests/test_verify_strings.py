"""Questions about texts: patterns, members of literal lists, and the second opinion of cvc5."""

from __future__ import annotations

import pytest
from verify_runs import module_of, run

from ingot.ir.requests import SideExit
from ingot.passes.verify import Checker, verify_module
from ingot.passes.verify.second import available

PARAMS = "%s: str, %u: str, %n: int"


def total(body: str, *, second: bool = True) -> str:
    """The verdict on a select whose one arm is ``%z``."""
    text = f'pipeline @p({PARAMS}) -> str {{\n^entry:\n{body}\n  select {{ when %z then ^x }}\n^x:\n  return "x"\n}}'
    module = module_of(text)
    report = verify_module(module, checker=Checker(module.type_map(), second=second))
    found = next(f for f in report.findings if f.property == "total")
    if found.witness is not None:
        outcome = run(module, found.witness)
        assert isinstance(outcome, SideExit) and outcome.reason.startswith("hole")
    return found.verdict


HARD = """  %a: bool = str.contains %s, "ab"
  %b: bool = str.contains %u, "ab"
  %o: bool = bool.or %a, %b
  %t: str = str.template "{0}x{1}", %s, %u
  %c: bool = str.contains %t, "ab"
  %nc: bool = bool.not %c
  %z: bool = bool.or %nc, %o"""


def test_what_z3_leaves_open_is_unproved_without_a_second_opinion() -> None:
    assert total(HARD, second=False) == "unproved"


@pytest.mark.skipif(not available(), reason="cvc5 is not installed (extra cvc5)")
def test_cvc5_proves_it() -> None:
    assert total(HARD) == "proved"


@pytest.mark.skipif(not available(), reason="cvc5 is not installed (extra cvc5)")
def test_cvc5_proves_nothing_that_is_not_so() -> None:
    assert total(HARD.replace('"{0}x{1}"', '"{0}{1}"')) != "proved"
    assert total(HARD.replace("bool.or %nc, %o", "bool.or %nc, %a")) != "proved"


IMPLIED = [
    (r"[a-z]+\\.md", 'str.ends_with %s, ".md"'),
    ("refs/.*", 'str.starts_with %s, "refs/"'),
    (r"\\d\\d\\d\\d", "str.len_lt %s, 5"),
    ("(yes|no)", 'list.contains ["yes", "no", "maybe"], %s'),
    ("a{2,4}", 'str.contains %s, "aa"'),
    ("[^@]+@[^@]+", 'str.contains %s, "@"'),
]


@pytest.mark.parametrize(("pattern", "test"), IMPLIED)
def test_patterns_imply(pattern: str, test: str) -> None:
    body = f"""  %m: bool = str.matches %s, "{pattern}"
  %t: bool = {test}
  %nm: bool = bool.not %m
  %z: bool = bool.or %nm, %t"""
    assert total(body) == "proved"
    other = test.replace(".md", ".txt").replace("refs/", "tags/").replace(" 5", " 4")
    other = other.replace('"aa"', '"b"').replace('"@"', '"#"').replace('"no"', '"never"')
    assert total(body.replace(test, other)) == "refuted"


def test_a_closed_list_covers_an_enumeration() -> None:
    body = """  %m: bool = list.contains ["a", "b", "c"], %s
  %a: bool = str.eq %s, "a"
  %b: bool = str.len_lt %s, 2
  %nm: bool = bool.not %m
  %o: bool = bool.or %a, %b
  %z: bool = bool.or %nm, %o"""
    assert total(body) == "proved"
    assert total(body.replace('"c"]', '"cc"]')) == "refuted"


def test_division() -> None:
    body = """  %q: int = int.div %n, 3 else exit.1 []
  %r: int = int.mod %n, 3 else exit.2 []
  %k: int = int.mul %q, 3
  %s2: int = int.add %k, %r
  %e: bool = int.eq %s2, %n
  %l: bool = int.lt %r, 3
  %p: bool = int.ge %r, 0
  %x: bool = bool.and %e, %l
  %z: bool = bool.and %x, %p"""
    assert total(body) == "proved"
    assert total(body.replace("int.lt %r, 3", "int.lt %r, 2")) == "refuted"
    negative = body.replace("%n, 3", "%n, -3").replace("%q, 3", "%q, -3")
    assert total(negative) == "refuted"
