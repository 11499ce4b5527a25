"""The agents that slm-ext can enter, one folder each: `mini` and `sweagent`.

A host is a thin adapter: it translates the host's configuration, messages and exceptions, and decides nothing.
Everything about a model call happens in `slm_ext/completion`.
"""
