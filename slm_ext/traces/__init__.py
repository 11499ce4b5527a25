"""What happened, for data: the call recorder and its reader.

`Recorder` appends one line per model call, observation and outcome to `calls.jsonl`; `read_calls` reads it back with
every message in place. `records` has the line formats, `scrub` keeps secrets out.

`Trace` is one run, step by step, whoever recorded it: `readers` has a reader per format, `read_traces` and
`find_traces` find the files. `write_atif` gives a trace to others.
"""

from slm_ext.traces.finding import find_files, find_traces, iter_traces, read_traces
from slm_ext.traces.reader import read_calls
from slm_ext.traces.readers import Problem, read_file
from slm_ext.traces.recorder import Recorder
from slm_ext.traces.records import CallRecord, ObservationRecord, OutcomeRecord, RequestRecord, Usage, Validation
from slm_ext.traces.scrub import Scrubber
from slm_ext.traces.trace import Call, Trace, Turn

__all__ = [
    "Call",
    "CallRecord",
    "ObservationRecord",
    "OutcomeRecord",
    "Problem",
    "Recorder",
    "RequestRecord",
    "Scrubber",
    "Trace",
    "Turn",
    "Usage",
    "Validation",
    "find_files",
    "find_traces",
    "iter_traces",
    "read_calls",
    "read_file",
    "read_traces",
]
