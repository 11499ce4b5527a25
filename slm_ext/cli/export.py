"""`slm export`: a provider or router as the YAML of a host, for a run without `--slm`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from slm_ext.cli._common import SWITCH, CommonFlags, emit, parse, words
from slm_ext.errors import UsageError

__all__ = ["main"]


@dataclass
class ExportFlags(CommonFlags):
    """Write the configuration that gives a stock SWE-agent, or mini, the same model, prompts and tools.

    The YAML goes to stdout; a key in it is always the name of an environment variable.
    """

    name: str = field(metadata=words("NAME"))
    """provider or router, by its registry name"""
    host: Literal["sweagent", "mini"] = "sweagent"
    """whose configuration"""
    stock: bool = field(default=False, metadata=SWITCH)
    """for mini: its own LiteLLM model and bash tool in place of our classes"""


def main(argv: list[str]) -> int:
    """Run the verb; errors are the caller's to show."""
    flags = parse(ExportFlags, "export", argv)
    if flags.stock and flags.host != "mini":
        raise UsageError(
            "read the command line of slm export",
            seen=f"--stock with --host {flags.host}",
            allowed="--stock with --host mini; the export for SWE-agent is a stock configuration anyway",
        )
    from slm_ext.registry import load_registry

    registry = load_registry()
    head, body = _exported(flags, registry)
    if flags.json:
        name = registry.entry(flags.name).name
        kind = "provider" if name in registry.provider_names() else "router"
        emit({kind: name, "host": flags.host, "notes": head, "config": body})
        return 0
    print("\n".join(f"# {line}" for line in head))
    print(_yaml(body), end="")
    return 0


def _exported(flags: ExportFlags, registry) -> tuple[list[str], dict[str, Any]]:
    """Lines for the head of the file, and the configuration."""
    from slm_ext.cli._export import mini_document, stock_mini_document, sweagent_document
    from slm_ext.registry.masking import secrets_in

    team, entry = registry.team(flags.name), registry.entry(flags.name)
    profile = registry.profile(team.profile)
    if flags.host == "mini" and not flags.stock:
        return mini_document(team, entry, profile)
    if entry.name not in team.providers:
        stock = f"--host {flags.host}" + (" --stock" if flags.stock else "")
        raise UsageError(
            f"export the router {entry.name!r} with {stock}",
            seen=f"it has {len(team.providers)} providers ({', '.join(team.providers)}); a stock host asks one model",
            allowed="one of its providers, or --host mini, where our classes route",
            next_step=f"slm export {team.lead.name} {stock}",
        )
    provider = team.lead
    if hidden := secrets_in(provider.completion_kwargs):
        raise UsageError(
            f"export provider {provider.name!r}",
            seen=f"completion_kwargs.{hidden[0]}, which looks like a secret; hosts read no variables there",
            allowed="api_key: $VARIABLE for the key; no other secret",
            next_step=f"remove completion_kwargs.{hidden[0]} from {registry.source(provider.name)}",
        )
    return stock_mini_document(provider) if flags.stock else sweagent_document(provider, profile)


def _yaml(data: dict[str, Any]) -> str:
    """YAML with the sections in order and prompts as blocks."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    return yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)
