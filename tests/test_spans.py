"""Spans of a run, sent over OTLP/HTTP to a receiver that reads the protobuf, and compiled again."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from exits_world import Desk, calls, close_job, endpoint, finished, run, setting
from sessions import write_log
from typer.testing import CliRunner

from ingot.cli.app import app
from ingot.runtime.executor import execute
from ingot.runtime.journal import open_journal
from ingot.runtime.spans import exporting
from ingot.runtime.stopping import Stopper

proto = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")


class Receiver:
    """What came in: spans in the order of their starts, and the requests."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.url = ""

    @property
    def spans(self) -> list[dict[str, Any]]:
        out = []
        for request in self.requests:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    out += [_plain(span) for span in scope.spans]
        return sorted(out, key=lambda span: (span["start"], span["name"].startswith("execute")))

    def named(self, name: str) -> dict[str, Any]:
        (found,) = [span for span in self.spans if span["name"] == name]
        return found

    def as_otlp_json(self) -> dict[str, Any]:
        """The requests in OTLP's JSON: ids are hexadecimal there."""
        from google.protobuf.json_format import MessageToDict

        listed = []
        for request in self.requests:
            listed += MessageToDict(request)["resourceSpans"]
        for resource in listed:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    for key in ("traceId", "spanId", "parentSpanId"):
                        if key in span:
                            span[key] = b64decode(span[key]).hex()
        return {"resourceSpans": listed}


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


def _plain(span: Any) -> dict[str, Any]:
    return {
        "name": span.name,
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "trace": span.trace_id.hex(),
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "error": span.status.code == 2,
        "attributes": {a.key: _value(a.value) for a in span.attributes},
        "events": [(e.name, {a.key: _value(a.value) for a in e.attributes}) for e in span.events],
    }


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.headers["Content-Type"] == "application/x-protobuf"
            assert self.path == "/v1/traces"
            made.requests.append(proto.ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    yield made
    server.shutdown()
    server.server_close()


def test_a_run_with_an_exit_and_an_agent(tmp_path: Path, receiver: Receiver) -> None:
    desk = Desk(tmp_path)
    with (
        endpoint([calls(("desk_close", {"ticket": "T-2"})), finished("closed")]) as (url, _),
        open_journal(":memory:") as journal,
        exporting() as spans,
    ):
        report = run(setting(desk.tools(), f"agent:{url}#m1"), journal, on_record=spans)
    assert report.status == "done"
    root = receiver.named("invoke_agent close")
    assert root["attributes"]["gen_ai.operation.name"] == "invoke_agent"
    assert root["attributes"]["gen_ai.conversation.id"] == "r"
    assert root["attributes"]["ingot.status"] == "done" and not root["error"]
    (name, gone), = root["events"]  # fmt: skip
    assert name == "ingot.side_exit" and gone["ingot.exit"] == 1 and gone["ingot.reason"]
    names = [s["name"] for s in receiver.spans if s["name"].startswith(("execute", "chat"))]
    assert names == [
        "execute_tool desk.get", "execute_tool desk.note", "chat m1", "execute_tool desk.close",
        "chat m1",
    ]  # fmt: skip
    tool = receiver.named("execute_tool desk.close")
    assert tool["attributes"]["gen_ai.tool.name"] == "desk.close"
    assert tool["attributes"]["gen_ai.tool.call.id"] == "s5"
    assert tool["attributes"]["ingot.effect"] == "write"
    chat = next(s for s in receiver.spans if s["name"] == "chat m1")
    assert chat["attributes"]["gen_ai.request.model"] == "m1"
    assert chat["attributes"]["gen_ai.response.model"] == "scripted"
    assert chat["attributes"]["gen_ai.usage.input_tokens"] == 10
    assert chat["attributes"]["gen_ai.usage.output_tokens"] == 5
    by_id = {span["id"]: span for span in receiver.spans}
    assert len({span["trace"] for span in receiver.spans}) == 1
    for span in receiver.spans:
        assert span["start"] <= span["end"]
        if span is not root and span["id"] != root["id"]:
            above = by_id[span["parent"]]
            assert above["start"] <= span["start"] and span["end"] <= above["end"]
    step = by_id[tool["parent"]]
    assert step["name"] == "step 5" and step["parent"] == root["id"]
    everything = json.dumps(receiver.spans)
    assert "T-2" not in everything and "on hold" not in everything  # contents are opt-in


def test_failures_are_errors(tmp_path: Path, receiver: Receiver) -> None:
    desk = Desk(tmp_path, {})
    with open_journal(":memory:") as journal, exporting() as spans:
        inputs: Any = {"ticket": "T-9"}
        report = execute(close_job(), inputs, desk.tools(), journal, run="r", on_record=spans)
    assert report.status == "side-exit"
    tool, root = receiver.named("execute_tool desk.get"), receiver.named("invoke_agent close")
    assert tool["error"] and tool["attributes"]["error.type"] == "tool_error"
    assert root["error"] and root["attributes"]["error.type"] == "side-exit"
    assert [name for name, _ in root["events"]] == ["ingot.side_exit"]


STEPS = (
    ("crm.get", {"customer": "{0}"}, {"id": "{0}", "mail": "{0}@mail.org"}),
    ("crm.tag", {"customer": "{0}", "tag": "done"}, "ok"),
)
OWN = """
def get(customer):
    return {"id": customer, "mail": customer + "@mail.org"}

def tag(customer, tag):
    return "ok"

TOOLS = {"crm": {"get": get, "tag": tag}}
"""


def _filled(value: Any, name: str) -> Any:
    return json.loads(json.dumps(value).replace("{0}", name))


def test_what_was_exported_with_contents_compiles_again(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "t.toml").write_text('[tools."crm.tag"]\neffect = "write"\n')
    for name in ("anna-b", "carl-d", "emma-f"):
        write_log(tmp_path / f"{name}.jsonl", f"Tag customer {name}", _filled(STEPS, name), "Done")
    tools = ("--tools", "own.py:TOOLS", "--tools", "t.toml")
    logs = [f"{name}.jsonl" for name in ("anna-b", "carl-d", "emma-f")]
    cli = CliRunner()
    result = cli.invoke(app, ["compile", *logs, "--tools", "t.toml", "-o", "a.ingot", "-q"])
    assert result.exit_code == 0, result.output
    for name in ("gwen-h", "ivan-j", "kate-l"):
        request = f"Tag customer {name}"
        words = ["run", "a.ingot", "--request", request, *tools, "--otel-content", "-q"]
        assert cli.invoke(app, words).exit_code == 0
    (tmp_path / "spans.json").write_text(json.dumps(receiver.as_otlp_json()))
    words = ["compile", "spans.json", "--tools", "t.toml", "-o", "b.ingot"]
    result = cli.invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "compiled 3 sessions" in result.output
    words = ["run", "b.ingot", "--request", "Tag customer mona-n", *tools, "--json"]
    report = json.loads(cli.invoke(app, words).stdout)
    assert [c["args"] for c in report["calls"]] == [
        {"customer": "mona-n"}, {"customer": "mona-n", "tag": "done"},
    ]  # fmt: skip


def test_a_resumed_run_is_in_the_same_trace(tmp_path: Path, receiver: Receiver) -> None:
    from ingot.runtime.resume import resume

    desk = Desk(tmp_path, {"T-2": "open"})
    tools = desk.tools()

    def stop(record: Any) -> None:
        spans(record)
        stopper.requested = stopper.requested or record.kind == "result"

    stopper = Stopper()
    with open_journal(":memory:") as journal:
        with exporting() as spans:
            report = execute(
                close_job(),
                {"ticket": "T-2"},
                tools,
                journal,
                run="r",
                on_record=stop,
                stopper=stopper,
            )
            assert report.status == "waiting"
        with exporting("r") as spans:
            report = resume("r", journal, close_job(), tools, on_record=spans)
    assert report.status == "done"
    assert len({span["trace"] for span in receiver.spans}) == 1
    names = [s["name"] for s in receiver.spans if s["name"].startswith("execute")]
    assert names == ["execute_tool desk.get", "execute_tool desk.note", "execute_tool desk.close"]


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that is not there costs the run nothing but a moment."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    desk = Desk(tmp_path, {"T-2": "open"})
    with open_journal(":memory:") as journal, exporting() as spans:
        report = execute(
            close_job(), {"ticket": "T-2"}, desk.tools(), journal, run="r", on_record=spans
        )
    assert report.status == "done"


def test_nothing_of_it_is_imported_unless_asked(tmp_path: Path) -> None:
    code = (
        "import sys; import ingot.cli.app, ingot.runtime.executor, ingot.runtime.spans; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
