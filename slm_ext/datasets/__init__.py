"""From recorded runs to training data: `build_dataset` is the way in, `check_dataset` reads one as its trainer will.

The row is an `Episode` until it is rendered. One module a stage: `reading`, `labels`, `rules/`, `masking`,
`deduplication`, `decontamination`, `splitting`, `rendering/`; `pipeline` puts them together, `gathering` and `emitting`
are its two parallel halves, `executors` does the work.
"""

from slm_ext.datasets.checking import CheckReport, Finding, check_dataset
from slm_ext.datasets.config import BuildConfig, DecontaminationConfig, SplitConfig
from slm_ext.datasets.executors import executor_named
from slm_ext.datasets.manifest import Manifest, read_manifest
from slm_ext.datasets.pipeline import build as build_dataset

__all__ = [
    "BuildConfig",
    "CheckReport",
    "DecontaminationConfig",
    "Finding",
    "Manifest",
    "SplitConfig",
    "build_dataset",
    "check_dataset",
    "executor_named",
    "read_manifest",
]
