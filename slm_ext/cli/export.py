"""`slm export`: a provider as the YAML of a host, for a run without `--slm`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any, Literal

from slm_ext.cli._common import SWITCH, CommonFlags, emit, parse, say, words
from slm_ext.errors import UsageError

__all__ = ["main"]

PORT = 8080


@dataclass
class ExportFlags(CommonFlags):
    """Write the configuration that gives a stock SWE-agent, or mini, the same model, prompts and tools.

    The YAML goes to stdout; a key in it is always the name of an environment variable.
    """

    name: str = field(metadata=words("NAME"))
    """provider, by its registry name"""
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
    from slm_ext.registry.provider import secrets_in

    registry = load_registry()
    provider = registry.provider(flags.name)
    profile = registry.profile(provider.profile)
    if (flags.host == "sweagent" or flags.stock) and (hidden := secrets_in(provider.completion_kwargs)):
        raise UsageError(
            f"export provider {provider.name!r}",
            seen=f"completion_kwargs.{hidden[0]}, which looks like a secret; hosts read no variables there",
            allowed="api_key: $VARIABLE for the key; no other secret",
            next_step=f"remove completion_kwargs.{hidden[0]} from {registry.source(provider.name)}",
        )
    if flags.host == "sweagent":
        head, body = _sweagent(provider, profile)
    elif flags.stock:
        head, body = _stock_mini(provider)
    else:
        head, body = _mini(provider, profile)
    if flags.json:
        emit({"provider": provider.name, "host": flags.host, "notes": head, "config": body})
        return 0
    print("\n".join(f"# {line}" for line in head))
    print(_yaml(body), end="")
    return 0


def _sweagent(provider, profile) -> tuple[list[str], dict[str, Any]]:
    from slm_ext.hosts.sweagent.profile import agent_options
    from slm_ext.registry.stock import sweagent_model

    base, model, notes = _endpoint(provider)
    head = [
        f"The provider {provider.name!r} of slm-ext for a stock SWE-agent: sweagent run --config THIS_FILE …",
        *notes,
        *(["`resample` is not in it: stock SWE-agent takes every reply as it comes."] if provider.resample else []),
        *_key_notes(provider, provider.key_reference),
        "LITELLM_LOCAL_MODEL_COST_MAP=True in the environment keeps LiteLLM from fetching its price list.",
        "LiteLLM 1.106 cannot call tools (it misses a package): take another release.",
    ]
    agent = agent_options(profile)
    agent["model"] = sweagent_model(provider, api_base=base, model=model, calls=profile.step_limit or 0)
    return head, {"agent": agent}


def _mini(provider, profile) -> tuple[list[str], dict[str, Any]]:
    from slm_ext.hosts.mini.config import compose

    head = [
        f"The provider {provider.name!r} for mini-swe-agent, by the classes of slm-ext:",
        "  mini -c THIS_FILE -y -t 'the issue'",
        "Start it in the repository; the model's server is started and stopped with the run."
        if provider.managed
        else f"It asks {provider.api_base}, which has to be running.",
        "The commands run on this machine, without a sandbox.",
        *_key_notes(provider, provider.key_reference, written=False),
    ]
    return head, compose(provider, profile)


def _stock_mini(provider) -> tuple[list[str], dict[str, Any]]:
    from slm_ext.registry.stock import sweagent_model

    base, model, notes = _endpoint(provider)
    stock = sweagent_model(provider, api_base=base, model=model)
    arguments = {"api_base": base, "api_key": stock["api_key"], "temperature": provider.temperature}
    if provider.top_p is not None:
        arguments["top_p"] = provider.top_p
    head = [
        f"The provider {provider.name!r} for a stock mini-swe-agent, which has one tool, bash:",
        "  mini -c mini.yaml -c THIS_FILE -y -t 'the issue'",
        *notes,
    ]
    if stock["api_key"].startswith("$"):
        del arguments["api_key"]  # mini reads no variables here, and writes what it reads into the trajectory
        head.append(f'Start it with the key in the environment: OPENAI_API_KEY="{stock["api_key"]}" mini …')
        head += _key_notes(provider, None, written=False)
    section = {
        "model_class": "litellm",
        "model_name": stock["name"],
        "cost_tracking": "ignore_errors",
        "model_kwargs": {**arguments, **stock["completion_kwargs"]},
    }
    return head, {"agent": {"cost_limit": 0}, "model": section}


def _endpoint(provider) -> tuple[str, str | None, list[str]]:
    """Where the exported configuration asks, for which model, and how the server there is started."""
    if not provider.managed:
        return provider.api_base, None, [f"It asks {provider.api_base}, which has to be running."]
    spec = provider.server
    port = spec.port or PORT
    base = f"http://{spec.host}:{port}/v1"
    notes = ["slm-ext would start this server; without it, start it yourself first:", f"  {_command(provider, port)}"]
    return base, None if spec.command else "default_model", notes


def _command(provider, port: int) -> str:
    """The command line that a managed provider stands for."""
    spec = provider.server
    model = str(spec.folder or spec.model_path or provider.model)
    if spec.command:
        values = {"{port}": str(port), "{host}": spec.host, "{model}": model}
        return shlex.join(_filled(part, values) for part in spec.command)
    options = {
        "--model": model,
        "--adapter-path": spec.adapter_path,
        "--host": spec.host,
        "--port": port,
        "--max-tokens": spec.max_tokens or provider.max_output_tokens,
        "--draft-model": spec.draft_model,
        "--num-draft-tokens": spec.num_draft_tokens,
        "--kv-bits": spec.kv_bits,
    }
    given = [part for name, value in options.items() if value is not None for part in (name, str(value))]
    return shlex.join(["python", "-m", "mlx_lm", "server", *given])


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def _key_notes(provider, reference: str | None, *, written: bool = True) -> list[str]:
    """What to know about the key; a literal one is told on stderr, because it is not in the file."""
    from slm_ext.registry.stock import exported_key

    if reference:
        return [f"The key is read from the environment variable {reference[1:]}."]
    variable = exported_key(provider)
    if not variable.startswith("$") or provider.key_reference:
        return []
    if written:
        say(f"the key of {provider.name!r} is a literal and was left out: export {variable[1:]}=… before the run")
        return [f"The provider's key is a literal, so it is not here: export {variable[1:]}=… before the run."]
    return []


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
