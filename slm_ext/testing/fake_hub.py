"""A Hugging Face hub on loopback, with the faults of a real one. Point `HF_ENDPOINT` at it, before the library starts.

    with FakeHub() as hub:
        hub.add("org/model", folder)
        hub.cut("model.safetensors", 1000)       # once: the connection ends after so many bytes
        subprocess.run([..., "slm", "pull", "org/model"], env={**os.environ, **hub.environ(cache)})

Answers what huggingface_hub 1.33 asks for a download: the model's info, its tree, and the files (HEAD and GET, ranges).
As on the hub, large files are redirected to another address, where no token may go.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["FakeHub", "Repository", "Seen"]

LARGE = (".safetensors", ".bin", "tokenizer.json")
"""Endings of the files that are kept as LFS."""
BLOCK = 65536


@dataclass
class Repository:
    """One model. A private one exists only for `token`; a gated one tells of itself, and gives its files to `token`."""

    files: dict[str, bytes]
    private: bool = False
    gated: bool = False
    branches: tuple[str, ...] = ("main",)
    sizes: dict[str, int] = field(default_factory=dict)
    """Sizes that are told in place of the true ones."""

    def described(self, *, tree: bool = False) -> list[dict]:
        """Every file with size and hashes, as the model's info tells them, or its tree."""
        found = []
        for name, data in self.files.items():
            size = self.sizes.get(name, len(data))
            entry: dict = {"size": size, "oid" if tree else "blobId": _git_sha(data)}
            if name.endswith(LARGE):
                sha = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"oid" if tree else "sha256": sha, "size": size, "pointerSize": 130}
            found.append({"type": "file", "path": name, **entry} if tree else {"rfilename": name, **entry})
        return found

    @property
    def commit(self) -> str:
        """40 hex digits that change with the files."""
        parts = [(name, hashlib.sha256(data).hexdigest()) for name, data in sorted(self.files.items())]
        return hashlib.sha1(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    range: str
    authorization: str
    cdn: bool


@dataclass
class FakeHub:
    """The hub; a context manager. Its faults may be changed while it runs."""

    token: str = "hf_right"
    repositories: dict[str, Repository] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    """File: after how many bytes of the body the connection ends, one entry for each time."""
    wrong: dict[str, list[bytes | None]] = field(default_factory=dict)
    """File: what is sent in its place, one entry for each time; None sends the true content."""
    statuses: dict[str, int] = field(default_factory=dict)
    """Part of a path: the status that every request to it gets."""
    seen: list[Seen] = field(default_factory=list)

    def add(self, model: str, content: Path | dict[str, bytes], **more) -> Repository:
        """Publish a folder or files as `org/name`."""
        if isinstance(content, Path):
            content = {file.name: file.read_bytes() for file in sorted(content.iterdir()) if file.is_file()}
        self.repositories[model] = Repository(dict(content), **more)
        return self.repositories[model]

    def cut(self, name: str, *after: int) -> None:
        """End the connection after so many bytes of a file; one number for each time it is asked for."""
        self.cuts.setdefault(name, []).extend(after)

    def environ(self, cache: Path, token: str = "") -> dict[str, str]:
        """Variables that send huggingface_hub here."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(cache),
            "HF_HUB_CACHE": str(cache / "hub"),
            "HF_TOKEN": token,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_OFFLINE": "0",
        }

    def sent(self, name: str) -> list[Seen]:
        """The GET requests for the content of a file."""
        return [one for one in self.seen if one.method == "GET" and one.path.rpartition("/")[2] == name]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._api.server_address[1]}"

    @property
    def cdn_url(self) -> str:
        return f"http://localhost:{self._cdn.server_address[1]}"

    def __enter__(self) -> FakeHub:
        self._api, self._cdn = (
            ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self, "cdn": cdn}))
            for cdn in (False, True)
        )
        for server in (self._api, self._cdn):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *exception) -> None:
        for server in (self._api, self._cdn):
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub
    cdn: bool

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args) -> None:
        pass

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        header = self.headers.get
        self.hub.seen.append(Seen(self.command, path, header("Range", ""), header("Authorization", ""), self.cdn))
        for part, status in self.hub.statuses.items():
            if part in path:
                return self._json(status, {"error": f"planted {status}"})
        words = path.strip("/").split("/")
        if self.cdn:
            return self._cdn_file(words)
        if words[:2] == ["api", "models"] and len(words) >= 4:
            return self._api_model("/".join(words[2:4]), words[4:])
        if len(words) >= 5 and words[2] == "resolve":
            return self._resolve("/".join(words[:2]), words[3], "/".join(words[4:]))
        return self._json(404, {"error": "no such page"})

    def _repository(self, model: str, revision: str, *, content: bool) -> Repository | None:
        """The repository of a request; None after the refusal was sent."""
        repository = self.hub.repositories.get(model)
        allowed = self.headers.get("Authorization") == f"Bearer {self.hub.token}"
        if repository is None or (repository.private and not allowed):
            self._json(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return None
        if content and repository.gated and not allowed:
            self._json(403, {"error": "Access to it is restricted"}, {"X-Error-Code": "GatedRepo"})
            return None
        if revision not in (*repository.branches, repository.commit):
            self._json(404, {"error": f"Invalid rev id: {revision}"}, {"X-Error-Code": "RevisionNotFound"})
            return None
        return repository

    def _api_model(self, model: str, rest: list[str]) -> None:
        kind, revision = (rest[0], rest[1]) if len(rest) >= 2 else ("revision", "main")
        repository = self._repository(model, revision, content=False)
        if repository is None:
            return
        if kind == "tree":
            return self._json(200, repository.described(tree=True))
        self._json(
            200,
            {
                "_id": "0", "id": model, "modelId": model, "sha": repository.commit, "private": repository.private,
                "gated": "manual" if repository.gated else False, "disabled": False, "tags": [], "downloads": 0,
                "likes": 0, "siblings": repository.described(),
            },
        )  # fmt: skip

    def _resolve(self, model: str, revision: str, name: str) -> None:
        repository = self._repository(model, revision, content=True)
        if repository is None:
            return
        data = repository.files.get(name)
        if data is None:
            return self._json(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        headers = {"X-Repo-Commit": repository.commit, "ETag": f'"{_git_sha(data)}"'}
        if not name.endswith(LARGE):
            return self._send(name, data, headers)
        sha = hashlib.sha256(data).hexdigest()
        headers |= {"X-Linked-Size": str(len(data)), "X-Linked-ETag": f'"{sha}"'}
        self._json(302, {}, {**headers, "Location": f"{self.hub.cdn_url}/{model}/{name}"})

    def _cdn_file(self, words: list[str]) -> None:
        repository = self.hub.repositories.get("/".join(words[:2]))
        if repository is None or words[2] not in repository.files:
            return self._json(404, {"error": "no such file"})
        self._send(words[2], repository.files[words[2]], {"ETag": '"cdn"'})

    def _send(self, name: str, data: bytes, headers: dict[str, str]) -> None:
        """The content, or the range of it that was asked for, with the faults planted for it."""
        body = self.command == "GET"
        if body and self.hub.wrong.get(name):
            data = self.hub.wrong[name].pop(0) or data
        start, total = 0, len(data)
        if (wanted := self.headers.get("Range", "")).startswith("bytes="):
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        cut = self.hub.cuts[name].pop(0) if body and self.hub.cuts.get(name) else None
        self.send_response(206 if wanted else 200)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(total - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.end_headers()
        if not body:
            return
        rest = data[start:] if cut is None else data[start : start + cut]
        for at in range(0, len(rest), BLOCK):
            self.wfile.write(rest[at : at + BLOCK])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)

    def _json(self, status: int, document, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


def _git_sha(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
