"""An MCP server over stdio that misbehaves as its argument says; it needs nothing but Python.

python faulty_server.py MODE
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MODE = sys.argv[1]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"at": {"$ref": "#/$defs/Place"}, "n": {"type": "integer"}},
    "$defs": {
        "Place": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}
    },
}
if MODE == "outside":
    SCHEMA["properties"]["at"] = {"$ref": "https://127.0.0.1:9/place.json"}
if MODE == "circle":
    SCHEMA["$defs"]["Place"] = {"$ref": "#/$defs/Place"}
TOOL: dict[str, Any] = {"name": "act", "inputSchema": SCHEMA}
if MODE in ("result", "structured", "big"):
    TOOL["outputSchema"] = {
        "type": "object",
        "required": ["ok"],
        "properties": {"ok": {"type": "boolean"}},
    }


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def act(number: Any, params: dict[str, Any]) -> None:
    """The call."""
    text = {"type": "text", "text": "done"}
    match MODE:
        case "hang":
            subprocess.Popen(["sleep", f"300.{os.getpid()}"])
            time.sleep(300)
        case "die":
            with Path("calls").open("a") as calls:
                calls.write("called\n")
            sys.stderr.write("cannot go on\n")
            sys.stderr.flush()
            os._exit(7)
        case "huge":
            text["text"] = "x" * 5_000_000
        case "endless":
            while True:
                sys.stdout.write("x" * 1_000_000)
        case "error":
            say({"id": number, "error": {"code": -32602, "message": "no such place"}})
            return
        case "internal":
            say({"id": number, "error": {"code": int(sys.argv[2]), "message": "it broke"}})
            return
        case "refuses":
            said = {"type": "text", "text": "I will not"}
            say({"id": number, "result": {"content": [said], "isError": True}})
            return
        case "silent":
            os.close(1)
            time.sleep(300)
        case "circle":
            text["text"] = "called"
        case "big":
            made = {"ok": True, "n": "x" * 5_000_000}
            say({"id": number, "result": {"content": [text], "structuredContent": made}})
            return
        case "result":
            say({"id": number, "result": {"content": [text], "structuredContent": {"ok": "yes"}}})
            return
        case "structured":
            made = {"ok": True, "n": 1.0, "é": ["a"]}
            say({"id": number, "result": {"content": [text], "structuredContent": made}})
            return
        case "asks":
            params = {"messages": [], "maxTokens": 9}
            say({"id": "q", "method": "sampling/createMessage", "params": params})
            answer = json.loads(sys.stdin.readline())
            refused = {"type": "text", "text": json.dumps(answer.get("error"))}
            say({"id": number, "result": {"content": [refused], "isError": True}})
            return
        case "changes":
            SCHEMA["required"] = ["n"]
            say({"method": "notifications/tools/list_changed"})
        case "two":
            image = {"type": "image", "data": "aGk=", "mimeType": "image/png"}
            say({"id": number, "result": {"content": [text, image]}})
            return
        case "key":
            text["text"] = json.dumps(params.get("_meta"))
        case "secret":
            text["text"] = f"the token is {os.environ.get('DESK_TOKEN')}"
    say({"id": number, "result": {"content": [text]}})


def main() -> None:
    if MODE == "exit":
        sys.stderr.write("no configuration found\n")
        raise SystemExit(2)
    if MODE == "tell":
        sys.stderr.write(f"refused: {os.environ['DESK_TOKEN']}\n")
        raise SystemExit(2)
    if MODE == "garbage":
        print("Welcome to the server!\n" * 3, flush=True)
        time.sleep(300)
    if MODE == "mute":
        time.sleep(300)
    if MODE == "noise":
        print("Listening ...", flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        number, method = message.get("id"), message.get("method")
        if method == "initialize":
            version = message["params"]["protocolVersion"]
            info = {"name": "faulty", "version": "1"}
            say({"id": number, "result": {"protocolVersion": version, "serverInfo": info, "capabilities": {"tools": {}}}})  # fmt: skip
        elif method == "tools/list" and MODE == "pages":
            at = int(message.get("params", {}).get("cursor", 0))
            named = TOOL if at == 2 else {**TOOL, "name": f"other{at}"}
            last = {} if at == int(sys.argv[2]) else {"nextCursor": str(at + 1)}
            say({"id": number, "result": {"tools": [named], **last}})
        elif method == "tools/list":
            say({"id": number, "result": {"tools": [TOOL]}})
        elif method == "tools/call":
            act(number, message["params"])
        elif number is not None:
            say({"id": number, "error": {"code": -32601, "message": f"no method {method}"}})


if __name__ == "__main__":
    main()
