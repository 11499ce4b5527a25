"""A provider as the critic of `slm dataset build`."""

from __future__ import annotations

from typing import Any

__all__ = ["ProviderCritic"]


class ProviderCritic:
    """A registry's provider or router, asked for a text. Opened with the first question, in the process that asks.

    Args:
        name: of the entry.

    Raises:
        UnknownName: there is none.
    """

    def __init__(self, name: str):
        from slm_ext.registry import load_registry

        load_registry().team(name)  # a wrong name is told before anything is read
        self.name = name
        self._pool: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "_pool": None}

    def __call__(self, prompt: str) -> str:
        """The answer. Raises CompletionError and ServingError where nobody can give one."""
        import atexit

        from slm_ext.completion import Completion, Pool
        from slm_ext.registry import load_registry

        team = load_registry().team(self.name)
        if self._pool is None:
            self._pool = Pool.of(team)
            atexit.register(self._pool.close)
        answer = Completion(team, self._pool).complete([{"role": "user", "content": prompt}])
        return str(answer.message.get("content") or "")
