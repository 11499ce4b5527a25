"""Recorded runs of other projects, which are not shipped here: where their files lie, an environment variable says."""

import os
from pathlib import Path

import pytest

from slm_ext.traces import Trace, read_file


def folder(variable, below, what):
    """A folder of a checkout; the test is skipped where the variable is not set."""
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set: {what}")
    path = Path(os.environ[variable], below)
    assert path.is_dir(), f"{variable} has no folder {below}"
    return path


def read_whole(path):
    """The runs of a file that can be read as a whole."""
    found = list(read_file(path))
    problems = [str(one) for one in found if not isinstance(one, Trace)]
    assert found and not problems
    return found
