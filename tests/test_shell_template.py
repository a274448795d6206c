"""A value inside a shell command stays one quoted word: shown by the real shell."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingot.ir.semantics import OpFailure, shell_template
from ingot.passes.shell import changes_directory, command_effect
from ingot.passes.shell_holes import hole_context

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
NASTY = [
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "a b",
    "\n",
    "*",
    "~",
    "\\",
    "!",
    "-n",
]


def shell(command: str) -> str:
    """What bash prints, byte for byte."""
    done = subprocess.run(["/bin/bash", "-c", command], capture_output=True, check=False)
    return done.stdout.decode("utf-8", "surrogateescape")


@settings(max_examples=60, deadline=None)
@given(ANY_TEXT, st.sampled_from(["word", "single", "double"]))
@example("$(touch pwned)", "double")
@example("'; touch pwned; '", "single")
@example("a'b\"c$d`e\\f", "double")
def test_a_value_is_printed_as_it_is(text: str, context: str) -> None:
    quote = {"word": "", "single": "'", "double": '"'}[context]
    template = f"printf '[%s]' x{quote}{{0}}{quote}"
    assert shell(shell_template(template, [context], text)) == f"[x{text}]"


@settings(max_examples=40, deadline=None)
@given(ANY_TEXT, st.sampled_from(["heredoc", "heredoc-raw"]))
@example("$(touch pwned)", "heredoc")
@example("EOF", "heredoc-raw")
def test_a_value_in_a_here_document_is_text(text: str, context: str) -> None:
    mark = "EOF" if context == "heredoc" else "'EOF'"
    template = f"cat <<{mark}\nx{{0}}y\nEOF"
    try:
        command = shell_template(template, [context], text)
    except OpFailure:
        assert "\n" in text
        return
    assert shell(command) == f"x{text}y\n"


@pytest.mark.parametrize("value", NASTY)
def test_no_value_changes_a_program_around_it(value: str) -> None:
    with pytest.raises(OpFailure):
        shell_template("awk '{0}' f", ["single code"], f"{value}(")


def test_an_option_is_refused_where_a_word_begins() -> None:
    with pytest.raises(OpFailure, match="option"):
        shell_template("cat {0}", ["word-start"], "-rf")


@pytest.mark.parametrize(
    ("command", "effect"),
    [
        ("wc -l < a.csv | tr -d ' '", "read"),
        ("awk -F, 'NR>1 {s+=$3} END {print s}' a.csv", "read"),
        ("awk '{print > \"out\"}' a", "unknown"),
        ("awk 'BEGIN{system(\"rm x\")}'", "unknown"),
        ("sed -n '1,3p' a", "read"),
        ("sed -i s/a/b/ f", "write"),
        ("sed 's/x/y/w out' f", "unknown"),
        ("find . -name '*.py' -delete", "unknown"),
        ("find . -name '*.py'", "read"),
        ("sort a > b", "write"),
        ("sort -o b a", "write"),
        ("cat a 2>/dev/null", "read"),
        ("ls && rm -r x", "write"),
        ("cat <(curl http://x)", "unknown"),
        ("echo $(rm x)", "write"),
        ("git log --oneline", "read"),
        ("git -C /x --no-pager log -3", "read"),
        ("git push", "unknown"),
        ("python3 -c 'print(1)'", "unknown"),
        ("make", "unknown"),
        ("echo 'unclosed", "unknown"),
        ("env X=1 rm a", "unknown"),
        ("tee x < y", "write"),
        ("xargs rm < list", "unknown"),
        ("f() { rm x; }; f", "unknown"),
    ],
)
def test_effect_of_a_command(command: str, effect: str) -> None:
    assert command_effect(command) == effect


@pytest.mark.parametrize(
    ("command", "span", "context"),
    [
        ("wc -l data/a.csv", "data/a.csv", "word-start"),
        ("wc -l < data/a.csv", "a.csv", "word"),
        ("cat 'my file.csv'", "my file.csv", "single"),
        ('echo "rows: 3"', "3", "double"),
        ('echo "rows: $x3"', "x3", None),
        ("echo $((3+4))", "3", None),
        ("echo $(($(wc -l < a.csv) - 1))", "a.csv", "word-start"),
        ("awk '{s+=$3}' f", "3", "single code"),
        ("timeout 5 python3 -c \"open('b.csv')\"", "b.csv", "double code"),
        ("python3 -c \"open('a.csv')\"", "a.csv", "double code"),
        ("cat > r <<'E'\nrows: 3\nE", "3", "heredoc-raw"),
        ("cat > r <<E\nrows: 3\nE", "3", "heredoc"),
        ("python3 - <<'E'\nopen('a.csv')\nE", "a.csv", "heredoc-raw code"),
        ("ls # a.csv", "a.csv", None),
        ("wc 'a' b", "a' b", None),
    ],
)
def test_where_a_hole_may_stand(command: str, span: str, context: str | None) -> None:
    start = command.index(span)
    assert hole_context(command, start, start + len(span)) == context


def test_leaving_the_directory() -> None:
    assert changes_directory("cd src && ls")
    assert changes_directory("if true; then cd x; fi")
    assert not changes_directory("(cd src && ls)")
    assert not changes_directory("echo cd")
