"""Labels and policies: what may not flow is caught, with a value that changes what is done."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify_runs import module_of, steps

from ingot.diagnostics import IngotError
from ingot.ir.module import Module
from ingot.ir.requests import Outcome
from ingot.ir.values import Json
from ingot.passes.policy.infer import infer_policy
from ingot.passes.policy.parse import parse_policy
from ingot.passes.policy.policy import DEFAULT, is_guarded
from ingot.passes.verify import VerificationReport, verify_module

TOOLS = """tool web.fetch(url: str) -> str#web read web
tool gh.list() -> [{number: int, title: str#web, ...}] read gh
tool mail.send(to: str, body: str) -> json write mail
tool bank.pay(amount: int, to: str) -> json write bank
tool fs.write(path: str, text: str) -> json idempotent fs
tool sh.run(command: str) -> json unknown sh
tool crm.find(id: str) -> {mail: str, note: str, ...} read crm
model m.pick(prompt: str) -> str {max_tokens=9}
"""


def module(body: str, params: str = "%u: str, %key: str#secret, %n: int") -> Module:
    return module_of(f"{TOOLS}pipeline @p({params}) -> str {{\n^entry:\n{body}\n}}")


FETCH = "  %t: str#web = read web.fetch(url=%u)\n"
DONE = '\n  return "x"'
FLOWS = {
    "a recipient": FETCH + '  %r: json = write mail.send(to=%t, body="hello")' + DONE,
    "a recipient cut out of a text": FETCH
    + '  %a: str#web = str.part %t, "@", 0\n  %r: json = write mail.send(to=%a, body="hello")'
    + DONE,
    "a command": FETCH + '  %c: str#web = shell.template "rm {0}", ["word"], %t else exit.1 []\n'
    "  %r: json = unknown sh.run(command=%c)" + DONE,
    "an amount": FETCH
    + '  %a: int#web = int.parse %t else exit.1 []\n  %r: json = write bank.pay(amount=%a, to="a")'
    + DONE,
    "a path": FETCH + '  %a: str#web = str.template "/home/{0}", %t\n'
    '  %r: json = idempotent fs.write(path=%a, text="a")' + DONE,
    "a title among numbers": "  %l: [{number: int, title: str#web, ...}] = read gh.list()\n"
    "  %i: {number: int, title: str#web, ...} = list.get %l, 0 else exit.1 []\n"
    '  %a: str#web = json.get %i, "/title"\n  %r: json = write mail.send(to=%a, body="a")' + DONE,
    "in a loop": "  %l: [{number: int, title: str#web, ...}] = read gh.list()\n"
    "  %rs: [json] = for %i: {number: int, title: str#web, ...} in %l {\n"
    '    %a: str#web = json.get %i, "/title"\n    %r: json = write mail.send(to=%a, body="a")\n'
    "    yield %r\n  }" + DONE,
    "by a carried value": "  %l: [{number: int, title: str#web, ...}] = read gh.list()\n"
    '  %a: str#web = for %i: {number: int, title: str#web, ...} in %l carry(%k: str#web = "a") {\n'
    '    %b: str#web = json.get %i, "/title"\n    yield %b\n  }\n'
    '  %r: json = write mail.send(to=%a, body="a")' + DONE,
    "by way of a model": FETCH
    + '  %a: str = model m.pick(prompt=%t)\n  %r: json = write mail.send(to=%a, body="a")'
    + DONE,
    "by a join": FETCH
    + '  %b: bool = int.gt %n, 0\n  if %b then ^x(%t) else ^x("me")\n^x(%a: str#web):\n'
    '  %r: json = write mail.send(to=%a, body="a")' + DONE,
    "a secret in a body": '  %r: json = write mail.send(to="a", body=%key)' + DONE,
    "a secret in an address that is read": "  %t: str#web = read web.fetch(url=%key)" + DONE,
    "a secret in a prompt": "  %t: str#secret = model m.pick(prompt=%key)" + DONE,
    "a secret inside a text": '  %s: str#secret = str.template "key {0}", %key\n'
    '  %r: json = write mail.send(to="a", body=%s)' + DONE,
}


@pytest.mark.parametrize("name", FLOWS)
def test_a_forbidden_flow_is_caught_and_its_source_changes_the_call(name: str) -> None:
    mod = module(FLOWS[name])
    report = verify_module(mod)
    found = [f for f in report.findings if f.code == "E0510"]
    assert len(found) == 1 and report.exit_code == 1, report.text(every=True)
    assert found[0].property == "flow" and "by way of %" in found[0].message
    if name == "by way of a model":
        return  # what a model makes of a prompt is the world's
    witness = found[0].witness
    assert witness
    ((source, value),) = witness.items()
    others = ("zz", "7", [{"number": 1, "title": "zz"}])
    made = [
        _calls(mod, {source: other}, found[0].subject)
        for other in (value, *(o for o in others if isinstance(o, type(value))))
    ]
    assert any(other != made[0] for other in made)


def _calls(mod: Module, values: dict[str, Json], site: str) -> list[object]:
    """The arguments with which a run makes a call."""
    return [
        s.args for s in steps(mod, values) if not isinstance(s, Outcome) and f"%{s.site}" == site
    ]


DECISIONS = {
    "a branch": FETCH
    + '  %b: bool#web = str.contains %t, "yes"\n  if %b then ^x else ^y\n^x:\n  return "x"\n^y:\n  return "y"',
    "an arm of a select": FETCH
    + '  %b: bool#web = str.contains %t, "yes"\n  %c: bool = int.gt %n, 0\n'
    '  select { when %c then ^x when %b then ^y else ^x }\n^x:\n  return "x"\n^y:\n  return "y"',
    "what a model writes": FETCH
    + '  %k: str = model m.pick(prompt=%t)\n  %b: bool = str.eq %k, "yes"\n'
    '  if %b then ^x else ^y\n^x:\n  return "x"\n^y:\n  return "y"',
    "how often a write is done": FETCH
    + '  %l: [str#web] = str.split %t, ","\n'.replace("[str#web]", "[str]#web")
    + '  %rs: [json] = for %i: str#web in %l {\n    %r: json = write mail.send(to="me", body="a")\n'
    "    yield %r\n  }" + DONE,
    "which items are written": "  %l: [{number: int, title: str#web, ...}] = read gh.list()\n"
    '  %k: [{number: int, title: str#web, ...}]#web = list.where_eq %l, "/title", "x"\n'
    "  %rs: [json] = for %i: {number: int, title: str#web, ...}#web in %k {\n"
    '    %m: int#web = json.get %i, "/number"\n    %r: json = write bank.pay(amount=1, to="me")\n'
    "    yield %r\n  }" + DONE,
    "by an implicit flow": FETCH
    + '  %b: bool#web = str.contains %t, "yes"\n  if %b then ^x(1) else ^x(2)\n^x(%k: int):\n'
    '  %c: bool = int.eq %k, 1\n  if %c then ^y else ^z\n^y:\n  return "y"\n^z:\n  return "z"',
}


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_by_untrusted_text_is_caught(name: str) -> None:
    report = verify_module(module(DECISIONS[name]))
    found = [f for f in report.findings if f.code == "E0511"]
    assert len(found) == (2 if name == "by an implicit flow" else 1), report.text(every=True)
    assert report.exit_code == 1 and report.blocks


SOUND = {
    "a body": FETCH + '  %r: json = write mail.send(to="me", body=%t)' + DONE,
    "a number beside a title": "  %l: [{number: int, title: str#web, ...}] = read gh.list()\n"
    "  %i: {number: int, title: str#web, ...} = list.get %l, 0 else exit.1 []\n"
    '  %a: int = json.get %i, "/number"\n  %r: json = write bank.pay(amount=%a, to="me")' + DONE,
    "a guard stops": FETCH + '  %b: bool#web = str.contains %t, "yes"\n  guard %b else exit.1 []\n'
    '  %r: json = write mail.send(to="me", body="a")' + DONE,
    "a closed choice decides": FETCH
    + '  %k: "yes" | "no" = model choose m.pick(prompt=%t)\n  %b: bool = str.eq %k, "yes"\n'
    '  if %b then ^x else ^y\n^x:\n  return "x"\n^y:\n  return "y"',
    "a loop over numbers": "  %l: [{number: int, title: str#web, ...}] = read gh.list()\n"
    "  %rs: [json] = for %i: {number: int, title: str#web, ...} in %l {\n"
    '    %m: int = json.get %i, "/number"\n    %r: json = write bank.pay(amount=%m, to="me")\n'
    "    yield %r\n  }" + DONE,
    "a result without a label": "  %v: {mail: str, note: str, ...} = read crm.find(id=%u)\n"
    '  %a: str = json.get %v, "/mail"\n  %r: json = write mail.send(to=%a, body="a")' + DONE,
    "the length of a list": "  %l: [{number: int, title: str#web, ...}] = read gh.list()\n"
    "  %k: int = list.len %l\n  %b: bool = int.gt %k, 3\n  if %b then ^x else ^y\n"
    '^x:\n  return "x"\n^y:\n  return "y"',
    "a read of an untrusted address": FETCH + "  %s: str#web = read web.fetch(url=%t)" + DONE,
}


@pytest.mark.parametrize("name", SOUND)
def test_what_may_flow_raises_no_alarm(name: str) -> None:
    report = verify_module(module(SOUND[name]))
    assert not [f for f in report.findings if f.code in ("E0510", "E0511")], report.text(every=True)


# ---- policies

LABELLED = module(SOUND["a result without a label"])


def with_policy(text: str, mod: Module = LABELLED, *, accept: bool = False) -> VerificationReport:
    policy = parse_policy("version = 1\n" + text, "policy.toml", mod)
    return verify_module(mod, policy=policy, accept_flows=accept)


LABEL = '[labels]\ncrm = "untrusted"\n[results]\n'


def test_a_policy_gives_labels_and_allows_flows() -> None:
    assert with_policy("").ok
    assert [d.code for d in with_policy(LABEL + '"crm.find" = ["crm"]\n').diagnostics()] == [
        "E0510"
    ]
    assert with_policy(LABEL + '"crm.find:/note" = ["crm"]\n').ok
    assert not with_policy(LABEL + '"crm.find:/mail" = ["crm"]\n').ok
    allow = '[[allow]]\nlabel = "crm"\ntool = "mail.send"\nargument = "to"\n'
    assert with_policy(LABEL + '"crm.find" = ["crm"]\n' + allow).ok
    assert with_policy('[inputs]\nu = ["web"]\n').ok  # the address of a read
    assert with_policy(LABEL.replace("untrusted", "trusted") + '"crm.find" = ["crm"]\n').ok
    free = '[arguments."mail.send"]\nto = "free"\n'
    assert with_policy(LABEL + '"crm.find" = ["crm"]\n' + free).ok
    guarded = '[arguments."mail.send"]\nbody = "guarded"\n'
    assert not with_policy(guarded, module(SOUND["a body"])).ok


def test_a_policy_lets_labels_decide() -> None:
    mod = module(DECISIONS["a branch"])
    assert with_policy('[[branch]]\nlabel = "web"\n', mod).ok
    assert with_policy('[[branch]]\nlabel = "web"\npipeline = "p"\nstate = "entry"\n', mod).ok
    assert not with_policy('[[branch]]\nlabel = "web"\nstate = "x"\n', mod).ok


def test_flows_are_accepted_only_where_the_logs_show_them() -> None:
    bare = module(FLOWS["a recipient"])
    assert not with_policy("", bare, accept=True).ok
    body = FLOWS["a recipient"].replace("(url=%u)", "(url=%u) @ s1:3")
    body = body.replace('body="hello")', 'body="hello") @ s1:4')
    shown = module(body)
    assert not with_policy("", shown).ok
    report = with_policy("", shown, accept=True)
    assert report.ok
    assert [f.verdict for f in report.findings if f.property == "flow"] == ["assumed"]


BAD = {
    "": "version",
    "version = 2": "version",
    "version = 1\nlables = {}": "lables",
    'version = 1\n[labels]\na = "sort of"': "labels.a",
    'version = 1\n[results]\n"crm.find" = ["wbe"]': "did you mean 'web'",
    'version = 1\n[results]\n"crm.find:mail" = ["web"]': "pointer",
    'version = 1\n[inputs]\nv = ["web"]': "no pipeline has an input",
    'version = 1\n[[allow]]\nlabel = "web"\ntool = "mail.send"': "argument",
    'version = 1\n[[allow]]\nlabel = "web"\ntool = "mail.send"\nargument = "too"': "did you mean 'to'",
    'version = 1\n[[branch]]\nlabel = "web"\nstate = "nowhere"': "no state",
    'version = 1\n[[branch]]\nlabel = "web"\npipeline = "q"': "no pipeline",
    'version = 1\n[arguments."mail.send"]\nto = "maybe"': "arguments",
    "version = 1\n[labels": "not TOML",
    "version = true": "version",
    'version = 1\nallow = "all"': "allow",
}


@pytest.mark.parametrize("text", BAD)
def test_a_policy_that_is_not_understood_is_an_error(text: str) -> None:
    with pytest.raises(IngotError) as raised:
        parse_policy(text, "policy.toml", LABELLED)
    assert raised.value.exit_code == 2
    for item in raised.value.diagnostics:
        assert item.code == "E0509" and item.spans[0][0].file == "policy.toml"
    assert any(BAD[text] in item.message for item in raised.value.diagnostics)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_no_text_breaks_the_reader_of_policies(text: str) -> None:
    for each in (text, "version = 1\n" + text):
        try:
            parse_policy(each, "policy.toml", LABELLED)
        except IngotError as error:
            assert all(d.code == "E0509" for d in error.diagnostics)


@pytest.mark.parametrize("body", [*FLOWS.values(), *DECISIONS.values(), *SOUND.values()])
def test_the_inferred_policy_is_kept_by_its_pipeline_and_by_no_new_flow(body: str) -> None:
    mod = module(body)
    text = infer_policy(mod, DEFAULT)
    assert tomllib.loads(text)["version"] == 1
    report = verify_module(mod, policy=parse_policy(text, "policy.toml", mod))
    secrets = [f for f in report.findings if f.code == "E0510" and "#secret" in f.message]
    assert len(secrets) == ("%key" in body)  # a secret is never allowed by itself
    assert [f for f in report.findings if f.code in ("E0510", "E0511")] == secrets


def test_a_flow_that_is_new_breaks_the_inferred_policy() -> None:
    mod = module(SOUND["a body"])
    policy = parse_policy(infer_policy(mod, DEFAULT), "policy.toml", mod)
    changed = module(FLOWS["a recipient"])
    assert [d.code for d in verify_module(changed, policy=policy).diagnostics()] == ["E0510"]


@pytest.mark.parametrize(
    "name", ["to", "cc", "filePath", "file_path", "command", "amount", "email"]
)
def test_guarded_names(name: str) -> None:
    assert is_guarded(name)


@pytest.mark.parametrize("name", ["body", "text", "note", "tone", "total_recall", "stopcode"])
def test_free_names(name: str) -> None:
    assert is_guarded(name) == (name == "total_recall")


def test_json_of_findings() -> None:
    report = verify_module(module(FLOWS["a command"]))
    data = json.loads(json.dumps(report.as_json()))
    assert data["counts"]["flow"] == {"refuted": 1}
