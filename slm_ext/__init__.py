"""Small language models for SWE-agent and mini-swe-agent.

Start reading at `slm_ext/registry` (what a NAME is), then `slm_ext/completion` (the one way of a model call).
`docs/explanation/architecture.md` shows how the rooms fit together. Importing this package does nothing.
"""

__version__ = "0.1.0"
