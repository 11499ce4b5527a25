"""One trained turn: its prompt is the served one, its answer is read back as the call that was made, or refused."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.datasets import BuildConfig, build_dataset
from slm_ext.datasets.episode import Episode, Step
from slm_ext.datasets.executors import LocalExecutor
from slm_ext.datasets.reading import read_episode
from slm_ext.datasets.rendering.row import Renderer, RowRefused
from slm_ext.datasets.rendering.target import Target
from slm_ext.toolcalls import mode_format
from slm_ext.toolcalls.view import in_text
from slm_ext.traces import find_files, read_file
from tests.datasets.models import HERMES, RUNS, THINKING, call, conversation, model_folder, result, tool, with_tokens

TINY = "package:flywheel-tiny"
READ = call("read_file", {"path": "a.py"})
TOOLS = [tool("read_file", {"path": {"type": "string"}}, ("path",))]


def renderer(tokenizer=TINY, **config) -> Renderer:
    return Renderer(Target(str(tokenizer)), BuildConfig(tokenizer=str(tokenizer), **config))


def refused(render: Renderer, episode: Episode, step: Step | None = None) -> str:
    with pytest.raises(RowRefused) as refusal:
        render.row(episode, step or episode.steps[-1])
    return refusal.value.reason


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def recorded() -> list[Episode]:
    files = find_files(sorted(RUNS.iterdir()))
    return [read_episode(trace) for file in files for trace in read_file(file)]


class TestServed:
    """The prompt of a recorded run."""

    def test_byte_for_byte(self, recorded):
        render, seen = renderer(), 0
        for episode in recorded:
            for step in episode.steps:
                if step.status == "ok":
                    row = render.row(episode, step)
                    if step.prompt_sha:
                        assert sha(row.prompt) == step.prompt_sha
                        seen += 1
                    assert row.same_prompt is (True if step.prompt_sha else None)
                    assert row.answer.endswith("<|im_end|>") and row.target == row.answer + "\n"
                    assert row.prompt_tokens == len(render.target.ids(row.prompt))
                    assert row.target_tokens == len(render.target.ids(row.target))
        assert seen > 80

    def test_a_changed_prompt_is_another_one(self, recorded):
        episode = msgspec.convert(msgspec.to_builtins(recorded[0]), Episode)
        step = next(step for step in episode.steps if step.prompt_sha and step.status == "ok")
        first = episode.messages[step.prompt[0]]
        episode.messages[step.prompt[0]] = first | {"content": first["content"] + " "}
        assert refused(renderer(), episode, step) == "other_prompt"
        step.scrubbed = True
        assert renderer().row(episode, step).same_prompt is None

    def test_another_template_is_not_compared(self, recorded, tmp_path):
        step = next(step for step in recorded[0].steps if step.prompt_sha and step.status == "ok")
        folder = model_folder(tmp_path / "model", HERMES)
        row = renderer(folder).row(recorded[0], step)
        assert row.same_prompt is None and "edit_line" in row.prompt

    def test_the_build_counts_them(self, tmp_path):
        config = BuildConfig(unresolved="steps", unlabelled="steps")
        manifest = build_dataset([RUNS], tmp_path / "out", config, executor=LocalExecutor(1))
        said = {run for run in RUNS.iterdir() if run.name.endswith("-scripted")}
        rows = (tmp_path / "out" / "provenance").glob("*.jsonl")
        about = [json.loads(line) for file in rows for line in file.read_text().splitlines()]
        by_script = [row for row in about if row["source"].split("/")[0] in {run.name for run in said}]
        assert manifest.counts["prompts"] == {
            "byte for byte as served": manifest.counts["check"]["out"] - len(by_script),
            "not comparable": len(by_script),
        }  # no server rendered the prompts of the script
        assert 0 < len(by_script) < len(about) / 4


class TestArguments:
    """Of the chat template: a server was given them, a trainer cannot be."""

    def step(self, render: Renderer, **arguments) -> Episode:
        episode = conversation((call("read_file", {"path": "a.py"}), "text"))
        served = render.target.render(episode.prompt(episode.steps[0]), None, answer=True, **arguments)
        episode.steps[0].prompt_sha, episode.steps[0].template_sha = sha(served), render.target.template_sha
        episode.steps[0].template_kwargs = arguments
        return episode

    def test_the_row_begins_with_what_they_made(self, tmp_path):
        folder = with_tokens(model_folder(tmp_path / "model", THINKING), "<think>", "</think>")
        episode = self.step(renderer(folder), enable_thinking=False)
        row = renderer(folder).row(episode, episode.steps[0])
        assert row.same_prompt is True
        assert row.answer.startswith("<think>\n\n</think>\n\n") and not row.prompt.endswith("</think>\n\n")

    def test_a_text_that_trainers_cannot_render_is_another_prompt(self, tmp_path):
        folder = model_folder(tmp_path / "model", "{{ effort or '' }}" + HERMES)
        episode = self.step(renderer(folder), effort="high")
        assert refused(renderer(folder), episode) == "other_prompt"
        episode.steps[0].template_kwargs = None
        assert refused(renderer(folder), episode) == "other_prompt"

    def test_arguments_that_the_template_refuses(self, tmp_path):
        template = "{% if strict %}{{ raise_exception('no') }}{% endif %}" + HERMES
        folder = model_folder(tmp_path / "model", template)
        episode = self.step(renderer(folder))
        episode.steps[0].template_kwargs = {"strict": True}
        assert refused(renderer(folder), episode) == "other_prompt"


PLAIN = (
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' + (m.content or '') + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)
NO_TEXT = HERMES.replace("+ (m.content or '')", "+ ('' if m.tool_calls else (m.content or ''))")


class TestTemplates:
    """What a template can do to a row."""

    @pytest.mark.parametrize(
        ("template", "reason"),
        [
            pytest.param("{# <tool_call> \"name\" arguments #}" + PLAIN, "other_action", id="drops calls"),
            pytest.param(PLAIN, "unknown_wire", id="knows no calls"),
            pytest.param(HERMES + "{{ raise_exception('no') }}", "template_refuses", id="raises"),
            pytest.param(HERMES + "{{ messages[0].content.nothing.there }}", "template_refuses", id="fails"),
            pytest.param(HERMES.replace("<|im_end|>", ""), "no_end", id="no end"),
            pytest.param(HERMES.replace("endif %}{%- endfor", "endif %}{{ 'bye' }}{%- endfor"), "no_end", id="goes on"),
            pytest.param("{{ messages | length }}" + HERMES, "no_prefix", id="counts messages"),
            pytest.param(HERMES.replace("call.name +", "call.name + 's' +"), "other_action", id="another name"),
            pytest.param(HERMES.replace("m.tool_calls or []", "(m.tool_calls or []) * 2"), "other_action", id="twice"),
            pytest.param(HERMES.replace("(call.arguments | tojson)", "'{}'"), "other_action", id="drops arguments"),
        ],
    )  # fmt: skip
    def test_refused(self, tmp_path, template, reason):
        folder = model_folder(tmp_path / "model", template)
        assert refused(renderer(folder), conversation((READ, "text"))) == reason

    def test_one_that_leaves_out_the_text(self, tmp_path):
        folder = model_folder(tmp_path / "model", NO_TEXT)
        assert (
            refused(renderer(folder), conversation((call("read_file", {"path": "a"}, "I look."), "text"))) == "no_text"
        )
        silent = conversation((READ, "text"))
        assert "read_file" in renderer(folder).row(silent, silent.steps[0]).answer

    def test_a_token_that_spans_the_border(self):
        """`assistant` and a line feed are the prompt's; with the answer's own ones they make other tokens."""
        said = {"role": "assistant", "content": "\n\nI look."}
        assert refused(renderer(), conversation((said, ""))) == "no_token_prefix"

    def test_an_end_token_in_the_answer(self):
        assert refused(renderer(), conversation((call("read_file", {"path": "a<|im_end|>b"}), ""))) == "no_end"

    def test_arguments_that_are_no_json(self):
        episode = conversation((READ, ""))
        episode.steps[0].reply = call("read_file", '{"path": ')
        assert refused(renderer(), episode) == "bad_arguments"

    def test_thinking_that_was_left_out_of_the_history(self, tmp_path):
        """Rows of a thinking model: the answer has its thinking, those before it have none, as they were served."""
        folder = with_tokens(model_folder(tmp_path / "model", THINKING), "<think>", "</think>")
        thought = READ | {"reasoning_content": "Which file?\nThis one."}
        episode = conversation((thought, "text"), (thought, "text"))
        first, second = (renderer(folder).row(episode, step) for step in episode.steps)
        assert first.answer == second.answer
        assert first.answer.startswith("<think>\nWhich file?\nThis one.\n</think>\n\n<tool_call>")
        assert "Which file?" not in second.prompt

    def test_a_template_that_opens_the_thinking(self, tmp_path):
        """`<think>` and its line feed are the prompt's: an answer without thinking would make one token of two."""
        opened = THINKING.replace(
            "{%- if enable_thinking is defined", "{{- '<think>\n' }}{%- if enable_thinking is defined"
        )
        folder = with_tokens(model_folder(tmp_path / "model", opened), "<think>", "</think>")
        thought = READ | {"reasoning_content": "Which file?"}
        episode = conversation((thought, "text"))
        row = renderer(folder).row(episode, episode.steps[0])
        assert row.prompt.endswith("<think>\n") and row.answer.startswith("Which file?\n</think>")

    def test_a_template_without_thinking_leaves_it_out(self, tmp_path):
        thought = READ | {"reasoning_content": "Which file?"}
        episode = conversation((thought, "text"))
        row = renderer().row(episode, episode.steps[0])
        assert "reasoning_content" not in row.reply and "Which file?" not in row.answer
        episode.steps[0].reply = READ
        assert row == renderer().row(episode, episode.steps[0])


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
        st.sampled_from([
            "14", "true", "null", "[1]", '{"a": 1}', "", " ", "\n", "\nx\n", "</parameter>", "\n</parameter>\n",
            "<parameter=line>\n3\n</parameter>", "</function>", "</tool_call>", "<tool_call>\n{", "<think>", "</think>",
            "<function=read_file>", '"', "\\", "\\n", "'''", "```\nx\n```", "\r\n", "é", "\u2028", "{{ x }}", "1e5",
        ]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip
TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
SCHEMAS = st.one_of(
    st.just({}),
    st.sampled_from(TYPES).map(lambda kind: {"type": kind}),
    st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True).map(lambda kinds: {"type": kinds}),
)
NAMES = st.sampled_from(["path", "line", "old", "new", "x-y", "a b", "é", "<", ">", "name", "arguments"])


class TestAsText:
    """Calls and tools as text, for models without tool training."""

    @pytest.mark.parametrize("mode", ["xml", "json", "text"])
    def test_the_prompt_is_the_one_that_such_a_provider_is_sent(self, recorded, mode):
        render, wire, seen = renderer(tool_mode=mode), mode_format(mode), 0
        for episode in recorded:
            for step in episode.steps:
                if step.status != "ok":
                    continue
                try:
                    row = render.row(episode, step)
                except RowRefused as refusal:
                    assert refusal.reason == "too_long"
                    continue
                tools = episode.tools[step.tools]
                assert row.tools is None and all("tool_calls" not in m for m in [*row.messages, row.reply])
                parsed = wire.parse(row.answer.removesuffix("<|im_end|>"), tools)
                assert [(call.name, call.arguments) for call in parsed.calls] == [(step.tool, step.arguments)]
                if not row.fitted:
                    sent = in_text(episode.prompt(step), tools, wire)
                    assert row.prompt == render.target.render(sent, None, answer=True)
                    seen += 1
        assert seen > 60

    def test_it_helps_where_the_models_own_form_cannot_be_read(self, tmp_path):
        template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        template += "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        folder = model_folder(tmp_path / "model", template)
        episode = conversation((READ, "text"))
        episode.tools, episode.steps[0].tools = {"t": TOOLS}, "t"
        assert refused(renderer(folder), episode) in ("unknown_wire", "other_action", "no_loss")
        assert "read_file" in renderer(folder, tool_mode="text").row(episode, episode.steps[0]).answer


def _told(value) -> str:
    """In JSON Schema 0.0 is an integer too: as text, numbers without a fraction are the same."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return json.dumps(plain(value), sort_keys=True)


@pytest.fixture(scope="module")
def renderers(tmp_path_factory):
    folder = model_folder(tmp_path_factory.mktemp("model") / "hermes", HERMES)
    return {"qwen3_coder": renderer(), "hermes": renderer(folder)}


@pytest.mark.parametrize("arguments", ['{"n": NaN}', '{"n": 1e400}', '{"s": "\\ud800"}', "[" * 20_000, "{", '{"a": 1'])
def test_arguments_that_are_no_json_are_refused(arguments):
    """A row is written as JSON, and a trainer has to read what was rendered."""
    episode = conversation((call("edit", {}), ""))
    episode.steps[0].reply = call("edit", arguments)
    assert refused(renderer(), episode) == "bad_arguments"


class TestRoundTrip:
    """A rendered call is read as the call that was made, or the row is refused."""

    @pytest.mark.parametrize("wire", ["qwen3_coder", "hermes"])
    @settings(max_examples=400, deadline=None)
    @given(arguments=st.dictionaries(NAMES, st.tuples(VALUES, SCHEMAS), max_size=4), text=st.text(max_size=8))
    def test_any_call(self, renderers, wire, arguments, text):
        given_tools = [tool("edit", {key: schema for key, (_, schema) in arguments.items()})]
        made = json.loads(json.dumps({key: value for key, (value, _) in arguments.items()}))
        episode = conversation((call("edit", made, text), ""))
        episode.tools, episode.steps[0].tools = {"t": given_tools}, "t"
        render = renderers[wire]
        try:
            row = render.row(episode, episode.steps[0])
        except RowRefused as refusal:
            strange = any(word in json.dumps(made) for word in ("Infinity", "NaN", "\\ud"))
            known = ("other_action", "no_end", "no_text", "no_token_prefix", "template_refuses")
            assert refusal.reason in known or (refusal.reason == "bad_arguments" and strange)
            return
        parsed = render.target.wire.parse(row.answer.removesuffix("<|im_end|>"), given_tools)
        assert parsed.rejection is None and [c.name for c in parsed.calls] == ["edit"]
        read = parsed.calls[0].arguments
        for key, value in made.items():
            kinds = _kinds(arguments[key][1])
            if key not in read:
                assert (value is None or value == "null") and "null" not in kinds
            elif _is(value, kinds) or not kinds:
                assert _told(read[key]) == _told(value)

    @pytest.mark.parametrize("wire", ["qwen3_coder", "hermes"])
    @pytest.mark.parametrize(
        "value", ["def f():\n    return 1\n", "é\tü 音", '{"a": "b"}', "14", "", "a\r\nb", "\\n", "<b>x</b>"]
    )
    def test_ordinary_texts_are_kept(self, renderers, wire, value):
        episode = conversation((call("edit", {"new": value, "line": 3}), ""))
        tools = [tool("edit", {"new": {"type": "string"}, "line": {"type": "integer"}})]
        episode.tools, episode.steps[0].tools = {"t": tools}, "t"
        assert renderers[wire].row(episode, episode.steps[0]).target_tokens > 3

    def test_true_is_not_one(self, tmp_path):
        folder = model_folder(tmp_path / "model", HERMES.replace("(call.arguments | tojson)", "'{\"flag\": 1}'"))
        episode = conversation((call("edit", {"flag": True}), ""))
        episode.tools, episode.steps[0].tools = {"t": [tool("edit", {"flag": {}})]}, "t"
        assert refused(renderer(folder), episode) == "other_action"

    def test_an_action_within_a_text(self):
        reply = {"role": "assistant", "content": "I look.\n```\nsed -n '1,3p' a.py\n```"}
        episode = conversation((reply, ""))
        step = episode.steps[0]
        step.native, step.tool, step.arguments = False, "bash", {"command": "sed -n '1,3p' a.py\n"}
        assert renderer().row(episode, step).answer == reply["content"] + "<|im_end|>"
        step.arguments = {"command": "sed -n '1,3p' b.py"}
        assert refused(renderer(), episode, step) == "other_action"
        step.arguments = {"path": "a.py", "line": 7}
        assert refused(renderer(), episode, step) == "other_action"


def _kinds(schema: dict) -> set[str]:
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _is(value, kinds: set[str]) -> bool:
    names = {
        str: "string",
        bool: "boolean",
        int: "integer",
        float: "number",
        list: "array",
        dict: "object",
        type(None): "null",
    }
    return names[type(value)] in kinds


class TestLength:
    """Rows that are longer than the model's window."""

    def long(self, results: int = 12) -> Episode:
        text = "\n".join(f"{n}|    value_{n} = compute(value_{n - 1}, {n})" for n in range(1, 40))
        replies = [call("read_file", {"path": f"lib/m{n}.py"}, number=n) for n in range(results)]
        episode = conversation(*((reply, text) for reply in replies), task="Fix `compute` in lib/m3.py.")
        episode.tools = {"t": TOOLS}
        for step in episode.steps:
            step.tools = "t"
        return episode

    @pytest.mark.parametrize("limit", [300, 1500, 1600, 1700, 1800, 1900, 2000])
    def test_a_fitted_prompt_fits_and_keeps_what_matters(self, limit):
        episode = self.long()
        step = episode.steps[-1]
        render = renderer(max_tokens=limit)
        if limit == 300:
            assert refused(render, episode) == "too_long"
            return
        row = render.row(episode, step)
        assert row.fitted and row.same_prompt is None
        assert len(render.target.ids(row.prompt + row.target)) <= limit
        given_messages = episode.prompt(step)
        assert row.messages[0] == given_messages[0]
        assert row.messages[1]["content"].startswith(given_messages[1]["content"])
        assert row.messages[-1] == given_messages[-1]
        assert row.messages[-2]["tool_calls"][0]["id"] == given_messages[-2]["tool_calls"][0]["id"]
        wire = (
            "<tool_call>\n<function=read_file>\n<parameter=path>\nlib/m11.py\n</parameter>\n</function>\n</tool_call>"
        )
        assert row.answer == wire + "<|im_end|>"

    def test_it_can_be_dropped_instead(self):
        assert refused(renderer(too_long="drop"), self.long()) == "too_long"
        short = self.long(1)
        assert renderer(too_long="drop").row(short, short.steps[0]).fitted is False

    def test_an_answer_that_is_too_long_is_never_cut(self):
        episode = conversation((call("edit", {"new": "x = 1\n" * 3000}), ""))
        assert refused(renderer(), episode) == "too_long"

    def test_nothing_is_longer_than_the_window_whatever_is_asked(self):
        assert renderer(max_tokens=100_000).limit == 2048

    def test_a_longer_reply_elsewhere(self):
        episode = self.long()
        with pytest.raises(RowRefused) as refusal:
            renderer().answer(episode, episode.steps[-1], READ)
        assert refusal.value.reason == "too_long"


def test_a_history_of_others_is_sent_as_strict_templates_want_it():
    """Two messages of a user in a row, as no chat of ours has them, are one."""
    episode = conversation((READ, "text"))
    episode.form = "mini-swe-agent"
    episode.messages.insert(2, {"role": "user", "content": "Be quick."})
    episode.messages.append(result("text"))
    episode.steps[0].prompt = [0, 1, 2]
    row = renderer().row(episode, episode.steps[0])
    assert [m["role"] for m in row.messages] == ["system", "user"]
    assert row.messages[1]["content"] == "Fix it.\n\nBe quick."
