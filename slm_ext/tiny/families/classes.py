"""Families of small classes that hold a collection; others stand in `devices` and `schedules`.

Methods that change something return `self` or what happened, so one expression can test them.
"""

from __future__ import annotations

import random

from slm_ext.tiny.families import devices, schedules  # noqa: F401 - register their families with this group
from slm_ext.tiny.families.base import Sketch, family
from slm_ext.tiny.families.shaping import class_, comparison


@family("classes")
def bounded_stack(r: random.Random) -> Sketch:
    size = r.randint(2, 3)
    lifo = r.choice([True, False])
    add, take = r.choice([("push", "pop"), ("put", "take")] if lifo else [("enqueue", "dequeue"), ("put", "take")])
    items = r.choice(["items", "entries", "stored"])
    names = f"Stack{size} SmallStack PlateStack" if lifo else f"Queue{size} SmallQueue WaitingLine"
    order = "last in, first out" if lifo else "first in, first out"
    index = "" if lifo else "0"
    return class_(
        r, names=names, noun="queues buffers tasks",
        what=f"{'a stack' if lifo else 'a queue'} ({order}) of at most {size} items; "
        f"further ones are ignored, {take} gives None when it is empty",
        bodies=f"""
            def __init__(self):
                self.{items} = []
            def {add}(self, item):
                if len(self.{items}) < {size}:
                    self.{items}.append(item)
                return self
            def {take}(self):
                if not self.{items}:
                    return None
                return self.{items}.pop({index})
            def free(self):
                return {size} - len(self.{items})
            ---
            def __init__(self):
                self.{items} = []
            def {add}(self, item):
                if len(self.{items}) >= {size}:
                    return self
                self.{items}.append(item)
                return self
            def {take}(self):
                return self.{items}.pop({index}) if self.{items} else None
            def free(self):
                return {size} - len(self.{items})
        """,
        checks=f"$f().{take}(); $f().free(); $f().{add}(4).free(); $f().{add}(1).{add}(2).{take}();"
        f"$f().{add}(1).{add}(2).{add}(3).{add}(4).{take}(); $f().{add}(1).{add}(2).{add}(3).{add}(4).free();"
        f"$f().{add}('a').{take}()",
    )  # fmt: skip


@family("classes")
def cart(r: random.Random) -> Sketch:
    least, off = r.choice([20, 50, 100]), r.choice([5, 10])
    op, said = r.choice([(">=", f"at least {least}"), (">", f"more than {least}")])
    prices = r.choice(["lines", "entries", "products"])
    return class_(
        r, names="Cart Basket ShoppingCart", noun="shop orders billing",
        what=f"a shopping cart whose total is {off} lower when the sum of price times quantity is {said}",
        bodies=f"""
            def __init__(self):
                self.{prices} = []
            def add(self, price, quantity=1):
                self.{prices}.append((price, quantity))
                return self
            def subtotal(self):
                return sum(price * quantity for price, quantity in self.{prices})
            def total(self):
                if self.subtotal() {op} {least}:
                    return self.subtotal() - {off}
                return self.subtotal()
            ---
            def __init__(self):
                self.{prices} = []
            def add(self, price, quantity=1):
                self.{prices}.append(price * quantity)
                return self
            def subtotal(self):
                return sum(self.{prices})
            def total(self):
                discount = {off} if self.subtotal() {op} {least} else 0
                return self.subtotal() - discount
        """,
        checks=f"$f().total(); $f().add(3).total(); $f().add(4, 2).subtotal(); $f().add({least}).total();"
        f"$f().add({least + 1}).total(); $f().add({least - 1}).total(); $f().add({least}, 2).add(1, 3).total();"
        f"$f().add(2, 3).add(5).total()",
    )  # fmt: skip


@family("classes")
def value_log(r: random.Random) -> Sketch:
    thing = r.choice(["temperature", "pressure", "speed"])
    kind, expr, none, said = r.choice([
        ("span", "max(self.{v}) - min(self.{v})", "0", "the highest minus the lowest value"),
        ("average", "sum(self.{v}) // len(self.{v})", "None", "the average rounded down"),
        ("change", "self.{v}[-1] - self.{v}[0]", "0", "the last value minus the first"),
        ("extremes", "[min(self.{v}), max(self.{v})]", "None", "a list of the lowest and the highest value"),
    ])  # fmt: skip
    v = r.choice(["values", "readings", "log"])
    op, word, phrase = comparison(r)
    return class_(
        r, names=f"{thing.title()}Log {thing.title()}Record {thing.title()}History", noun="sensors weather log",
        what=f"a log of {thing}s; {kind} gives {said} ({none} when it is empty), "
        f"count_{word} counts those {phrase} a limit",
        bodies=f"""
            def __init__(self, {v}=()):
                self.{v} = list({v})
            def add(self, value):
                self.{v}.append(value)
                return self
            def {kind}(self):
                if not self.{v}:
                    return {none}
                return {expr.format(v=v)}
            def count_{word}(self, limit):
                return sum(1 for value in self.{v} if value {op} limit)
            ---
            def __init__(self, {v}=()):
                self.{v} = list({v})
            def add(self, value):
                self.{v}.append(value)
                return self
            def {kind}(self):
                return {expr.format(v=v)} if self.{v} else {none}
            def count_{word}(self, limit):
                return len([value for value in self.{v} if value {op} limit])
        """,
        checks=f"$f().{kind}(); $f([5]).{kind}(); $f([4, 9, 6]).{kind}(); $f([3]).add(-4).{kind}();"
        f"$f([7, 2, 1]).{kind}(); $f([2, 3, 4, 5, 6]).count_{word}(3);"
        f"$f().count_{word}(1); $f([3]).add(3).add(1).count_{word}(3)",
    )  # fmt: skip


@family("classes")
def stock_room(r: random.Random) -> Sketch:
    low = r.randint(2, 5)
    add, take = r.choice([("add", "remove"), ("receive", "ship"), ("store", "take")])
    op, said = r.choice([("<", f"fewer than {low}"), ("<=", f"at most {low}")])
    stock = r.choice(["stock", "counts", "amounts"])
    return class_(
        r, names="Inventory StockRoom Warehouse", noun="inventory warehouse shop",
        what=f"an inventory; {take} does nothing when there is not enough, "
        f"low gives the sorted names with {said}",
        bodies=f"""
            def __init__(self):
                self.{stock} = {{}}
            def {add}(self, name, amount=1):
                self.{stock}[name] = self.of(name) + amount
                return self
            def {take}(self, name, amount=1):
                if self.of(name) >= amount:
                    self.{stock}[name] -= amount
                return self
            def of(self, name):
                return self.{stock}.get(name, 0)
            def low(self):
                return sorted(name for name, amount in self.{stock}.items() if amount {op} {low})
        """,
        checks=f"$f().of('a'); $f().{add}('a').of('a'); $f().{add}('a', 5).{take}('a', 3).of('a'); $f().low();"
        f"$f().{add}('b', 2).{take}('b', 3).of('b'); $f().{add}('q', 4).{take}('q', 4).of('q');"
        f"$f().{add}('b', {low}).{add}('a', {low - 1}).{add}('c', {low + 1}).low();"
        f"$f().{add}('x', 2).{add}('x', 9).of('x'); $f().{add}('n', 7).{take}('n').{add}('m').of('n')",
    )  # fmt: skip


@family("classes")
def scoreboard(r: random.Random) -> Sketch:
    high = r.choice([True, False])
    keep = r.choice(["sum", "best"])
    pick, kind = ("max", "most") if high else ("min", "fewest")
    add = r.choice(["add", "record", "score"])
    held = r.choice(["points", "scores", "results"])
    if keep == "sum":
        step, said = f"self.{held}[player] = self.{held}.get(player, 0) + points", "adds up the points of every player"
    else:
        step = f"self.{held}[player] = {pick}(points, self.{held}.get(player, points))"
        said = f"keeps the {'highest' if high else 'lowest'} result of every player"
    return class_(
        r, names="Scoreboard Leaderboard Ranking", noun="game contest ranking",
        what=f"a scoreboard that {said}; leader gives the player with the {kind} (first by name on ties) or None",
        bodies=f"""
            def __init__(self):
                self.{held} = {{}}
            def {add}(self, player, points):
                {step}
                return self
            def of(self, player):
                return self.{held}.get(player, 0)
            def leader(self):
                if not self.{held}:
                    return None
                return {pick}(sorted(self.{held}), key=self.of)
        """,
        checks=f"$f().leader(); $f().of('x'); $f().{add}('a', 3).of('a');"
        f"$f().{add}('a', 3).{add}('a', 5).{add}('a', 2).of('a'); "
        f"$f().{add}('b', 4).{add}('a', 4).leader(); $f().{add}('p', 1).{add}('q', 7).{add}('r', 2).leader();"
        f"$f().{add}('m', 2).{add}('n', 3).{add}('m', 2).leader(); $f().{add}('k', -1).of('k')",
    )  # fmt: skip


@family("classes")
def recent_values(r: random.Random) -> Sketch:
    newest = r.choice([True, False])
    size = r.choice(["size", "length", "capacity"])
    kept = r.choice(["kept", "values", "window"])
    keep = r.choice(["sum", "max", "list"])
    method, expr, said = {
        "sum": ("total", f"sum(self.{kept})", "their sum"),
        "max": ("highest", f"max(self.{kept}, default=0)", "the greatest of them (0 when there are none)"),
        "list": ("values", f"list(self.{kept})", "a list of them"),
    }[keep]  # fmt: skip
    kept = "kept" if keep == "list" else kept
    expr = f"list(self.{kept})" if keep == "list" else expr
    body = f"""
            def __init__(self, {size}):
                self.{size} = {size}
                self.{kept} = []
            def add(self, value):
                self.{kept}.append(value)
                if len(self.{kept}) > self.{size}:
                    self.{kept}.pop({"0" if newest else ""})
                return self
            def {method}(self):
                return {expr}
            ---
            def __init__(self, {size}):
                self.{size} = {size}
                self.{kept} = []
            def add(self, value):
                self.{kept} = (self.{kept} + [value])[{f"-self.{size} :" if newest else f": self.{size}"}]
                return self
            def {method}(self):
                return {expr}
    """  # fmt: skip
    return class_(
        r, names="RecentValues RingBuffer LastValues" if newest else "FirstValues OpeningValues EarlyValues",
        noun="buffers signal history", bodies=body,
        what=f"keeps the {'newest' if newest else 'first'} {size} values that were added; {method} gives {said}",
        checks=f"$f(2).{method}(); $f(1).add(4).{method}(); $f(2).add(1).add(5).add(3).{method}();"
        f"$f(3).add(9).add(1).add(2).add(4).{method}(); $f(3).add(6).add(2).{method}(); $f(2).add(8).add(8).{method}();"
        f"$f(1).add(7).add(2).{method}()",
    )  # fmt: skip


@family("classes", held_out=True)
def ballot(r: random.Random) -> Sketch:
    need, said, strict = r.choice([("2 >", "more than half", True), ("2 >=", "at least half", False)])
    add = r.choice(["vote", "cast"])
    box = r.choice(["votes", "ballots"])
    return class_(
        r, names="Ballot Election Poll", noun="votes election counts",
        what=f"a vote count; winner gives the name with {said} of all votes"
        f"{'' if strict else ' (the first one voted for if two have that)'}, or None without one",
        bodies=f"""
            def __init__(self):
                self.{box} = {{}}
            def {add}(self, name):
                self.{box}[name] = self.{box}.get(name, 0) + 1
                return self
            def total(self):
                return sum(self.{box}.values())
            def winner(self):
                for name, count in self.{box}.items():
                    if count * {need} self.total():
                        return name
                return None
        """,
        checks=f"$f().winner(); $f().total(); $f().{add}('a').winner(); $f().{add}('a').{add}('b').winner();"
        f"$f().{add}('b').{add}('a').{add}('a').winner(); $f().{add}('x').{add}('y').{add}('z').winner();"
        f"$f().{add}('q').{add}('p').{add}('p').{add}('r').winner(); $f().{add}('k').{add}('k').{add}('m').total()",
    )  # fmt: skip
