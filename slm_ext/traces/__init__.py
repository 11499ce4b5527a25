"""What happened, for data: the call recorder and its reader.

`Recorder` appends one line per model call, observation and outcome to `calls.jsonl`; `read_calls` reads it back with
every message in place. `records` has the line formats, `scrub` keeps secrets out. `read_conversations` gives a run as a
conversation, step by step, whether it was recorded here or by a host alone.
"""

from slm_ext.traces.conversations import Call, Conversation, Turn, find_conversations, read_conversations
from slm_ext.traces.reader import read_calls
from slm_ext.traces.recorder import Recorder
from slm_ext.traces.records import CallRecord, ObservationRecord, OutcomeRecord, RequestRecord, Usage, Validation
from slm_ext.traces.scrub import Scrubber

__all__ = [
    "Call",
    "CallRecord",
    "Conversation",
    "ObservationRecord",
    "OutcomeRecord",
    "Recorder",
    "RequestRecord",
    "Scrubber",
    "Turn",
    "Usage",
    "Validation",
    "find_conversations",
    "read_calls",
    "read_conversations",
]
