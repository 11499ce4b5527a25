"""Routers: what they say in short, whom they name, what is refused with file and line, and `extends:`."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slm_ext.errors import RegistryError, UnknownName
from slm_ext.paths import config_dir
from slm_ext.registry import SUBTASKS, Registry, Router, load_registry
from slm_ext.registry.documents import Document
from slm_ext.registry.entries import entries_of

PROVIDERS = """\
slm_providers:
  small: {model: s, api_base: http://127.0.0.1:1/v1}
  large: {model: l, api_base: http://127.0.0.1:2/v1, profile: default}
  cloud: {model: c, api_base: http://127.0.0.1:3/v1, price: {input: 1}, roles: [plan]}
"""


@pytest.fixture
def routed(loaded):
    """`routed(fields)` is the registry with a router `auto` beside three providers; its fields begin in line 6."""
    return lambda fields: loaded(PROVIDERS + "  auto:\n" + fields)


def test_a_router_in_short(routed):
    registry = routed("    default: small\n    subtasks: {plan: large, edit: {provider: large, temperature: 0.2}}\n")
    router = registry.entry("slm/auto")
    assert isinstance(router, Router)
    assert router.subtasks["plan"].provider == "large" and router.subtasks["plan"].temperature is None
    assert router.subtasks["edit"].temperature == 0.2
    assert router.members == ["small", "large"]
    assert registry.names()[-1] == "auto" and "auto" not in registry.provider_names()
    with pytest.raises(RegistryError, match="a router, over small, large"):
        registry.provider("auto")


def test_members_are_all_whom_it_names_wherever(routed):
    rules = "[{when: {attempt: 2}, provider: large, fallback: [ollama]}]"
    registry = routed(f"    default: small\n    rules: {rules}\n    fallback: [vllm]\n    escalate: {{to: [cloud]}}\n")
    router = registry.entry("auto")
    assert router.members == ["small", "large", "ollama", "vllm", "cloud"]
    assert router.ladder == ["small", "cloud"]
    assert dict(router.mentions())["rules", 0, "fallback", 0] == "ollama"
    team = registry.team("auto")
    assert list(team.providers) == router.members and team.lead.name == "small" and not team.alone


def test_the_ladder_is_the_fallback_where_nothing_else_is_said(routed):
    assert routed("    default: small\n    fallback: [large, cloud]\n").entry("auto").ladder == [
        "small", "large", "cloud"
    ]  # fmt: skip
    assert routed("    default: large\n    escalate: {to: [small, large, cloud]}\n").entry("auto").ladder == [
        "small", "large", "cloud"
    ]  # fmt: skip


def test_the_profile_is_the_default_providers_unless_it_says_another(routed):
    assert routed("    default: small\n    fallback: [large]\n").team("auto").profile == "default"
    assert routed("    default: small\n    fallback: [large]\n    profile: tiny\n").team("auto").profile == "tiny"


def test_a_provider_alone_is_a_team(loaded):
    team = loaded(PROVIDERS).team("slm/small")
    assert team.alone and team.lead.name == team.name == "small" and team.router.members == ["small"]


def test_who_writes_summaries_comes_with_the_team(loaded):
    context = "{strategies: [elide, {name: summarize, provider: large}]}"
    registry = loaded(PROVIDERS + f"  wordy: {{model: w, api_base: http://h/v1, context: {context}}}\n")
    team = registry.team("wordy")
    assert team.alone and list(team.summarizers) == ["large"]
    assert team.summarizers["large"].model == "l"


@pytest.mark.parametrize(
    ("fields", "line", "says"),
    [
        ("    default: smal\n", 6, "'smal', no provider of that name"),
        ("    default: auto\n", 6, "'auto', a router"),
        ("    default: flywheel-auto\n", 6, "'flywheel-auto', a router"),
        ("    default: small\n    fallback:\n      - large\n      - nobody\n", 9, "'nobody', no provider"),
        ("    default: small\n    subtasks:\n      edit: lrge\n", 8, "'lrge', no provider"),
        ("    default: small\n    escalate:\n      to: [large, x]\n", 8, "'x', no provider"),
        ("    default: small\n    rules:\n      - provider: y\n", 8, "'y', no provider"),
        ("    fallback: [large]\n", 5, "`default` is missing"),
        ("    default: small\n    fallback: [large, large]\n", 7, "`fallback.1`: 'large' a second time"),
        ("    default: small\n    escalate: {to: [large, large]}\n", 7, "`escalate.to.1`: 'large' a second time"),
        ("    default: small\n    subtasks: {edit: {provider: large, fallback: [small, large]}}\n", 7, "itself"),
        ("    default: small\n    subtasks: {edit: {provider: large, tools: [a, a]}}\n", 7, "'a' a second time"),
        ("    default: small\n    subtasks:\n      plna: large\n", 8, "nearest: 'plan'"),
        ("    default: small\n    subtasks: {plan: {temperature: 1}}\n", 7, "`subtasks.plan.provider` is missing"),
        ("    default: small\n    subtasks: {plan: {provider: large, temprature: 1}}\n", 7, "nearest: 'temperature'"),
        ("    default: small\n    rules: [{provider: large, when: {min_token: 5}}]\n", 7, "nearest: 'min_tokens'"),
        ("    default: small\n    rules: [{provider: large, when: {last_status: eror}}]\n", 7, "nearest: 'error'"),
        ("    default: small\n    rules: [{provider: large, when: {min_tokens: 9, max_tokens: 8}}]\n", 7, "never both"),
        ("    default: small\n    temperature: 0\n", 7, "in an entry of `subtasks` or `rules`, or in a provider"),
        ("    default: small\n    model: m\n", 7, "`model` cannot be used: a router is no model"),
        ("    default: small\n    name: m\n", 7, "`name` cannot be used: a router is no model"),
        ("    default: small\n    api_base: http://h/v1\n", 7, "it belongs into a provider"),
        ("    default: small\n    fallbak: [large]\n", 7, "unknown field `fallbak`; nearest: 'fallback'"),
        ("    default: small\n    cooldown_s: 0\n", 7, "greater than 0"),
        ("    default: small\n    escalate: {repeated_actions: 7}\n", 7, "less than or equal to 6"),
        ("    default: small\n    stop_policy: {repeat_action: 7}\n", 7, "7 of the last 6 can never be"),
        ("    default: small\n    budget: {calls: 0}\n", 7, "`budget.calls`: 0 would allow no call"),
        ("    default: small\n    budget: {usd: 1}\n", 7, "dollars that could never be spent"),
        ("    default: small\n    subtasks:\n      edit: cloud\n", 8, "edit for 'cloud', whose roles are plan"),
        ("    default: small\n    rules: [{subtask: test, provider: cloud}]\n", 7, "test for 'cloud'"),
        ("    default: small\n    profile: tny\n", 7, "the profile 'tny'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_and_line(routed, fields, line, says):
    with pytest.raises(RegistryError) as caught:
        routed(fields)
    assert f"slm_providers.yaml:{line}: " in caught.value.seen
    assert says in caught.value.seen
    assert caught.value.attempted == "read router 'auto'"


def test_a_member_that_is_mistyped_is_answered_with_the_nearest(routed):
    with pytest.raises(RegistryError) as caught:
        routed("    default: small\n    fallback: [lage]\n")
    assert caught.value.allowed.startswith("nearest: 'large'; all: ")
    assert "flywheel-auto" not in caught.value.allowed  # no router can be a member


def test_dollars_need_one_member_with_a_price(routed):
    assert routed("    default: small\n    fallback: [cloud]\n    budget: {usd: 1}\n").entry("auto").budget.usd == 1


def test_fields_of_a_router_in_a_provider_are_sent_to_one(loaded):
    with pytest.raises(RegistryError, match="`fallback` cannot be used: it belongs into a router"):
        loaded(PROVIDERS + "  both: {model: m, api_base: http://h/v1, fallback: [small]}\n")


BASE = """\
  base:
    default: small
    subtasks: {plan: {provider: large, temperature: 0.3}, edit: large}
    fallback: [large]
    escalate: {format_errors: 4, cooldown_steps: 5}
"""


def test_a_router_extends_a_router_mappings_merge_and_lists_replace(loaded):
    registry = loaded(
        PROVIDERS + BASE + "  auto:\n    extends: base\n    subtasks: {plan: cloud, edit: , review: large}\n"
        "    fallback: [cloud]\n    escalate: {format_errors: null}\n"
    )
    router = registry.entry("auto")
    assert router.default == "small" and router.fallback == ["cloud"]
    assert (router.subtasks["plan"].provider, router.subtasks["plan"].temperature) == ("cloud", 0.3)
    assert set(router.subtasks) == {"plan", "review"}  # `edit:` alone gives it back to the default
    assert (router.escalate.format_errors, router.escalate.cooldown_steps) == (None, 5)


def test_a_user_allows_a_cloud_model_by_extending_the_shipped_router(loaded):
    shipped = load_registry().entry("flywheel-auto")
    assert "openrouter" not in shipped.members
    mine = loaded(
        "slm_providers:\n  flywheel-auto: {extends: flywheel-auto, fallback: [flywheel-local, openrouter]}\n"
    ).entry("flywheel-auto")
    assert mine.ladder == ["flywheel-small", "flywheel-local", "openrouter"]
    assert mine.subtasks == shipped.subtasks


def test_a_mistake_in_what_is_extended_is_named_where_it_stands(loaded, home):
    (home / "providers.yaml").write_text("slm_providers:\n  base:\n    default: small\n    fallback: [gone]\n")
    with pytest.raises(RegistryError, match=r"home/providers\.yaml:4: 'gone'"):
        loaded(PROVIDERS + "  base: {extends: base, cooldown_s: 5}\n")


@pytest.mark.parametrize(
    ("entry", "says", "next_step"),
    [
        ("{extends: base, model: m}", "it extends 'base', a router, and has `model`, a provider's field", "`model`"),
        ("{extends: base, api_base: http://h/v1}", "a router, and has `api_base`", "`api_base`"),
        ("{extends: small, fallback: [large]}", "it extends 'small', a provider, and has `fallback`", "default: small"),
        ("{extends: small, default: large}", "and has `default`, a router's field", "`default: small` in place"),
    ],
)
def test_providers_and_routers_do_not_extend_each_other(loaded, entry, says, next_step):
    with pytest.raises(RegistryError) as caught:
        loaded(PROVIDERS + BASE + f"  mixed: {entry}\n")
    assert "slm_providers.yaml:10: " in caught.value.seen and says in caught.value.seen
    assert next_step in caught.value.next_step


def test_a_provider_that_extends_keeps_its_own_rules_for_routers_fields(loaded):
    with pytest.raises(RegistryError, match="`temperature` cannot be used"):
        loaded(PROVIDERS + BASE + "  mixed: {extends: base, temperature: 1}\n")
    with pytest.raises(UnknownName, match="which is no provider"):
        loaded(PROVIDERS + "  auto: {extends: nothing, default: small}\n")


@pytest.mark.parametrize("wrap", ["{}", "agent: {{model: {}}}"])
def test_routers_in_a_sweagent_configuration(project, wrap):
    entries = {"near": {"model": "m", "api_base": "http://h/v1"}, "mix": {"default": "near", "fallback": ["ollama"]}}
    text = wrap.format("{slm_providers: " + yaml.safe_dump(entries, default_flow_style=True).strip() + "}")
    (project / "config.yaml").write_text(text)
    registry = load_registry(project, [("config.yaml", project / "config.yaml")])
    assert registry.team("slm/mix").router.members == ["near", "ollama"]
    assert load_registry(project, [("flag", entries)]).team("mix").lead.model == "m"


def test_the_shipped_router_stays_on_this_machine():
    registry = load_registry()
    team = registry.team("flywheel-auto")
    assert list(team.providers) == ["flywheel-small", "flywheel-local"]
    assert all(provider.managed for provider in team.providers.values())
    assert {subtask for subtask, route in team.router.subtasks.items() if route.provider == "flywheel-local"} == {
        "plan", "edit", "review"
    }  # fmt: skip


NAMES = st.sampled_from(["a", "b", "c"])
LISTS = st.lists(NAMES, unique=True, max_size=3)
STYLE = {"temperature": st.floats(0, 2), "note": st.just("n"), "tools": st.just(["read_file"])}
ROUTE = st.fixed_dictionaries({"provider": st.just("a")}, optional={**STYLE, "fallback": st.just(["b"])})
ROUTERS = st.fixed_dictionaries(
    {"default": NAMES},
    optional={
        "subtasks": st.dictionaries(st.sampled_from(SUBTASKS), ROUTE | NAMES),
        "rules": st.lists(ROUTE, max_size=2),
        "fallback": LISTS,
        "escalate": st.fixed_dictionaries(
            {}, optional={"to": LISTS, "format_errors": st.none() | st.integers(1, 9), "cycle": st.none()}
        ),
        "switching": st.fixed_dictionaries({}, optional={"max_load_s": st.just(0.0), "max_loaded": st.just(1)}),
        "budget": st.fixed_dictionaries({}, optional={"calls": st.integers(1, 9)}),
        "stop_policy": st.fixed_dictionaries({}, optional={"repeat_action": st.none(), "max_steps": st.just(5)}),
    },
)


@given(ROUTERS)
def test_what_is_shown_of_a_router_reads_back_as_the_same(fields):
    def loaded(router: dict) -> Router:
        entries = {name: {"model": name, "api_base": "http://h/v1"} for name in "abc"}
        document = Document("test", {**entries, "r": router}, base=Path())
        layer = list(entries_of(document, bare=True, ours=False))
        return Registry([layer], [config_dir() / "profiles"]).entry("r")

    router = loaded(fields)
    shown = yaml.safe_load(yaml.safe_dump(router.public_dump()))
    assert shown.pop("name") == "r"
    assert loaded(shown) == router
    assert set(router.members) == {router.default} | {name for _, name in router.mentions()}
