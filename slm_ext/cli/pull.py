"""`slm pull`: bring a model from the Hugging Face hub, seen from its first byte to its last."""

# No `from __future__ import annotations`: simple-parsing reads the types of inherited fields in the wrong module then.
import sys
from dataclasses import dataclass, field
from typing import Any

from slm_ext.cli._common import SWITCH, CommonFlags, emit, parse, takes, words

__all__ = ["bring", "main"]


@dataclass
class PullFlags(CommonFlags):
    """Bring the model of a provider, or any model by its hub id, to this machine.

    Its size, the free disk and the memory are checked first. Only data is fetched, never code. Every file is checked
    against the hash that the hub names; a model that is cut off counts as missing, and the same command goes on.
    """

    name: str = field(default="", metadata=words("NAME"))
    """provider, by its registry name (with its draft model), a router (all its managed providers), or a hub id"""
    revision: str | None = field(default=None, metadata=takes("R"))
    """branch, tag or commit (default: the provider's, else the main branch)"""
    dry_run: bool = field(default=False, metadata=SWITCH)
    """ask the hub, check disk and memory, fetch nothing"""


def main(argv: list[str]) -> int:
    """Run the verb; errors are the caller's to show."""
    flags = parse(PullFlags, "pull", argv)
    members, documents = _members(flags.name), []
    for name in members or [flags.name]:
        document = bring(name, flags.revision, quiet=flags.quiet, dry_run=flags.dry_run,
                         stream=sys.stderr if flags.json else sys.stdout)  # fmt: skip
        documents.append(document)
        if not flags.json and not flags.quiet:
            print("\n".join(_last_lines(document)))
    if flags.json:
        emit({"name": flags.name, "members": documents} if members else documents[0])
    return 0


def _members(name: str) -> list[str]:
    """The managed providers of a router; empty for anything else."""
    from slm_ext.registry import Router, load_registry

    registry = load_registry()
    key = name.removeprefix("slm/")
    if key not in registry.names() or not isinstance(registry.entry(key), Router):
        return []
    return [one.name for one in registry.team(key).providers.values() if one.managed]


def bring(
    name: str, revision: str | None = None, *, quiet: bool = False, dry_run: bool = False, stream=None
) -> dict[str, Any]:
    """Fetch what `name` means.

    Args:
        name: provider or hub id.
        revision: in place of the provider's.
        quiet: no progress.
        dry_run: only look and check.
        stream: of the progress; default stderr.

    Returns:
        The document of `slm pull --json`.
    """
    from slm_ext.cli._progress import make_progress
    from slm_ext.serving.hub.fetching import fetch
    from slm_ext.serving.hub.listing import look
    from slm_ext.serving.hub.room import require_disk, require_fit
    from slm_ext.serving.hub.targets import targets
    from slm_ext.serving.memory import readable

    wanted = targets(name, revision)
    told = (lambda text: None) if quiet else (lambda text: print(text, file=stream or sys.stderr, flush=True))
    listings = []
    for model, asked in wanted.hub:
        told(f"asking the hub for {model}" + (f" at {asked}" if asked else ""))
        listings.append(look(model, asked))
    memory = None
    missing, free = (0, 0)
    if listings:
        missing, free = require_disk(listings)
        told(f"{readable(sum(one.bytes for one in listings))}, {readable(missing)} of it to fetch; "
             f"{readable(free)} of disk are free")  # fmt: skip
        draft = listings[1] if len(listings) > 1 else None
        memory = require_fit(wanted.provider, listings[0], draft)
        told(f"serving it takes {memory}")
    fetched = []
    if not dry_run:
        with make_progress(stream or sys.stderr, listings, quiet=quiet) as progress:
            fetched = [fetch(listing, progress) for listing in listings]
    models = [_model(listing, fetched[i] if fetched else None) for i, listing in enumerate(listings)]
    main_model = models[0] if models else _folder(wanted)
    return {
        "name": name,
        **main_model,
        "draft": models[1] if len(models) > 1 else None,
        "to_fetch_bytes": missing,
        "free_disk_bytes": free,
        "memory": memory.document() if memory else None,
        "pin": _pin(wanted, main_model),
        "dry_run": dry_run,
    }


def _model(listing, fetched) -> dict[str, Any]:
    return {
        "model": listing.model,
        "asked_revision": listing.revision,
        "revision": listing.commit,
        "path": str(fetched.path) if fetched else None,
        "files": [
            {"name": file.name, "bytes": file.bytes, "sha256": fetched.sha256[file.name] if fetched else file.sha256}
            for file in listing.files
        ],
        "total": len(listing.files),
        "omitted": 0,
        "bytes": listing.bytes,
        "fetched_bytes": fetched.fetched_bytes if fetched else 0,
        "left_out": listing.left_out,
        "code_left_out": list(listing.code),
    }


def _folder(wanted) -> dict[str, Any]:
    """The document of a model that is a folder of this machine."""
    from slm_ext.serving.identity import file_sha

    folder = wanted.here[0]
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    rows = [{"name": path.name, "bytes": path.stat().st_size, "sha256": file_sha(path)} for path in files]
    size = sum(path.stat().st_size for path in files)
    return {
        "model": str(folder), "asked_revision": None, "revision": None, "path": str(folder), "files": rows,
        "total": len(rows), "omitted": 0, "bytes": size, "fetched_bytes": 0,
        "left_out": 0, "code_left_out": [],
    }  # fmt: skip


def _pin(wanted, model: dict[str, Any]) -> dict[str, str] | None:
    """What to write to be told when the weights change; None where it is written already, or there is no provider."""
    if wanted.provider is None or model["revision"] in (None, wanted.revision):
        return None
    return {"provider": wanted.provider.name, "revision": model["revision"]}


def _last_lines(document: dict[str, Any]) -> list[str]:
    if document["dry_run"]:
        return ["dry run: nothing was fetched"]
    if document["revision"] is None:
        return [f"{document['name']} is a folder of this machine, nothing to fetch: {document['path']}"]
    lines = []
    for model in filter(None, (document, document["draft"])):
        lines += [f"{model['model']}: {model['total']} files verified", f"  revision  {model['revision']}",
                  f"  path      {model['path']}"]  # fmt: skip
        if model["code_left_out"]:
            lines.append(f"  left out  code of the repository: {', '.join(model['code_left_out'])}")
    if pin := document["pin"]:
        lines.append(f"to pin it: `revision: {pin['revision']}` in provider {pin['provider']}")
    return lines
