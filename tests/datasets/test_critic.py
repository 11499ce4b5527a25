"""What a judge is asked, and what is read from its answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_ext.datasets.critic import LABELS, Critic, critic_prompt, read_labels, reject_mistakes
from tests.datasets.episodes import bash, episode, recorded, step


def test_a_run_is_judged_in_one_request():
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return "1: good\n2: good\n3: mistake\n4: good\n5: recover\n"

    critic, run = Critic(ask), recorded("mini-playlist")
    assert critic(run) == {0: "good", 1: "good", 2: "mistake", 3: "good", 4: "recover"}
    assert asked == [critic_prompt(run)]
    assert (critic.asked, critic.unread) == (1, 0)


def test_the_prompt_shows_issue_actions_results_and_verdict():
    prompt = critic_prompt(recorded("mini-rejected"))
    assert "seconds_left(310, 100) should be 210" in prompt
    assert 'STEP 2\nread_file {"path": "lib/records.py"' in prompt
    assert "RESULT 8\n" in prompt and "from 1 to 10" in prompt
    assert "The task was not solved." in prompt
    assert "Nobody knows" in critic_prompt(episode(bash("ls"), verdict=None))


def test_braces_and_calls_that_nobody_can_read_are_shown_as_they_are():
    broken = step(said="{issue} {0}", status="rejected", observation=None)
    broken.reply["tool_calls"] = [{"id": "1", "function": {"name": "bash", "arguments": '{"comm'}}]
    prompt = critic_prompt(episode(broken))
    assert "{issue} {0}" in prompt and 'bash {"comm' in prompt and "(refused" in prompt


def test_long_results_are_shortened():
    prompt = critic_prompt(episode(bash("cat a.py", "begin " + "x" * 100_000 + " end")))
    assert len(prompt) < 4000 and "begin" in prompt and " end" in prompt and "left out" in prompt


@pytest.mark.parametrize(
    "answer",
    [
        "1: good\n2: mistake\n3: unnecessary",
        "Step 1: Good\nStep 2: MISTAKE\nStep 3: unnecessary",
        '```json\n{"1": "good", "2": "mistake", "3": "unnecessary"}\n```',
        "| 1 | good |\n| 2 | mistake |\n| 3 | unnecessary |",
        "- **1**: good\n- **2**: `mistake`\n- **3**: unnecessary (it was known)",
        "1. good\n2. mistake\n3. unnecessary",
        "I looked at it.\n1) good\n2) mistake\n3) unnecessary\n4: good\n0: good\n77777777: good",
    ],
)
def test_forms_of_answers(answer):
    assert read_labels(answer, 3) == {0: "good", 1: "mistake", 2: "unnecessary"}


@pytest.mark.parametrize(
    "answer", ["", "All steps were fine.", "1: fine", "good", "1.5: good", '{"steps": []}', "1: goodness"]
)
def test_answers_that_say_nothing_are_counted(answer):
    critic = Critic(lambda prompt: answer)
    assert critic(episode(bash("ls"))) == {}
    assert (critic.asked, critic.unread) == (1, 1)


def test_a_step_with_two_labels_has_none():
    assert read_labels("1: good\n2: good\n1: mistake\n2: good", 2) == {1: "good"}


def test_a_run_without_steps_is_not_asked_for():
    critic = Critic(lambda prompt: pytest.fail("asked"))
    assert (critic(episode()), critic.asked) == ({}, 0)


def test_mistakes_are_bad_and_nothing_else_is():
    run = episode(*(bash(f"ls {number}") for number in range(4)))
    reject_mistakes(run, dict(enumerate(("mistake", "unnecessary", "recover", "good"))))
    assert [one.bad for one in run.steps] == [["critic"], [], [], []]


@given(st.text(), st.integers(0, 9))
def test_any_answer_is_read(answer, steps):
    found = read_labels(answer, steps)
    assert all(0 <= index < steps and label in LABELS for index, label in found.items())


@given(st.lists(st.sampled_from(LABELS), max_size=30))
def test_a_whole_answer_is_read_whole(labels):
    answer = "\n".join(f"{number}: {label}" for number, label in enumerate(labels, start=1))
    assert read_labels(answer, len(labels)) == dict(enumerate(labels))
