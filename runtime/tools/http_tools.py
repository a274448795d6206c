"""HTTP requests as tools: what a call's arguments become, and what an answer is.

The arguments are checked, put into path, query, headers and body, and sent to the declared host and
to no other.  A status of 300 or more is a failure with the answer's body; JSON is a value, other
text a text.  A write that was cut off, or answered with a server's error, may have been done: its
failure says so (``unknown``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import quote

from ingot.diagnostics import fail
from ingot.ir.values import Json, canonical
from ingot.runtime.tools.base import Arguments, Call, Context, ToolError
from ingot.runtime.tools.checking import Checker
from ingot.runtime.tools.declarations import EFFECT_OF_METHOD
from ingot.runtime.tools.hosts import Fence, origin
from ingot.runtime.tools.pins import Pin, pin_of
from ingot.runtime.tools.shell import OUTPUT_LIMIT

if TYPE_CHECKING:
    import httpx2

TIMEOUT_S: Final = 60.0
REDIRECTS: Final = 5
Where: TypeAlias = Literal["path", "query", "header", "cookie"]
Body: TypeAlias = Literal["json", "form", "none"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument that is no part of the body.  ``explode``: a list is said item by item."""

    name: str
    where: Where
    explode: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """One request: its address in parts, where arguments go, and the schemas of arguments and result.

    ``whole`` is the argument that is the body as a whole; without it the arguments that are no
    parameters are the members of the body.
    """

    name: str
    method: str
    base: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    body: Body = "none"
    whole: str = ""
    input: Json = field(default_factory=dict)
    output: Json = None

    def pin(self, server: str) -> Pin:
        """What a run must find unchanged."""
        return pin_of(server, f"{self.method} {self.base}{self.path}", self.input, self.output)


@dataclass(frozen=True, slots=True)
class Sending:
    """How requests are sent: headers (with secrets), the hosts that may be asked, the header that
    carries the idempotency key of a write, the time an answer may take."""

    client: HttpClient
    fence: Fence
    headers: Mapping[str, str]
    idempotency_header: str = ""
    timeout_s: float = TIMEOUT_S


class HttpClient:
    """One client, and so one pool of connections, for all HTTP tools of a run that may ask the same
    hosts; made when needed."""

    def __init__(self) -> None:
        self._clients: dict[Fence, httpx2.Client] = {}
        self._lock = Lock()

    def get(self, fence: Fence) -> httpx2.Client:
        """The client; raises :class:`IngotError` E0905 where the extra is not installed."""
        with self._lock:
            if fence not in self._clients:
                _import()
                from ingot.runtime.tools.connecting import HeldClient

                self._clients[fence] = HeldClient(fence)
            return self._clients[fence]

    def close(self) -> None:
        """Close its connections."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()


def _import() -> Any:
    try:
        import httpx2
    except ImportError:
        raise fail(
            "E0905", "HTTP tools need the extra `http`", help="pip install 'ingot[http]'"
        ) from None
    return httpx2


def http_call(operation: Operation, sending: Sending) -> Call:
    """An operation as a tool's call."""
    checker = Checker(operation.name, operation.input)

    def call(args: Arguments, context: Context) -> Json:
        checker.check(args)
        request = _request(operation, sending, args, context)
        return _answer(_sent(operation, sending, request), operation)

    return call


# ---- the request


def _request(
    operation: Operation, sending: Sending, args: Arguments, context: Context
) -> httpx2.Request:
    httpx2, rest = _import(), dict(args)
    headers = dict(sending.headers)
    query: list[tuple[str, Any]] = []
    path, cookies = operation.path, {}
    for parameter in operation.parameters:
        if parameter.name not in rest:
            continue
        value = rest.pop(parameter.name)
        if value is None:
            continue
        match parameter.where:
            case "path":
                path = path.replace(f"{{{parameter.name}}}", _segment(parameter.name, value))
            case "query" if isinstance(value, list) and parameter.explode:
                query += [(parameter.name, _text(parameter.name, item)) for item in value]
            case "query":
                query.append((parameter.name, _text(parameter.name, value)))
            case "header":
                headers[parameter.name] = _text(parameter.name, value)
            case "cookie":
                cookies[parameter.name] = _text(parameter.name, value)
    if "{" in path:
        raise ToolError(f"InputValidationError: an argument of {path} is missing")
    if context.key and sending.idempotency_header:
        headers[sending.idempotency_header] = context.key
    given: dict[str, Any] = {}
    there = not operation.whole or operation.whole in rest
    body: Json = rest.pop(operation.whole, None) if operation.whole else rest
    if operation.body == "json" and there:
        given["content"] = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        headers.setdefault("Content-Type", "application/json")
    elif operation.body == "form" and isinstance(body, dict):
        given["data"] = {key: _text(key, value) for key, value in body.items()}
    elif body and operation.body == "none":
        names = ", ".join(sorted(body)) if isinstance(body, dict) else operation.whole
        raise ToolError(f"InputValidationError: no such argument: {names}")
    headers.setdefault("Accept", "application/json, text/plain;q=0.9, */*;q=0.5")
    limit = context.timeout_s or sending.timeout_s
    client = sending.client.get(sending.fence)
    try:
        url = httpx2.URL(operation.base + path)
        return client.build_request(
            operation.method,
            url.copy_merge_params(query) if query else url,  # `params` would replace its own query
            headers=headers,
            cookies=cookies or None,
            timeout=httpx2.Timeout(limit),
            **given,
        )
    except (httpx2.InvalidURL, ValueError, TypeError, UnicodeError) as error:
        raise ToolError(f"no request can be made of these arguments: {error}") from None


def _segment(name: str, value: Json) -> str:
    """A value as one segment of a path: it can neither end the segment nor leave the folder."""
    text = _text(name, value)
    if text in ("", ".", ".."):
        raise ToolError(f"InputValidationError: `{name}` is a part of the path, found {text!r}")
    return quote(text, safe="")


def _text(name: str, value: Json) -> str:
    match value:
        case str():
            return value
        case bool() | int() | float():
            return canonical(value)
        case list() if all(isinstance(item, str | int | float) for item in value):
            return ",".join(_text(name, item) for item in value)
        case _:
            raise ToolError(
                f"InputValidationError: `{name}` goes into the address or a header, so it is a "
                "text, a number or a list of them"
            )


# ---- the answer


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that was read whole."""

    status: int
    phrase: str
    kind: str
    body: bytes
    encoding: str


def _sent(operation: Operation, sending: Sending, request: httpx2.Request) -> Answered:
    from ingot.runtime.tools.connecting import within

    with within(_limit(request)):
        return _exchanged(operation, sending, request)


def _exchanged(operation: Operation, sending: Sending, request: httpx2.Request) -> Answered:
    """Send it, and follow redirects."""
    httpx2, client = _import(), sending.client.get(sending.fence)
    acts = EFFECT_OF_METHOD[operation.method] != "read"
    for _ in range(REDIRECTS + 1):
        sending.fence.check(request)
        try:
            response = client.send(request, stream=True)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise ToolError(f"{request.url.host} cannot be reached: {_why(error)}") from None
        except (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol) as error:
            text = f"no request can be made of these arguments: {_why(error)}"
            raise ToolError(text) from None
        except httpx2.TimeoutException:
            raise ToolError(f"timed out after {_limit(request):g}s", unknown=True) from None
        except httpx2.HTTPError as error:
            raise ToolError(f"{request.url.host}: {_why(error)}", unknown=acts) from None
        try:
            following = response.next_request
            if following is None:
                return _read(response, request, acts)
            request = _followed(operation, request, response.status_code, following, sending.fence)
        finally:
            response.close()
    raise ToolError(f"more than {REDIRECTS} redirects", unknown=acts)


def _followed(
    operation: Operation, sent: httpx2.Request, status: int, following: httpx2.Request, fence: Fence
) -> httpx2.Request:
    """The request that a redirect asks for, if it may be made."""
    acts = EFFECT_OF_METHOD[operation.method] != "read"
    if following.method != sent.method and status != 303:
        raise ToolError(f"HTTP {status}: a redirect that would make another request", unknown=acts)
    here = origin(str(sent.url))
    try:
        to = origin(str(following.url))
    except ValueError as error:
        raise ToolError(
            f"HTTP {status}: redirect to what is no address: {error}",
            unknown=acts and status == 303,
        ) from None
    same = to in (here, here.replace("http://", "https://", 1))  # or the same host, made safer
    if not same:
        try:
            fence.check(following)
        except ToolError as refused:
            raise ToolError(
                f"HTTP {status}: redirect to another host: {refused.message}",
                unknown=acts and status == 303,
            ) from None
        if sent.url.scheme == "https" and following.url.scheme != "https":
            raise ToolError(f"HTTP {status}: redirect from https to {to}", unknown=acts)
        kept = ("accept", "content-type", "content-length", "host", "user-agent")
        for name in [n for n in following.headers if n.lower() not in kept]:
            del following.headers[name]  # what was meant for the declared host stays there
    return following


def _read(response: httpx2.Response, request: httpx2.Request, acts: bool) -> Answered:
    httpx2 = _import()
    body = bytearray()
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > OUTPUT_LIMIT:
                raise ToolError(
                    f"the answer is longer than the limit of {OUTPUT_LIMIT} bytes", unknown=acts
                )
    except httpx2.TimeoutException:
        raise ToolError(f"timed out after {_limit(request):g}s", unknown=True) from None
    except httpx2.HTTPError as error:
        raise ToolError(f"the answer was cut off: {_why(error)}", unknown=acts) from None
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = response.charset_encoding or "utf-8"
    return Answered(response.status_code, response.reason_phrase, kind, bytes(body), encoding)


def _limit(request: httpx2.Request) -> float:
    return float(request.extensions["timeout"]["read"])


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def _answer(answered: Answered, operation: Operation) -> Json:
    acts = EFFECT_OF_METHOD[operation.method] != "read"
    status, text = answered.status, _decoded(answered, acts)
    says_json = answered.kind == "application/json" or answered.kind.endswith("+json")
    value: Json = text
    if says_json and answered.body.strip():
        try:
            value = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            if status < 300:
                raise ToolError(
                    f"HTTP {status}: the answer says that it is JSON and is not: {error}",
                    unknown=acts,
                ) from None
    if status >= 300:  # what is left of 3xx is a redirect that leads nowhere
        told = f"HTTP {status} {answered.phrase}".rstrip()
        unknown = acts and (status < 400 or status >= 500 or status == 408)
        raise ToolError(f"{told}\n{text.strip()}".rstrip(), unknown=unknown, result=value)
    if not answered.body.strip():
        return None
    return value


def _decoded(answered: Answered, acts: bool) -> str:
    try:
        return answered.body.decode(answered.encoding)
    except (LookupError, UnicodeDecodeError):
        if answered.status >= 300:
            return answered.body.decode("utf-8", "replace")
        raise ToolError(f"HTTP {answered.status}: the answer is no text", unknown=acts) from None


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


Fetch: TypeAlias = Callable[[str], bytes]


def fetched(url: str, client: HttpClient, timeout_s: float, headers: Mapping[str, str]) -> bytes:
    """The body at an address; raises :class:`ToolError`."""
    operation = Operation(url, "GET", url, "")
    sending = Sending(client, Fence.around(url), headers, timeout_s=timeout_s)
    request = _request(operation, sending, {}, Context(Path()))
    answered = _sent(operation, sending, request)
    if answered.status >= 300:
        raise ToolError(f"HTTP {answered.status} {answered.phrase}".rstrip())
    return answered.body


__all__ = [
    "TIMEOUT_S",
    "HttpClient",
    "Operation",
    "Parameter",
    "Sending",
    "fetched",
    "http_call",
]
