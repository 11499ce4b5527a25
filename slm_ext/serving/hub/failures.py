"""What the hub's library raises, as one error of ours that says what to do."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager

from slm_ext.errors import ServingError

from ..folders import pull_command

__all__ = ["told"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def told(attempted: str, model: str, revision: str | None) -> Generator[None]:
    """Turn the failures of a request to the hub, or of writing what it sent, into ServingError."""
    import httpx
    from huggingface_hub import errors as hub
    from huggingface_hub import get_token

    again = pull_command(model, revision)
    try:
        yield
    except hub.HFValidationError:
        raise ServingError(
            attempted, seen=f"{model!r} is no hub id", allowed="org/name, or the name of a provider",
            next_step="slm providers",
        ) from None  # fmt: skip
    except hub.OfflineModeIsEnabled:
        raise ServingError(
            attempted, seen="HF_HUB_OFFLINE is set, so the hub is not asked", allowed="a connection to the hub",
            next_step=f"HF_HUB_OFFLINE=0 {again}",
        ) from None  # fmt: skip
    except hub.GatedRepoError:
        raise ServingError(
            attempted, seen="the model is gated: its owners give access on request",
            allowed="a token of an account that has access",
            next_step=f"ask for it at https://huggingface.co/{model}, then hf auth login",
        ) from None  # fmt: skip
    except hub.RevisionNotFoundError:
        raise ServingError(
            attempted, seen=f"the model has no revision {revision!r}", allowed="a branch, a tag or a commit of it",
            next_step=f"see https://huggingface.co/{model}/commits",
        ) from None  # fmt: skip
    except hub.RepositoryNotFoundError as error:
        status = error.response.status_code
        token = "the token that is set gives no access" if get_token() else "no token is set"
        raise ServingError(
            attempted, seen=f"the hub knows no such model, or it is private (HTTP {status}; {token})",
            allowed="org/name as https://huggingface.co/models shows it; for a private one a token",
            next_step="correct the name, or hf auth login",
        ) from None  # fmt: skip
    except hub.HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise ServingError(
                attempted, seen=f"HTTP {status}: the hub gives no access", allowed="a token that does",
                next_step="hf auth login",
            ) from None  # fmt: skip
        raise ServingError(
            attempted, seen=f"HTTP {status} from the hub", allowed="an answer", next_step=f"later: {again}"
        ) from None
    except (httpx.HTTPError, httpx.StreamError, hub.LocalEntryNotFoundError) as error:
        raise ServingError(
            attempted, seen=f"no connection to the hub: {_first_line(error)}", allowed="a connection to the hub",
            next_step=f"{again} goes on where it stopped",
        ) from None  # fmt: skip
    except OSError as error:
        if error.errno in _FULL:
            raise ServingError(
                attempted, seen=f"the disk is full: {error.strerror} ({error.filename or 'hub cache'})",
                allowed="room for the model", next_step=f"make room, then {again}: it goes on where it stopped",
            ) from None  # fmt: skip
        if isinstance(error, PermissionError):
            raise ServingError(
                attempted, seen=f"{error.filename}: {error.strerror}", allowed="a hub cache that can be written",
                next_step="export HF_HUB_CACHE=FOLDER",
            ) from None  # fmt: skip
        raise ServingError(attempted, seen=_first_line(error), next_step=f"{again} goes on where it stopped") from None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
