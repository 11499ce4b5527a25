"""The generated parts of the reference, each a function that returns Markdown. Everything is read from the code."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from importlib import import_module
from pathlib import Path
from types import ModuleType

__all__ = ["PARTS", "fields_of", "flag_classes"]

ROOT = Path(__file__).resolve().parent.parent


MEANINGS = {
    "Provider.api_base": "Where the model answers: the address of its OpenAI API, usually ending in `/v1`.",
    "Provider.server": "A server that slm-ext starts, [below](#the-server).",
    "Provider.temperature": "Sampling; 0 always takes the likeliest token.",
    "Provider.top_p": "Sampling; sent only where it is set.",
    "Provider.seed": "Sampling; sent only where it is set.",
    "Provider.stop": "Texts at which an answer ends.",
    "Provider.chat_template_kwargs": "Arguments of the model's chat template, e.g. `{enable_thinking: false}`.",
    "Provider.capabilities": "What the endpoint can do, below.",
    "Provider.retry": "Transient errors, below.",
    "Provider.extends": "Another provider whose fields count where this entry has none.",
    "Provider.profile": "Prompts, tools and limits: a [profile](profiles.md) by name.",
    "Provider.revision": "Revision of a Hugging Face id.",
    "Profile.prompts": "The first two messages, below.",
    "CallRecord.request": "What was sent, below.",
    "CallRecord.route": "Who answered, and why: the `RouteDecision` ([causes](../explanation/routing.md)).",
    "CallRecord.context": "What was left out of the prompt ([context](../explanation/context.md)); null: nothing.",
    "CallRecord.identity": "Which model answered: `kind`, `model_id`, `weights_sha`, `template_sha`.",
    "CallRecord.raw_response": "The reply as it came.",
    "CallRecord.thought": "What the model said beside the call.",
    "CallRecord.validation": "How the reply was judged, below.",
    "CallRecord.usage": "Tokens and seconds, below.",
    "CallRecord.retry_of": "`call_id` of the rejected or resampled call that this one is asked again for.",
    "RequestRecord.messages": "The conversation, each message in full or as a reference.",
    "RequestRecord.sampling": "Temperature, `max_tokens` and the like, as sent.",
    "ObservationRecord.content": "What the model is shown.",
    "ObservationRecord.tool_report": "The tool's typed result.",
    "RunResult.tokens": "`in`, `out`, and `cached`, the part of `in` that was not computed again.",
    "OutcomeRecord.resolved": "Verdict of `--test`, where there was one.",
    "OutcomeRecord.submitted": "A patch that is not empty was handed in.",
    "OutcomeRecord.exit_status": "How the agent ended, in its host's words.",
}
"""Meanings of fields that have no text in the code."""


def cli() -> str:
    """Every verb with its flags."""
    from slm_ext.cli.main import VERBS

    out = []
    for verb, (module, line) in VERBS.items():
        classes = flag_classes(verb, import_module(module))
        if len(classes) > 1:
            out.append(f"## slm {verb}\n\n{_sentence(line)}\n")
        for name, flags in classes.items():
            level = "##" if len(classes) == 1 else "###"
            out.append(f"{level} slm {name}\n\n{inspect.cleandoc(flags.__doc__ or '')}\n\n{_flag_table(flags)}\n")
    return "\n".join(out)


def flag_classes(verb: str, module: ModuleType) -> dict[str, type]:
    """The words after `slm` and the dataclass of their flags, for the module of one verb."""
    from slm_ext.cli._common import CommonFlags

    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, CommonFlags) and value.__module__ == module.__name__
    ]
    if len(own) == 1:
        return {verb: own[0]}
    return {f"{verb} {value.__name__.removesuffix('Flags').lower()}": value for value in own}


def _flag_table(flags: type) -> str:
    import dataclasses

    described = {name: text for base in reversed(flags.__mro__) for name, _, _, text in fields_of(base)}
    rows = []
    for field in sorted(dataclasses.fields(flags), key=lambda f: (not f.metadata.get("positional"), f.kw_only)):
        custom = field.metadata.get("custom_args", {})
        switch = custom.get("action") == "store_true"
        value = custom.get("metavar") or _choices(flags, field.name)
        many = {"*": " …", "+": " …"}.get(custom.get("nargs") or "", "")
        if field.metadata.get("positional"):
            shown = f"{value}{many}"
        else:
            shown = f"--{field.name.replace('_', '-')}" + ("" if switch else f" {value}{many}")
        default = field.default
        plain = switch or default is dataclasses.MISSING or default in (None, "")
        rows.append((f"`{shown}`", described[field.name] + ("" if plain else f" (default: {default})")))
    return _table(("flag", "meaning"), rows)


def _choices(flags: type, name: str) -> str:
    import typing

    for base in flags.__mro__:
        if name in vars(base).get("__annotations__", {}):
            hint = typing.get_type_hints(base)[name]
            return "|".join(map(str, typing.get_args(hint))) or name.upper()
    return name.upper()


def fields_of(owner: type) -> list[tuple[str, str, str, str]]:
    """(name, type, default, text) of the annotated fields in a class body; text is the string below a field."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    except (OSError, TypeError):
        return []
    assert isinstance(body, ast.ClassDef)
    found = []
    following = [*body.body[1:], None]
    for node, after in zip(body.body, following, strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        text = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            text = " ".join(str(after.value.value).split())
        name = node.target.id
        kind = _type(node.annotation, units="registry" in owner.__module__)
        found.append((name, kind, _default(owner, node), text or MEANINGS.get(f"{owner.__name__}.{name}", "")))
    return found


def _type(node: ast.expr, *, units: bool) -> str:
    source = ast.unparse(node)
    if units:
        source = re.sub(r"\bTokens\b", "int", source)
    for pattern, short in (
        (r"Annotated\[(\w+), .*\]", r"\1"),
        (r"Literal\[(.*?)\]", r"\1"),
        (r"\bCount\b", "int ≥ 1"),
        (r"\bSeconds\b", "seconds"),
        (r"\bFraction\b", "0 … 1"),
        (r"\bTemperature\b", "0 … 5"),
        (r"\bDollars\b", "dollars"),
        (r"\bSubtask\b", "subtask"),
        (r"\bStatus\b", "status"),
        (r"\b(Text|SecretStr|str)\b", "text"),
        (r"\bEndpoint\b", "URL"),
        (r" \| None", ""),
        (r"dict\[text, Any\]", "mapping"),
        (r"\bAny\b", "any"),
    ):
        source = re.sub(pattern, short, source)
    return source.replace("'", "")


def _default(owner: type, node: ast.AnnAssign) -> str:
    name = node.target.id  # type: ignore[union-attr]
    fields = getattr(owner, "model_fields", {})
    if name not in fields:
        return ""
    if fields[name].is_required():
        return "needed"
    value = fields[name].get_default(call_default_factory=True)
    if isinstance(value, list):
        return ", ".join(getattr(item, "name", str(item)) for item in value)
    return "" if value is None or value in ({}, []) or hasattr(value, "model_dump") else f"{value}"


def _model_table(*owners: type) -> str:
    rows = [
        (f"`{name.rstrip('_')}`", kind, default, text)
        for owner in owners
        for name, kind, default, text in fields_of(owner)
        if not name.startswith("_") and name != "model_config"
    ]
    return _table(("field", "type", "default", "meaning"), rows)


def _block(field: str, *owners: type) -> str:
    """What is written below `field`: what the first class says of itself, and the fields of all."""
    return f"`{field}`: {inspect.cleandoc(owners[0].__doc__ or '')}\n\n{_model_table(*owners)}"


def provider_fields() -> str:
    """Fields of a provider's entry in `slm_providers`."""
    from slm_ext.registry import Budget, Capabilities, ContextPolicy, Price, Provider, Replica, Retry, Strategy
    from slm_ext.registry.blocks import Resample

    return "\n\n".join(
        [
            _model_table(Provider),
            _block("endpoints", Replica),
            _block("context", ContextPolicy),
            _block("context.strategies", Strategy),
            _block("budget", Budget),
            _block("price", Price),
            _block("capabilities", Capabilities),
            _block("retry", Retry),
            _block("resample", Resample),
        ]
    )


def router_fields() -> str:
    """Fields of a router's entry in `slm_providers`."""
    from slm_ext.registry import Budget, Router
    from slm_ext.registry.router import Escalation, Route, Rule, Style, Switching, When

    return "\n\n".join(
        [
            _model_table(Router),
            _block("subtasks", Route, Style),
            _block("rules", Rule) + "\n\nAnd every field of an entry in `subtasks`.",
            _block("rules.when", When),
            _block("escalate", Escalation),
            _block("switching", Switching),
            _block("budget", Budget),
        ]
    )


def server_fields() -> str:
    """Fields of `server:`."""
    from slm_ext.registry.servers import ServerSpec

    return _model_table(ServerSpec)


def shipped_providers() -> str:
    """The providers and routers in `config/providers.yaml`."""
    from slm_ext.paths import config_dir
    from slm_ext.registry.documents import read_document
    from slm_ext.registry.entries import entries_of
    from slm_ext.registry.layers import Registry

    shipped = config_dir() / "providers.yaml"
    registry = Registry([list(entries_of(read_document(shipped)))], [config_dir() / "profiles"])
    rows = []
    for name in registry.provider_names():
        provider = registry.provider(name)
        where = f"managed, engine {provider.server.engine}" if provider.server else f"`{provider.api_base}`"
        rows.append((f"`{name}`", f"`{provider.model}`", where, f"`{provider.profile}`"))
    for name in sorted(set(registry.names()) - set(registry.provider_names())):
        team = registry.team(name)
        rows.append((f"`{name}`", ", ".join(f"`{member}`" for member in team.providers), "router", f"`{team.profile}`"))
    return _table(("name", "model", "answers", "profile"), rows)


def profile_fields() -> str:
    """Fields of a profile."""
    from slm_ext.registry import Profile, Prompts, StopPolicy

    return "\n\n".join([_model_table(Profile), _block("prompts", Prompts), _block("stop_policy", StopPolicy)])


def tools() -> str:
    """Every tool of every bundle, from its `config.yaml`."""
    from slm_ext.bundles import load_bundles
    from slm_ext.paths import bundles_dir

    out = []
    for folder in sorted(path.parent for path in bundles_dir().glob("*/config.yaml")):
        for bundle in load_bundles([folder.name]):
            if bundle.name != folder.name:
                continue
            for name, tool in bundle.tools.items():
                out.append(f"### {name}\n\n{tool.docstring} Bundle: `{bundle.name}`.\n")
                rows = [
                    (f"`{a.name}`", a.type + (f" of {a.items['type']}s" if a.items else ""),
                     "yes" if a.required else "no", a.description)
                    for a in tool.arguments
                ]  # fmt: skip
                out.append(
                    _table(("argument", "type", "needed", "meaning"), rows) + "\n" if rows else "No arguments.\n"
                )
    return "\n".join(out)


def call_fields() -> str:
    """The lines of `calls.jsonl`."""
    from slm_ext.traces import records

    out = []
    for owner in (
        records.CallRecord, records.RequestRecord, records.MessageEntry, records.Validation, records.Usage,
        records.ObservationRecord, records.OutcomeRecord,
    ):  # fmt: skip
        out.append(f"### {owner.__name__}\n\n{inspect.cleandoc(owner.__doc__ or '')}\n\n{_model_table(owner)}\n")
    return "\n".join(out)


def result_fields() -> str:
    """What `slm run --json` prints."""
    from slm_ext.runs.request import RunResult

    return _model_table(RunResult)


def errors() -> str:
    """The tree at the top of `errors.py`."""
    text = (ROOT / "slm_ext" / "errors.py").read_text(encoding="utf-8").split('"""')[1]
    tree = [line for line in text.splitlines() if line.startswith("    ")]
    return "```text\n" + textwrap.dedent("\n".join(tree)) + "\n```"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


PARTS = {
    "cli": cli,
    "provider-fields": provider_fields,
    "router-fields": router_fields,
    "server-fields": server_fields,
    "shipped-providers": shipped_providers,
    "profile-fields": profile_fields,
    "tools": tools,
    "call-fields": call_fields,
    "result-fields": result_fields,
    "errors": errors,
}
"""Name in a page: what makes it."""
