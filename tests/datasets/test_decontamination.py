"""What an evaluation asks is kept out, and so are runs that were shown the answer."""

import json

import pytest

from slm_ext.datasets.config import DecontaminationConfig
from slm_ext.datasets.decontamination import SWE_BENCH_REPOSITORIES, Tasks, contamination, read_tasks
from slm_ext.errors import UsageError
from tests.datasets.episodes import bash, episode, recorded, step

ISSUE = "Adding two fractions with different denominators gives a wrong result since the release of last week in Lisbon"
PATCH = """\
diff --git a/src/sums.py b/src/sums.py
--- a/src/sums.py
+++ b/src/sums.py
@@ -1,4 +1,6 @@
 def add(a, b):
-    return Fraction(a.n + b.n, a.d)
+    common = least_common_multiple(a.d, b.d)
+    first, second = a.n * common // a.d, b.n * common // b.d
+    return Fraction(first + second, common)
"""
LINES = [line[1:] for line in PATCH.splitlines() if line.startswith("+    ")]


def why(run, *rows, **options):
    return contamination(run, Tasks(rows, **options))


def read(tmp_path, text, **config):
    path = tmp_path / "tasks"
    path.write_text(text, encoding="utf-8")
    return read_tasks(DecontaminationConfig(files=(str(path),), **config))


# --- by name


def test_an_instance():
    assert why(episode(bash("ls")), {"instance_id": "sums-1"}) == "benchmark_instance"
    assert why(episode(bash("ls")), {"instance_id": "sums-11"}) == ""


def test_a_commit():
    run = episode(bash("ls"), commit="abc")
    assert why(run, {"instance_id": "x", "base_commit": "abc"}) == "benchmark_commit"
    assert why(run, {"instance_id": "x", "base_commit": "abd"}) == ""
    assert why(episode(bash("ls")), {"instance_id": "x", "base_commit": ""}) == ""


def test_a_repository():
    run, row = episode(bash("ls"), repo="Owner/Name"), {"instance_id": "x", "repo": "owner/name"}
    assert why(run, row) == "benchmark_repository"
    assert why(run, row, whole_repositories=False) == ""
    assert why(episode(bash("ls"), repo="owner/name2"), row) == ""


def test_the_repositories_of_swe_bench():
    assert len(SWE_BENCH_REPOSITORIES) == 12
    run = recorded("mini-inventory")
    run.repo = "django/django"
    assert contamination(run, read_tasks(DecontaminationConfig())) == "benchmark_repository"
    assert contamination(run, read_tasks(DecontaminationConfig(benchmarks=False))) == ""
    run.repo = "pydicom/pydicom"
    assert contamination(run, read_tasks(DecontaminationConfig())) == ""


# --- by words


def test_thirteen_words_of_an_issue():
    row = {"instance_id": "x", "problem_statement": ISSUE}
    words = ISSUE.split()
    assert why(episode(bash("ls"), issue=f"Please help. {' '.join(words[2:15])}!"), row) == "benchmark_words"
    assert why(episode(bash("ls"), issue=f"Please help. {' '.join(words[2:14])} and more of it"), row) == ""
    assert why(episode(bash("ls"), issue=" ".join(words[2:14])), row, ngram=12) == "benchmark_words"


def test_case_and_marks_are_no_difference():
    row = {"instance_id": "x", "problem_statement": ISSUE}
    assert why(episode(bash("ls"), issue=ISSUE.upper().replace(" ", ",\n  ")), row) == "benchmark_words"


def test_the_patch_that_was_submitted():
    row = {"instance_id": "x", "patch": PATCH}
    assert why(episode(bash("ls"), patch=PATCH.replace("src/sums", "lib/math")), row) == "benchmark_words"
    context = PATCH.replace("\n+", "\n ").replace("\n-", "\n ")
    assert why(episode(bash("ls"), patch=context), row) == ""


def test_short_issues_have_too_few_words():
    assert why(episode(bash("ls"), issue="It fails."), {"instance_id": "x", "problem_statement": "It fails."}) == ""
    marks = "It fails. " + "- " * 20
    assert why(episode(bash("ls"), issue="It fails."), {"instance_id": "x", "problem_statement": marks}) == ""


# --- the answer


def shown(*steps, patch=PATCH, **fields):
    return contamination(episode(*steps, **fields), Tasks(solved=[{"instance_id": "sums-1", "patch": patch}]))


def edit(path="/testbed/src/sums.py"):
    new = "\n".join(LINES)
    return step("edit_line", f"pass: wrote {path}\n{new}", arguments={"path": path, "line": 2, "old": "…", "new": new})


@pytest.mark.parametrize(
    "output",
    [
        PATCH,
        "\n".join(f"{number}:{line}" for number, line in enumerate(LINES, start=2)),
        "\n".join(f"     {number}\t{line}" for number, line in enumerate(LINES, start=2)),
        "\n".join(f"-{line}" for line in LINES),  # a diff from the future to now
    ],
)
def test_the_patch_of_the_own_task(output):
    assert shown(bash("git show abc1234", output), edit(), bash("pytest -q", "1 passed")) == "gold_patch"
    assert shown(bash("git show abc1234", output), bash("ls")) == "gold_patch"


def test_a_part_of_the_patch_is_not_the_patch():
    assert shown(bash("cat other.py", "\n".join(LINES[:2])), edit()) == ""


def test_what_the_model_wrote_itself():
    assert shown(bash("cat src/sums.py", "def add(a, b):"), edit(), bash("cat src/sums.py", "\n".join(LINES))) == ""
    script = "cat > src/sums.py <<'EOF'\n" + "\n".join(LINES) + "\nEOF"
    assert shown(bash(script), bash("cat src/sums.py", "\n".join(LINES)), bash("ls")) == ""


def test_what_the_model_tried_elsewhere_first():
    tried = step("write_file", "pass: wrote it", arguments={"path": "try.py", "content": "\n".join(LINES)})
    assert shown(tried, bash("cat try.py", "\n".join(LINES)), edit()) == ""


def test_a_change_that_names_no_file():
    script = "python - <<'EOF'\nimport fix\nopen(fix.target, 'w').write(fix.text)\nEOF"
    assert shown(bash(script), bash("git diff", PATCH), bash("pytest -q", "1 passed")) == ""


def test_a_scratch_file_before_the_look():
    scratch = step("write_file", "pass: wrote it", arguments={"path": "reproduce.py", "content": "add(1, 2)"})
    assert shown(scratch, bash("git show abc1234", PATCH), edit()) == "gold_patch"


def test_an_own_change_in_other_words_that_is_looked_at_later():
    by_script = bash("sed -i s/a.d/common/ src/sums.py")
    assert shown(by_script, bash("git diff", PATCH), bash("pytest -q", "1 passed")) == ""


def test_only_the_patch_of_the_own_task_counts():
    assert shown(bash("git show abc1234", PATCH), bash("ls"), instance="sums-2") == ""


def test_moved_lines_and_small_patches_are_seen_by_chance():
    moved = "\n".join([*("-" + line for line in LINES), *("+    " + line for line in LINES)])
    source = "\n".join(LINES)
    assert shown(bash("cat src/sums.py", source), bash("ls"), patch=moved) == ""
    assert shown(bash("cat src/sums.py", "x = 1\ny = 2"), bash("ls"), patch="+x = 1\n+y = 2\n") == ""
    assert shown(bash("cat src/sums.py", LINES[1]), bash("ls"), patch="+" + LINES[1]) == ""


# --- files


ROW = {"instance_id": "a-1", "repo": "o/n", "base_commit": "c", "problem_statement": ISSUE + "\u2028", "patch": PATCH}


@pytest.mark.parametrize(
    "text",
    [
        "a-1\na-2\n",
        "\n  a-1  \n\na-2",
        "a-2\n" + json.dumps(ROW),
        json.dumps(["a-1", "a-2"]),
        json.dumps([ROW, {"instance_id": "a-2"}], indent=1),
        json.dumps({"instance_id": "a-2"}) + "\n" + json.dumps(ROW, ensure_ascii=False) + "\n",
        json.dumps({"a-1": {"patch": PATCH}, "a-2": {"repo": "o/n"}}),
        "\ufeffa-1\r\na-2\r\n",
    ],
)
def test_forms_of_files(tmp_path, text):
    assert read(tmp_path, text).instances == {"a-1", "a-2"}


@pytest.mark.parametrize(("text", "name"), [("a-1", "a-1"), ("123", "123"), ('"a-1"', "a-1"), (json.dumps(ROW), "a-1")])
def test_files_of_a_single_task(tmp_path, text, name):
    assert read(tmp_path, text).instances == {name}


def test_all_fields_of_a_row_count(tmp_path):
    tasks = read(tmp_path, json.dumps(ROW))
    assert contamination(episode(bash("ls"), commit="c"), tasks) == "benchmark_commit"
    assert contamination(episode(bash("ls"), repo="o/n"), tasks) == "benchmark_repository"
    assert contamination(episode(bash("ls"), issue=ISSUE), tasks) == "benchmark_words"
    assert contamination(episode(bash("ls"), patch=PATCH), tasks) == "benchmark_words"
    assert contamination(episode(bash("ls"), repo="o/n"), read(tmp_path, json.dumps(ROW), repositories=False)) == ""


def test_a_row_without_a_name(tmp_path):
    tasks = read(tmp_path, json.dumps({"repo": "o/n"}))
    assert contamination(episode(bash("ls"), repo="o/n"), tasks) == "benchmark_repository"
    assert tasks.instances == set()


def test_solutions_are_no_tasks_to_keep_out(tmp_path):
    path = tmp_path / "solved.json"
    path.write_text(json.dumps([{"instance_id": "sums-1", "repo": "o/n", "problem_statement": ISSUE, "patch": PATCH}]))
    tasks = read_tasks(DecontaminationConfig(solutions=(str(path),)))
    assert contamination(episode(bash("ls"), issue=ISSUE, repo="o/n"), tasks) == ""
    assert contamination(episode(bash("git show abc1234", PATCH), bash("ls")), tasks) == "gold_patch"


@pytest.mark.parametrize(
    "content",
    [b"", b"a,b\nc,d", b"torn {", b"{}", b"[]", b'{"rows": 3}', b"[1, 2]", b"\xff\xfe", b'{"instance_id": "a"}\n{"x'],
)
def test_files_without_a_task(tmp_path, content):
    path = tmp_path / "tasks"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="read the tasks"):
        read_tasks(DecontaminationConfig(files=(str(path),)))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_tasks(DecontaminationConfig(files=(str(tmp_path / "gone"),)))
