"""The same stages on Ray Data: two nodes on the loopback give the bytes that one machine gives."""

import os
import shutil
import sys

import pytest

from slm_ext.datasets import build_dataset, executor_named
from slm_ext.errors import MissingExtra, UsageError

from .test_build import CONFIG, SOLVED, built, digests

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray", reason='Ray is not installed; next: pip install "slm-ext[ray]"')
    pytest.importorskip("ray.data")
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    ray.init(address=made.address, log_to_driver=False, logging_level="error")
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


def test_two_nodes_give_the_same_bytes(cluster, tmp_path):
    import ray

    for number in range(150):
        shutil.copytree(SOLVED[number % len(SOLVED)], tmp_path / "in" / f"run-{number:03d}")
    alive = [node for node in ray.nodes() if node["Alive"]]
    assert len(alive) == 2
    executor = executor_named("ray")
    config = CONFIG.model_copy(update={"exports": ("kto",)})
    build_dataset([tmp_path / "in"], tmp_path / "ray", config, executor=executor)
    built(tmp_path / "local", [tmp_path / "in"], exports=("kto",))
    assert digests(tmp_path / "ray") == digests(tmp_path / "local")
    assert set(executor.map(_node, range(16))) == {node["NodeID"] for node in alive}, "both nodes work"


def _node(number):
    import time

    import ray

    time.sleep(0.5)  # long enough for one node to be busy when the next item comes
    return ray.get_runtime_context().get_node_id()


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match="ray") as caught:
        executor_named("ray")
    assert caught.value.next_step == 'pip install "slm-ext[ray]"'
    with pytest.raises(UsageError, match="local or ray"):
        executor_named("spark")
