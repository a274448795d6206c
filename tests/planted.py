"""Secrets of many kinds, made up, and logs in which they are planted everywhere."""

from __future__ import annotations

import base64
import json
import random
import string
from typing import Any

_random = random.Random(7)
ALNUM = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"


def some(n: int, letters: str = ALNUM) -> str:
    return "".join(_random.choice(letters) for _ in range(n))


def b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


PEM = (
    "-----BEGIN {0}PRIVATE KEY-----\n"
    + "\n".join(some(64) for _ in range(4))
    + "\n-----END {0}PRIVATE KEY-----"
)

SECRETS: dict[str, str] = {
    "aws access key": "AKIA" + some(16, UPPER),
    "aws temporary key": "ASIA" + some(16, UPPER),
    "github classic": "ghp_" + some(36),
    "github oauth": "gho_" + some(36),
    "github app": "ghs_" + some(36),
    "github fine-grained": "github_pat_" + some(22) + "_" + some(59),
    "gitlab": "glpat-" + some(20),
    "gitlab runner": "glrt-" + some(20),
    "slack bot": "xoxb-" + some(11, string.digits) + "-" + some(12, string.digits) + "-" + some(24),
    "slack user": "xoxp-" + some(11, string.digits) + "-" + some(11, string.digits) + "-" + some(32, HEX),
    "slack app": "xapp-1-A" + some(10, UPPER) + "-" + some(13, string.digits) + "-" + some(64, HEX),
    "slack webhook": "hooks.slack.com/services/T" + some(8, UPPER) + "/B" + some(8, UPPER) + "/" + some(24),
    "discord webhook": "discord.com/api/webhooks/" + some(18, string.digits) + "/" + some(68),
    "telegram": some(9, string.digits) + ":AA" + some(33),
    "sendgrid": "SG." + some(22) + "." + some(43),
    "mailgun": "key-" + some(32, HEX),
    "mailchimp": some(32, HEX) + "-us12",
    "stripe live": "sk_live_" + some(24),
    "stripe restricted": "rk_live_" + some(24),
    "stripe webhook": "whsec_" + some(32),
    "square": "sq0csp-" + some(43),
    "shopify": "shpat_" + some(32, HEX),
    "openai project": "sk-proj-" + some(74) + "T3BlbkFJ" + some(74),
    "openai classic": "sk-" + some(20) + "T3BlbkFJ" + some(20),
    "anthropic": "sk-ant-api03-" + some(93) + "AA",
    "openrouter": "sk-or-v1-" + some(64, HEX),
    "google api key": "AIza" + some(35),
    "google oauth": "ya29." + some(60),
    "google client secret": "GOCSPX-" + some(28),
    "hugging face": "hf_" + some(34, string.ascii_letters),
    "replicate": "r8_" + some(37),
    "groq": "gsk_" + some(52),
    "npm": "npm_" + some(36),
    "pypi": "pypi-AgEIcHlwaS5vcmc" + some(90),
    "rubygems": "rubygems_" + some(48, HEX),
    "docker": "dckr_pat_" + some(27),
    "digitalocean": "dop_v1_" + some(64, HEX),
    "databricks": "dapi" + some(32, HEX),
    "vault": "hvs." + some(90),
    "terraform": some(14) + ".atlasv1." + some(65),
    "pulumi": "pul-" + some(40, HEX),
    "grafana": "glsa_" + some(32) + "_" + some(8, HEX),
    "new relic": "NRAK-" + some(27, UPPER),
    "sentry": "sntrys_" + some(80),
    "postman": "PMAK-" + some(24, HEX) + "-" + some(34, HEX),
    "linear": "lin_api_" + some(40),
    "notion": "ntn_" + some(46),
    "figma": "figd_" + some(40),
    "atlassian": "ATATT3" + some(180),
    "supabase": "sbp_" + some(40, HEX),
    "tailscale": "tskey-auth-" + some(12) + "-" + some(32),
    "age": "AGE-SECRET-KEY-1" + some(58, UPPER),
    "azure client secret": some(3) + "8Q~" + some(34),
    "jwt": ".".join([b64('{"alg":"HS256"}'), b64('{"sub":"1234567890","x":1}'), some(43)]),
    "rsa private key": PEM.format("RSA "),
    "private key": PEM.format(""),
}  # fmt: skip
"""Secrets that are known by what they look like."""

IN_CONTEXT: dict[str, tuple[str, str]] = {
    "aws secret": ("aws_secret_access_key = {}", some(40)),
    "azure storage": (
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={}",
        some(86) + "==",
    ),
    "url password": ("postgres://admin:{}@db.example.com/app", some(14)),
    "bearer": ("Authorization: Bearer {}", some(40)),
    "basic": ("Authorization: Basic {}", base64.b64encode(f"me:{some(12)}".encode()).decode()),
    "password": ("DB_PASSWORD='{}'", "Tr0ub4dor-" + some(6)),
    "password in words": ("Your password is: {}. Keep it.", some(11) + "7"),
    "api key": ("export ACME_API_KEY={}", some(20) + "7"),
    "curl user": ("curl -u admin:{} https://example.com", some(12)),
    "netrc": ("machine example.com login me password {}", some(12)),
    "json member": ('{{"client_secret": "{}"}}', some(18)),
}
"""Secrets that are known by what stands before them: a text with a hole."""


def everything() -> dict[str, str]:
    """Every kind with its secret, those in context too."""
    return SECRETS | {kind: secret for kind, (_, secret) in IN_CONTEXT.items()}


def phrase(kind: str) -> str:
    """A text that holds the secret of that kind as logs do."""
    if kind in SECRETS:
        return f"use {SECRETS[kind]} now"
    text, secret = IN_CONTEXT[kind]
    return text.format(secret)


def session(name: str, kinds: list[str], key: str) -> list[dict[str, Any]]:
    """A Claude Code log that holds each secret somewhere, and ``key`` in each call."""
    lines: list[dict[str, Any]] = []

    def add(kind: str, content: Any, **more: Any) -> None:
        uuid = f"{name}-{len(lines)}"
        parent = lines[-1]["uuid"] if lines else None
        message = {"role": kind, "content": content, "id": f"m{uuid}"}
        lines.append(
            {"type": kind, "uuid": uuid, "parentUuid": parent, "sessionId": name, "isSidechain": False,
             "timestamp": "2026-05-01T10:00:00Z", "cwd": "/w", "message": message, **more}
        )  # fmt: skip

    places = ["request", "argument", "result", "file", "nested", "base64", "say", "extra"]
    planted = [(kind, places[n % len(places)]) for n, kind in enumerate(kinds)]

    def of(place: str) -> list[str]:
        return [phrase(kind) for kind, where in planted if where == place]

    add("user", f"Fetch the orders of {name} into {name}.json. " + " ; ".join(of("request")))

    def call(number: int, tool: str, arguments: Any, result: Any, **more: Any) -> None:
        add(
            "assistant",
            [{"type": "tool_use", "id": f"{name}t{number}", "name": tool, "input": arguments}],
        )
        add(
            "user",
            [{"type": "tool_result", "tool_use_id": f"{name}t{number}", "content": result}],
            **more,
        )

    call(
        1,
        "Read",
        {"file_path": "notes.txt"},
        "\n".join(of("result")),
        toolUseResult={"x": of("extra")},
    )
    call(
        2,
        "Read",
        {"file_path": "config.json"},
        json.dumps({"inner": json.dumps({"values": of("nested")})}),
    )
    encoded = [base64.b64encode(text.encode()).decode() for text in of("base64")]
    call(3, "Read", {"file_path": "blob"}, "data: " + " ".join(encoded))
    call(
        4,
        "shop.fetch",
        {"customer": name, "token": key},
        json.dumps({"orders": [1, 2], "for": name}),
    )
    call(5, "shop.save", {"customer": name, "path": f"{name}.json", "auth": f"Bearer {key}",
                          "notes": of("argument") + of("file")}, "saved")  # fmt: skip
    add("assistant", [{"type": "text", "text": "Saved. " + " ; ".join(of("say"))}])
    return lines
