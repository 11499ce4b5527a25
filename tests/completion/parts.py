"""A provider, a handle and tools for the tests of this room."""

from slm_ext.completion import Completion
from slm_ext.registry.provider import Provider
from slm_ext.serving.handle import ServerHandle
from slm_ext.serving.identity import Identity
from slm_ext.traces import Recorder


def _tool(name, required=(), **properties):
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": parameters}}


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
TOOLS = [
    _tool("read_file", ["path"], path=TEXT, start=NUMBER),
    _tool("edit_line", ["path", "line", "old", "new"], path=TEXT, line=NUMBER, old=TEXT, new=TEXT),
    _tool("submit"),
]
MESSAGES = [{"role": "system", "content": "You fix bugs."}, {"role": "user", "content": "Fix it."}]


def provider(base_url="http://127.0.0.1:9/v1", **fields):
    fields = {"name": "small", "model": "m", "api_base": base_url, "timeout_s": 20, "max_output_tokens": 64} | fields
    fields.setdefault("retry", {"retries": 2, "min_wait": 0.01, "max_wait": 0.02})
    return Provider(**fields)


def handle(base_url, token="s3cret-token"):
    identity = Identity(kind="declared", model_id="m")
    return ServerHandle(base_url=base_url, token=token, model_id="default_model", identity=identity)


def completion(base_url, path=None, *, tools=TOOLS, token="s3cret-token", **fields):
    recorder = Recorder(path, "run", "task", secrets=[token]) if path else None
    return Completion.alone(provider(base_url, **fields), handle(base_url, token), tools=tools, recorder=recorder)
