"""A task: a small repository with one bug in one function, its tests, and an issue that says what is meant."""

from __future__ import annotations

import hashlib
import random
import sys
from dataclasses import dataclass, field

from slm_ext.tiny.execution import Runaway, TestRun, evaluate, run_tests
from slm_ext.tiny.families import FAMILIES, Sketch
from slm_ext.tiny.mutations import Edit, Mutation, minimal_edit, mutations
from slm_ext.tiny.renaming import renamed

__all__ = ["Task", "make_task"]


@dataclass(frozen=True)
class Task:
    """One bug to fix.

    Attributes:
        files: the repository, repo-relative POSIX path → text, with the bug in it.
        path: the module that holds the bug.
        symbol: the function or class that holds it.
        source: the right text of that symbol; `broken` the wrong one.
        line: 1-based first line of the symbol in the module.
        edit: the call that fixes it, in the module's own line numbers.
        family, kind: where the function and the mutation came from.
    """

    files: dict[str, str]
    path: str
    test_path: str
    import_name: str
    symbol: str
    source: str
    broken: str
    line: int
    edit: Edit
    family: str
    kind: str
    issue: str
    failing: tuple[TestRun, ...] = field(default=())

    @property
    def reserved(self) -> bool:
        """Whether this bug is kept for evaluation: one text in sixteen, by hash, never enters a corpus."""
        return hashlib.sha256(self.broken.encode()).digest()[0] % 16 == 0

    def module(self, symbol_text: str) -> str:
        """The module with `symbol_text` in place of the broken symbol."""
        return self.files[self.path].replace(self.broken, symbol_text, 1)

    def test(self, module_text: str) -> list[TestRun]:
        """Outcomes of the task's tests for a text of the module; raises `Runaway`."""
        return run_tests({self.import_name: module_text}, self.test_path, self.files[self.test_path])


def make_task(r: random.Random, families: list[str], distractors: list[str]) -> Task | None:
    """One task from `families` (names), or None where the drawn mutation shows in no test or never ends."""
    name = r.choice(families)
    sketch = FAMILIES[name].build(r)
    if r.random() < 0.5:
        sketch = renamed(r, sketch)
    try:
        others = _others(r, sketch, distractors)
        values = evaluate(sketch.source, sketch.checks)
        mutation = _draw(r, sketch)
        if mutation is None:
            return None
        return _assemble(r, name, sketch, values, mutation, others)
    except (Runaway, RecursionError, MemoryError):
        return None


def _others(r: random.Random, sketch: Sketch, families: list[str]) -> list[tuple[Sketch, list]]:
    chosen: list[tuple[Sketch, list]] = []
    for name in r.sample(families, r.choice((0, 1, 1, 2))):
        other = FAMILIES[name].build(r)
        if other.name not in {sketch.name, *(s.name for s, _ in chosen)}:
            chosen.append((other, evaluate(other.source, other.checks)))
    return chosen


def _draw(r: random.Random, sketch: Sketch) -> Mutation | None:
    by_kind: dict[str, list[Mutation]] = {}
    for m in mutations(sketch.source):
        by_kind.setdefault(m.kind, []).append(m)
    return r.choice(by_kind[r.choice(sorted(by_kind))]) if by_kind else None


def _assemble(r, family: str, sketch: Sketch, values: list, mutation: Mutation, others) -> Task | None:
    module = r.choice((sketch.noun, sketch.noun, sketch.noun, sketch.noun + "_utils"))
    if module in sys.stdlib_module_names:
        module += "_utils"  # a numbers.py beside the tests would hide the standard one
    package = r.choice(("", "", "", "core", "lib", "app"))
    path = f"{package}/{module}.py" if package else f"{module}.py"
    import_name = path[:-3].replace("/", ".")
    test_path = r.choice(("tests/", "tests/", "")) + f"test_{module}.py"
    blocks = [(s.source, s.name) for s, _ in others] + [(mutation.source, sketch.name)]
    r.shuffle(blocks)
    head = r.choice(("", f'"""{module.replace("_", " ").capitalize()} helpers."""\n\n\n'))
    text = head + "\n\n".join(source for source, _ in blocks).replace("\n\n", "\n\n\n")
    line = text[: text.index(mutation.source)].count("\n") + 1
    tests = _tests(r, import_name, sketch.name, [(sketch, values), *others])
    edit = minimal_edit(mutation.source, sketch.source)
    if edit is None:
        return None
    files = {path: text, test_path: tests}
    if package:
        files[f"{package}/__init__.py"] = ""
    task = Task(
        files=files, path=path, test_path=test_path, import_name=import_name, symbol=sketch.name,
        source=sketch.source, broken=mutation.source, line=line,
        edit=Edit(edit.line + line - 1, edit.old, edit.new), family=family, kind=mutation.kind, issue="",
    )  # fmt: skip
    failing = tuple(t for t in task.test(text) if t["outcome"] == "failed")
    if not failing or any(t["outcome"] != "passed" for t in task.test(task.module(task.source))):
        return None
    issue = _issue(r, task, sketch, values)
    return Task(**{**vars(task), "issue": issue, "failing": failing})


def _tests(r: random.Random, import_name: str, target: str, sketches) -> str:
    names = sorted(s.name for s, _ in sketches)
    out = [f"from {import_name} import {', '.join(names)}\n"]
    sketches = list(sketches)
    r.shuffle(sketches)
    for sketch, values in sketches:
        checks = list(zip(sketch.checks, values, strict=True))
        if sketch.name != target:
            checks = checks[:3]
        size = r.choice((1, 2, 2, 3))
        groups = [checks[i : i + size] for i in range(0, len(checks), size)]
        stem = f"test_{_snake(sketch.name)}"
        labels = r.choice((["", "_edge", "_more", "_again", "_other", "_last"], [f"_{i}" for i in range(1, 12)]))
        for i, group in enumerate(groups):
            label = labels[i] if i < len(labels) else f"_{i + 1}"
            body = "".join(f"    {_assertion(c, v)}\n" for c, v in group)
            out.append(f"def {stem}{label}():\n{body}")
    return "\n\n".join(out).replace("\n\n", "\n\n\n", 1) if len(out) > 1 else out[0]


def _assertion(check: str, value: object) -> str:
    if value is True or value is False or value is None:
        return f"assert {check} is {value}"
    return f"assert {check} == {value!r}"


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))


def _issue(r: random.Random, task: Task, sketch: Sketch, values: list) -> str:
    where = r.choice(
        (f"`{task.symbol}` in {task.path}", f"`{task.symbol}` ({task.path})", f"{task.path}: `{task.symbol}`")
    )
    title = r.choice(
        (f"{where} is wrong", f"{where} gives a wrong result", f"Bug in {where}", f"{where} does not do what it says")
    )
    meant = r.choice((f"It should give {sketch.what}.", f"Expected: {sketch.what}.", ""))
    example = _example(task, sketch, values)
    seen = "" if not example or r.random() < 0.4 else f" {example}"
    style = r.random()
    if style < 0.1:
        return f"A test in {task.test_path} fails. Fix {task.path}."
    if style < 0.2:
        return f"{title}."
    return " ".join(part for part in (f"{title}.", meant, seen.strip()) if part)


def _example(task: Task, sketch: Sketch, values: list) -> str:
    for check, value in zip(sketch.checks, values, strict=True):
        try:
            got = evaluate(task.broken, (check,))[0]
        except Exception as e:
            return f"{check} should be {value!r}, but it raises {type(e).__name__}."
        if got != value or type(got) is not type(value):
            return f"{check} should be {value!r}, not {got!r}."
    return ""
