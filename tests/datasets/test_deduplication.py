"""Of episodes that are the same, or nearly, the best one stays."""

import random

import msgspec
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.datasets.deduplication import deduplicate
from slm_ext.datasets.fingerprints import PERMUTATIONS, Fingerprint, _shingles, fingerprint, signature, sketch
from slm_ext.datasets.summary import Summary, summarize
from tests.datasets.episodes import bash, episode, recorded


def summary(number, actions="ls", issue="", **fields):
    known = Fingerprint(f"{issue} {actions}".encode(), signature(actions), sketch(issue))
    given_ = {
        "instance": f"sums-{number}",
        "repo": None,
        "verdict": True,
        "steps": 5,
        "rejected": 0,
        "trained": 5,
        **fields,
    }
    return Summary(id=f"{number:04d}", chars=0, fingerprint=known, **given_)


def words(seed, number=400):
    rng = random.Random(seed)
    return [f"w{rng.randrange(10_000)}" for _ in range(number)]


def changed(text, number):
    """The words with `number` of them replaced, far from each other."""
    found = list(text)
    for place in range(number):
        found[place * len(found) // max(1, number)] = f"other{place}"
    return " ".join(found)


def similarity(one, other):
    runs = [{tuple(text.split()[i : i + 5]) for i in range(len(text.split()) - 4)} for text in (one, other)]
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1])


def test_equal_episodes():
    found = deduplicate([summary(1, "ls", steps=9), summary(2, "ls", steps=5), summary(3, "pwd")], None, None)
    assert found == {0: "duplicate"}


def test_the_best_one_stays():
    order = [
        summary(9, steps=3), summary(8, steps=40), summary(7, rejected=1, steps=2),
        summary(6, verdict=False, steps=1), summary(5, verdict=None, rejected=1, steps=1),
    ]  # fmt: skip
    for first in range(len(order)):
        left = order[first:]
        assert deduplicate(left[::-1], None, None) == dict.fromkeys(range(len(left) - 1), "duplicate")


def test_near_duplicates_at_the_threshold():
    text = words(1)
    one, near, far = " ".join(text), changed(text, 2), changed(text, 12)
    assert similarity(one, near) > 0.94 and similarity(one, far) < 0.78
    found = deduplicate([summary(1, one), summary(2, near), summary(3, far)], 0.9, None)
    assert found == {1: "near_duplicate"}
    assert deduplicate([summary(1, one), summary(2, near), summary(3, far)], None, None) == {}
    assert deduplicate([summary(1, one), summary(2, far)], 0.5, None) == {1: "near_duplicate"}


def test_many_pairs_on_either_side_of_the_threshold():
    wrong = 0
    for seed in range(60):
        text = words(seed)
        one, near, far = " ".join(text), changed(text, 2), changed(text, 14)
        found = deduplicate([summary(1, one), summary(2, near), summary(3, far)], 0.85, None)
        wrong += found != {1: "near_duplicate"}
    assert wrong <= 3  # of pairs at 0.95 and at 0.70; the estimate is right to about 0.05


@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.5, 0.9, 0.99, 1.0])
def test_every_threshold_finds_the_same_actions(threshold):
    text = " ".join(words(2))
    other_issue = [summary(1, text, issue="a"), summary(2, text, issue="b"), summary(3, " ".join(words(3)))]
    assert deduplicate(other_issue, threshold, None) == {1: "near_duplicate"}


def test_episodes_without_actions_are_like_no_other():
    assert deduplicate([summary(1, "", issue="a"), summary(2, "", issue="b")], 0.9, None) == {}


def test_the_best_few_of_a_task():
    runs = [summary(i, f"ls {i}", instance="sums", steps=10 - i) for i in range(5)] + [summary(9, "pwd")]
    assert deduplicate(runs, None, 2) == {0: "instance_cap", 1: "instance_cap", 2: "instance_cap"}


def test_duplicates_do_not_count_as_one_of_the_few():
    runs = [
        summary(1, "a", instance="s", steps=1),
        summary(2, "a", instance="s", steps=2),
        summary(3, "b", instance="s"),
    ]
    assert deduplicate(runs, None, 2) == {1: "duplicate"}


@st.composite
def many(draw):
    texts = [changed(words(seed, 40), number) for seed in range(2) for number in (0, 1, 5)]
    return [
        summary(i, draw(st.sampled_from(texts)), instance=draw(st.sampled_from("ab")), verdict=draw(st.booleans()),
                steps=draw(st.integers(1, 3)), rejected=draw(st.integers(0, 1)))
        for i in range(draw(st.integers(0, 8)))
    ]  # fmt: skip


@given(many(), st.randoms(use_true_random=False), st.sampled_from([None, 0.5, 0.9, 1.0]), st.sampled_from([None, 1, 2]))
@settings(deadline=None)
def test_the_order_of_the_input_does_not_matter(runs, rng, threshold, most):
    def left_out(given_):
        return {given_[i].id: reason for i, reason in deduplicate(given_, threshold, most).items()}

    shuffled = list(runs)
    rng.shuffle(shuffled)
    found = left_out(runs)
    assert left_out(shuffled) == found
    kept = [one for one in runs if one.id not in found]
    assert bool(kept) == bool(runs)
    assert len({one.fingerprint.exact for one in kept}) == len(kept)
    assert all(most is None or sum(o.instance == k.instance for o in kept) <= most for k in kept)


def test_ids_of_calls_are_no_difference():
    first, second = episode(bash("ls"), id="a"), episode(bash("ls"), id="b")
    second.steps[0].reply["tool_calls"][0]["id"] = "call_77"
    assert fingerprint(first) == fingerprint(second)
    assert fingerprint(first).exact != fingerprint(episode(bash("ls -a"))).exact
    assert fingerprint(first).exact != fingerprint(episode(bash("ls"), issue="Another sum.")).exact


def test_rejected_replies_are_no_actions():
    tried = episode(bash("ls -", status="rejected"), bash("ls"))
    assert fingerprint(tried).actions == fingerprint(episode(bash("ls"))).actions


def test_recorded_runs_of_one_task_are_no_duplicates():
    runs = [summarize(recorded(name)) for name in ("mini-playlist", "mini-rejected", "mini-inventory", "mini-stalled")]
    assert deduplicate(runs, 0.9, None) == {}
    found = deduplicate([*runs, summarize(recorded("mini-playlist"))], 0.9, 1)
    assert sorted(found.values()) == ["duplicate", "instance_cap", "instance_cap"]


def test_what_is_kept_of_an_episode_is_small():
    steps = [bash(f"grep -rn {' '.join(words(n, 300))} .", "x" * 10_000) for n in range(30)]
    for issue, most in (("<issue>" + " ".join(words(1, 2000)) + "</issue>", 1000), (" ".join(words(1, 2000)), 3000)):
        made = summarize(episode(*steps, issue=issue))
        assert len(msgspec.msgpack.encode(made)) < most
    assert len(made.fingerprint.actions) == 4 * PERMUTATIONS


@given(text=st.lists(st.sampled_from(["a", "b", "edit", "file", "é", "x1", ";"]), max_size=40).map(" ".join))
def test_signatures_are_datasketchs(text):
    shingles = _shingles(text).tolist()
    made = MinHash(num_perm=PERMUTATIONS, hashfunc=int, scheme="affine32")
    made.update_batch(shingles)
    expected = made.hashvalues.astype("<u4").tobytes() if shingles else b""
    assert signature(text) == expected
