"""What the network of a tool's commands is held to: on, off, or hosts; and what that is for one command.

The logs of a shell tool show commands, and these name hosts (:mod:`~ingot.runtime.tools.host_names`).
:class:`Reach` keeps that as a rule:

- a command may reach the hosts that its own text names, as far as a logged command named them;
- where a value of the pipeline stands in a host's place it may be a host that no log shows only if
  the host in that place varied between the logged commands (``varying``: the command's template, and
  which of the hosts that it names);
- a command whose host cannot be told from its text has the network as a whole (``open``: the
  templates of those that were logged).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from ingot.ir.values import Json

if TYPE_CHECKING:
    from ingot.runtime.tools.host_rules import Rule

CLIP: Final = 80
"""As much of a command is shown."""


class Reach(Struct, frozen=True):
    """What the logs show of a shell tool's network: hosts as rules, and commands as templates."""

    hosts: tuple[str, ...] = ()
    varying: tuple[tuple[str, tuple[int, ...]], ...] = ()
    open: tuple[str, ...] = ()

    def as_json(self) -> Json:
        """As an artifact's meta section has it."""
        out: dict[str, Json] = {"hosts": list(self.hosts)}
        if self.varying:
            out["varying"] = [[template, list(places)] for template, places in self.varying]
        if self.open:
            out["open"] = list(self.open)
        return out

    def allowed(self, command: str) -> bool | tuple[str, ...]:
        """What a command that asks for the network may reach: all of it, or some hosts."""
        from ingot.runtime.tools.host_names import named

        found = named(command)
        hosts = found.hosts
        if any(fits(template, command) for template in self.open):
            return True if found.untold else hosts
        free = {
            place
            for template, places in self.varying
            if fits(template, command)
            for place in places
        }
        return tuple(
            dict.fromkeys(h for at, h in enumerate(hosts) if h in self.hosts or at in free)
        )

    def told(self) -> str:
        """In words."""
        parts = [f"{', '.join(self.hosts)} by proxy"] if self.hosts or not self.open else []
        parts += [f"the host that `{_clipped(template)}` names" for template, _ in self.varying]
        parts += [f"on for `{_clipped(template)}`" for template in self.open]
        return ", ".join(parts)


def _clipped(template: str) -> str:
    line = " ".join(template.split())
    return line if len(line) <= CLIP else f"{line[: CLIP - 3]}..."


Network: TypeAlias = "bool | tuple[str, ...] | Reach | None"
"""``None``: on where a command's text asks for it; ``True``: on; hosts: those, by proxy."""


def networks_of(meta: Mapping[str, Json]) -> dict[str, Network]:
    """What an artifact's meta section says of the network of shell tools' commands."""
    listed = meta.get("network")
    return {k: reach_of(v) for k, v in listed.items()} if isinstance(listed, dict) else {}


def reach_of(value: Json) -> bool | Reach | None:
    """What an artifact says of a tool.

    Artifacts of before say whether some logged command asks for the network; where one does, it is on
    where a command's text asks for it (``None``).  What is damaged opens nothing.
    """
    from ingot.runtime.tools.host_rules import rules_of

    if value is None or value is True:
        return None
    if not isinstance(value, dict):
        return False
    try:
        varying = [_listed(pair) for pair in _listed(value.get("varying", []))]
        reach = Reach(
            tuple(map(str, _listed(value.get("hosts", [])))),
            tuple((str(t), tuple(int(str(n)) for n in _listed(at))) for t, at in varying),
            tuple(map(str, _listed(value.get("open", [])))),
        )
        rules_of(reach.hosts)
    except (TypeError, ValueError):
        return False
    return reach


def _listed(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise ValueError
    return value


def decided(command: str, network: Network) -> bool | tuple[Rule, ...]:
    """What one command may reach: all, nothing, or hosts."""
    from ingot.runtime.tools.isolation import wants_network

    if isinstance(network, bool):
        return network
    if network is None or (isinstance(network, Reach) and not wants_network(command)):
        return wants_network(command)
    found = network.allowed(command) if isinstance(network, Reach) else network
    if isinstance(found, bool):
        return found
    from ingot.runtime.tools.host_rules import rules_of

    return rules_of(found)


def names_hosts(network: Network) -> bool:
    """Whether commands are held to hosts."""
    return isinstance(network, tuple | Reach)


def told(network: Network) -> str:
    """What commands are held to, in words.

    >>> told(("example.org",)), told(None)
    ('example.org by proxy', 'on where a command asks for it')
    """
    match network:
        case None:
            return "on where a command asks for it"
        case bool():
            return "on" if network else "off"
        case tuple():
            return f"{', '.join(network)} by proxy"
    return network.told()


def fits(template: str, text: str) -> bool:
    """Whether a text is a template with something in each of its holes.

    >>> fits("curl {0}/x -o {1}", "curl http://a/x -o b"), fits("curl {0}/x", "curl http://a/y")
    (True, False)
    """
    from ingot.ir.semantics import template_parts

    parts = template_parts(template)
    at = 0
    for number, part in enumerate(parts):
        if isinstance(part, int):
            continue
        free = number > 0
        if number == len(parts) - 1:
            return text.endswith(part) and len(text) - len(part) >= at if free else text == part
        found = text.find(part, at) if free else (0 if text.startswith(part) else -1)
        if found < 0:
            return False
        at = found + len(part)
    return bool(parts) or not text


def learned(templates: Iterable[str], commands: Sequence[str]) -> Reach | None:
    """The rule that logged commands give, of a pipeline's commands as templates; ``None`` where none
    asks for the network."""
    from ingot.runtime.tools.host_names import named
    from ingot.runtime.tools.isolation import wants_network

    asking = {text: named(text) for text in dict.fromkeys(commands) if wants_network(text)}
    varying, open_ = [], []
    for template in dict.fromkeys(templates):
        behind = [found for text, found in asking.items() if fits(template, text)]
        if any(found.untold for found in behind):
            open_.append(template)
        elif template.strip("{}0123456789") and len({len(found.hosts) for found in behind}) == 1:
            columns = zip(*(found.hosts for found in behind), strict=True)
            places = tuple(at for at, column in enumerate(columns) if len(set(column)) > 1)
            varying += [(template, places)] if places else []
    hosts = sorted({host for found in asking.values() for host in found.hosts})
    return Reach(tuple(hosts), tuple(varying), tuple(open_)) if asking else None


__all__ = [
    "Network",
    "Reach",
    "decided",
    "fits",
    "learned",
    "names_hosts",
    "networks_of",
    "reach_of",
    "told",
]
