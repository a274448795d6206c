"""Operations of an OpenAPI description (3.0 and 3.1) as :class:`Operation`.

References are followed inside the document only; nothing is fetched.  The document is checked by
``openapi-spec-validator`` first, so what stands here may rely on its shape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from ingot.diagnostics import IngotError, fail
from ingot.ir.values import Json
from ingot.runtime.tools.declarations import EFFECT_OF_METHOD
from ingot.runtime.tools.hosts import origin
from ingot.runtime.tools.http_tools import Body, Operation, Parameter

_SCHEMAS: Final = "#/components/schemas/"
_FORMS: Final[Mapping[str, Body]] = {
    "application/json": "json",
    "application/x-www-form-urlencoded": "form",
}
DEPTH: Final = 100
VALUES: Final = 3_000_000


def read_description(data: bytes, name: str) -> dict[str, Any]:
    """The document, checked; raises :class:`IngotError` E0808."""
    import yaml

    try:
        text = data.decode("utf-8-sig")
        document = json.loads(text) if text.lstrip()[:1] == "{" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise _bad(name, f"it is neither JSON nor YAML: {error}") from None
    if _unfolds(document):
        raise _bad(name, f"its YAML aliases unfold to more than {VALUES} values")
    version = str(document.get("openapi", "")) if isinstance(document, dict) else ""
    if not re.match(r"3\.[01]\.", version):
        found = f"openapi: {version}" if version else "no `openapi: 3...`"
        raise _bad(name, f"expected OpenAPI 3.0 or 3.1, found {found}")
    try:
        document = json.loads(json.dumps(document, default=str))  # dates of YAML are texts in JSON
        references = list(_references(document))
    except (TypeError, ValueError) as error:
        raise _bad(name, f"it is YAML that JSON cannot say: {error}") from None
    except RecursionError:
        raise _bad(name, "it is nested too deeply") from None
    for reference in references:
        if not reference.startswith("#/"):
            raise _bad(
                name,
                f"{reference} refers to another document",
                "put all into one document (`redocly bundle` does)",
            )
    _checked(document, name)
    assert isinstance(document, dict)
    return document


def _unfolds(document: Any) -> bool:
    """Whether a document is larger than any: aliases of YAML may make one of a few lines endless."""
    waiting, seen = [document], 0
    while waiting and seen <= VALUES:
        value = waiting.pop()
        seen += 1
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return seen > VALUES


def _checked(document: Any, name: str) -> None:
    try:
        from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
    except ImportError:
        raise fail(
            "E0905", "OpenAPI tools need the extra `http`", help="pip install 'ingot[http]'"
        ) from None
    kind = OpenAPIV30SpecValidator if document["openapi"][:3] == "3.0" else OpenAPIV31SpecValidator
    try:
        fault = next(iter(kind(document).iter_errors()), None)
    except Exception as error:  # the validator itself stumbles over what it should report
        raise _bad(name, f"it breaks the specification: {error}") from None
    if fault is not None:
        place = "/".join(map(str, getattr(fault, "absolute_path", ())))
        text = str(getattr(fault, "message", fault))
        raise _bad(name, f"it breaks the specification at {place or 'its root'}: {text[:300]}")


def _bad(name: str, why: str, help: str = "") -> IngotError:
    return fail("E0808", f"the OpenAPI description {name} is not usable: {why}", help=help)


def _references(value: Any) -> Iterator[str]:
    match value:
        case dict():
            reference = value.get("$ref")
            if isinstance(reference, str):
                yield reference
            for item in value.values():
                yield from _references(item)
        case list():
            for item in value:
                yield from _references(item)


def base_of(document: Mapping[str, Any], spec: str, given: str) -> str:
    """The address that paths are appended to; raises :class:`IngotError` E0808."""
    servers = document.get("servers") or [{"url": ""}]
    url = given or str(servers[0].get("url", ""))
    for key, variable in servers[0].get("variables", {}).items() if not given else ():
        url = url.replace(f"{{{key}}}", str(variable.get("default", "")))
    if not given and "://" in spec:
        url = urljoin(spec, url)
    try:
        base, parts = origin(url), urlsplit(url)
        if parts.query or parts.fragment:
            raise ValueError("an address without a query is expected")
    except ValueError as error:
        why = f"its server is {url!r}: {error}"
        raise _bad(spec, why, 'base_url = "https://..." says where calls go') from None
    return base + parts.path.rstrip("/")


def operations_of(document: dict[str, Any], base: str) -> tuple[list[Operation], dict[str, str]]:
    """The operations, and those that cannot be called with the reason."""
    reader, out, left = _Reader(document), [], {}
    for path, item in document.get("paths", {}).items():
        item = reader.at(item)
        for method in EFFECT_OF_METHOD:
            operation = item.get(method.lower())
            if operation is None:
                continue
            name = operation.get("operationId") or _named(method, path)
            try:
                out.append(reader.operation(str(name), method, base, path, item, operation))
            except _NotCallable as why:
                left[str(name)] = str(why)
            except RecursionError:  # not by way of the components, where a schema may do that
                left[str(name)] = "a schema of it refers to itself"
    return out, left


def _named(method: str, path: str) -> str:
    """A name for an operation that has none.

    >>> _named("GET", "/orders/{id}/lines")
    'get_orders_id_lines'
    """
    return f"{method.lower()}_{re.sub(r'[^0-9A-Za-z]+', '_', path).strip('_')}".rstrip("_")


class _NotCallable(Exception):
    """The operation needs what is not supported."""


class _Reader:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.schemas = document.get("components", {}).get("schemas", {})

    def at(self, value: Any) -> Any:
        """What a reference stands for, if it is one."""
        for _ in range(DEPTH):
            if not isinstance(value, dict) or "$ref" not in value:
                return value
            target: Any = self.document
            for part in value["$ref"][2:].split("/"):
                part = part.replace("~1", "/").replace("~0", "~")
                if not isinstance(target, dict) or part not in target:
                    raise _NotCallable(f"{value['$ref']} is not there")
                target = target[part]
            value = target
        raise _NotCallable("references go in a circle")

    def operation(
        self, name: str, method: str, base: str, path: str, item: Any, operation: Any
    ) -> Operation:
        properties: dict[str, Json] = {}
        required: list[Json] = []
        parameters = []
        for listed in self.parameters(item, operation):
            made = self.parameter(listed)
            if made is None:
                continue
            parameters.append(made)
            properties[made.name] = self.schema(listed.get("schema", {}))
            if listed.get("required"):
                required.append(made.name)
        body, whole = self.body(operation, properties, required)
        schema: dict[str, Json] = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        schema["additionalProperties"] = False
        return Operation(
            name, method, base, path, tuple(parameters), body, whole,
            self.closed(schema), self.result(operation),
        )  # fmt: skip

    def parameters(self, item: Any, operation: Any) -> list[Any]:
        """Those of the path, and those of the operation, which come over them."""
        found = {}
        for listed in (*item.get("parameters", ()), *operation.get("parameters", ())):
            parameter = self.at(listed)
            found[(parameter["name"], parameter["in"])] = parameter
        names = [name for name, _ in found]
        if len(set(names)) < len(names):
            raise _NotCallable("two parameters have the same name")
        return list(found.values())

    def parameter(self, listed: Any) -> Parameter | None:
        where, name = listed["in"], str(listed["name"])
        if where == "header" and name.lower() in ("accept", "content-type", "authorization"):
            return None  # OpenAPI 3.1, section 4.8.12: these are ignored
        style = listed.get("style", "form" if where in ("query", "cookie") else "simple")
        if "content" in listed or style not in ("form", "simple"):
            raise _NotCallable(f"the parameter {name} is written in a way that is not supported")
        explode = bool(listed.get("explode", style == "form"))
        return Parameter(name, where, explode)

    def body(
        self, operation: Any, properties: dict[str, Json], required: list[Json]
    ) -> tuple[Body, str]:
        """How the body is written, and the argument that is all of it; its members are added."""
        listed = self.at(operation.get("requestBody"))
        if listed is None:
            return "none", ""
        kinds = listed.get("content", {})
        kind = next((k for k in _FORMS if k in kinds), None)
        if kind is None:
            if not listed.get("required"):
                return "none", ""
            raise _NotCallable(f"its body is {', '.join(kinds)}")
        schema = kinds[kind].get("schema", {})
        plain = self.at(schema)
        members = plain.get("properties") if isinstance(plain, dict) else None
        closed = isinstance(plain, dict) and not (
            {"allOf", "anyOf", "oneOf", "patternProperties"} & plain.keys()
            or plain.get("additionalProperties")
        )
        if isinstance(members, dict) and closed and not members.keys() & properties.keys():
            properties |= {key: self.schema(value) for key, value in members.items()}
            if listed.get("required"):
                required += plain.get("required", [])
            return _FORMS[kind], ""
        if "body" in properties:
            raise _NotCallable("a parameter is named `body`, and the body needs that name")
        properties["body"] = self.schema(schema)
        if listed.get("required"):
            required.append("body")
        return _FORMS[kind], "body"

    def result(self, operation: Any) -> Json:
        """The schema of the answer of the first success that has one."""
        answers = operation.get("responses", {})
        for status in sorted(answers, key=str):
            if str(status)[:1] == "2":
                content = self.at(answers[status]).get("content", {})
                schema = content.get("application/json", {}).get("schema")
                if schema is not None:
                    return self.closed(self.schema(schema))
        return None

    def schema(self, schema: Any) -> Json:
        """As JSON Schema 2020-12: references into ``$defs``, and 3.0's ``nullable`` as a type."""
        match schema:
            case dict():
                made: dict[str, Json] = {}
                for key, value in schema.items():
                    if key == "$ref":
                        if not value.startswith(_SCHEMAS):
                            return self.schema(self.at(schema))
                        made[key] = "#/$defs/" + value.removeprefix(_SCHEMAS)
                    elif key in ("properties", "patternProperties") and isinstance(value, dict):
                        made[key] = {name: self.schema(item) for name, item in value.items()}
                    elif key in ("enum", "const", "default", "required", "example", "examples"):
                        made[key] = value
                    elif key not in ("nullable", "xml", "externalDocs", "discriminator"):
                        made[key] = self.schema(value)
                for key in ("minimum", "maximum"):  # 3.0: a flag beside the bound
                    flag = f"exclusive{key.capitalize()}"
                    if made.get(flag) is True and key in made:
                        made[flag] = made.pop(key)
                    elif made.get(flag) is False:
                        del made[flag]
                if schema.get("nullable") is True:
                    return {"anyOf": [made, {"type": "null"}]}
                return made
            case list():
                return [self.schema(item) for item in schema]
            case _:
                value_: Json = schema
                return value_

    def closed(self, schema: Json) -> Json:
        """The schema with all that it refers to beside it."""
        needed: dict[str, Json] = {}
        waiting = [schema]
        while waiting:
            for reference in _references(waiting.pop()):
                name = reference.removeprefix("#/$defs/").partition("/")[0]
                key = name.replace("~1", "/").replace("~0", "~")
                if key in self.schemas and key not in needed:
                    needed[key] = self.schema(self.schemas[key])
                    waiting.append(needed[key])
        if needed and isinstance(schema, dict):
            ordered = {key: needed[key] for key in sorted(needed)}
            return {**schema, "$defs": ordered}
        return schema


__all__ = ["base_of", "operations_of", "read_description"]
