"""Profiles: the shipped ones load, a user's overrides by name, mistakes are named with file and line."""

import pytest

from slm_ext.errors import RegistryError, UnknownName
from slm_ext.registry import Prompts, load_registry

GOOD = "prompts: {system: s, instance: 'fix {{issue}}'}\nbundles: [slm_edit]\n"


def test_every_shipped_provider_has_a_profile_whose_bundles_exist():
    from slm_ext.bundles import load_bundles

    registry = load_registry()
    for name in registry.names():
        profile = registry.profile(registry.team(name).profile)
        assert {"slm_edit", "slm_python_quality", "slm_finish"} <= {
            bundle.name for bundle in load_bundles(profile.bundles)
        }


def test_the_tiny_profile_is_the_one_of_the_training():
    tiny = load_registry().profile("tiny")
    assert tiny.prompts == Prompts(
        system="Fix the bug. Run the tests, read, edit, test again, submit.", instance="{{issue}}"
    )
    assert tiny.tool_env["SLM_TOOL_MAX_CHARS"] == "1500"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{issue}}", "{{task}}"),
        ("{{ issue | trim }} an issue", "{{ task | trim }} an issue"),
        ("{% if issue %}{{issue}}{% endif %}", "{% if task %}{{task}}{% endif %}"),
        ("{{reissue}}{{issue_id}}{{issue}}", "{{reissue}}{{issue_id}}{{task}}"),
        ("{{task}}", "{{task}}"),
    ],
)
def test_hosts_get_their_own_name_for_the_issue(template, expected):
    assert Prompts(system="s", instance=template).named("task").instance == expected


def test_a_users_profile_overrides_and_a_projects_overrides_that(home, project):
    for folder, system in ((home, "user"), (project / ".slm", "project")):
        (folder / "profiles").mkdir(parents=True)
        (folder / "profiles" / "tiny.yaml").write_text(GOOD.replace("system: s", f"system: {system}"))
        assert load_registry(project).profile("tiny").prompts.system == system


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (GOOD + "step_limt: 5\n", 3, "unknown field `step_limt`; nearest: 'step_limit'"),
        (GOOD + "step_limit: many\n", 3, "valid integer"),
        (GOOD + "parser: thought_action\n", 3, "`parser`"),
        ("prompts:\n  system: s\n  instance: no variable\nbundles: [slm_edit]\n", 3, "must contain {{issue}}"),
        ("prompts:\n  systm: s\n  instance: '{{issue}}'\nbundles: [a]\n", 1, "`prompts.system` is missing"),
        ("prompts: {system: s, instance: '{{issue}}'}\nbundles: []\n", 2, "at least 1"),
        ("prompts: {system: s, instance: '{{issue}}'\n", 2, "expected ',' or '}'"),
    ],
)
def test_mistakes(project, text, line, says):
    (project / ".slm" / "profiles").mkdir(parents=True)
    (project / ".slm" / "profiles" / "mine.yaml").write_text(text)
    with pytest.raises(RegistryError) as caught:
        load_registry(project).profile("mine")
    assert f"mine.yaml:{line}" in caught.value.seen
    assert says in caught.value.seen


def test_unknown_profile_names_the_nearest(project):
    with pytest.raises(UnknownName, match="nearest: 'tiny'"):
        load_registry(project).profile("tny")
