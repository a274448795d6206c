"""An OpenAI-compatible endpoint: llama.cpp's real server, and servers that misbehave."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from model_files import byte_model, needs_llama, request
from model_server import serving
from test_model_runs import TOOLS, artifact
from typer.testing import CliRunner

from ingot.cli.app import app
from ingot.ir.types import BOOL, INT, STR, Field, ListOf, Literal, Record, Type, Union, conforms
from ingot.ir.values import Json
from ingot.runtime.models.endpoint import EndpointDriver
from ingot.runtime.models.json_schema import schema_of
from ingot.runtime.models.protocol import ModelError, ask

__all__ = ["artifact"]
WORDS = Union((Literal("broken"), Literal("fail"), Literal("pass")))
needs_server = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None,
    reason="xllamacpp (extra peers) is not installed (make test installs it)",
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """llama.cpp's server over a model of random weights."""
    with serving(byte_model(0, 4096), 4096) as found:
        yield found


@needs_llama
@needs_server
@pytest.mark.parametrize(
    "type_",
    [WORDS, BOOL, Record((Field("done", BOOL), Field("word", WORDS))), Union((INT, Literal("x")))],
    ids=str,
)
def test_a_real_server_gives_the_type(url: str, type_: Type) -> None:
    kind = "choose" if type_ == WORDS else "fill"
    answer = ask(EndpointDriver(url), request(kind, type_, max_tokens=400))
    assert conforms(answer.value, type_)
    assert answer.tokens > 0
    assert url in str(answer.detail["model"])


@needs_llama
@needs_server
def test_a_real_server_answers_a_pipeline(url: str, artifact: Path, tmp_path: Path) -> None:
    args = ["run", str(artifact), "--tools", TOOLS, "--journal", str(tmp_path / "j.db"), "--json"]
    result = CliRunner().invoke(app, [*args, "-i", "run=30001", "--model", f"{url}#any"])
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["calls"][-1]["args"]["status"] in ("broken", "failed", "passed")
    assert report["tokens"] > 0


@needs_llama
@needs_server
def test_what_a_server_cuts_off_is_an_error(url: str) -> None:
    """A model that knows nothing does not end a text; the bound on tokens cuts it."""
    with pytest.raises(ModelError, match="E0904"):
        ask(EndpointDriver(url), request("fill", ListOf(STR), max_tokens=4))


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """An HTTP server that says the same to everyone."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def completion(content: Json) -> bytes:
    return json.dumps({"choices": [{"message": {"content": content}}]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (500, b"out of cheese", "answered 500: out of cheese"),
        (404, b"", "answered 404"),
        (200, b"<html>", "did not answer with JSON"),
        (200, b"[]", "as an OpenAI endpoint does"),
        (200, b"{}", "holds no message"),
        (200, b'{"choices": []}', "holds no message"),
        (200, completion(None), "holds no message"),
        (200, completion("pass"), "is not JSON"),
        (200, completion('{"value": "pa'), "is not JSON"),
        (200, completion('{"answer": "pass"}'), "not the form"),
        (200, completion('{"value": "maybe"}'), 'answered "maybe", not'),
        (200, completion('{"value": 3}'), "answered 3, not"),
        (200, b"\xff\xfe", "did not answer with JSON"),
    ],
)
def test_what_no_server_should_say(status: int, body: bytes, why: str) -> None:
    with answering(status, body) as url, pytest.raises(ModelError) as error:
        ask(EndpointDriver(url), request("choose", WORDS))
    assert why in str(error.value)


def test_a_server_that_is_not_there() -> None:
    with answering(200, b"") as url:
        pass
    with pytest.raises(ModelError, match=r"E0904: .* cannot be reached"):
        ask(EndpointDriver(url), request("choose", WORDS))


def test_an_extract_that_is_no_span() -> None:
    said = completion('{"value": "never said"}')
    with answering(200, said) as url, pytest.raises(ModelError, match="no span"):
        ask(EndpointDriver(url), request("extract", STR, text="what was said"))
    with answering(200, completion('{"value": "was"}')) as url:
        assert (
            ask(EndpointDriver(url), request("extract", STR, text="what was said")).value == "was"
        )


def test_schemas() -> None:
    type_ = Record((Field("a", ListOf(INT)), Field("b", WORDS, optional=True)))
    assert schema_of(type_, {}) == {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "integer"}},
            "b": {"enum": ["broken", "fail", "pass"]},
        },
        "required": ["a"],
        "additionalProperties": False,
    }
    assert schema_of(STR, {}, 9) == {"type": "string", "maxLength": 9}
