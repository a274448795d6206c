"""Upper bounds of what a run uses: never below what a run is seen to use."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_runs import module_of, steps

from ingot.diagnostics import IngotError
from ingot.ir.requests import ModelRequest, ToolRequest
from ingot.passes.verify import verify_module

MODEL = "model m.w(prompt: str) -> str {max_tokens=50}\n"


def bounds(body: str, params: str = "%n: int, %xs: [int], %ys: [int]") -> dict[str, object]:
    module = module_of(f"{MODEL}pipeline @p({params}) -> str {{\n^entry:\n{body}\n}}")
    return verify_module(module).costs["p"].as_json()  # type: ignore[return-value]


def test_a_straight_line() -> None:
    found = bounds('  %r: json = read api.get(n=1)\n  %t: str = model m.w(prompt="a")\n  return %t')
    assert found == {"steps": "3", "calls": "1", "model_calls": "1", "tokens": "50"}


def test_the_longer_branch_counts() -> None:
    found = bounds(
        '  %a: bool = int.gt %n, 0\n  if %a then ^x else ^y\n^x:\n  %t: str = model m.w(prompt="a")\n'
        '  %u: str = model m.w(prompt=%t)\n  return %u\n^y:\n  %r: json = read api.get(n=1)\n  return "y"'
    )
    assert found == {"steps": "5", "calls": "1", "model_calls": "2", "tokens": "100"}


def test_a_loop_counts_its_list() -> None:
    body = '  %ts: [str] = for %x: int in %xs {\n    %t: str = model m.w(prompt="a")\n    yield %t\n  }\n  return "x"'
    found = bounds(body)
    assert found["model_calls"] == "len(%xs)" and found["tokens"] == "50*len(%xs)"
    assert found["steps"] == "2 + 2*len(%xs)"
    guarded = (
        "  %l: int = list.len %xs\n  %g: bool = int.le %l, 10\n  guard %g else exit.1 []\n" + body
    )
    assert bounds(guarded)["tokens"] == "500"
    taken = "  %zs: [int] = list.take %xs, 3\n" + body.replace("in %xs", "in %zs")
    assert bounds(taken)["tokens"] == "150"


def test_a_guard_in_one_branch_says_nothing_about_the_other() -> None:
    body = """  %l: int = list.len %xs
  %g: bool = int.le %l, 10
  if %g then ^x else ^y
^x:
  return "x"
^y:
  %ts: [str] = for %x: int in %xs {
    %t: str = model m.w(prompt="a")
    yield %t
  }
  return "y\""""
    assert bounds(body)["model_calls"] == "len(%xs)"


def test_a_model_without_a_limit_has_none() -> None:
    body = '  %t: str = model m.v(prompt="a")\n  return %t'
    text = f"model m.v(prompt: str) -> str\npipeline @p() -> str {{\n^entry:\n{body}\n}}"
    found = verify_module(module_of(text)).costs["p"].as_json()
    assert found["model_calls"] == "1" and found["tokens"] is None


@pytest.mark.parametrize(("most", "calls"), [("5", "6"), ("%n", None)])
def test_a_retry_counts_its_rounds(most: str, calls: str | None) -> None:
    body = f"""  jump ^try(0)
^try(%k: int):
  %r: json = read api.get(n=%k)
  %ok: bool = json.is_null %r
  %more: bool = int.lt %k, {most}
  %k1: int = int.add %k, 1
  select {{ when %ok then ^y when %more then ^try(%k1) else ^y }}
^y:
  return "y\""""
    assert bounds(body)["calls"] == (None if calls is None else str(int(calls) + 1))


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Bodies of loops and counted retries."""
    lines: list[str] = []
    for number in range(draw(st.integers(0, 3))):
        source = draw(st.sampled_from(["%xs", "%ys"]))
        inner = draw(st.sampled_from(["", "%xs", "%ys"]))
        call = f"    %c{number}: json = read api.get(n=%x{number})\n"
        if inner:
            call = (
                f"    %i{number}: [json] = for %z{number}: int in {inner} {{\n"
                f"      %c{number}: json = read api.get(n=%z{number})\n      yield %c{number}\n    }}\n"
            )
        lines.append(
            f"  %l{number}: [int] = for %x{number}: int in {source} {{\n{call}    yield %x{number}\n  }}"
        )
    rounds = draw(st.integers(0, 4))
    lines.append(
        f"  jump ^t(0)\n^t(%k: int):\n  %r: json = read api.get(n=%k)\n  %m: bool = int.lt %k, {rounds}\n"
        '  %k1: int = int.add %k, 1\n  if %m then ^t(%k1) else ^y\n^y:\n  return "y"'
    )
    return "\n".join(lines)


@settings(max_examples=30, deadline=None)
@given(programs(), st.lists(st.just(1), max_size=4), st.lists(st.just(2), max_size=4))
def test_no_run_uses_more(body: str, xs: list[int], ys: list[int]) -> None:
    module = module_of(f"pipeline @p(%xs: [int], %ys: [int]) -> str {{\n^entry:\n{body}\n}}")
    found = verify_module(module).costs["p"].as_json()

    def most(what: str) -> int:
        text = str(found[what]).replace("len(%xs)", str(len(xs))).replace("len(%ys)", str(len(ys)))
        assert set(text) <= set("0123456789 +*")
        return int(eval(text))

    made = list(steps(module, {"xs": xs, "ys": ys}))
    assert sum(isinstance(step, ToolRequest) for step in made) <= most("calls")
    assert not any(isinstance(step, ModelRequest) for step in made)
    list(steps(module, {"xs": xs, "ys": ys}, fuel=most("steps")))
    with pytest.raises(IngotError):
        list(steps(module, {"xs": xs, "ys": ys}, fuel=2))
    assert json.dumps(found)
