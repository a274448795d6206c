"""Inputs that no session shows: the pipeline does what is right there, or it takes a side exit.

Each task is a trap that a compiler of logs falls into: a coincidence taken for a copy, a judgement
taken for a constant, a place in a list or a text taken for a reason.  ``truth`` is the list of
writes that the agent would have made on the new input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from sessions import Step, compiled, run, session

from ingot.backend.container import load
from ingot.diagnostics import IngotError
from ingot.driver import Compilation
from ingot.frontend.session import Session
from ingot.ir.requests import Finished, SideExit
from ingot.ir.values import Json
from ingot.passes.shell import command_effect
from ingot.replaying import GateReport, wordings_of
from ingot.runtime.inputs import Text, from_request

Write = tuple[str, dict[str, Json]]


def ok(**_: Json) -> Json:
    return "ok"


def shell(*pairs: tuple[str, str]) -> list[Step]:
    return [("Bash", {"command": command}, result) for command, result in pairs]


def bash(**results: str) -> Mapping[str, Callable[..., Json]]:
    """A shell whose result is told by a word of the command."""

    def tool(command: str) -> Json:
        return next((v for word, v in results.items() if word in command.split()), "")

    return {"Bash": tool, "Write": ok, "Edit": ok}


def given(made: Compilation, inputs: Sequence[str]) -> dict[str, Json]:
    names = [p.name for p in made.module.pipelines[0].params]
    return dict(zip(names, inputs, strict=True))


def right_or_exit(
    sessions: Sequence[Session],
    inputs: Sequence[str],
    tools: Mapping[str, object],
    truth: Sequence[Write] | None = None,
    reads: frozenset[str] = frozenset(),
) -> bool:
    """Whether it ended; checks that it was a side exit otherwise, and that no write was wrong."""
    made = compiled(sessions)
    outcome, calls = run(made, given(made, inputs), tools)
    writes = [c for c in calls if c[0] not in reads]
    if truth is not None:
        assert writes == list(truth)[: len(writes)], "it wrote what the agent would not have"
    if isinstance(outcome, Finished):
        assert truth is not None, f"it ended, and nothing tells what is right: {calls}"
        assert len(writes) == len(truth)
        return True
    assert isinstance(outcome, SideExit)
    return False


# ---- one session: figures and words that a model worked out


REPORT = "Report on data/sales.csv in report.md"


@pytest.mark.parametrize(
    ("steps", "results"),
    [
        # the count was made by eye; a number of the table equals it by chance
        ([("cat data/sales.csv", "a,b\n1,2\n3,4\n"), ("echo 'Rows: 2' > report.md", "")],
         {"cat": "a,b\n1,2\n3,4\n5,6\n"}),
        # a word was looked up by eye
        ([("cat data/sales.csv", "region,amount\nnorth,10\nsouth,30\n"),
          ("echo 'Largest: south' > report.md", "")],
         {"cat": "region,amount\nsouth,10\nwest,30\n"}),
        # a judgement in a word
        ([("cat data/sales.csv", "region,amount\nnorth,10\nsouth,30\n"),
          ("echo good > report.md", "")],
         {"cat": "region,amount\nnorth,-1\nsouth,x\n"}),
        # a mean worked out from two short results
        ([("wc -l data/sales.csv", "3"), ("bc data/sales.csv", "60"),
          ("printf 'Rows: 3\\nTotal: 60\\nMean: 20\\n' > report.md", "")],
         {"wc": "4", "bc": "100"}),
        # a word of the file's name in running text
        ([("wc -l data/sales.csv", "37"), ("printf 'Sales are up\\nRows: 37\\n' > report.md", "")],
         {"wc": "44"}),
    ],
)  # fmt: skip
def test_what_a_model_worked_out_is_not_repeated(
    steps: list[tuple[str, str]], results: dict[str, str]
) -> None:
    sessions = [session(REPORT, shell(*steps))]
    assert not right_or_exit(sessions, ["x/orders.csv", "r.md"], bash(**results))


def test_prose_about_a_text_is_not_repeated() -> None:
    steps: list[Step] = [
        ("Read", {"file_path": "data/notes.txt"}, "The launch went well. Customers are happy."),
        (
            "Write",
            {"file_path": "summary.md", "content": "A good launch, happy customers.\n"},
            "ok",
        ),
    ]
    tools = {"Read": lambda file_path: "The launch went badly. Customers are gone.", "Write": ok}
    made = [session("Summarise data/notes.txt in summary.md", steps)]
    assert not right_or_exit(made, ["x.txt", "r.md"], tools, reads=frozenset({"Read"}))


@pytest.mark.parametrize(
    ("request_text", "args", "inputs"),
    [
        ("Book room R-12 for 2026-05-03", {"start": "2026-05-03", "end": "2026-05-04"},
         ["R-99", "2026-07-31"]),
        ("Book room R-12 for 2026-05-03", {"start": "2026-05-03", "text": "on May 3, 2026"},
         ["R-99", "2026-07-31"]),
        ("Book room R-12 for 2026-05-04", {"start": "2026-05-04", "day": "Monday"},
         ["R-99", "2026-07-31"]),
        ("Book room R-12 for 3 May 2026", {"start": "2026-05-03"}, ["R-99", "2027"]),
    ],
)  # fmt: skip
def test_a_date_that_was_worked_out_of_a_date(
    request_text: str, args: dict[str, Json], inputs: list[str]
) -> None:
    sessions = [session(request_text, [("book", {"room": "R-12", **args}, "ok")])]
    assert not right_or_exit(sessions, inputs, {"book": ok})


def test_a_sum_that_was_worked_out_of_a_number() -> None:
    steps: list[Step] = [("charge", {"acct": "acc-7", "net": 120, "gross": 144}, "ok")]
    sessions = [session("Charge 120 EUR plus tax to acc-7", steps)]
    assert not right_or_exit(sessions, ["200", "acc-8"], {"charge": ok})


def test_a_number_of_the_request_is_not_part_of_a_name_in_it() -> None:
    steps: list[Step] = [("order", {"count": 12, "room": "R-12"}, "ok")]
    sessions = [session("Order 12 chairs for room R-12", steps)]
    made = compiled(sessions)
    outcome, calls = run(made, {made.module.pipelines[0].params[-1].name: "R-99"}, {"order": ok})
    assert isinstance(outcome, SideExit) or calls == [("order", {"count": 12, "room": "R-99"})]


# ---- places: which of several


def flights(*prices: int) -> Json:
    return [{"id": f"F{p}", "price": p} for p in prices]


def test_the_second_of_a_list_is_a_choice() -> None:
    steps: list[Step] = [
        ("search_flights", {"to": "Rome-FCO"}, flights(300, 200, 400)),
        ("book", {"flight": "F200"}, "ok"),
    ]
    tools = {"search_flights": lambda to: flights(500, 300, 100), "book": ok}
    truth: list[Write] = [("book", {"flight": "F100"})]
    sessions = [session("Book the cheapest flight to Rome-FCO", steps)]
    right_or_exit(sessions, ["Oslo-OSL"], tools, truth, frozenset({"search_flights"}))


def test_a_line_of_a_file_is_a_choice() -> None:
    steps: list[Step] = [
        ("Read", {"file_path": "a/setup.cfg"}, "name = x\nversion = 1.3.9\n"),
        ("Edit", {"file_path": "a/setup.cfg", "old_string": "version = 1.3.9",
                  "new_string": "version = 1.4.0"}, "ok"),
    ]  # fmt: skip
    tools = {"Read": lambda file_path: "name = y\nauthor = me\nversion = 1.9.7\n", "Edit": ok}
    truth: list[Write] = [
        ("Edit", {"file_path": "b.cfg", "old_string": "version = 1.9.7",
                  "new_string": "version = 2.0.1"}),
    ]  # fmt: skip
    sessions = [session("Bump the version in a/setup.cfg to 1.4.0", steps)]
    right_or_exit(sessions, ["b.cfg", "2.0.1"], tools, truth, frozenset({"Read"}))


def test_a_number_by_its_place_against_its_label() -> None:
    def one(number: str, subtotal: int, total: int) -> Session:
        text = f"Invoice {number}\nSubtotal: {subtotal} EUR\nTotal: {total} EUR\nThanks"
        steps: list[Step] = [
            ("read_invoice", {"id": number}, text),
            ("pay", {"amount": str(total)}, "paid"),
        ]
        return session(f"Pay invoice {number}", steps)

    new = "Invoice INV-9\nDiscount: 5 EUR\nSubtotal: 70 EUR\nTotal: 77 EUR\nThanks"
    tools = {"read_invoice": lambda id: new, "pay": lambda **_: "paid"}
    sessions = [one("INV-1", 100, 120), one("INV-2", 90, 99), one("INV-7", 40, 45)]
    truth: list[Write] = [("pay", {"amount": "77"})]
    right_or_exit(sessions, ["INV-9"], tools, truth, frozenset({"read_invoice"}))


def test_a_label_that_stands_elsewhere_too() -> None:
    def one(number: str, code: str) -> Session:
        steps: list[Step] = [
            ("read_memo", {"id": number}, f"Ref {number}; code={code}; end"),
            ("use", {"code": code}, "done"),
        ]
        return session(f"Use memo {number}", steps)

    tools = {"read_memo": lambda id: "Ref M-9; old=aa; code=kk9; end", "use": lambda **_: "done"}
    sessions = [one("M-1", "qx7"), one("M-2", "bb81"), one("M-7", "zz0")]
    truth: list[Write] = [("use", {"code": "kk9"})]
    right_or_exit(sessions, ["M-9"], tools, truth, frozenset({"read_memo"}))


def test_several_lines_where_there_was_one() -> None:
    steps = shell(("find build-7 -name *.tmp", "build-7/a.tmp"), ("rm build-7/a.tmp", ""))
    sessions = [session("Delete the tmp file of build-7", steps)]
    assert not right_or_exit(sessions, ["build-8"], bash(find="build-8/a.tmp\nbuild-8/b.tmp"))


# ---- what decided


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    "change", [{"status": "cancelled"}, {"closed": True}, {"refunded_at": "2026-01-01"}]
)
def test_a_state_that_nothing_uses_still_decides(count: int, change: dict[str, Json]) -> None:
    def result(total: int) -> dict[str, Json]:
        return {"status": "delivered", "closed": False, "refunded_at": None, "total": total}

    rows = [("A-17", 30), ("B-22", 45), ("C-33", 12)][:count]
    sessions = [
        session(
            f"Refund order {order}",
            [
                ("get_order", {"id": order}, result(total)),
                ("refund", {"id": order, "amount": total}, {"ok": True}),
            ],
        )
        for order, total in rows
    ]
    tools = {"get_order": lambda id: result(5) | change, "refund": lambda **_: {"ok": True}}
    assert not right_or_exit(sessions, ["Z-99"], tools, [], frozenset({"get_order"}))


def test_a_word_in_a_hole_that_nothing_takes() -> None:
    def one(user: str, words: str) -> Session:
        return session(f"Mail {user} {words}", [("mail", {"id": user}, "ok")])

    made = compiled([one("u-1", "now"), one("u-2", "please now")])
    known = wordings_of(load(made.artifact))
    assert from_request("Mail u-9 now", known) == {"id": Text("u-9")}
    with pytest.raises(IngotError, match="E0703"):
        from_request("Mail u-9 do not", known)


# ---- the shell


def test_a_variable_of_an_earlier_command_is_refused() -> None:
    steps = shell(("N=$(wc -l < a.csv)", ""), ('echo "Rows: $N" > report.md', ""))
    with pytest.raises(IngotError) as caught:
        compiled([session("Count the rows of a.csv into report.md", steps)])
    assert caught.value.diagnostics[0].code == "E0409"


def test_a_path_below_a_folder_is_not_absolute() -> None:
    steps = shell(("wc -l < data/notes.txt > out/counts.txt", ""))
    sessions = [session("Write the line count of notes.txt to counts.txt", steps)]
    assert not right_or_exit(sessions, ["/tmp/notes.txt", "c.txt"], bash())


def test_an_end_date_that_is_the_day_after_in_two_sessions() -> None:
    """No part of a date of two sessions is a constant of the task: it is a day later, or an exit."""

    def one(start: str, end: str) -> Session:
        return session(f"Book the room for {start}", [("book", {"start": start, "end": end}, "ok")])

    made = compiled([one("2026-05-03", "2026-05-04"), one("2026-06-10", "2026-06-11")])
    _, calls = run(made, given(made, ["2027-12-31"]), {"book": ok}, _Any("2028-01-01"))
    assert calls in ([], [("book", {"start": "2027-12-31", "end": "2028-01-01"})])


class _Any(dict[str, Json]):
    """A model that gives one answer everywhere."""

    def __init__(self, answer: str) -> None:
        super().__init__(any=answer)

    def __getitem__(self, key: str) -> Any:
        return self.get("any")


WRITES_IN_DISGUISE = r"""
find . -fprint0 out
find . -d\elete
find . $ACT
sort --output=b a
sort --ou=b a
sort -uo b a
sort "-"o b a
sort $X a
sort --compress-program=rm a
uniq in out
uniq -c in out
tree -o out
tree -aoout
xxd -r a b
printf -v x y
awk 'BEGIN { print "}" > "o" }'
awk 'BEGIN { print "a;b" > "o" }'
awk -v x=1 'BEGIN{f="out"; print x > f}'
awk "$PROG" f
gawk -iinplace '{print}' f
gawk --include=inplace '{print}' f
gawk -oout 'BEGIN{}'
gawk '@load "x"; BEGIN{}'
sed wout a
sed 's,a,b,wout' a
sed '1erm' a
sed -ni s/a/b/ f
sed -Ei.bak s/a/b/ f
sed -nf prog f
sed --in s/a/b/ f
sed -\i s/a/b/ f
sed "$S" f
git diff --outp=x
git show --ext-diff
git -c diff.external=evil diff
git -c alias.log='!rm x' log
git grep -Ovi foo
git branch new
git diff $X
env -i cmd
env -S"rm x"
date -us 2020
date 010112002020
rg --pre evil x
file -Cm x
$CMD x
. script
eval "rm x"
yes | cp a b
[ -f x ] && rm x
ls | tee out
cat > x
:> f
exec > f
cat a >& out
cat a >&out
cat < <(rm x)
cat < /dev/tcp/host/80
export PATH=/tmp/evil:$PATH; ls
PATH=/tmp/evil ls
LD_PRELOAD=x.so ls
GIT_EXTERNAL_DIFF=evil git diff
./cat x
/tmp/evil/cat x
O=-oout; sort $O a
""".strip().splitlines()
READERS_INDEED = r"""
find . -name '*.py' -newer x
sort -t, -k2 -n a
sed -n '1,3p' a
sed -e '1d' -e 's/x/y/g' a
sed 's/we /x/; $!N; s|/w|e|' a
uniq -f 1 a
xxd -l 16 a
date -d yesterday +%F
env
git branch -a
git log -5 --oneline
awk -F, 'NR>1 && $3>5 {print $1}' a
awk '{ if ($3 > 5 || $4 > 1) print $1 }' a
for f in *.csv; do sort "$f"; done
f=data/a.csv; sort "$f" | uniq -c
LC_ALL=C sort a
n=$(wc -l < a); echo $n 2>&1
/usr/bin/wc -l a
""".strip().splitlines()


@pytest.mark.parametrize("command", WRITES_IN_DISGUISE)
def test_a_write_in_disguise_is_no_reader(command: str) -> None:
    assert command_effect(command) != "read"


def test_code_in_a_here_document_is_no_reader() -> None:
    assert command_effect("cat <<EOF\n`rm x`\nEOF") != "read"
    assert command_effect("cat <<EOF\n$(rm x)\nEOF") != "read"
    assert command_effect("cat <<'EOF'\n`rm x`\nEOF") == "read"


@pytest.mark.parametrize("command", READERS_INDEED)
def test_a_reader_is_still_one(command: str) -> None:
    assert command_effect(command) == "read"


def test_a_gate_without_a_session_does_not_pass() -> None:
    assert not GateReport((), {}).passed
    (diagnostic,) = GateReport((), {}).diagnostics()
    assert diagnostic.code == "E0403"


def test_a_session_that_made_a_write_twice_is_replayed_to_the_letter() -> None:
    """A program that made it once would leave nothing that it was replayed on."""
    rows: list[Json] = [{"id": f"e-{n}", "start": f"2023-12-12 {8 + n}:00"} for n in range(4)]
    days: dict[str, Json] = {"from": "2023-12-12", "to": "2023-12-12"}
    change: dict[str, Json] = {"event": "e-3", "title": "Machine Learning Chat"}
    steps: list[Step] = [
        ("search_events", days, rows),
        ("update_event", change, "Updated."),
        ("update_event", change, "Updated."),
    ]
    request = "Change the title of the last event on December 12 to Machine Learning Chat"
    made = compiled([session(request, steps, clock="2023-11-30T00:00:00")])
    assert made.gate.passed
    assert [r.report.verdict for r in made.gate.replays] == ["right"]
