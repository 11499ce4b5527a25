"""The edits of each file, kept outside the repository so that `undo_edit` can take them back."""

import hashlib
import json
import os
import tempfile

_DEPTH = 100


def state_dir(root):
    """Folder for the state of the tools in this repository: below `$SLM_TOOL_STATE`, else below the temp directory."""
    base = os.environ.get("SLM_TOOL_STATE")
    if not base:
        user = str(os.getuid()) if hasattr(os, "getuid") else "user"
        base = os.path.join(tempfile.gettempdir(), "slm-tools-" + user)
    key = hashlib.sha256(os.path.realpath(root).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return os.path.join(base, key)


def _stack_path(root, path):
    name = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:24] + ".json"
    return os.path.join(state_dir(root), "undo", name)


def edits(root, path):
    """The edits of a file that can be undone, oldest first; a stack that cannot be read counts as empty."""
    try:
        with open(_stack_path(root, path), encoding="utf-8") as stream:
            stack = json.load(stream)
        return stack if isinstance(stack, list) else []
    except (OSError, ValueError):
        return []


def store(root, path, stack):
    """Write the edits of a file; the stack keeps the last 100."""
    target = _stack_path(root, path)
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target))
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(stack[-_DEPTH:], stream)
    os.replace(temporary, target)
