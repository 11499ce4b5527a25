"""The clone holds what lay in the checkout, and the checkout is only read."""

from __future__ import annotations

import os
import shutil

import pytest

from slm_ext.errors import RepositoryError
from slm_ext.runs.clone import make_clone
from slm_ext.runs.source import find_source

from .parts import fingerprint, git, make_repository, write

FILES = {"a.py": "a = 1\n", "b.py": "b = 1\n", "sub/c.py": "c = 1\n", "tool.sh": "#!/bin/sh\n", "data.bin": b"\0\1\2"}


@pytest.fixture
def checkout(tmp_path):
    return make_repository(tmp_path / "project", FILES)


def cloned(checkout, tmp_path, **options):
    before = fingerprint(checkout)
    clone = make_clone(find_source(str(checkout)), tmp_path / "clone", **options)
    assert fingerprint(checkout) == before
    return clone


def worktree(folder):
    """Relative path → content, links and modes included, without .git."""
    state = {}
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if ".git" in relative.parts or (path.is_dir() and not path.is_symlink()):
            continue
        state[str(relative)] = (
            os.readlink(path) if path.is_symlink() else (path.stat().st_mode & 0o111, path.read_bytes())
        )
    return state


def test_a_clean_repository_is_cloned_at_its_head(checkout, tmp_path):
    clone = cloned(checkout, tmp_path)
    assert clone.head == clone.baseline == git(checkout, "rev-parse", "HEAD").strip()
    assert clone.notes == [] and worktree(clone.path) == worktree(checkout)


def test_nothing_leads_back_to_the_checkout(checkout, tmp_path):
    clone = cloned(checkout, tmp_path)
    assert git(clone.path, "remote") == ""
    theirs = {p.stat().st_ino for p in (checkout / ".git" / "objects").rglob("*") if p.is_file()}
    ours = {p.stat().st_ino for p in (clone.path / ".git" / "objects").rglob("*") if p.is_file()}
    assert not theirs & ours
    assert not (clone.path / ".git" / "objects" / "info" / "alternates").exists()


def test_every_kind_of_change_is_taken_as_it_is(checkout, tmp_path):
    write(
        checkout, {"a.py": "a = 2\n", "new.py": "n = 1\n", "dir/new.txt": "x", "staged.py": "s = 1\n", "bin": b"\0\xff"}
    )
    (checkout / "b.py").unlink()
    (checkout / "tool.sh").chmod(0o755)
    (checkout / "link").symlink_to("a.py")
    (checkout / "broken").symlink_to("nowhere")
    git(checkout, "add", "staged.py")
    (checkout / "staged.py").write_text("s = 2\n")  # staged, then changed again
    git(checkout, "rm", "-q", "--cached", "data.bin")  # gone from the index, still there
    git(checkout, "mv", "sub/c.py", "sub/d.py")
    clone = cloned(checkout, tmp_path)
    assert worktree(clone.path) == worktree(checkout)
    assert git(clone.path, "status", "--porcelain") == ""
    assert clone.baseline != clone.head == git(checkout, "rev-parse", "HEAD").strip()
    (note,) = clone.notes
    assert "taken as they are" in note and "relative to them" in note


def test_a_file_that_became_a_folder_and_a_folder_that_became_a_link(checkout, tmp_path):
    (checkout / "a.py").unlink()
    write(checkout, {"a.py/inner.py": "i = 1\n"})
    shutil.rmtree(checkout / "sub")
    (checkout / "sub").symlink_to("a.py")
    clone = cloned(checkout, tmp_path)
    assert worktree(clone.path) == worktree(checkout)


def test_names_that_need_quoting(checkout, tmp_path):
    names = ["with space.py", "with\nline.py", 'quote".py', "ümlaut.py", "-dash.py"]
    write(checkout, {name: "x = 1\n" for name in names})
    clone = cloned(checkout, tmp_path)
    assert set(names) <= set(worktree(clone.path)) and git(clone.path, "status", "--porcelain") == ""


def test_a_forced_ignored_file_is_part_of_the_baseline(checkout, tmp_path):
    write(checkout, {".gitignore": "*.cfg\n", "local.cfg": "1", "forced.cfg": "2"})
    git(checkout, "add", "-f", "forced.cfg")
    clone = cloned(checkout, tmp_path)
    assert (clone.path / "forced.cfg").read_text() == "2" and not clone.has_file("local.cfg")
    assert "forced.cfg" in git(clone.path, "ls-files")


def test_generated_modules_come_along_but_not_into_the_baseline(checkout, tmp_path):
    write(checkout, {".gitignore": "_version.py\n*.so\nbuild/\n.venv/\n", "sub/_version.py": "v = 1\n"})
    write(checkout, {"sub/fast.so": b"\x7fELF", "build/lib/x.py": "x\n", ".venv/lib/y.py": "y\n", "deep/none.so": b"1"})
    clone = cloned(checkout, tmp_path)
    assert clone.has_file("sub/_version.py") and clone.has_file("sub/fast.so")
    assert not clone.has_file("build") and not clone.has_file(".venv")
    assert "_version.py" not in git(clone.path, "ls-files") and git(clone.path, "status", "--porcelain") == ""


def test_environments_caches_and_records_stay_behind(checkout, tmp_path):
    write(checkout, {"env/pyvenv.cfg": "home = /\n", "env/lib/z.py": "z\n", "__pycache__/a.pyc": b"1", "runs/log": "l"})
    clone = cloned(checkout, tmp_path, leave_out=(checkout / "runs",))
    assert not clone.has_file("env") and not clone.has_file("__pycache__") and not clone.has_file("runs")
    assert any("env/" in note for note in clone.notes)


def test_a_repository_without_a_commit(tmp_path):
    folder = tmp_path / "fresh"
    folder.mkdir()
    git(folder, "init", "-q")
    write(folder, {"a.py": "a = 1\n"})
    clone = cloned(folder, tmp_path)
    assert clone.head is None and (clone.path / "a.py").read_text() == "a = 1\n"
    assert git(clone.path, "ls-files").split() == ["a.py"]


def test_a_repository_without_anything_is_refused(tmp_path):
    folder = tmp_path / "void"
    folder.mkdir()
    git(folder, "init", "-q")
    with pytest.raises(RepositoryError, match="no commit"):
        cloned(folder, tmp_path)


def test_a_linked_worktree_and_a_detached_head(checkout, tmp_path):
    git(checkout, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    (tmp_path / "linked" / "a.py").write_text("a = 3\n")
    clone = cloned(tmp_path / "linked", tmp_path)
    assert (clone.path / "a.py").read_text() == "a = 3\n"


def test_a_url_is_cloned_too(checkout, tmp_path):
    source = find_source(checkout.as_uri())
    clone = make_clone(source, tmp_path / "clone")
    assert source.checkout is None and source.name == "project" and worktree(clone.path) == worktree(checkout)


def test_credentials_of_a_url_are_not_shown():
    source = find_source("https://me:sekrit@example.org/group/project.git")
    assert "sekrit" not in source.shown and source.name == "project" and "sekrit" in source.location


def test_the_index_is_not_refreshed(checkout, tmp_path):
    os.utime(checkout / "a.py", (1, 1))  # `git status` would write the new time into the index
    cloned(checkout, tmp_path)


def test_settings_of_an_outer_repository_do_not_leak_in(checkout, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    before = fingerprint(checkout)
    clone = make_clone(find_source(str(checkout)), tmp_path / "clone")
    monkeypatch.undo()
    assert worktree(clone.path) == worktree(checkout) and fingerprint(checkout) == before
