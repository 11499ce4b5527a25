"""`slm route`: explain one run, replay many; tables, one JSON document, and what is refused."""

import json
import shutil

import pytest

from tests.routing import parts
from tests.routing.parts import RUNS

COUNTED = [str(RUNS / name) for name in parts.COUNTED]
ROUTER = """
    slm_providers:
      big: {model: big, api_base: "http://127.0.0.1:9/v1"}
      crew: {default: flywheel-tiny, fallback: [big]}
"""


def routed(folder):
    """A recorded run in which a router changed its mind; made of a recorded one."""
    shutil.copytree(RUNS / "mini-rejected", folder)
    lines = [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
    calls = [line for line in lines if line["kind"] == "call"]
    for line in calls:
        line["route"] |= {"subtask": "edit", "cause": "default", "signals": {"attempt": 1, "format_errors": 0}}
    calls[-1]["route"] |= {
        "provider": "big", "cause": "format_errors", "escalated_from": "flywheel-tiny",
        "switched_from": "flywheel-tiny", "signals": {"attempt": 3, "format_errors": 2},
        "alternatives": [{"provider": "flywheel-tiny", "why_not": "format_errors chose big"}],
        "switch_cost": {"prefill_tokens": 1166, "load_s": 0.0},
    }  # fmt: skip
    calls[-1]["context"] = {"strategy": "elide", "tokens_before": 1500, "tokens_after": 900, "dropped": [{}]}
    (folder / "calls.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_a_run_is_explained_step_by_step(slm):
    done = slm("route", "explain", str(RUNS / "mini-bookings"))
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["STEP", "SUBTASK", "PROVIDER", "CAUSE", "PROMPT", "CACHED", "STATUS", "DONE"]
    assert rows[0].split() == ["1", "plan~", "flywheel-tiny", "single_provider", "104", "1", "ok", "pytest_run"]
    assert rows[5].split()[:2] == ["6", "·"] and "resampled" in rows[5]
    assert "overflow" in rows[24] and rows[24].startswith("20 ·")
    assert "switches: 0, escalations: 0" in done.stdout
    assert "ended: ContextOverflow; not resolved" in done.stdout
    assert "~ computed now from the conversation, not recorded" in done.stdout


def test_a_switch_is_marked_with_what_led_to_it(slm, tmp_path):
    done = slm("route", "explain", str(routed(tmp_path / "run")))
    [line] = [line for line in done.stdout.splitlines() if "↳" in line]
    assert "flywheel-tiny → big: format_errors" in line and "format_errors 2" in line
    assert "not flywheel-tiny: format_errors chose big" in line
    assert "switches: 1, escalations: 1" in done.stdout and "~" not in done.stdout.replace("edit~", "?")
    totals = [line.split() for line in done.stdout.splitlines() if line.startswith(("flywheel-tiny ", "big "))]
    assert [row[:3] for row in totals] == [["flywheel-tiny", "7", "9"], ["big", "0", "1"]]


def test_a_step_is_shown_with_everything_that_was_known(slm, tmp_path):
    done = slm("route", "explain", str(routed(tmp_path / "run")), "--step", "8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("step 8, attempt") == 3
    for said in (
        "signals:    attempt 3, format_errors 2",
        "switch:     flywheel-tiny → big",
        "not chosen: flywheel-tiny: format_errors chose big",
        "cost:       1166 tokens to prefill, 0 s to load",
        "context:    elide: 1500 → 900 tokens, 1 places cut",
        "rejected by big, no_call",
    ):
        assert said in done.stdout


def test_explain_as_one_document(slm, tmp_path):
    done = slm("route", "explain", str(routed(tmp_path / "run")), "--json")
    document = json.loads(done.stdout)
    assert (document["host"], document["exit_status"], document["resolved"]) == ("mini", "RepeatedFormatError", False)
    assert document["total"] == len(document["calls"]) == 10 and document["omitted"] == 0
    assert document["switches"] == document["escalations"] == 1
    last = document["calls"][-1]
    assert (last["provider"], last["cause"], last["computed"]) == ("big", "format_errors", [])
    assert sum(total["prompt_tokens"] for total in document["providers"].values()) == 6186


@pytest.mark.parametrize("name", ["mini-stalled", "sweagent-playlist"])
def test_a_trajectory_alone_is_explained_too(slm, tmp_path, name):
    [path] = RUNS.glob(f"{name}/*.traj*")
    shutil.copy(path, tmp_path / path.name)
    done = slm("route", "explain", str(tmp_path / path.name))
    assert done.returncode == 0, done.stderr
    assert "flywheel-tiny" in done.stdout and "edit_line" in done.stdout and "ended: " in done.stdout


def test_a_run_without_routes_says_so(slm, tmp_path):
    said = [{"role": "user", "content": "Fix it."}, {"role": "assistant", "content": "```bash\nls\n```"}]
    (tmp_path / "a.traj.json").write_text(json.dumps({"info": {"exit_status": "Submitted"}, "messages": said}))
    done = slm("route", "explain", str(tmp_path / "a.traj.json"))
    assert done.stdout.splitlines()[1].split() == ["1", "plan~", "unknown", "unknown", "–", "–", "ok", "bash", "ls"]
    assert "no routes were recorded" in done.stdout


def test_of_several_runs_in_a_file_the_last_is_explained(slm, tmp_path):
    folder = routed(tmp_path / "run")
    lines = (RUNS / "mini-inventory" / "calls.jsonl").read_text()
    with (folder / "calls.jsonl").open("a") as file:
        file.write(lines)
    done = slm("route", "explain", str(folder / "calls.jsonl"))
    assert "holds 2 runs; this is the last one" in done.stderr and "ended: Submitted; resolved" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["explain", "nowhere"], "no such file or folder"),
        (["explain", str(RUNS)], "such as"),
        (["explain", str(RUNS / "mini-stalled"), "--step", "99"], "no such step"),
        (["explain"], "required"),
        (["replay", str(RUNS)], "--router"),
        (["replay", "nowhere", "--router", "flywheel-tiny"], "no such file or folder"),
        (["replay", str(RUNS), "--router", "flywheel-tony"], "flywheel-tiny"),
        (["replay", str(RUNS), "--router", "flywheel-tiny", "--large", "x"], "--large"),
        (["replay", str(RUNS), "--router", "flywheel-tiny", "--as", "x=*"], "NAME=GLOB"),
        (["replay", str(RUNS), "--router", "flywheel-tiny", "--as", "flywheel-tiny"], "NAME=GLOB"),
        (["explains"], "explain, replay"),
        ([], "explain, replay"),
    ],
)
def test_what_cannot_be_done_is_told(slm, words, said):
    done = slm("route", *words)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_runs_are_decided_again(slm, providers):
    providers(ROUTER)
    done = slm("route", "replay", *COUNTED, "--router", "crew")
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()
    assert len(rows) > 9 and rows[6].split()[:5] == ["inventory-da112a76", "flywheel-tiny", "no", "18", "5/17"]
    assert "6 repeated_action" in rows[6] and "8 repeat_action" in rows[6]
    assert "in time for 3 of 4 that stalled" in done.stdout
    assert "no cost-quality curve: no task has runs of both flywheel-tiny and big" in done.stdout
    assert "A proxy:" in done.stdout and "APGR" not in done.stdout


@pytest.fixture
def both(tmp_path):
    """Runs of two tasks by the small one, and by a large one that solves both and takes more."""
    for name in ("mini-stalled", "mini-inventory", "mini-playlist"):
        shutil.copytree(RUNS / name, tmp_path / "runs" / "small" / name)
    for name in ("mini-inventory", "mini-playlist"):
        folder = tmp_path / "runs" / "large" / name
        shutil.copytree(RUNS / name, folder)
    return tmp_path / "runs"


def test_a_curve_where_both_models_tried(slm, providers, both):
    providers(ROUTER.replace('9/v1"', '9/v1", price: {input: 1, output: 2}'))
    words = ("route", "replay", str(both), "--router", "crew", "--as", "big=*/large/*")
    done = slm(*words)
    assert done.returncode == 0, done.stderr
    assert "over 2 tasks (insufficient: fewer than 30); cost in usd" in done.stdout
    for name in ("all-small", "all-large", "router", "random", "oracle", "APGR", "CPT(50)", "CPT(80)"):
        assert name in done.stdout
    first, again = (slm(*words, "--json", "--seed", "3").stdout for _ in range(2))
    assert first == again
    document = json.loads(first)
    assert (document["router"], document["small"], document["large"]) == ("crew", "flywheel-tiny", "big")
    assert document["unit"] == "usd" and document["why_no_curve"] is None and "proxy" in document["proxy"]
    curve = document["curve"]
    ways = {policy["name"]: policy["at"]["resolved"] for policy in curve["policies"]}
    assert ways["all-small"] == 0.75 and ways["all-large"] == ways["oracle"] == 1
    assert curve["insufficient"] is True and 0 <= curve["apgr"] <= 1
    assert set(curve["points"][0]["thresholds"]) == {"format_errors", "repeated_actions", "failing_tests", "cycle"}
    assert sum(run["recorded_by"] == "big" for run in document["runs"]) == 2


def test_a_provider_is_a_team_of_one(slm):
    document = json.loads(slm("route", "replay", *COUNTED, "--router", "flywheel-tiny", "--json").stdout)
    assert document["steps"]["agreement"] == 1 and document["large"] is None
    assert document["curve"] is None and "nobody to escalate to" in document["why_no_curve"]


def test_help_names_both(slm):
    done = slm("route", "--help")
    assert done.returncode == 0 and "explain" in done.stdout and "replay" in done.stdout
