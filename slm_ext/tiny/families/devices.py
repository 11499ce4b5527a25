"""Families of small classes that hold a number or a place (group `classes`)."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family
from slm_ext.tiny.families.shaping import class_


@family("classes")
def bounded_counter(r: random.Random) -> Sketch:
    wraps = r.choice([True, False])
    low = r.choice([0, 0, 1])
    high = r.choice(["limit", "maximum", "highest"])
    value = r.choice(["value", "count", "current"])
    up, down = r.choice([("up", "down"), ("increment", "decrement"), ("step_up", "step_down")])
    said = f"it never goes above that or below {low}"
    if wraps:
        said = f"above it comes {low} again, below {low} comes {high}"
    bodies = f"""
            def __init__(self, {high}):
                self.{high} = {high}
                self.{value} = {low}
            def {up}(self):
                self.{value} = {low} if self.{value} >= self.{high} else self.{value} + 1
                return self
            def {down}(self):
                self.{value} = self.{high} if self.{value} <= {low} else self.{value} - 1
                return self
    """ if wraps else f"""
            def __init__(self, {high}):
                self.{high} = {high}
                self.{value} = {low}
            def {up}(self):
                self.{value} = min(self.{value} + 1, self.{high})
                return self
            def {down}(self):
                self.{value} = max(self.{value} - 1, {low})
                return self
            ---
            def __init__(self, {high}):
                self.{high} = {high}
                self.{value} = {low}
            def {up}(self):
                if self.{value} < self.{high}:
                    self.{value} += 1
                return self
            def {down}(self):
                if self.{value} > {low}:
                    self.{value} -= 1
                return self
    """  # fmt: skip
    return class_(
        r, names="WrapCounter RoundCounter CycleCounter" if wraps else "BoundedCounter LimitedCounter CappedCounter",
        noun="counters paging state", what=f"a counter from {low} to {high}; {said}", bodies=bodies,
        checks=f"$f(3).{value}; $f(9).{up}().{up}().{up}().{up}().{value}; "
        f"$f(2).{up}().{up}().{up}().{value}; $f(4).{down}().{value};"
        f"$f(5).{up}().{up}().{down}().{value}; $f(2).{up}().{up}().{value}; $f(9).{down}().{down}().{value};"
        f"$f(3).{up}().{up}().{up}().{down}().{value}",
    )  # fmt: skip


@family("classes")
def account(r: random.Random) -> Sketch:
    overdraft = r.choice([0, 50, 100])
    fee = r.choice([0, 1, 2])
    put, take = r.choice([("deposit", "withdraw"), ("pay_in", "pay_out")])
    cost = f"costs {fee} more and " if fee else ""
    low = f"-{overdraft}" if overdraft else "0"
    spent = f"amount + {fee}" if fee else "amount"
    return class_(
        r, names="Account BankAccount Wallet", noun="bank money accounts",
        what=f"an account; {put} ignores amounts that are not positive, {take} {cost}"
        f"is refused when the balance would go below {low}",
        bodies=f"""
            def __init__(self, balance=0):
                self.balance = balance
            def {put}(self, amount):
                if amount > 0:
                    self.balance += amount
                return self
            def {take}(self, amount):
                if self.balance - ({spent}) >= {low}:
                    self.balance -= {spent}
                return self
            ---
            def __init__(self, balance=0):
                self.balance = balance
            def {put}(self, amount):
                if amount <= 0:
                    return self
                self.balance += amount
                return self
            def {take}(self, amount):
                rest = self.balance - amount{f" - {fee}" if fee else ""}
                if rest < {low}:
                    return self
                self.balance = rest
                return self
        """.replace("- (amount) >=", "- amount >="),
        checks=f"$f().balance; $f(5).{put}(3).balance; $f(5).{put}(-3).balance; $f(200).{take}(30).balance;"
        f"$f(10).{take}({10 + overdraft - fee}).balance; $f(10).{take}({11 + overdraft - fee}).balance;"
        f"$f(1).{put}(0).{put}(1).balance; $f(90).{take}(20).{take}(20).balance",
    )  # fmt: skip


@family("classes")
def box_shape(r: random.Random) -> Sketch:
    a, b = r.choice([("width", "height"), ("length", "width"), ("columns", "rows"), ("depth", "breadth")])
    strict = r.choice([True, False])
    op = "<" if strict else "<="
    fits = "smaller on both sides" if strict else "not larger on either side"
    return class_(
        r, names="Rectangle Box Panel Tile Frame", noun="geometry shapes layout",
        what=f"a rectangle of {a} and {b} with area and perimeter; it fits into one if it is {fits}, without turning",
        bodies=f"""
            def __init__(self, {a}, {b}):
                self.{a} = {a}
                self.{b} = {b}
            def area(self):
                return self.{a} * self.{b}
            def perimeter(self):
                return 2 * (self.{a} + self.{b})
            def is_square(self):
                return self.{a} == self.{b}
            def fits_into(self, other):
                return self.{a} {op} other.{a} and self.{b} {op} other.{b}
        """,
        checks="$f(3, 4).area(); $f(3, 4).perimeter(); $f(5, 5).is_square(); $f(5, 6).is_square();"
        "$f(0, 7).perimeter();"
        "$f(2, 3).fits_into($f(3, 4)); $f(2, 3).fits_into($f(2, 4)); $f(2, 3).fits_into($f(9, 3));"
        "$f(5, 1).fits_into($f(4, 9)); $f(1, 5).fits_into($f(9, 4))",
    )  # fmt: skip


@family("classes")
def battery(r: random.Random) -> Sketch:
    full, low = r.choice([50, 100, 200]), r.choice([5, 10, 20])
    op, said = r.choice([("<", f"below {low}"), ("<=", f"at most {low}")])
    thing, put, use, level = r.choice([
        ("battery", "charge", "drain", "level"), ("tank", "fill", "draw", "volume"),
        ("budget", "earn", "spend", "left"),
    ])  # fmt: skip
    name = thing.title()
    return class_(
        r, names=f"{name} Small{name} {name}Gauge", noun="devices power gauges",
        what=f"a {thing}: {level} starts at {full} and stays between 0 and {full}; is_low says if it is {said}",
        bodies=f"""
            def __init__(self):
                self.{level} = {full}
            def {put}(self, amount):
                self.{level} = min({full}, self.{level} + amount)
                return self
            def {use}(self, amount):
                self.{level} = max(0, self.{level} - amount)
                return self
            def is_low(self):
                return self.{level} {op} {low}
            ---
            def __init__(self):
                self.{level} = {full}
            def {put}(self, amount):
                self.{level} += amount
                if self.{level} > {full}:
                    self.{level} = {full}
                return self
            def {use}(self, amount):
                self.{level} -= amount if amount < self.{level} else self.{level}
                return self
            def is_low(self):
                return self.{level} {op} {low}
        """,
        checks=f"$f().{level}; $f().{use}(7).{level}; $f().{use}(999).{level}; $f().{use}(3).{put}(1).{level};"
        f"$f().{put}(9).{level}; $f().is_low(); $f().{use}({full - low}).is_low();"
        f"$f().{use}({full - low + 1}).is_low(); $f().{use}(999).{put}({low + 1}).is_low(); "
        f"$f().{use}(4).{put}(5).{level}",
    )  # fmt: skip


@family("classes")
def traveller(r: random.Random) -> Sketch:
    wide, name = r.choice([5, 8, 10]), r.choice(["Robot", "Cursor", "Player"])
    flat = r.choice([True, False])
    measure, expr = ("distance", "abs(self.x) + abs(self.y)") if flat else ("farthest", "max(abs(self.x), abs(self.y))")
    said = "the steps back to the start, along the axes" if flat else "the larger distance from the start on one axis"
    return class_(
        r, names=f"{name} {name}OnGrid Grid{name}", noun="games robots movement",
        what=f"moves from (0, 0), up (y grows) or left (x falls), at most to {wide} on each side; "
        f"{measure} gives {said}",
        bodies=f"""
            def __init__(self):
                self.x = self.y = 0
            def move(self, dx, dy):
                self.x = max(-{wide}, min({wide}, self.x + dx))
                self.y = max(-{wide}, min({wide}, self.y + dy))
                return self
            def up(self, steps=1):
                return self.move(0, steps)
            def left(self, steps=1):
                return self.move(-steps, 0)
            def {measure}(self):
                return {expr}
        """,
        checks=f"$f().{measure}(); $f().up().y; $f().left(3).x; $f().up(2).left(4).{measure}(); $f().up(99).y;"
        f"$f().left(99).x; $f().move({wide + 1}, -{wide + 2}).x; $f().move(1, -{wide + 2}).y;"
        f"$f().up(3).left(2).move(-1, 1).{measure}();"
        f"$f().move(3, -4).{measure}()",
    )  # fmt: skip


@family("classes", held_out=True)
def thermostat(r: random.Random) -> Sketch:
    cools = r.choice([True, False])
    gap = r.choice([1, 2, 3])
    goal = r.choice(["target", "goal", "setting"])
    name = "Cooler Fan AirConditioner" if cools else "Thermostat Heater Heating"
    high, low = ("is_on = True", "is_on = False") if cools else ("is_on = False", "is_on = True")
    above, below = ("on", "off") if cools else ("off", "on")
    return class_(
        r, names=name, noun="devices control climate",
        what=f"turns {above} when a reading is above {goal} + {gap}, {below} when one is below {goal} - {gap}, "
        f"else stays as it is (off at first)",
        bodies=f"""
            def __init__(self, {goal}):
                self.{goal} = {goal}
                self.is_on = False
            def read(self, degrees):
                if degrees > self.{goal} + {gap}:
                    self.{high}
                elif degrees < self.{goal} - {gap}:
                    self.{low}
                return self
            def follow(self, readings):
                return [self.read(degrees).is_on for degrees in readings]
        """,
        checks=f"$f(20).is_on; $f(20).follow([]); $f(20).follow([{20 + gap}, {21 + gap}, {20 - gap}, {19 - gap}]);"
        f"$f(20).follow([{19 - gap}, 20, {20 + gap}, {21 + gap}, 20]); $f(5).follow([5, 5]);"
        "$f(0).read(-9).is_on; $f(0).read(9).is_on",
    )  # fmt: skip
