"""Tool bundles: one folder per bundle in `tool_bundles/`, one format for both hosts, one source for every schema."""

from slm_ext.bundles.library import tool_library

__all__ = ["tool_library"]
