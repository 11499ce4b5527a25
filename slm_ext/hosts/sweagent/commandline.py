"""What a SWE-agent command line asks of us, read before SWE-agent's own parser runs.

Only what must be known that early is read: which provider, from which layers, and the `--config` files, because the
profile takes the place of `config/default.yaml`. Everything else stays in the words and goes to SWE-agent as it is.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from slm_ext.errors import RegistryError, UsageError
from slm_ext.registry import load_registry
from slm_ext.registry.documents import read_document
from slm_ext.registry.entries import SECTION

__all__ = ["CommandLine"]


@dataclass(frozen=True)
class CommandLine:
    """The parts of a command line that concern us."""

    words: list[str]
    config_files: list[Path] = field(default_factory=list)
    name: str | None = None
    """The provider chosen by `--slm`, by `slm:` in a YAML file or by `SWE_AGENT_SLM`, in this order."""
    layers: list[tuple[str, Path]] = field(default_factory=list)
    """The YAML files that define providers, labelled for messages."""
    no_config_file: bool = False
    only_help: bool = False

    @property
    def asks_for_us(self) -> bool:
        """Whether a provider is chosen or defined."""
        return self.name is not None or bool(self.layers)

    @classmethod
    def parse(cls, words: Sequence[str], environ: Mapping[str, str]) -> CommandLine:
        """Read a command line (without the program and its subcommand).

        Raises:
            UsageError: `--slm` without a name or with two different ones; a YAML file that cannot be read, where the
                run asks for us.
        """
        options, rest = _options().parse_known_args(list(words))
        flag = _flag(rest)
        found = [(path, *_read(path)) for path in options.config]
        named = [values["slm"] for _, values, _ in found if values.get("slm") is not None]
        name = flag if flag is not None else named[-1] if named else environ.get("SWE_AGENT_SLM") or None
        layers = [(str(path), path) for path, values, _ in found if _defines_providers(values)]
        if name is not None or layers:
            for _, _, error in found:
                if error is not None:
                    raise error
        if name is not None and not (isinstance(name, str) and name.strip()):
            raise UsageError(
                "choose a small language model",
                seen=f"the name {name!r}",
                allowed="a provider's name",
                next_step="slm providers",
            )
        help_asked = bool(options.help or options.help_option)
        return cls(list(words), options.config, name, layers, options.no_config_file, help_asked)

    @contextmanager
    def with_profile(self) -> Generator[tuple[list[str], list[Path] | None]]:
        """The words with the profile as the first `--config`, and the files the output should be named after.

        The profile's file exists inside the `with` block only.

        Raises:
            RegistryError: the provider or its profile is unknown or cannot be used.
        """
        from slm_ext.hosts.sweagent.profile import team_options

        registry = load_registry(extra_layers=self.layers)
        if self.name is None:
            yield self.words, None
            return
        team = registry.team(self.name)
        if self.no_config_file:
            yield self.words, None
            return
        options = {"agent": team_options(team, registry.profile(team.profile))}
        with tempfile.TemporaryDirectory(prefix="slm-profile-") as folder:
            path = Path(folder) / f"{team.profile}.yaml"
            path.write_text(yaml.safe_dump(options, sort_keys=False, allow_unicode=True), encoding="utf-8")
            yield ["--config", str(path), *self.words], self.config_files or [path]


def _options() -> argparse.ArgumentParser:
    """SWE-agent's own first parser, as far as we must follow it."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config", type=Path, action="append", default=[])
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--help_option")
    parser.add_argument("--no_config_file", action="store_true")
    parser.add_argument("--print_config", action="store_true")
    return parser


def _flag(words: list[str]) -> str | None:
    values = []
    for position, word in enumerate(words):
        if word == "--slm":
            following = words[position + 1 : position + 2]
            values.append(following[0] if following and not following[0].startswith("-") else "")
        elif word.startswith("--slm="):
            values.append(word.partition("=")[2])
    if len(set(values)) > 1:
        raise UsageError(
            "choose a small language model",
            seen=" and ".join(f"--slm {value}" for value in values),
            allowed="one --slm",
            next_step="leave out all but one",
        )
    return values[0] if values else None


def _defines_providers(values: dict[str, Any]) -> bool:
    agent = values.get("agent")
    model = agent.get("model") if isinstance(agent, dict) else None
    return SECTION in values or (isinstance(model, dict) and SECTION in model)


def _read(path: Path) -> tuple[dict[str, Any], RegistryError | None]:
    try:
        return dict(read_document(path).data), None
    except RegistryError as error:
        return {}, error
