"""What happened, for data: the call recorder and its reader.

`Recorder` appends one line per model call, observation and outcome to `calls.jsonl`; `read_calls` reads it back with
every message in place. `records` has the line formats, `scrub` keeps secrets out. Readers for the hosts' own
trajectories will live here too.
"""

from slm_ext.traces.reader import read_calls
from slm_ext.traces.recorder import Recorder
from slm_ext.traces.records import CallRecord, ObservationRecord, OutcomeRecord, RequestRecord, Usage, Validation
from slm_ext.traces.scrub import Scrubber

__all__ = [
    "CallRecord",
    "ObservationRecord",
    "OutcomeRecord",
    "Recorder",
    "RequestRecord",
    "Scrubber",
    "Usage",
    "Validation",
    "read_calls",
]
