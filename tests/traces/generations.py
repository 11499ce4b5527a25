"""A SWE-agent run of 1.1 as other generations write it, after SWE-agent's own code of each time.

A run is what a `.traj` holds. Every function gives a new one.

    rejecting        a reply that was rejected before a step: `get_model_requery_history`
    giving_up        the step that is added where a limit ends a run: `handle_error_with_autosubmission`
    with_parts       content as lists of parts, with the mark that the cache processor puts on the last two
    reading_text     actions that were read from a text: no tool calls, observations of the role user
    of_1_0           `messages` of each step, the conversation after it, in place of `query`
    of_0_x           no prompts and no tool calls' ids for steps, the state as a text, no steps that were rejected
    of_retries       the attempts of a RetryAgent
"""

import copy
import json

REQUERY = {"agent": "main", "message_type": "user"}


def rejecting(run, at, reply, correction):
    """A reply to step `at` (from 0) that was rejected, and what was said about it. It may be called again for a further
    reply to the same step: each new one comes last, and SWE-agent forgets the earlier ones in the prompt."""
    run = copy.deepcopy(run)
    first = next(i for i in range(at, -1, -1) if i == 0 or not _is_rejected(run, i - 1))
    step = {"action": "", "observation": "", "response": reply, "thought": "", "execution_time": 0.0, "state": {}}
    step |= {"query": run["trajectory"][at]["query"], "extra_info": {}}
    said = {"role": "assistant", "content": reply, "agent": "main", "message_type": "assistant"}
    again = [*run["trajectory"][first]["query"], said, {"role": "user", "content": correction, **REQUERY}]
    run["trajectory"].insert(at, step)
    run["trajectory"][at + 1]["query"] = again
    return run


def giving_up(run, said="Exit due to cost limit", status="exit_cost"):
    """The run, ended by SWE-agent itself after its last step."""
    run = copy.deepcopy(run)
    run["trajectory"].append({
        "action": "", "observation": "Exited (autosubmitted)", "response": said, "thought": said,
        "execution_time": 0.0, "state": {}, "query": [{}], "extra_info": {},
    })  # fmt: skip
    run["history"] += [
        {"role": "assistant", "content": said, "thought": said, "action": "", "agent": "main", "tool_calls": None,
         "message_type": "action", "thinking_blocks": None},
        {"role": "user", "content": "Exited (autosubmitted)", "agent": "main", "message_type": "observation"},
    ]  # fmt: skip
    run["info"]["exit_status"] = f"submitted ({status})"
    return run


def with_parts(run):
    """Content as Anthropic's API wants it."""
    run = copy.deepcopy(run)
    lists = [run["history"], *(step["query"] for step in run["trajectory"])]
    for messages in lists:
        for place, message in enumerate(messages):
            part = {"type": "text", "text": message["content"]}
            if messages is not run["history"] and place >= len(messages) - 2:
                part["cache_control"] = {"type": "ephemeral"}
            message["content"] = [part]
    return run


def reading_text(run):
    """The run of a model without tool calls: the action stands in the text."""
    run = copy.deepcopy(run)
    texts = iter(run["trajectory"])
    for message in run["history"]:
        if message["role"] == "assistant":
            step = next(texts)
            step["response"] = f"{message['content']}\n```\n{step['action']}\n```"
    for messages in (run["history"], *(step["query"] for step in run["trajectory"])):
        steps = iter(run["trajectory"])
        for message in messages:
            message.pop("tool_call_ids", None)
            if message["role"] == "assistant":
                message |= {"tool_calls": None, "content": next(steps)["response"]}
            elif message["role"] == "tool":
                message["role"] = "user"
    return run


def of_1_0(run):
    """Before 1.1. What a rejected reply was told is nowhere."""
    run = copy.deepcopy(run)
    steps = run["trajectory"]
    after = []
    for at, _ in enumerate(steps):
        first = next(i for i in range(at, -1, -1) if i == 0 or not _is_rejected(run, i - 1))
        prompt = steps[first]["query"]
        if _is_rejected(run, at):
            after.append(prompt)
        elif at + 1 < len(steps) and steps[at + 1]["query"] != [{}]:
            after.append(steps[at + 1]["query"])
        else:
            after.append(run["history"] if at + 1 == len(steps) else run["history"][: len(prompt) + 2])
    for step, messages in zip(steps, after, strict=True):
        del step["query"]
        step["messages"] = messages
    return run


def of_0_x(run):
    """Before 1.0."""
    run = copy.deepcopy(run)
    run["trajectory"] = [step for at, step in enumerate(run["trajectory"]) if not _is_rejected(run, at)]
    for step in run["trajectory"]:
        for name in ("query", "extra_info", "execution_time"):
            del step[name]
        step["state"] = json.dumps(step["state"]) + "\n"
    for message in run["history"]:
        for name in ("message_type", "thinking_blocks"):
            message.pop(name, None)
    run.pop("replay_config", None)
    return run


def of_history(run):
    """A demonstration: the conversation alone."""
    return {"history": copy.deepcopy(run["history"])}


def of_retries(runs, chosen=None):
    """`chosen`: index of the attempt that was taken; None for a run that is still going on."""
    attempts = [copy.deepcopy(run) | {"replay_config": None} for run in runs]
    if chosen is None:
        return {"attempts": attempts}
    data = {"attempts": attempts} | copy.deepcopy(attempts[chosen])
    data["info"]["best_attempt_idx"] = chosen
    models = [{"model": {"name": f"model-{number}"}} for number in range(2)]
    config = {"agent": {"type": "retry", "agent_configs": models}}
    return data | {"replay_config": json.dumps(config)}


def _is_rejected(run, at):
    """Whether the step after it complains."""
    steps = run["trajectory"]
    later = steps[at + 1].get("query") if at + 1 < len(steps) else None
    return bool(later) and later[-1].get("message_type") == "user"
