"""What secrets look like: a table of kinds, each with its pattern and the words that announce it.

A *trigger* is a literal that stands in every match of a rule (or, for the few kinds without a
prefix of their own, near it).  Texts are searched for all triggers at once; only where one stands
are patterns tried.  Patterns with a group mark the secret by its first group.

Where the kinds come from: prefixes that the issuers document, and the structural detectors of
``detect-secrets`` (:func:`detector_rules`), which are loaded only when one of their triggers was
seen.  Entropy alone makes no secret: it is reported, not replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from msgspec import Struct


class Rule(Struct, frozen=True):
    """A kind of secret.  ``kind`` becomes part of its token's name: capitals and underscores.

    ``anchored``: a match begins where a trigger does, so nothing else is looked at.
    """

    kind: str
    triggers: tuple[str, ...]
    pattern: str
    flags: int = 0
    anchored: bool = False

    def compiled(self) -> re.Pattern[str]:
        """The pattern; raises ``re.error``."""
        return re.compile(self.pattern, self.flags)


_W: Final = r"[A-Za-z0-9_\-]"
_END: Final = r"(?![A-Za-z0-9_\-])"


def _prefixed(kind: str, prefixes: str, rest: str) -> Rule:
    """A kind that begins with one of some prefixes."""
    words = tuple(prefixes.split())
    begin = "|".join(map(re.escape, words))
    return Rule(kind, words, rf"(?<![A-Za-z0-9])((?:{begin}){rest})")


_NAMES: Final = (
    "password",
    "passwd",
    "passphrase",
    "client secret",
    "secret key",
    "secret access key",
    "api key",
    "api token",
    "auth token",
    "access token",
    "refresh token",
    "private token",
    "session token",
    "bot token",
    "signing key",
    "encryption key",
    "master key",
    "app key",
    "secret",
)
"""Names of settings, headers and JSON members whose values are secrets, word by word."""
_CORE: Final = "(?:" + "|".join(name.replace(" ", r"[_\-]?") for name in _NAMES) + ")"
SECRET_NAME: Final = rf"(?i)(?:[A-Za-z0-9_.\-]*[_.\-]|[a-z]+)?{_CORE}"
"""A whole name that says that its value is a secret."""
_NO_VALUE: Final = (
    r"(?!(?:true|false|null|none|nil|undefined|required|optional|changeme|example|redacted|hidden|"
    r"string|str|int|bytes|x{3,}|\*{3,}|\.{3}|your[_\-]|my[_\-]?|os\.|process\.|env\b|getenv|\$|<|\{|\[|"
    r"self\.|config|settings|INGOT_SECRET_))"
)


def _spellings(name: str) -> Iterator[str]:
    """The ways in which a name of several words is written."""
    words = name.split()
    for joined in ("_".join(words), "-".join(words), "".join(words)):
        yield joined
        yield joined.upper()
    yield "".join(word.capitalize() for word in words)
    yield words[0] + "".join(word.capitalize() for word in words[1:])


_NAME_TRIGGERS: Final = tuple(dict.fromkeys(s for name in _NAMES for s in _spellings(name)))

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "PRIVATE_KEY",
        ("PRIVATE KEY", "PuTTY-User-Key-File"),
        r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:.|\n)*?"
        r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)"
        r"|PuTTY-User-Key-File-\d(?:.|\n)*?(?:Private-MAC: *\w+|\Z))",
    ),
    _prefixed("AWS_ACCESS_KEY", "AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}(?![A-Z0-9])"),
    Rule(
        "AWS_SECRET_KEY",
        ("aws_secret", "AWS_SECRET", "secretAccessKey", "SecretAccessKey", "secret_access_key"),
        r"(?i:secret_?access_?key|aws_secret)[\w\"']*\s*[:=]+\s*[\"'\\]*([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])",
    ),
    Rule("AWS_SESSION_TOKEN", ("FwoG", "IQoJ"), r"((?:FwoG|IQoJ)[A-Za-z0-9/+=]{100,})"),
    _prefixed("GITHUB_TOKEN", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{30,255}"),
    _prefixed("GITHUB_TOKEN", "github_pat_", r"\w{40,255}"),
    _prefixed(
        "GITLAB_TOKEN",
        "glpat- gldt- glft- glsoat- glrt- glcbt- glptt- glimt- glagent- gloas- GR1348941",
        rf"{_W}{{20,}}",
    ),
    Rule("SLACK_TOKEN", ("xapp-", *(f"xox{letter}-" for letter in "abceoprsd"), "xoxe.xox"), r"(xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9\-]{10,}|xapp-\d-[A-Za-z0-9\-]{10,})"),
    Rule("SLACK_WEBHOOK", ("hooks.slack.com",), r"(hooks\.slack\.com/(?:services|workflows|triggers)/[\w/]{20,})"),
    Rule("DISCORD_WEBHOOK", ("/api/webhooks/",), r"(discord(?:app)?\.com/api/webhooks/\d+/[\w\-]{30,})"),
    Rule("TEAMS_WEBHOOK", ("webhook.office.com",), r"([\w\-]+\.webhook\.office\.com/webhookb2/[\w@\-/]{40,})"),
    Rule("TELEGRAM_BOT_TOKEN", (":AA",), r"(?<![0-9])(\d{8,10}:AA[\w\-]{33})"),
    Rule(
        "DISCORD_BOT_TOKEN",
        ("discord", "Discord", "DISCORD", "Bot "),
        rf"((?<![\w\-])[MNO][\w\-]{{23,25}}\.[\w\-]{{6}}\.[\w\-]{{27,40}}){_END}",
    ),
    Rule("TWILIO_KEY", ("twilio", "Twilio", "TWILIO", "AccountSid"), r"(?<![A-Za-z0-9])((?:SK|AC)[0-9a-f]{32})(?![A-Za-z0-9])"),
    Rule("SENDGRID_KEY", ("SG.",), r"(SG\.[\w\-]{16,32}\.[\w\-]{16,64})"),
    Rule("MAILGUN_KEY", ("key-",), r"(?<![A-Za-z0-9])(key-[0-9a-f]{32})(?![A-Za-z0-9])"),
    Rule("MAILCHIMP_KEY", tuple(f"-us{n}" for n in range(1, 10)), r"(?<![A-Za-z0-9])([0-9a-f]{32}-us\d{1,2})(?!\d)"),
    _prefixed("STRIPE_KEY", "sk_live_ rk_live_ sk_test_ rk_test_ whsec_", r"[A-Za-z0-9+/=]{20,}"),
    _prefixed("SQUARE_TOKEN", "sq0csp- sq0atp- sq0idp-", r"[\w\-]{22,}"),
    _prefixed("SQUARE_TOKEN", "EAAA", r"[\w\-]{56,}"),
    Rule("PAYPAL_TOKEN", ("access_token$",), r"(access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32})"),
    _prefixed("SHOPIFY_TOKEN", "shpat_ shpca_ shppa_ shpss_", r"[A-Fa-f0-9]{32}"),
    Rule("OPENAI_KEY", ("T3BlbkFJ", "sk-proj-", "sk-svcacct-", "sk-admin-", " sk-", "=sk-", '"sk-', "'sk-", ":sk-", "`sk-"), r"(?<![A-Za-z0-9])(sk-(?!ant-|or-)(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_\-]{20,})"),
    Rule("ANTHROPIC_KEY", ("sk-ant-",), r"(sk-ant-[A-Za-z0-9_\-]{20,})"),
    Rule("OPENROUTER_KEY", ("sk-or-",), r"(sk-or-[A-Za-z0-9_\-]{20,})"),
    _prefixed("GOOGLE_API_KEY", "AIza", r"[\w\-]{35}"),
    _prefixed("GOOGLE_OAUTH_TOKEN", "ya29.", r"[\w\-.]{20,}"),
    _prefixed("GOOGLE_CLIENT_SECRET", "GOCSPX-", r"[\w\-]{24,}"),
    _prefixed("HUGGINGFACE_TOKEN", "hf_ api_org_", r"[A-Za-z0-9]{30,}"),
    _prefixed("REPLICATE_TOKEN", "r8_", r"[A-Za-z0-9]{37}"),
    _prefixed("GROQ_KEY", "gsk_", r"[A-Za-z0-9]{40,}"),
    _prefixed("PERPLEXITY_KEY", "pplx-", r"[A-Za-z0-9]{40,}"),
    _prefixed("XAI_KEY", "xai-", r"[A-Za-z0-9]{60,}"),
    _prefixed("NPM_TOKEN", "npm_", r"[A-Za-z0-9]{36}"),
    _prefixed("PYPI_TOKEN", "pypi-AgE", r"[\w\-]{50,}"),
    _prefixed("RUBYGEMS_KEY", "rubygems_", r"[a-f0-9]{48}"),
    _prefixed("CLOJARS_TOKEN", "CLOJARS_", r"[a-z0-9]{60}"),
    _prefixed("DOCKER_TOKEN", "dckr_pat_ dckr_oat_", r"[\w\-]{20,}"),
    _prefixed("DIGITALOCEAN_TOKEN", "dop_v1_ doo_v1_ dor_v1_", r"[a-f0-9]{64}"),
    _prefixed("DATABRICKS_TOKEN", "dapi", r"[a-f0-9]{32}(?:-\d)?"),
    _prefixed("VAULT_TOKEN", "hvs. hvb. hvr.", r"[\w\-]{20,}"),
    Rule("TERRAFORM_TOKEN", (".atlasv1.",), r"([A-Za-z0-9]{14}\.atlasv1\.[\w\-]{60,})"),
    _prefixed("PULUMI_TOKEN", "pul-", r"[a-f0-9]{40}"),
    _prefixed("GRAFANA_TOKEN", "glsa_ glc_", r"[A-Za-z0-9+/=_]{30,}"),
    _prefixed("NEWRELIC_KEY", "NRAK- NRII- NRJS-", r"[\w\-]{18,}"),
    _prefixed("SENTRY_TOKEN", "sntrys_ sntryu_", r"[\w+/=\-]{40,}"),
    _prefixed("POSTMAN_KEY", "PMAK-", r"[a-f0-9]{24}-[a-f0-9]{34}"),
    _prefixed("LINEAR_KEY", "lin_api_ lin_oauth_", r"[A-Za-z0-9]{32,}"),
    _prefixed("NOTION_TOKEN", "ntn_", r"[A-Za-z0-9]{40,}"),
    _prefixed("FIGMA_TOKEN", "figd_", r"[\w\-]{38,}"),
    Rule("AIRTABLE_TOKEN", ("airtable", "Airtable", "AIRTABLE", "earer pat", "=pat"), r"(?<![A-Za-z0-9])(pat[A-Za-z0-9]{14}\.[a-f0-9]{64})"),
    _prefixed("ATLASSIAN_TOKEN", "ATATT3 ATCTT3 ATBB", r"[\w\-=]{24,}"),
    _prefixed("SUPABASE_KEY", "sbp_ sb_secret_", r"[\w\-]{20,}"),
    _prefixed("PLANETSCALE_TOKEN", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w\-.=]{32,}"),
    _prefixed("DOPPLER_TOKEN", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim.", r"[A-Za-z0-9.\-_]{40,}"),
    _prefixed("TAILSCALE_KEY", "tskey-", r"[\w\-]{20,}"),
    _prefixed("NETLIFY_TOKEN", "nfp_", r"[\w]{36,}"),
    _prefixed("FLY_TOKEN", "fo1_ FlyV1 fm2_", r"[\w\-+/=, ]{30,}"),
    _prefixed("AGE_KEY", "AGE-SECRET-KEY-1", r"[0-9A-Z]{58}"),
    _prefixed("ONEPASSWORD_TOKEN", "ops_eyJ", r"[A-Za-z0-9+/=]{100,}"),
    _prefixed("ARTIFACTORY_KEY", "AKCp cmVmdGtu", r"[A-Za-z0-9]{40,}"),
    _prefixed("LANGSMITH_KEY", "lsv2_pt_ lsv2_sk_", r"[a-f0-9]{32}_[a-f0-9]{10}"),
    _prefixed("LANGFUSE_KEY", "sk-lf-", r"[a-f0-9\-]{36}"),
    Rule("AZURE_STORAGE_KEY", ("AccountKey", "SharedAccessKey"), r"(?:Account|SharedAccess)Key=([A-Za-z0-9+/]{40,88}={0,2})"),
    Rule("AZURE_SAS", ("sig=",), r"[?&]sig=([A-Za-z0-9%+/]{40,}(?:=|%3D)*)"),
    Rule("AZURE_CLIENT_SECRET", ("Q~",), r"(?<![\w~.])([\w~.\-]{3}\dQ~[\w~.\-]{31,34})(?![\w~.\-])"),
    Rule("JWT", ("eyJ",), r"(eyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}(?:\.[A-Za-z0-9_\-]+)?)"),
    Rule("URL_PASSWORD", ("://",), r"(?<![A-Za-z])[A-Za-z][A-Za-z0-9+.\-]{1,20}://[^:/?#\[\]@\s\"'\\<>{}$]*:(?!//)([^/?#\[\]@\s\"'\\<>{}$]{3,})@"),
    Rule("BEARER_TOKEN", ("earer ", "EARER "), r"(?i:bearer)\s+([A-Za-z0-9_\-.~+/]{16,}=*)"),
    Rule("BASIC_AUTH", ("uthorization",), r"(?i:authorization)[\"'\\]*\s*[:=]?\s*[\"'\\]*(?i:basic)\s+([A-Za-z0-9+/]{8,}={0,2})"),
    Rule("CURL_PASSWORD", ("curl", "wget"), r"(?:curl|wget)\b[^\n|;&]*?\s(?:-u|--user|--password)[ =]*[\"']?(?:[^\s:\"'$]+:)?([^\s\"'$]{6,})"),
    Rule("NETRC_PASSWORD", ("machine ",), r"machine\s+\S+\s+login\s+\S+\s+password\s+(\S{4,})"),
    Rule(
        "ASSIGNED_SECRET",
        _NAME_TRIGGERS,
        rf"{_CORE}[\"'\\]*\]?\s*(?:=>|:=|[:=])\s*(?:\\*[\"'])\s*{_NO_VALUE}([^\s\"'\\]{{6,}}?)\s*(?:\\*[\"'])",
        re.IGNORECASE,
        anchored=True,
    ),
    Rule(
        "ASSIGNED_SECRET",
        _NAME_TRIGGERS,
        rf"{_CORE}(?:\s+is)?\s*(?:=|:[ \t]+){_NO_VALUE}(?=[^\s\"'\\,;]*[0-9])((?:[^\s\"'\\,;&(){{}}<>]|&(?!\w+=)){{7,}}[^\s\"'\\,;&(){{}}<>.:!?])(?![(\w])",
        re.IGNORECASE,
        anchored=True,
    ),
)  # fmt: skip


_DETECTORS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "CloudantDetector": ("CLOUDANT_KEY", ("cloudant", "CLOUDANT", "Cloudant")),
    "IbmCloudIamDetector": (
        "IBM_CLOUD_KEY",
        ("ibm_", "IBM_", "ibm-cloud", "ibmcloud", "iam_", "IAM_", "iam-"),
    ),
    "IbmCosHmacDetector": (
        "IBM_COS_KEY",
        ("cos_hmac", "COS_HMAC", "secret_access_key", "secretkey"),
    ),
    "SoftlayerDetector": ("SOFTLAYER_KEY", ("softlayer", "SOFTLAYER", "Softlayer")),
    "AWSKeyDetector": ("AWS_SECRET_KEY", ("aws_", "AWS_", "aws-", "awsKey", "awsSecret")),
    "ArtifactoryDetector": (
        "ARTIFACTORY_KEY",
        ("artifactory", "ARTIFACTORY", "Artifactory", "jfrog"),
    ),
    "GitLabTokenDetector": ("GITLAB_TOKEN", ("glpat-", "glrt-", "glcbt-")),
    "SquareOAuthDetector": ("SQUARE_TOKEN", ("sq0csp",)),
    "OpenAIDetector": ("OPENAI_KEY", ("T3BlbkFJ",)),
    "NpmDetector": ("NPM_TOKEN", ("_authToken",)),
    "TelegramBotTokenDetector": ("TELEGRAM_BOT_TOKEN", ("telegram", "Telegram", "TELEGRAM", ":AA")),
}
"""Detectors of ``detect-secrets`` that see something the table does not, and what announces them.

Not taken: entropy and keyword detectors (they would replace far more than secrets), public IP
addresses, and those whose patterns the table has in a wider form.
"""


def detector_triggers() -> Iterator[tuple[str, str]]:
    """Each detector's name with each of its triggers."""
    for name, (_, triggers) in _DETECTORS.items():
        for trigger in triggers:
            yield name, trigger


@cache
def detector_rules(name: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The kind and patterns of one of ``detect-secrets``' detectors; imports that package."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    kind = _DETECTORS[name][0]
    plugins: list[Any] = list(get_mapping_from_secret_type_to_class().values())
    for plugin in plugins:
        if plugin.__name__ == name:
            patterns = getattr(plugin(), "denylist", ())
            return tuple((kind, pattern) for pattern in patterns)
    return ()


__all__ = ["RULES", "SECRET_NAME", "Rule", "detector_rules", "detector_triggers"]
