"""The pool: real keepers over a fake engine, opened by several threads, given back in time."""

import json
import sys
import threading

import pytest

from slm_ext.completion import Pool
from slm_ext.errors import ServingError
from slm_ext.paths import servers_dir
from slm_ext.registry.provider import Provider


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SLM_HOME", str(tmp_path / "home"))


def managed(name, **server):
    command = [sys.executable, "-m", "slm_ext.testing.fake_engine", "--port", "{port}", "--model", name]
    return Provider(name=name, model=name, server={"command": command, "stop_grace_s": 2} | server)


def alive():
    states = [json.loads(path.read_text()) for path in servers_dir().glob("*/state.json")]
    return sorted(state["model_id"] for state in states if state["state"] in ("starting", "ready", "degraded"))


def test_a_server_is_started_once_for_many_threads_and_ends_with_the_pool():
    handles = []
    with Pool({"a": managed("a")}) as pool:
        threads = [threading.Thread(target=lambda: handles.append(pool.open("a"))) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(handle) for handle in handles}) == 1 and len(handles) == 5
        assert alive() == ["a"]
    assert alive() == []


def test_the_server_used_longest_ago_makes_room():
    with Pool({name: managed(name) for name in "abc"}, max_loaded=2) as pool:
        for name in "ab":
            pool.open(name)
        pool.open("a")
        pool.open("c")
        assert alive() == ["a", "c"]
        assert pool.load_s()["b"] > 0 and pool.load_s()["a"] == 0


def test_one_that_is_in_use_stays_and_the_surplus_goes_afterwards():
    with Pool({name: managed(name) for name in "ab"}, max_loaded=1) as pool:
        with pool.place("a") as a:
            with pool.place("b"):
                assert alive() == ["a", "b"]
            assert alive() == ["a"]
            assert a.refresh() == "ready"
        assert alive() == ["a"]


def test_two_threads_do_not_load_more_than_may_be(monkeypatch):
    with Pool({name: managed(name) for name in "ab"}, max_loaded=1) as pool:
        threads = [threading.Thread(target=pool.open, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(alive()) == 1


def test_a_closed_pool_opens_nothing_more():
    pool = Pool({"a": managed("a")})
    pool.close()
    with pytest.raises(ServingError, match="is over"):
        pool.open("a")
    assert not servers_dir().exists() or alive() == []
