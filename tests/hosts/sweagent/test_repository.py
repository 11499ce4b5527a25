"""Which repository of a SWE-agent run can be read from this process."""

from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.sweagent


def test_only_a_repository_of_this_machine_is_seen():
    from swerex.deployment.docker import DockerDeployment
    from swerex.deployment.local import LocalDeployment

    from slm_ext.hosts.sweagent.repository import visible_repository

    here = LocalDeployment()
    assert str(visible_repository(SimpleNamespace(repo=SimpleNamespace(repo_name="usr"), deployment=here))) == "/usr"
    gone = SimpleNamespace(repo_name="no-such-folder-here")
    container = DockerDeployment(image="python:3.11")
    for repo, deployment in ((gone, here), (None, here), (SimpleNamespace(repo_name="usr"), container)):
        assert visible_repository(SimpleNamespace(repo=repo, deployment=deployment)) is None
    assert visible_repository(None) is None
