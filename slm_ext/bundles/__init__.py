"""Tool bundles: one folder per bundle in `tool_bundles/`, one format for both hosts, one source for every schema.

`bundle` reads and checks the folders, `schema` is what a model is shown, `commands` turns its calls into shell lines,
`library` gives the tools' own code to whoever needs their exact output in this process, `domains` says where arguments'
values come from.
"""

from slm_ext.bundles.bundle import Argument, Bundle, Tool, load_bundles
from slm_ext.bundles.commands import command_line, environment
from slm_ext.bundles.domains import DOMAINS, declared_domains
from slm_ext.bundles.library import tool_library
from slm_ext.bundles.schema import bundles_hash, require_hash, tool_schemas

__all__ = [
    "DOMAINS",
    "Argument",
    "Bundle",
    "Tool",
    "bundles_hash",
    "command_line",
    "declared_domains",
    "environment",
    "load_bundles",
    "require_hash",
    "tool_library",
    "tool_schemas",
]
