"""Which good steps become targets."""

import pytest

from slm_ext.datasets.config import BuildConfig
from slm_ext.datasets.masking import mask_episode
from slm_ext.datasets.rules import filter_episode
from tests.datasets.episodes import ALL, bash, episode, recorded, step


def long_run(looks=30, edits=4, **fields):
    made = [
        step("edit_line", "pass: wrote", arguments={"path": f"{n}.py", "old": f"{n}", "new": "x"}) for n in range(edits)
    ]
    return episode(*(bash(f"cat {n}.py", f"x = {n}") for n in range(looks)), *made, step("submit", ""), **fields)


def trained(run, **config):
    return [one.number for one in mask_episode(run, BuildConfig(**config)).trained]


def test_few_steps_are_all_trained():
    assert trained(episode(bash("ls"), bash("cat a.py"))) == [1, 2]


def test_bad_steps_are_not():
    run = filter_episode(recorded("mini-playlist"), ALL)
    assert trained(run, per_episode=None) == [1, 2, 4, 5, 7, 8, 10, 11, 12, 13, 14]


def test_edits_and_submissions_stay_where_rows_are_too_many():
    found = trained(long_run(), per_episode=12)
    assert len(found) == 12
    assert found[-5:] == [31, 32, 33, 34, 35]


def test_the_submission_stays_before_edits():
    found = trained(long_run(edits=20), per_episode=3)
    assert found[-1] == 51 and all(number > 30 for number in found) and len(found) == 3


def test_no_bound():
    assert len(trained(long_run(), per_episode=None)) == 35


def test_the_choice_depends_on_the_seed_alone():
    first = trained(long_run(), seed=1)
    assert trained(long_run(), seed=1) == first
    assert trained(long_run(id="of another folder", source="elsewhere/sums-1.traj"), seed=1) == first
    assert {tuple(trained(long_run(), seed=seed)) for seed in range(5)} != {tuple(first)}


def test_two_runs_of_one_task_may_keep_other_steps():
    choices = {tuple(trained(long_run(run_id=name))) for name in "abcde"}
    assert len(choices) > 1


def test_edits_alone():
    assert trained(long_run(looks=3), turns="edits") == [4, 5, 6, 7, 8]


@pytest.mark.parametrize(("kinds", "numbers"), [(("edit",), [3]), (("plan", "read"), [1, 2]), (("summarize",), [])])
def test_only_some_kinds_of_work(kinds, numbers):
    run = recorded("mini-inventory")
    assert trained(run, subtasks=kinds) == numbers


def test_a_run_that_is_left_out_has_no_targets():
    assert trained(episode(bash("ls"), dropped="unresolved")) == []
