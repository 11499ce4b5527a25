"""Which values an argument of the next call can have, from the conversation and the repository.

A small model's commonest failure is a call that names what does not exist. A tool bundle's `domains.yaml` says where
an argument's values come from (`NAMES`); `domains` turns that into the cases that our engine decodes within.

Read in this order: `cases` (declaration → cases), `history` (what the conversation has shown and edited), `repository`
(files, lines and symbols as they are now). The whole room reads and never writes; `docs/explanation/grounding.md` tells
the rest.
"""

from slm_ext.completion.grounding.cases import NAMES, Grounding, domains
from slm_ext.completion.grounding.repository import LocalRepository, Repository

__all__ = ["NAMES", "Grounding", "LocalRepository", "Repository", "domains"]
