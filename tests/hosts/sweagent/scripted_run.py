"""Inside the box: a scripted server on loopback, then SWE-agent; what the server was sent goes to a file.

    python scripted_run.py REPLIES.json REQUESTS.json PORT -- COMMAND…

A reply is a text, a list `[tool, {arguments}]`, a whole chat completion, or a mapping with the arguments of a `Fault`.
"""

import json
import subprocess
import sys
from pathlib import Path

from slm_ext.testing.openai_server import FakeOpenAI, Fault, tool_call


def main() -> int:
    replies, requests, port = sys.argv[1:4]
    Path("/root/.bashrc").touch()
    script = [_reply(value) for value in json.loads(Path(replies).read_text())]
    with FakeOpenAI(script, model="scripted-model", port=int(port)) as server:
        done = subprocess.run(sys.argv[sys.argv.index("--") + 1 :])
        Path(requests).write_text(json.dumps(server.requests))
    return done.returncode


def _reply(value):
    if isinstance(value, list):
        return tool_call(value[0], **value[1])
    fault = isinstance(value, dict) and "choices" not in value
    return Fault(**value) if fault else value


if __name__ == "__main__":
    sys.exit(main())
