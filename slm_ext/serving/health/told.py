"""What servers say of themselves beside the OpenAI API: the window above all. A server that says nothing is unknown.

Sources: vLLM and SGLang `max_model_len`, OpenRouter `context_length` and `supported_parameters`, llama.cpp `meta.n_ctx`
in `GET /models`; llama.cpp `GET /props` (tools/server/README.md; per slot); Ollama `GET /api/ps`
(ollama/ollama#11331; of a loaded model) and `POST /api/show`; LM Studio `GET /api/v0/models` and `GET /api/v1/models`
(lmstudio.ai/docs/developer/rest).
"""

from __future__ import annotations

from typing import Any

from . import advice
from .endpoint import Endpoint

__all__ = ["learn_from_entry", "learn_from_server", "same_model", "server_of"]

_WINDOW_FIELDS = ("max_model_len", "context_length", "context_window", "loaded_context_length")


def same_model(answered: str, expected: str) -> bool:
    """Whether two names mean one model: equal, one with the other's organisation or path in front, or with a tag."""
    answered, expected = answered.removesuffix(":latest"), expected.removesuffix(":latest")
    if answered == expected or answered.endswith(f"/{expected}") or expected.endswith(f"/{answered}"):
        return True
    return answered == expected.rpartition(":")[0]  # OpenRouter's variants: model:nitro


def server_of(entry: dict[str, Any]) -> str:
    """Whose `GET /models` has such an entry, as far as it tells; else an empty string."""
    return advice.SERVERS.get(str(entry.get("owned_by")), "")


def learn_from_entry(endpoint: Endpoint, entry: dict[str, Any]) -> None:
    """What `GET /models` says of one model."""
    abilities, source = endpoint.report.capabilities, "GET /models"
    meta = _object(entry.get("meta"))
    found = next((n for n in (_count(entry.get(field)) for field in _WINDOW_FIELDS) if n), _count(meta.get("n_ctx")))
    abilities.learn("window", found, source)
    abilities.learn("output_limit", _count(_object(entry.get("top_provider")).get("max_completion_tokens")), source)
    supported = entry.get("supported_parameters")
    if isinstance(supported, list):
        abilities.learn("native_tools", "tools" in supported, source)
        abilities.learn("json_schema", "structured_outputs" in supported, source)
        abilities.learn("thinking", "reasoning" in supported, source)


def learn_from_server(endpoint: Endpoint) -> None:
    """What servers tell at addresses of their own; only those are asked that may be behind this endpoint."""
    for server, ask in (("llama.cpp", _llama_cpp), ("Ollama", _ollama), ("LM Studio", _lm_studio)):
        if endpoint.server in ("", server) and ask(endpoint):
            endpoint.server = server
            return


def _llama_cpp(endpoint: Endpoint) -> bool:
    settings = _object(endpoint.aside("/props").get("default_generation_settings"))
    endpoint.report.capabilities.learn("window", _count(settings.get("n_ctx")), "GET /props")
    return bool(settings)


def _ollama(endpoint: Endpoint) -> bool:
    abilities, model = endpoint.report.capabilities, endpoint.handle.model_id
    shown = endpoint.aside("/api/show", {"model": model})
    can = shown.get("capabilities")
    if isinstance(can, list):
        abilities.learn("native_tools", "tools" in can, "POST /api/show")
        abilities.learn("thinking", "thinking" in can, "POST /api/show")
    loaded = endpoint.aside("/api/ps").get("models")
    for entry in _objects(loaded):
        if same_model(str(entry.get("model") or entry.get("name")), model):
            abilities.learn("window", _count(entry.get("context_length")), "GET /api/ps")
    if abilities.window.how != "probed":
        abilities.learn("window", _parameter(shown.get("parameters"), "num_ctx"), "POST /api/show")
    return isinstance(loaded, list) or isinstance(can, list)


def _lm_studio(endpoint: Endpoint) -> bool:
    abilities, model = endpoint.report.capabilities, endpoint.handle.model_id
    listed = endpoint.aside("/api/v0/models").get("data")
    for entry in _objects(listed):
        if entry.get("id") == model:
            abilities.learn("window", _count(entry.get("loaded_context_length")), "GET /api/v0/models")
            if isinstance(can := entry.get("capabilities"), list):
                abilities.learn("native_tools", "tool_use" in can or None, "GET /api/v0/models")
    if abilities.window.how == "probed":
        return True
    newer = endpoint.aside("/api/v1/models").get("models")
    for entry in _objects(newer):
        for instance in _objects(entry.get("loaded_instances")):
            if model in (entry.get("key"), instance.get("id")):
                window = _count(_object(instance.get("config")).get("context_length"))
                abilities.learn("window", window, "GET /api/v1/models")
    return isinstance(listed, list) or isinstance(newer, list)


def _parameter(text: Any, name: str) -> int | None:
    """A number among the lines `name value` of a Modelfile."""
    for line in text.splitlines() if isinstance(text, str) else ():
        words = line.split()
        if len(words) == 2 and words[0] == name and words[1].isdigit():
            return _count(int(words[1]))
    return None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
