"""Another commit as the base of a comparison: on small repositories of git."""

import json
import subprocess
from pathlib import Path

import pytest

from polygon_assets.gate.base import Base, base_checkout, commit_of
from polygon_assets.gate.dbt_state import dbt_changes, write_deferred_state
from polygon_assets.gate.errors import GateUsageError

DEFINITIONS = """
import dagster as dg
from polygon_stream import VERSION

@dg.asset(key=["raw", "polygon", "daily_bars"], code_version=VERSION)
def daily_bars():
    pass

defs = dg.Definitions(assets=[daily_bars])
"""
PROJECT = (
    "name: small\nversion: 1.0.0\nprofile: small\nflags: {send_anonymous_usage_stats: false}\n"
)
PROFILES = """
small:
  target: local
  outputs:
    local: {type: snowflake, account: a, user: u, password: p, database: POLYGON_LOCAL, schema: M}
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project in a folder of a repository, with two commits: `first` and the newest."""
    root = tmp_path / "repository"
    project = root / "market"
    write(
        project,
        {
            "polygon_assets/__init__.py": "",
            "polygon_assets/definitions.py": DEFINITIONS,
            "streaming/polygon_stream/__init__.py": 'VERSION = "1"\n',
        },
    )
    git(tmp_path, "init", "--quiet", str(root))
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "first")
    git(root, "tag", "first")
    (project / "streaming/polygon_stream/__init__.py").write_text('VERSION = "2"\n')
    git(root, "commit", "--quiet", "-am", "second")
    return project


def test_facts_are_those_of_the_other_commit(repository: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with base_checkout("first", work, repository) as base:
        assert base.commit == git(repository, "rev-parse", "first")
        found = base.facts()
    [(key, asset)] = found.assets.items()
    assert key == "raw/polygon/daily_bars"
    assert asset.code_version == "1"
    assert list(work.iterdir()) == []
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_the_checkout_goes_when_something_fails(repository: Path, tmp_path: Path) -> None:
    (repository / "polygon_assets/definitions.py").write_text("import nonsense\n")
    git(repository, "commit", "--quiet", "-am", "broken")
    (tmp_path / "work").mkdir()
    with (
        pytest.raises(GateUsageError, match=r"cannot be loaded of .*No module named 'nonsense'"),
        base_checkout("HEAD", tmp_path / "work", repository) as base,
    ):
        base.facts()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("ref", ["nope", "--help", "", "first^^", "HEAD:market"])
def test_an_unknown_commit_is_refused(repository: Path, ref: str) -> None:
    with pytest.raises(GateUsageError, match="git knows no such commit"):
        commit_of(ref, repository)


def test_a_folder_without_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(GateUsageError, match="needs the git repository"):
        commit_of("HEAD", tmp_path)


@pytest.mark.slow
def test_dbt_names_what_is_modified_and_what_it_affects(tmp_path: Path) -> None:
    """Four models in a row, a macro and a test; the newer project differs in two places."""
    base = {
        "dbt_project.yml": PROJECT,
        "profiles.yml": PROFILES,
        "macros/one.sql": "{% macro one() %}1{% endmacro %}",
        "models/top.sql": "select 1 as x",
        "models/by_macro.sql": "select {{ one() }} as x",
        "models/below.sql": "select * from {{ ref('by_macro') }}",
        "models/apart.sql": "select * from {{ ref('top') }}",
        "tests/positive.sql": "select * from {{ ref('top') }} where x < 0",
        "tests/the_same.sql": "select * from {{ ref('by_macro') }} where x < 0",
    }
    now = base | {
        "macros/one.sql": "{% macro one() %}2{% endmacro %}",
        "models/new.sql": "select 3 as x",
        "tests/positive.sql": "select * from {{ ref('top') }} where x < 1",
    }
    before = Base("base", "0" * 40, tmp_path / "base")
    write(before.dbt_project, base)
    write(tmp_path / "now", now)
    before.parse_dbt("local")
    found = dbt_changes(before.dbt_state, "local", tmp_path / "work", tmp_path / "now")
    assert found.modified == {
        "model.small.by_macro": ("dbt: macros",),
        "model.small.new": (),
        "test.small.positive": ("dbt: body",),
    }
    assert found.affected == {*found.modified, "model.small.below", "test.small.the_same"}
    write_deferred_state(before.dbt_state, "POLYGON", tmp_path / "deferred")
    deferred = json.loads((tmp_path / "deferred" / "manifest.json").read_text())
    top = deferred["nodes"]["model.small.top"]
    assert (top["database"], top["relation_name"]) == ("POLYGON", "POLYGON.M.top")


@pytest.mark.parametrize(
    ("project", "reason"),
    [
        (PROJECT.replace("1.0.0", "x"), r"Runtime Error; at path \['version'\]: 'x' is not valid"),
        (PROJECT.replace("profile: small\n", ""), "Runtime Error; .* no profile was specified"),
    ],
    ids=["a short reason", "a long one"],
)
def test_a_project_that_dbt_cannot_read_is_one_sentence(
    tmp_path: Path, project: str, reason: str
) -> None:
    base = Base("main", "0" * 40, tmp_path)
    write(base.dbt_project, {"dbt_project.yml": project, "profiles.yml": PROFILES})
    with pytest.raises(GateUsageError, match=f"main: dbt cannot read the project of 0+: {reason}"):
        base.parse_dbt("local")
