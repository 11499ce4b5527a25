"""The fixture `crew`: a team on loopback."""

from contextlib import ExitStack

import pytest

from .crew import Crew


@pytest.fixture
def crew(tmp_path):
    with ExitStack() as stack:
        yield lambda members, **router: Crew(stack, tmp_path, members, **router)
