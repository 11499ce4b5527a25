"""Families of small classes that judge times, tries, ranges and pages (group `classes`)."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family
from slm_ext.tiny.families.shaping import class_


@family("classes")
def rate_limiter(r: random.Random) -> Sketch:
    most, span = r.randint(1, 3), r.choice([10, 30, 60])
    inclusive = r.choice([True, False])
    op = "<=" if inclusive else "<"
    said = f"at most {span} seconds" if inclusive else f"less than {span} seconds"
    times = r.choice(["times", "calls", "accepted"])
    return class_(
        r, names="RateLimiter RequestLimiter Throttle", noun="network limits requests",
        what=f"allows a call at a time unless {most} allowed ones happened {said} before",
        bodies=f"""
            def __init__(self):
                self.{times} = []
            def allow(self, now):
                recent = [time for time in self.{times} if now - time {op} {span}]
                if len(recent) >= {most}:
                    return False
                self.{times}.append(now)
                return True
            def allow_all(self, moments):
                return [self.allow(now) for now in moments]
            ---
            def __init__(self):
                self.{times} = []
            def allow(self, now):
                self.{times} = [time for time in self.{times} if now - time {op} {span}]
                allowed = len(self.{times}) < {most}
                if allowed:
                    self.{times}.append(now)
                return allowed
            def allow_all(self, moments):
                return [self.allow(now) for now in moments]
        """,
        checks=f"$f().allow(5); $f().allow_all([]); $f().allow_all([0, 1, 2, 3, 4]); "
        f"$f().allow_all([0, {span}, {2 * span}]); $f().allow_all([1, 1, 1, {span + 1}]); "
        f"$f().allow_all([0, 0, 0, {span - 1}, {span}, {span + 1}]);"
        f"$f().allow_all([2, {span + 1}, {span + 2}, {span + 3}])",
    )  # fmt: skip


@family("classes")
def interval(r: random.Random) -> Sketch:
    closed = r.choice([True, False])
    covers, size = r.choice(["contains", "covers", "includes"]), r.choice(["size", "length"])
    a, b = r.choice([("low", "high"), ("start", "end"), ("first", "last")])
    op = "<=" if closed else "<"
    ends = f"both {a} and {b} belong to it" if closed else f"{a} belongs to it, {b} does not"
    plus = " + 1" if closed else ""
    return class_(
        r, names="ClosedRange InclusiveRange FullSpan" if closed else "HalfOpenRange Slot OpenEndedSpan",
        noun="ranges calendar slots", what=f"whole numbers from {a} to {b}, where {ends}",
        bodies=f"""
            def __init__(self, {a}, {b}):
                self.{a} = {a}
                self.{b} = {b}
            def {size}(self):
                return max(0, self.{b} - self.{a}{plus})
            def {covers}(self, number):
                return self.{a} <= number {op} self.{b}
            def overlaps(self, other):
                return self.{a} {op} other.{b} and other.{a} {op} self.{b}
        """,
        checks="$f(1, 5).$size(); $f(2, 2).$size(); $f(4, 1).$size(); $f(1, 3).$covers(1); $f(1, 3).$covers(3);"
        "$f(1, 3).$covers(4); $f(1, 3).overlaps($f(3, 5)); $f(4, 6).overlaps($f(1, 4)); $f(0, 9).overlaps($f(2, 3));"
        "$f(1, 2).overlaps($f(5, 8))",
        covers=covers, size=size,
    )  # fmt: skip


@family("classes")
def retry_policy(r: random.Random) -> Sketch:
    kind = r.choice(["double", "linear"])
    cap = r.choice([20, 30, 60])
    most = r.choice(["attempts", "tries"])
    if kind == "double":
        said, expr = "the delay doubles with each", "self.delay * 2**attempt"
    else:
        said, expr = "each delay is one more delay longer", "self.delay * (attempt + 1)"
    return class_(
        r, names="Retry RetryPolicy Backoff", noun="network retries delays",
        what=f"waits for {most} tries numbered from 0: wait(0) is delay, {said}, never over {cap}",
        bodies=f"""
            def __init__(self, delay, {most}):
                self.delay = delay
                self.{most} = {most}
            def may_try(self, attempt):
                return attempt < self.{most}
            def wait(self, attempt):
                return min({cap}, {expr})
            def longest(self):
                return max([self.wait(attempt) for attempt in range(self.{most})], default=0)
            ---
            def __init__(self, delay, {most}):
                self.delay = delay
                self.{most} = {most}
            def may_try(self, attempt):
                return not attempt >= self.{most}
            def wait(self, attempt):
                pause = {expr}
                return pause if pause < {cap} else {cap}
            def longest(self):
                return self.wait(self.{most} - 1) if self.{most} > 0 else 0
        """,
        checks="$f(1, 3).may_try(2); $f(1, 3).may_try(3); $f(1, 3).wait(0); $f(3, 5).wait(2); $f(3, 9).wait(40);"
        "$f(2, 4).longest();"
        "$f(5, 0).longest(); $f(7, 1).longest(); $f(2, 0).may_try(0); $f(4, 2).wait(1)",
    )  # fmt: skip


@family("classes")
def pages(r: random.Random) -> Sketch:
    base = r.choice([0, 1])
    size = r.choice(["size", "per_page"])
    items = r.choice(["items", "rows", "results"])
    start = f"number * self.{size}" if base == 0 else f"(number - 1) * self.{size}"
    last = f"self.count() - {1 - base}" if base == 0 else "self.count()"
    return class_(
        r, names="Pages Paginator PageView", noun="paging views lists",
        what=f"splits {items} into pages of {size}, the first page has number {base}; "
        f"is_last is true for the last number",
        bodies=f"""
            def __init__(self, {items}, {size}):
                self.{items} = {items}
                self.{size} = {size}
            def count(self):
                return (len(self.{items}) + self.{size} - 1) // self.{size}
            def page(self, number):
                start = {start}
                return self.{items}[start : start + self.{size}]
            def is_last(self, number):
                return number == {last}
        """,
        checks="$f([1, 2, 3, 4, 5], 2).count(); $f([], 3).count(); $f([1, 2, 3, 4], 2).count();"
        "$f([1, 2, 3], 2).page(1);"
        "$f([1, 2, 3, 4, 5], 2).page(2); $f([7, 8, 9], 3).page(1); $f([1, 2, 3, 4, 5], 2).is_last(2);"
        "$f([1, 2, 3, 4, 5], 2).is_last(3); $f([4, 5, 6, 7], 1).page(3)",
    )  # fmt: skip
