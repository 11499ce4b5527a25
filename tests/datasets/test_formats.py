"""What each trainer is given, and what of it carries loss."""

from __future__ import annotations

import json

import pytest

from slm_ext.datasets import BuildConfig, build_dataset, check_dataset
from slm_ext.datasets.executors import LocalExecutor
from slm_ext.datasets.manifest import read_manifest
from slm_ext.datasets.rendering.formats import TRL_TEMPLATE, conversations, marked_text, written
from slm_ext.datasets.rendering.row import Renderer
from slm_ext.datasets.rendering.target import Target
from slm_ext.paths import tiny_model_dir
from tests.datasets.models import HERMES, RUNS, THINKING, call, conversation, model_folder, tool, with_tokens

TINY = "package:flywheel-tiny"
FORMATS = ("mlx", "openai", "axolotl", "trl")
TOOLS = [tool("read_file", {"path": {"type": "string"}}, ("path",))]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The recorded runs in every format: format → (folder, rows, provenance)."""
    found = {}
    for name in FORMATS:
        out = tmp_path_factory.mktemp("datasets") / name
        config = BuildConfig(
            format=name, unresolved="steps", unlabelled="steps", near_duplicates=None, per_instance=None
        )
        build_dataset([RUNS], out, config, executor=LocalExecutor(1))
        files = [file for split in ("train", "valid", "test") if (file := out / f"{split}.jsonl").exists()]
        rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        provenance = [
            json.loads(line) for file in files for line in (out / "provenance" / file.name).read_text().splitlines()
        ]
        found[name] = out, rows, provenance
    return found


@pytest.fixture(scope="module")
def target():
    return Target(TINY)


@pytest.fixture(scope="module")
def tokenizer():
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    return transformers.AutoTokenizer.from_pretrained(tiny_model_dir())


class TestMlx:
    def test_rows_end_with_the_trained_turn(self, built, target):
        _, rows, provenance = built["mlx"]
        assert len(rows) > 30
        for row, about in zip(rows, provenance, strict=True):
            assert set(row) == {"messages", "tools"} and len(about["steps"]) == 1
            step = about["steps"][0]
            reply = row["messages"][-1]
            assert reply["role"] == "assistant"
            assert [c["function"]["name"] for c in reply["tool_calls"]] == [step["tool"]]
            prompt = target.render(row["messages"][:-1], row["tools"], answer=True)
            whole = target.render(row["messages"], row["tools"], answer=False)
            assert len(target.ids(prompt)) == step["prompt_tokens"]
            assert len(target.ids(whole)) == step["prompt_tokens"] + step["target_tokens"]

    def test_arguments_are_objects_as_templates_iterate_them(self, built):
        for row in built["mlx"][1]:
            for message in row["messages"]:
                for made in message.get("tool_calls", []):
                    assert isinstance(made["function"]["arguments"], dict)


class TestOpenai:
    def test_answers_have_weights(self, built):
        for row, about in zip(*built["openai"][1:], strict=True):
            assert row["parallel_tool_calls"] is False and row["tools"]
            answers = [message for message in row["messages"] if message["role"] == "assistant"]
            assert all(set(message) <= {"role", "content", "tool_calls", "weight"} for message in answers)
            assert {message["weight"] for message in answers} <= {0, 1}
            assert sum(message["weight"] for message in answers) == len(about["steps"])
            assert all("weight" not in message for message in row["messages"] if message["role"] != "assistant")
            assert row["messages"][-1].get("weight") == 1

    def test_arguments_are_texts(self, built):
        calls = [c for row in built["openai"][1] for m in row["messages"] for c in m.get("tool_calls", [])]
        assert calls and all(isinstance(json.loads(c["function"]["arguments"]), dict) for c in calls)


class TestAxolotl:
    def test_every_message_says_whether_it_is_trained(self, built):
        for row, about in zip(*built["axolotl"][1:], strict=True):
            trained = [message for message in row["messages"] if message["train"]]
            assert all(isinstance(message["train"], bool) for message in row["messages"])
            assert [m["role"] for m in trained] == ["assistant"] * len(about["steps"])
            named = [m["tool_calls"][0]["function"]["name"] for m in trained]
            assert named == [step["tool"] for step in about["steps"]]

    def test_tools_and_arguments_are_texts(self, built):
        """Arrow columns have one type, and arguments of many tools have none in common."""
        for row in built["axolotl"][1]:
            assert json.loads(row["tools"])[0]["type"] == "function"
            for message in row["messages"]:
                for made in message.get("tool_calls", []):
                    assert isinstance(json.loads(made["function"]["arguments"]), dict)


class TestTrl:
    def test_the_mask_of_transformers_covers_the_answers(self, built, tokenizer, target):
        out, rows, provenance = built["trl"]
        template = (out / "chat_template.jinja").read_text()
        assert any(len(about["steps"]) > 3 for about in provenance)
        for row, about in zip(rows, provenance, strict=True):
            found = tokenizer.apply_chat_template(
                row["messages"],
                chat_template=template,
                return_assistant_tokens_mask=True,
                return_dict=True,
                tokenize=True,
            )
            text = "".join(part["content"] for part in row["messages"])
            assert found["input_ids"] == target.ids(text)
            expected: list[int] = []
            for part in row["messages"]:
                expected += [int(part["train"])] * len(target.ids(part["content"]))
            assert found["assistant_masks"] == expected
            assert sum(expected) == sum(step["target_tokens"] for step in about["steps"])

    def test_trained_parts_end_and_alternate(self, built):
        for row in built["trl"][1]:
            assert [part["role"] for part in row["messages"]] == ["user", "assistant"] * (len(row["messages"]) // 2)
            for part in row["messages"]:
                assert part["train"] == (part["role"] == "assistant")
                assert part["content"].endswith("<|im_end|>" if part["train"] else "<|im_start|>assistant\n")

    def test_the_template_writes_texts_as_they_are(self, tokenizer):
        parts = [" a\n", "\n\n{{ b }} ", "\t", "{% if %}", " "]
        messages = [{"role": "user", "content": part, "train": n % 2 == 1} for n, part in enumerate(parts)]
        assert tokenizer.apply_chat_template(messages, chat_template=TRL_TEMPLATE, tokenize=False) == "".join(parts)


def test_all_formats_train_the_same_turns_and_tokens(built):
    """A trained turn of mlx ends with the line feed behind its end token, that of others before. A turn that two runs
    share is a row once; in conversations that differ behind it, it stands in both."""
    turns, again = {}, {}
    for name, (out, rows, provenance) in built.items():
        more = 1 if name == "mlx" else 0
        found = [(s["prompt_sha"], s["tool"], s["target_tokens"]) for about in provenance for s in about["steps"]]
        turns[name] = sorted({(sha, tool, tokens - more) for sha, tool, tokens in found})
        again[name] = len(found) - len(turns[name])
        report = check_dataset(out, batch_size=1)
        assert report.ok and sum(report.rows.values()) == len(rows)
        trained = read_manifest(out).counts["tokens"]["trained"]
        assert report.trained == sum(tokens for _, _, tokens in found) == trained
    assert turns["mlx"] == turns["openai"] == turns["axolotl"] == turns["trl"]
    assert again["mlx"] == 0 < again["openai"] == again["axolotl"] == again["trl"]


def test_each_trained_turn_is_rendered_as_it_was_served(built, target):
    """What stands before a trained turn in a conversation is the prompt that the mlx row of that turn has."""
    prompts = {}
    for row, about in zip(*built["mlx"][1:], strict=True):
        prompts[about["steps"][0]["prompt_sha"]] = target.render(row["messages"][:-1], row["tools"], answer=True)
    for name in ("openai", "axolotl", "trl"):
        _, rows, provenance = built[name]
        for row, about in zip(rows, provenance, strict=True):
            done, keys = "", iter(step["prompt_sha"] for step in about["steps"])
            for text, trained in marked_text(name, row, target):
                if trained:
                    assert done == prompts[next(keys)]
                done += text


def rows_of(episode, folder):
    target = Target(str(folder))
    render = Renderer(target, BuildConfig(tokenizer=str(folder)))
    return target, [(step, render.row(episode, step)) for step in episode.trained]


def long_episode(folder=TINY):
    episode = conversation(*((call("read_file", {"path": f"m{n}.py"}, number=n), f"text {n}") for n in range(4)))
    episode.tools = {"t": TOOLS}
    for step in episode.steps:
        step.tools = "t"
    return episode


class TestConversations:
    def sizes(self, episode, folder=TINY) -> list[int]:
        return [len(group) for group in conversations(rows_of(episode, folder)[1])]

    def test_prompts_that_extend_each_other_are_one(self):
        assert self.sizes(long_episode()) == [4]

    def test_one_that_leaves_something_out_begins_another(self):
        episode = long_episode()
        episode.steps[2].prompt = [0, 1, 4, 5]
        episode.steps[3].prompt = [0, 1, 4, 5, 6, 7]
        assert self.sizes(episode) == [2, 2]
        _, rows = rows_of(episode, TINY)
        lines = [line for _, line in written("axolotl", rows)]
        assert [[m["train"] for m in line["messages"]] for line in lines] == [
            [False, False, True, False, True],
            [False, False, False, False, True, False, True],
        ]

    def test_a_message_that_was_changed_begins_another(self):
        episode = long_episode()
        episode.messages.append(episode.messages[3] | {"content": "text 0 …"})
        episode.steps[3].prompt[3] = len(episode.messages) - 1
        assert self.sizes(episode) == [3, 1]

    def test_other_tools_begin_another(self):
        episode = long_episode()
        episode.tools["u"] = [*TOOLS, tool("submit", {})]
        episode.steps[3].tools = "u"
        assert self.sizes(episode) == [3, 1]

    def test_thinking_that_is_not_in_the_history_begins_another(self, tmp_path):
        folder = with_tokens(model_folder(tmp_path / "model", THINKING), "<think>", "</think>")
        episode = long_episode()
        for step in episode.steps:
            step.reply = step.reply | {"reasoning_content": "Which?"}
        assert self.sizes(episode, folder) == [1, 1, 1, 1]

    @pytest.mark.parametrize("name", FORMATS)
    def test_steps_between_that_are_not_trained_are_context(self, name):
        episode = long_episode()
        episode.steps[1].train = False
        target, rows = rows_of(episode, TINY)
        made = list(written(name, rows))
        assert [step.number for group, _ in made for step, _ in group] == [1, 3, 4]
        if name != "mlx":
            assert len(made) == 1
            answers = "".join(text for text, trained in marked_text(name, made[0][1], target) if trained)
            assert "m0.py" in answers and "m1.py" not in answers and "m3.py" in answers

    @pytest.mark.parametrize("name", FORMATS)
    def test_a_dataset_without_tools_names_none(self, name, tmp_path):
        folder = model_folder(tmp_path / "model", HERMES)
        said = {"role": "assistant", "content": "Done."}
        _, rows = rows_of(conversation((said, "")), folder)
        ((_, line),) = written(name, rows)
        assert set(line) == {"messages"}
