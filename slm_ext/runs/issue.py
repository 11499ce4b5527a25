"""The problem statement: given as text, in a file, or as the URL of a GitHub issue."""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from slm_ext.errors import UsageError
from slm_ext.runs.request import RunRequest

__all__ = ["problem_statement"]

_GITHUB = re.compile(r"^https?://(?:www\.)?github\.com/([\w.-]+)/([\w.-]+)/(?:issues|pull)/(\d+)(?:[/?#].*)?$")


def problem_statement(request: RunRequest) -> str:
    """The issue's text, stripped; raises `UsageError` when there is none, or more than one source of it."""
    given = [n for n in ("issue", "issue_file", "issue_url") if getattr(request, n) not in ("", None)]
    options = "exactly one of --issue TEXT, --issue-file FILE, --issue-url URL"
    if len(given) != 1:
        seen = "none" if not given else " and ".join("--" + n.replace("_", "-") for n in given)
        raise UsageError("read the issue", seen=seen, allowed=options)
    if request.issue_file:
        text, origin = _from_file(request.issue_file), f"the file {request.issue_file}"
    elif request.issue_url:
        text, origin = _from_url(request.issue_url), request.issue_url
    else:
        text, origin = request.issue, "--issue"
    if not text.strip():
        raise UsageError("read the issue", seen=f"{origin} is empty", allowed="a sentence or more on what is wrong")
    return text.strip()


def _from_file(file: Path) -> str:
    try:
        return file.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"read the issue from {file}", seen=str(error), allowed="a UTF-8 text file") from None


def _from_url(url: str) -> str:
    attempted = f"read the issue from {url}"
    match = _GITHUB.match(url)
    if not match:
        raise UsageError(attempted, seen="not a GitHub issue", allowed="https://github.com/OWNER/REPO/issues/NUMBER")
    headers = {"Accept": "application/vnd.github+json", "User-Agent": "slm-ext"}
    if token := os.environ.get("GITHUB_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    base = os.environ.get("SLM_GITHUB_API", "https://api.github.com")
    request = urllib.request.Request("{}/repos/{}/{}/issues/{}".format(base, *match.groups()), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            issue = json.load(response)
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        raise UsageError(attempted, seen=str(error), next_step="save its text and use --issue-file") from None
    return f"{issue.get('title') or ''}\n\n{issue.get('body') or ''}"
