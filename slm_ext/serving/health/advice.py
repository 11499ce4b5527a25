"""What to do next, in the words of the server that was met. Pure."""

from __future__ import annotations

import ssl

__all__ = ["SERVERS", "auth", "certificate", "http_status", "model_missing", "tool_calls", "window"]

SERVERS = {
    "vllm": "vLLM",
    "sglang": "SGLang",
    "llamacpp": "llama.cpp",
    "library": "Ollama",
    "organization_owner": "LM Studio",
}
"""`owned_by` in `GET /models`, and who writes it so."""


def window(server: str, provider, tokens: int, needed: int) -> str:
    """How to get `needed` tokens of window, or to do with the `tokens` there are."""
    larger = {
        "vLLM": f"restart it with --max-model-len {needed}",
        "SGLang": f"restart it with --context-length {needed}",
        "llama.cpp": f"restart it with -c {needed} (times --parallel, where that is more than 1)",
        "Ollama": f"restart it with OLLAMA_CONTEXT_LENGTH={needed}",
        "LM Studio": f"lms load {provider.model} --context-length {needed}",
    }.get(server)
    rest = tokens - provider.max_output_tokens
    smaller = (
        f"lower max_input_tokens of {provider.name!r} to {rest}"
        if rest > 0
        else f"lower max_output_tokens of {provider.name!r}, and max_input_tokens with it"
    )
    return f"{larger}; or {smaller}" if larger else smaller


def model_missing(server: str, provider, model: str) -> str:
    """How to have the server offer `model`, or to name what it offers."""
    there = {
        "vLLM": f"restart it with --served-model-name {model}",
        "llama.cpp": f"restart it with --alias {model}",
        "Ollama": f"ollama pull {model}",
        "LM Studio": f"lms get {model}",
    }.get(server, "load it on the server")
    return f"{there}; or set `model` of {provider.name!r} to one of those"


def tool_calls(provider, message: str) -> str:
    """How to get tool calls from a server that gave none. `message` is what it said, empty for a plain answer."""
    if "--jinja" in message:
        first = "restart it with --jinja"
    elif "tool-call-parser" in message or "tool-choice" in message:
        first = "restart it with --enable-auto-tool-choice --tool-call-parser NAME"
    else:
        first = "switch tool calls on where the server starts (vLLM: --enable-auto-tool-choice, llama.cpp: --jinja)"
    return f"{first}; or set `tool_mode: json` (or text) for {provider.name!r}; or take another model"


def auth(provider) -> str:
    """How to send a key that is taken."""
    if provider.key_reference:
        return f"export {provider.key_reference[1:]}=… with a key that may use this model"
    if provider.api_key is not None:
        return f"correct `api_key` of {provider.name!r}; better, name a variable there: $NAME"
    if provider.managed:
        return f"slm stop {provider.name}, then try again"
    return f"set `api_key: $NAME_OF_A_VARIABLE` for {provider.name!r}"


def certificate(error: ssl.SSLError) -> str:
    """How to come to terms over TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "export SSL_CERT_FILE=FILE.pem with the certificate of whoever signed it, or correct `api_base`"
    if "WRONG_VERSION_NUMBER" in str(error) or "HTTP_REQUEST" in str(error):
        return "write http:// in `api_base`: it does not speak TLS"
    return "check `https` and the certificate of `api_base`"


def http_status(status: int, location: str) -> str:
    """What an HTTP status asks for; empty where it says nothing in particular."""
    if 300 <= status < 400:
        where = location.removesuffix("/chat/completions").removesuffix("/models")
        return f"set `api_base` to {where}" if where else "set `api_base` to where it leads"
    return {
        402: "add credit to the account of this key",
        429: "wait and try again; if it stays, raise the limits of this key",
        503: "wait until the model is loaded and try again",
    }.get(status, "")
