"""A server for `server.command`: answers by how many calls the conversation holds already.

python managed_engine.py PORT REPLIES.json
"""

import json
import sys
import threading
from pathlib import Path

from slm_ext.testing.openai_server import FakeOpenAI, tool_call


def main() -> None:
    replies = json.loads(Path(sys.argv[2]).read_text())

    def answer(request):
        if not request.get("tools"):  # the keeper asks for one token
            return "ok"
        asked = sum(message["role"] == "assistant" for message in request["messages"])
        name, arguments = replies[min(asked, len(replies) - 1)]
        return tool_call(name, **arguments)

    with FakeOpenAI([answer], model="managed-model", port=int(sys.argv[1])):
        threading.Event().wait()


if __name__ == "__main__":
    main()
