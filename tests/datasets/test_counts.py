"""Counts of the parts of a build give those of the whole."""

from slm_ext.datasets.counts import Counts


def test_reasons_stand_between_what_came_in_and_what_went_out():
    counts = Counts()
    for what in ("out", "loop", "in", "in", "bad"):
        counts.add("steps", what)
    counts.add("steps", "never", 0)
    assert list(counts.to_dict()["steps"].items()) == [("in", 2), ("bad", 1), ("loop", 1), ("out", 1)]
    assert counts.dropped() == {"steps": {"bad": 1, "loop": 1}}
    assert (counts.get("steps", "in"), counts.get("other", "in")) == (2, 0)


def test_parts_add_up():
    whole, parts = Counts(), Counts()
    for stage, what in (("read", "in"), ("filter", "in"), ("filter", "out")):
        part = Counts()
        whole.add(stage, what)
        part.add(stage, what)
        parts.merge(Counts(part.to_dict()))
    assert parts.to_dict() == whole.to_dict()
    assert list(parts.to_dict()) == ["read", "filter"]
