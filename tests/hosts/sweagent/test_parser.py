"""From a tool call through SWE-agent's own shell: an executable gets what the model wrote, and nothing is executed."""

import asyncio
import json
import sys
import textwrap

import pytest

from slm_ext.bundles import load_bundles
from slm_ext.toolcalls import Rejection

pytestmark = pytest.mark.sweagent

BUNDLE = """
tools:
  tell:
    signature: "tell <text> <number> [<words>]"
    docstring: "Prints its arguments."
    arguments:
      - {name: text, type: string, description: t, required: true, argument_format: "--text:='{{value|tojson}}'"}
      - {name: number, type: integer, description: n, required: true, argument_format: "--number:='{{value|tojson}}'"}
      - name: words
        type: array
        items: {type: string}
        description: w
        required: false
        argument_format: "--words:='{{value|tojson}}'"
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle in our format whose tool prints what it was given, as ASCII."""
    from slm_ext.paths import bundles_dir

    folder = tmp_path_factory.mktemp("bundles") / "toy_tell"
    (folder / "bin").mkdir(parents=True)
    (folder / "config.yaml").write_text(BUNDLE)
    program = f"""\
        #!{sys.executable}
        import json, sys
        sys.path.insert(0, {str(bundles_dir() / "slm_base" / "lib")!r})
        from slm_tools.arguments import parse
        kinds = [("text", "string", True), ("number", "integer", True), ("words", "array", False)]
        print(json.dumps(parse(sys.argv[1:], kinds)[0]))
        """
    (folder / "bin" / "tell").write_text(textwrap.dedent(program))
    (folder / "bin" / "tell").chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def tools(bundle):
    from sweagent.tools.tools import ToolConfig

    return ToolConfig(bundles=[{"path": bundle}], enable_bash_tool=False)


@pytest.fixture(scope="module")
def ours(bundle, tools):
    from slm_ext.hosts.sweagent.parser import BundleParser

    return BundleParser.of(tools.parse_function, load_bundles([bundle]), ["tell"])


@pytest.fixture(scope="module")
def shell(bundle):
    """SWE-ReX's own interactive bash, as it runs in every deployment; returns a tool's output."""
    from swerex.runtime.abstract import BashAction, CloseBashSessionRequest, CreateBashSessionRequest
    from swerex.runtime.local import LocalRuntime

    runtime = LocalRuntime()
    asyncio.run(runtime.create_session(CreateBashSessionRequest(startup_source=[], startup_timeout=60)))

    def run(command):
        action = BashAction(command=command, timeout=60, check="ignore")
        return asyncio.run(runtime.run_in_session(action)).output

    run(f"export PATH={bundle / 'bin'}:$PATH")
    yield run
    asyncio.run(runtime.close_session(CloseBashSessionRequest()))


def reply(name="tell", **arguments):
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return {"message": "thinking", "tool_calls": [call]}


NASTY = [
    "plain",
    "",
    " ",
    "two\nlines",
    "\n",
    "tab\there",
    "a\tb\t\n\tc",
    "'",
    '"',
    'it\'s "both"',
    "$(touch /tmp/owned) `id` $HOME ${PATH}",
    "back\\slash \\n \\",
    "!history !! !$",
    "-leading",
    "--number:='9'",
    "EOF\nSOUNIQUEEOF\nrm -rf /\n",
    "submit\nNone\n",
    "exit",
    "# comment",
    "{} {{value}} {% if x %} %s %(x)s",
    "ünïcode 漢字 🙂",
    "\x1b[31mred\x1b[0m \x07\x7f\x01",
    "\r\n\r",
    "a" * 9000,
    "null",
    "one ` backtick \\` and \\\\` another",
    "*?[a-z] ~ ; | & < > ()",
    "${",
    "$(( 1",
    "$[ 1",
    "$(echo",
]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_arguments_arrive_as_data(shell, tools, ours, text):
    from swerex.runtime.local import _split_bash_command

    _, line = ours(reply(text=text, number=7, words=[text, "b"]), tools.commands)
    assert _split_bash_command(line) == [line]
    assert "\n" not in line and line.isascii() and line.isprintable()
    assert json.loads(shell(line)) == {"text": text, "number": 7, "words": [text, "b"]}


def test_arguments_arrive_as_data_whatever_they_are(shell, tools, ours):
    from hypothesis import given, settings
    from hypothesis import strategies as st

    characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    texts = st.text(characters | st.sampled_from(list("'\"`$\\!{}\n\t-<>&;|*")), max_size=60)

    @settings(max_examples=60, deadline=None)
    @given(text=texts, number=st.integers(), words=st.lists(texts, max_size=3) | st.none())
    def check(text, number, words):
        _, line = ours(reply(text=text, number=number, words=words), tools.commands)
        expected = {"text": text, "number": number} | ({"words": words} if words is not None else {})
        assert json.loads(shell(line)) == expected

    check()


def test_the_line_is_the_one_of_the_stock_parser(tools, ours):
    """A trajectory of ours reads as one made without us."""
    from sweagent.tools.parsing import FunctionCallingParser

    answer = reply(text="a'b\nc", number=3, words=["x", "y z"])
    assert ours(answer, tools.commands) == FunctionCallingParser()(answer, tools.commands)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("[1, 2]", "invalid_json"),
        ('"text"', "invalid_json"),
        ("{torn", "invalid_json"),
        ('{"text": "a"}', "unexpected_arg"),
        ('{"text": "a", "number": 1, "more": 2}', "unexpected_arg"),
    ],
)
def test_every_mistake_is_a_format_error(tools, ours, arguments, code):
    from sweagent.exceptions import FunctionCallingFormatError

    answer = reply()
    answer["tool_calls"][0]["function"]["arguments"] = arguments
    with pytest.raises(FunctionCallingFormatError) as caught:
        ours(answer, tools.commands)
    assert caught.value.extra_info["error_code"] == code
    assert caught.value.message.strip()


@pytest.mark.parametrize("calls", [[], None, "two", "unknown"])
def test_other_replies_go_the_stock_way(tools, ours, calls):
    from sweagent.exceptions import FunctionCallingFormatError

    answer = {"message": "hm", "tool_calls": calls}
    if calls == "two":
        answer = {"message": "hm", "tool_calls": reply(text="a", number=1)["tool_calls"] * 2}
    elif calls == "unknown":
        answer = reply("no_such_tool")
    with pytest.raises(FunctionCallingFormatError):
        ours(answer, tools.commands)


def test_a_rejection_is_told_as_it_is(tools, ours):
    from sweagent.exceptions import FunctionCallingFormatError

    from slm_ext.hosts.sweagent.parser import REJECTED

    rejection = Rejection(rule="unknown_tool", message="there is no tool 'tel'", expected="tell")
    with pytest.raises(FunctionCallingFormatError) as caught:
        ours({"message": "x", "tool_calls": [], REJECTED: rejection}, tools.commands)
    assert caught.value.message == rejection.text()
    assert caught.value.extra_info == {"error_code": "invalid_command", "rule": "unknown_tool"}


def test_the_parser_is_written_down_as_the_stock_one(tools, ours):
    assert ours.model_dump() == tools.parse_function.model_dump()
    copied = tools.model_copy(update={"parse_function": ours}).model_copy(deep=True)
    answer = reply(text="a", number=1)
    assert copied.parse_function(answer, tools.commands) == ours(answer, tools.commands)
