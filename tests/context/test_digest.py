"""E03: facts kept without a model."""

from slm_ext.context.digest import digest, status_of_tests
from slm_ext.context.exchanges import Conversation

from .conversations import exchange, start


def facts(*exchanges):
    parts = Conversation([*start(), *(message for one in exchanges for message in one)])
    return digest(result for i in range(len(parts.exchanges)) for result in parts.results(i))


def test_files_edits_tests_and_the_last_error():
    said = facts(
        exchange("1", "read_file", "stats.py: lines 1-9 of 9\n1|x", path="stats.py"),
        exchange("2", "bash", "<returncode>0</returncode>", command="grep -n total src/lib/sums.py | head"),
        exchange("3", "edit_line", "error not_found: stats.py line 3 has no x", path="stats.py", line=3),
        exchange("4", "edit_line", "edited stats.py line 4\n4|y", path="stats.py", line=4),
        exchange("5", "pytest_run", "fail: 1 failed, 3 passed\ntest_a.py::test_b\nE   assert 1 == 2"),
        exchange("6", "pytest_run", "pass: 4 passed"),
    )
    assert said.splitlines() == [
        "Files touched: src/lib/sums.py, stats.py",
        "Edits made:",
        "- edit_line stats.py: error not_found: stats.py line 3 has no x",
        "- edit_line stats.py: edited stats.py line 4",
        "Last test run: pass: 4 passed",
        "Last error: pytest_run: fail: 1 failed, 3 passed",
    ]


def test_it_is_bounded():
    many = [exchange(str(i), "edit_line", f"edited f{i}.py line 1" + "x" * 500, path=f"f{i}.py") for i in range(300)]
    said = facts(*many)
    assert len(said) < 2500 and "(288 earlier ones)" in said and "(292 earlier ones)" in said and "f299.py" in said


def test_nothing_to_say():
    assert facts() == facts(exchange("1", "submit", "submitted")) == ""


def test_the_line_that_counts_tests():
    assert status_of_tests("..\n==== 1 failed, 2 passed in 0.1s ====\n") == "1 failed, 2 passed in 0.1s"
    assert status_of_tests("Ran 3 tests in 0.001s\n\nFAILED (errors=1)") == "FAILED (errors=1)"
    assert status_of_tests("\n  no  counts\nhere") == "no counts"
