"""No repository, task or issue stands on two sides of a split."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.datasets.config import SplitConfig
from slm_ext.datasets.fingerprints import Fingerprint, fingerprint, sketch
from slm_ext.datasets.splitting import split
from slm_ext.datasets.summary import Summary
from tests.datasets.episodes import bash, episode

THIRDS = SplitConfig(valid=0.3, test=0.3)


def words(seed, number=60):
    rng = random.Random(seed)
    return " ".join(f"w{rng.randrange(10_000)}" for _ in range(number))


def summary(number, repo=None, instance=None, issue="", trained=5):
    known = Fingerprint(str(number).encode(), b"", issue if isinstance(issue, bytes) else sketch(issue))
    return Summary(
        id=str(number), instance=instance or f"i{number}", repo=repo, verdict=True, steps=5, rejected=0,
        trained=trained, chars=0, fingerprint=known,
    )  # fmt: skip


def sides(summaries, config=THIRDS, seed=0, key=lambda s: s.instance):
    """Of each key the splits that it is in."""
    found = {}
    for one, name in zip(summaries, split(summaries, config, seed), strict=True):
        found.setdefault(key(one), set()).add(name)
    return found


ISSUES = [words(seed) for seed in range(4)]
NEAR = [f"{text} again" for text in ISSUES]
RUNS = st.builds(
    lambda repo, instance, issue, trained: (repo, instance, issue, trained),
    st.sampled_from([None, "o/a", "o/b", "o/c", "O/A"]), st.integers(0, 9), st.sampled_from(["", *ISSUES, *NEAR]),
    st.integers(1, 20),
)  # fmt: skip


@given(
    st.lists(RUNS, max_size=12),
    st.sampled_from(["repository", "instance"]),
    st.integers(0, 99),
    st.sampled_from([0, 0.3]),
)
@settings(deadline=None)
def test_nothing_is_divided(runs, by, seed, test):
    summaries = [
        summary(i, repo, f"i{instance}", issue, trained) for i, (repo, instance, issue, trained) in enumerate(runs)
    ]
    config = SplitConfig(by=by, valid=0.3, test=test)
    found = split(summaries, config, seed)
    assert found == split(summaries, config, seed)
    assert not runs or "train" in found
    assert test or "test" not in found
    for one, side in zip(summaries, found, strict=True):
        for other, other_side in zip(summaries, found, strict=True):
            issues = [runs[int(s.id)][2].removesuffix(" again") for s in (one, other)]
            repositories = [(s.repo or s.id).lower() for s in (one, other)]
            same = one.instance == other.instance or (issues[0] and issues[0] == issues[1])
            if same or (by == "repository" and repositories[0] == repositories[1]):
                assert side == other_side


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_parts_are_kept_where_groups_are_small(seed):
    rng = random.Random(seed)
    summaries = [summary(i, trained=rng.randrange(1, 12)) for i in range(200)]
    rows = dict.fromkeys(("train", "valid", "test"), 0)
    for one, name in zip(summaries, split(summaries, SplitConfig(valid=0.1, test=0.2), seed), strict=True):
        rows[name] += one.trained
    total = sum(rows.values())
    assert 0.09 < rows["valid"] / total <= 0.1 and 0.19 < rows["test"] / total <= 0.2


def test_a_small_part_of_large_groups_takes_the_smallest():
    summaries = [summary(i, trained=trained) for i, trained in enumerate((50, 30, 20, 40))]
    assert split(summaries, SplitConfig(valid=0.05), 0) == ["train", "train", "valid", "train"]


def test_a_group_of_more_than_half_is_never_held_out():
    assert split([summary(0, trained=90), summary(1, trained=10)], SplitConfig(valid=0.3, test=0.3), 0) == [
        "train",
        "test",
    ]
    assert split([summary(0)], THIRDS, 0) == ["train"]
    assert split([], THIRDS, 0) == []


@pytest.mark.parametrize("seed", range(5))
def test_one_group_trains_where_more_is_asked_for_than_there_is(seed):
    assert "train" in split([summary(i) for i in range(4)], SplitConfig(valid=0.9, test=0.5), seed)


def test_nothing_is_held_out_where_nothing_is_asked_for():
    assert set(split([summary(i) for i in range(9)], SplitConfig(valid=0, test=0), 0)) == {"train"}


def test_another_seed_holds_out_others():
    summaries = [summary(i) for i in range(50)]
    assert len({tuple(split(summaries, THIRDS, seed)) for seed in range(5)}) == 5


def test_a_run_that_does_not_know_its_repository_goes_with_its_task():
    for seed in range(20):
        runs = [summary(0, "o/a", "a"), summary(1, None, "a"), *(summary(i, f"o/{i}") for i in range(2, 8))]
        assert all(len(found) == 1 for found in sides(runs, seed=seed).values())


def test_a_new_issue_added_changes_no_other_group():
    summaries = [summary(i, issue=words(i)) for i in range(30)]
    assert sides(summaries) == {name: side for name, side in sides(summaries[::-1]).items()}


# --- issues

MINI = """\
<pr_description>
Consider the following PR description:
{issue}
</pr_description>

<instructions>
{text}
</instructions>"""
SWEAGENT = """\
<uploaded_files>
/testbed
</uploaded_files>
I've uploaded a python code repository in the directory /testbed. Consider the following PR description:

<pr_description>
{issue}
</pr_description>

{text}"""
UNMARKED = "You work in a repository.\n{text}\nYour task:\n{issue}\nWork step by step.\n{text}"
LAST = "{text}\n\n{issue}"
FIRST = "{issue}\n\n{text}"
TEXT = words("instructions", 900)


def prompted(template, issues):
    """Summaries of runs whose prompt is the template with each issue."""
    return [
        summary(i, issue=fingerprint(episode(bash("ls"), issue=template.format(issue=issue, text=TEXT))).issue)
        for i, issue in enumerate(issues)
    ]


def groups(summaries):
    """How many groups there are, seen from outside: what is held out together under any seed."""
    config = SplitConfig(by="instance", valid=0.49, test=0.49)
    return len(set(zip(*(split(summaries, config, seed) for seed in range(40)), strict=True)))


@pytest.mark.parametrize("template", [MINI, SWEAGENT, UNMARKED, LAST, FIRST])
def test_different_issues_in_the_same_long_prompt(template):
    assert groups(prompted(template, [words(seed) for seed in range(50)])) == 50


@pytest.mark.parametrize("template", [MINI, SWEAGENT, UNMARKED, LAST, FIRST])
def test_nearly_equal_issues_in_the_same_long_prompt(template):
    issues = [words(seed, 120) for seed in range(20)]
    near = [f"{text} and more" for text in issues[:5]]
    assert groups(prompted(template, issues + near)) == 20


def test_the_same_issue_in_other_prompts():
    issues = [words(seed, 120) for seed in range(20)]
    made = [*prompted(SWEAGENT, issues), *prompted("{issue}", issues)]
    for number, one in enumerate(made):
        one.instance = f"i{number}"
    assert groups(made) == 20


def test_the_same_issue_in_a_very_long_prompt_and_alone():
    issues = [words(seed, 300) for seed in range(20)]
    long = UNMARKED.replace("{text}", words("more instructions", 1500))
    made = [*prompted(long, issues), *prompted("{issue}", issues)]
    for number, one in enumerate(made):
        one.instance = f"i{number}"
    assert groups(made) == 20


def test_few_prompts_that_are_alike_are_kept_together():
    assert groups(prompted(UNMARKED, [words(seed, 20) for seed in range(5)])) == 1
    assert groups(prompted(MINI, [words(seed, 20) for seed in range(5)])) == 5


def test_runs_without_an_issue_are_not_alike():
    assert groups([summary(i) for i in range(12)]) == 12


def test_many_runs_of_one_task_are_one_group():
    runs = [summary(i, instance="same", issue=words(i)) for i in range(30)] + [summary(99, issue=words(99))]
    assert groups(runs) == 2
