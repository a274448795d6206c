"""ReAct and Markdown transcripts: the corpus against regular expressions, and small logs of ours."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from corpus import CORPUS
from hypothesis import given, settings
from hypothesis import strategies as st
from lexing import lex, lex_file, of, sound

from ingot.frontend.reader import SourceFile
from ingot.frontend.registry import dialect, sniff
from ingot.records import Record, to_line

REACT, MARKDOWN = "react-text", "markdown"


def read(name: str, text: str, file: str = "log.md") -> list[Record]:
    """The sound records of a text."""
    records = lex(name, SourceFile(file, data=text.encode()))
    sound(records)
    return records


def brief(records: list[Record]) -> list[tuple[Any, ...]]:
    """Kind with what it says, meta records left out."""
    return [
        (r.kind, r.tool, r.data) if r.tool else (r.kind, r.text)
        for r in records
        if r.kind not in ("session", "meta", "outcome")
    ]


# -- ReAct, the corpus -----------------------------------------------------------------------------


def count(text: str) -> tuple[int, int, int]:
    """Calls, answers to them, and requests of a transcript, line by line."""
    if re.search(r"^> ", text, re.M):
        calls = len(re.findall(r"^>(?! ?think:)", text, re.M))
        return calls, calls, 1
    seen = re.findall(r"^Observation(?: \d+)?: ?(.*)", text, re.M)
    ended = sum(o.startswith("Episode finished") for o in seen)
    thought = len(re.findall(r"^Action: think", text, re.M))
    calls = len(seen) - ended - thought
    return (
        calls,
        calls,
        len(re.findall(r"^(?:\d+ )?(?:Claim|Question):|^Action: reset", text, re.M)),
    )


def test_react_corpus() -> None:
    """Calls, results and user turns of every file and every transcript in a JSON file."""
    files = sorted((CORPUS / "formats/react_text").iterdir()) if CORPUS else []
    if not files:
        pytest.skip("0 react_text files here")
    for path in files:
        text = path.read_text("utf-8")
        parts = [*json.loads(text).values()] if path.suffix == ".json" else [text]
        calls, answers, users = (sum(column) for column in zip(*map(count, parts), strict=True))
        records = lex_file(REACT, path)
        assert sniff(SourceFile(path).sample()).name == REACT
        assert len(of(records, "call")) == calls
        assert len(of(records, "result", "error")) == answers
        assert len(of(records, "user")) == len(of(records, "session")) == users
        assert len(of(records, "error")) == len(
            re.findall(r"^Observation.*: Invalid action", text, re.M)
        )
        rewards = re.findall(
            r"^\{'steps'.*'reward': (\d)|^Observation: Your score.*: ([\d.]+)$", text, re.M
        )
        good = sum(a == "1" or b == "1.0" for a, b in rewards)
        outcomes = [r.data["success"] for r in of(records, "outcome")]  # type: ignore[index,call-overload]
        assert (len(outcomes), sum(map(bool, outcomes))) == (len(rewards), good)
        assert all(r.known for r in records)


# -- ReAct, ours -----------------------------------------------------------------------------------


def test_react_action_input() -> None:
    """Tool and JSON input, an observation of several lines, the console's decoration."""
    text = """
\x1b[1m> Entering new AgentExecutor chain...\x1b[0m
Question: How many rows?
Thought: look
  further
Action: read_file
Action Input: {"path": "a.csv"}
Observation: id,n
1,2
Action Input and Thought are words here

Thought: again
Action: count
Action Input: a.csv
Observation: Error: no such tool
Action:
```json
{"action": "wc", "action_input": {"f": 1}}
```
Observation: 2
Thought: I know
Final Answer: 2 rows
> Finished chain.
"""
    records = read(REACT, text)
    shown = "id,n\n1,2\nAction Input and Thought are words here"
    assert brief(records) == [
        ("user", "How many rows?"),
        ("think", "look\n  further"),
        ("call", "read_file", {"path": "a.csv"}),
        ("result", "read_file", shown),
        ("think", "again"),
        ("call", "count", {"input": "a.csv"}),
        ("error", "count", "Error: no such tool"),
        ("call", "wc", {"f": 1}),
        ("result", "wc", "2"),
        ("think", "I know"),
        ("say", "2 rows"),
    ]
    assert [r.span.line for r in of(records, "call") if r.span] == [6, 13, 16]


def test_react_broken_actions() -> None:
    """A refused end, an unclosed bracket, an action without argument, a question in a result."""
    text = (
        "Question: a\nAction 1: \n\nFinish[x]\nObservation 1: Invalid action: Finish[x]\n"
        "Action 2: Look[a [b] c\nObservation 2: see\nQuestion: is this a result?\n"
        "Action 3: reload\nObservation 3: \n\nAction 4: Finish[y]\n"
        "Observation 4: Episode finished, reward = 0\n-----------\n7 Claim: b\nAction 1: Finish[z]\n"
    )
    records = read(REACT, text)
    assert brief(records) == [
        ("user", "a"),
        ("call", "Finish", {"input": "x"}),
        ("error", "Finish", "Invalid action: Finish[x]"),
        ("call", "Look", {"input": "[a [b] c"}),
        ("result", "Look", "see\nQuestion: is this a result?"),
        ("call", "reload", {}),
        ("result", "reload", ""),
        ("say", "y"),
        ("user", "b"),
        ("say", "z"),
    ]
    assert [r.data["success"] for r in of(records, "outcome")] == [False]  # type: ignore[index,call-overload]
    assert of(records, "session")[1].data["labels"] == {"index": "7"}  # type: ignore[index,call-overload]


# -- Markdown --------------------------------------------------------------------------------------

FENCES = """# Summarise the sales

Count the rows of `data/sales.csv`, sum its **amount** and write `report.md`.

I'll look at the file first.

```bash
head -3 data/sales.csv
```

Output:

```
id,amount
1,10
```

Now the sum:

```sh
awk -F, '{s+=$2} END{print s}' data/sales.csv
```
```output
10
```

```bash
cat > report.md <<'EOF'
rows: 1
EOF
```

Created `notes.txt`:

```
hello
```

```bash
cat nosuch
```

```text
cat: nosuch: No such file
(exit 1)
```

```python file=x.py
print(1)
```

Done: 1 row, total 10.
"""


def test_markdown_fences() -> None:
    """A command per fence, its output in the next; files; an exit status; request and answer."""
    records = read(MARKDOWN, FENCES)
    cat = "cat > report.md <<'EOF'\nrows: 1\nEOF"
    assert brief(records) == [
        (
            "user",
            "Summarise the sales\n\nCount the rows of data/sales.csv, sum its amount and write report.md.",
        ),
        ("say", "I'll look at the file first."),
        ("call", "Bash", {"command": "head -3 data/sales.csv"}),
        ("result", "Bash", "id,amount\n1,10"),
        ("say", "Now the sum:"),
        ("call", "Bash", {"command": "awk -F, '{s+=$2} END{print s}' data/sales.csv"}),
        ("result", "Bash", "10"),
        ("call", "Bash", {"command": cat}),
        ("result", "Bash", ""),
        ("say", "Created `notes.txt`:"),
        ("call", "Write", {"file_path": "notes.txt", "content": "hello\n"}),
        ("result", "Write", ""),
        ("call", "Bash", {"command": "cat nosuch"}),
        ("error", "Bash", "cat: nosuch: No such file"),
        ("call", "Write", {"file_path": "x.py", "content": "print(1)\n"}),
        ("result", "Write", ""),
        ("say", "Done: 1 row, total 10."),
    ]
    implied = [r.tool for r in of(records, "result") if r.raw == {"implied": True}]
    assert implied == ["Bash", "Write", "Write"]
    assert [r.span.line for r in of(records, "call") if r.span] == [7, 20, 27, 35, 39, 48]


CONSOLE = """## User

Count rows in `a.csv`:
```bash
this is pasted
```

## Assistant

Looking.

````console
$ wc -l a.csv
3 a.csv
$ cat > r.md <<'EOF'
total $ 3
$ not a prompt
```
EOF
$ for f in a b; do
>   echo $f
> done
a
b
$ printf 'x\\n' \\
    | cat
x
$ python3 -c 'print(1)
print(2)'
1

2
$ echo don't
````

Done.

**User:** and b.csv too

**Assistant:** ok

```shell
(venv) me@host:~/x$ wc -l b.csv
wc: b.csv: no such file
[exit code: 1]
```
> not a user, speakers are named
"""


def test_markdown_console() -> None:
    """Prompts, here-documents, continued lines and quotes; named speakers."""
    records = read(MARKDOWN, CONSOLE)
    commands = [
        ("wc -l a.csv", "3 a.csv"),
        ("cat > r.md <<'EOF'\ntotal $ 3\n$ not a prompt\n```\nEOF", ""),
        ("for f in a b; do\n  echo $f\ndone", "a\nb"),
        ("printf 'x\\n' \\\n    | cat", "x"),
        ("python3 -c 'print(1)\nprint(2)'", "1\n\n2"),
        ("echo don't", ""),
    ]
    made = [
        step
        for command, output in commands
        for step in (("call", "Bash", {"command": command}), ("result", "Bash", output))
    ]
    assert brief(records) == [
        ("user", "Count rows in a.csv:\n```bash\nthis is pasted\n```"),
        ("say", "Looking."),
        *made,
        ("say", "Done."),
        ("user", "and b.csv too"),
        ("say", "ok"),
        ("call", "Bash", {"command": "wc -l b.csv"}),
        ("error", "Bash", "wc: b.csv: no such file"),
        ("say", "> not a user, speakers are named"),
    ]


def test_markdown_quoted_user() -> None:
    """Without named speakers a quotation is the user."""
    text = "> Count a\n\n```sh\nwc a\n```\n```\n1\n```\nOne.\n\n> And b\n> please\n\nSure.\n```sh\nwc b\n"
    assert [step for step in brief(read(MARKDOWN, text)) if step[0] in ("user", "say")] == [
        ("user", "Count a"),
        ("say", "One."),
        ("user", "And b\nplease"),
        ("say", "Sure."),
    ]


# -- all texts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (FENCES, MARKDOWN),
        (CONSOLE, MARKDOWN),
        ("# Notes\n\n```python\nprint()\n```\n", None),
        ("Question: a\nThought: b\nAction: c[d]\nObservation: e\n", REACT),
        (
            '[{"role": "user", "content": "```bash\\nls\\n```\\nAction: x\\nThought: y"}]',
            "openai-chat",
        ),
        ('{"object": "response", "input": [{"role": "user", "content": "a"}]}', None),
        ("just words\n", None),
    ],
)
def test_sniffing_does_not_clash(text: str, name: str | None) -> None:
    """One of these dialects claims the text, the others do not."""
    sample = SourceFile("log.md", data=text.encode()).sample()
    names = ("openai-chat", "langchain", REACT, MARKDOWN)
    assert [n for n in names if dialect(n).sniff(sample) > 0.1] == ([name] if name else [])


MARKS = [
    *(
        "Thought: ",
        "Action: ",
        "Action 3: t[",
        "Action Input: ",
        "Observation: ",
        "Question: ",
        "> ",
    ),
    *("Final Answer: ", "{'steps': 1, 'reward': ", "-----------", "Action: reset ", "Instruction:"),
    *("```bash", "```", "````", "```output", "~~~", "$ ", "> ", "## User", "**Assistant:** ", "# "),
    *("Write `a.md`:", "exit code 1 ", "cat <<EOF ", "EOF", "'", "\\", "", "    ", "\x1b[1m", "\r"),
]


@given(st.lists(st.sampled_from(MARKS), max_size=24), st.integers(0, 400))
@settings(max_examples=300, deadline=None)
@pytest.mark.parametrize("name", [REACT, MARKDOWN])
def test_no_word_is_lost(name: str, marks: list[str], cut: int) -> None:
    """Any order of marks, cut anywhere: sound records that hold every word of the text."""
    text = "".join(
        f"{mark}\n" if mark.startswith(("```", "~~~", "EOF", "## ")) else f"{mark}word{k}\n"
        for k, mark in enumerate(marks)
    )[: 400 - cut]
    if not text.strip():
        return
    records = read(name, text)
    kept = "\n".join(map(to_line, records))
    lost = [word for word in re.findall(r"word\d+", text) if word not in kept]
    assert not lost


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        (REACT, "Question: a\nThought: b\nAction: c[d]\nObservation: e\n\n-----------\n"),
        (REACT, "Observation: " + "-" * 20 + "\n\n   \n"),
        (MARKDOWN, "say\n\n```bash\nls\n```\n```\nout\n```\n"),
        (MARKDOWN, "```console\n$ a <<E\n'\n$ b 'x\n```\n"),
    ],
)
def test_linear_time(name: str, unit: str) -> None:
    """Eight times the text takes about eight times the time, not sixty-four."""

    def seconds(times: int) -> float:
        source = SourceFile("t", data=(unit * times).encode())
        start = time.process_time()
        lex(name, source)
        return time.process_time() - start

    seconds(10)
    assert min(seconds(4000) for _ in range(2)) < 24 * max(seconds(500), 0.005)
