"""What a provider's model folder declares about itself. The folder's files are checked by `serving.folders`."""

from __future__ import annotations

import json

from slm_ext.errors import RegistryError
from slm_ext.registry.provider import Provider

__all__ = ["TOOLS_HASH_KEY", "declared_tools_hash"]

TOOLS_HASH_KEY = "slm_tools_hash"


def declared_tools_hash(provider: Provider) -> str | None:
    """The hash of the tools that the provider's model was trained with, from its `config.json`.

    `None` where the model is no folder here, or declares none. Compare it with `slm_ext.bundles.bundles_hash`.

    Raises:
        RegistryError: the folder has no readable `config.json`.
    """
    folder = provider.model_folder
    if folder is None:
        return None
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        declared = config.get(TOOLS_HASH_KEY)
    except (OSError, ValueError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RegistryError(
            f"read the model folder of provider {provider.name!r}",
            seen=f"{file}: {reason}",
            allowed="a folder with config.json, tokenizer.json and *.safetensors, as mlx-lm loads it",
            next_step=f"correct model_path of {provider.name!r}, or bring the folder again",
        ) from None
    if declared is not None and not isinstance(declared, str):
        raise RegistryError(
            f"read the model folder of provider {provider.name!r}",
            seen=f"{file}: {TOOLS_HASH_KEY} is {declared!r}",
            allowed="text such as sha256:…",
        )
    return declared
