"""The image's Dockerfile, and the proof of it in a folder (``.ci/dagster-image`` runs it whole)."""

import re
import sys
from pathlib import Path

import pytest
from dagster_plus_support import BIN, command

from polygon_assets.env import PROJECT_ROOT

sys.path.insert(0, str(PROJECT_ROOT / ".ci"))
try:
    import dagster_image  # pyright: ignore[reportMissingImports]
finally:
    sys.path.remove(str(PROJECT_ROOT / ".ci"))

DOCKERFILE = PROJECT_ROOT / "polygon_assets" / "Dockerfile"
TEXT = DOCKERFILE.read_text()


def test_hadolint_finds_nothing(tmp_path: Path) -> None:
    done = command([str(BIN / "hadolint"), str(DOCKERFILE)], {}, tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


def test_both_stages_are_the_same_pinned_base_and_nobody_is_root() -> None:
    bases = re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}", bases[0])
    assert re.findall(r"^USER (.+)$", TEXT, re.MULTILINE) == ["10001"]


def test_the_context_is_what_the_code_location_reads_and_no_more() -> None:
    files = dagster_image.context()
    assert {
        "pyproject.toml",
        "uv.lock",
        "polygon_assets/definitions.py",
        "polygon_assets/defs/dashboards/plugin/package.json",
        "dbt_polygon/profiles.yml",
        "dbt_polygon/seeds/dim_trading_session.csv",
        "streaming/ecs/producer.json",
        "streaming/polygon_stream/producer.py",
        "airbyte_connector/manifest.yaml",
    } <= set(files)
    tops = {file.partition("/")[0] for file in files}
    assert tops == {
        *("pyproject.toml", "uv.lock", "README.md", "LICENSE"),
        *("polygon_assets", "dbt_polygon", "streaming", "airbyte_connector"),
    }
    assert [file for file in files if "/." in file or file.startswith(".")] == []
    assert [file for file in files if file.startswith("airbyte_connector/")] == [
        "airbyte_connector/manifest.yaml"
    ]


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("tests/conftest.py", True),
        ("dbt_polygon/models/marts/dim_exchange.sql", False),
        ("dbt_polygon/target/manifest.json", True),
        ("polygon_assets/__pycache__/env.pyc", True),
        (".env", True),
        ("polygon_assets/.env", True),
        ("streaming/tests/test_sink.py", True),
    ],
)
def test_patterns_as_docker_reads_them(path: str, verdict: bool) -> None:
    told = (PROJECT_ROOT / "polygon_assets" / "Dockerfile.dockerignore").read_text().splitlines()
    patterns = [line for line in told if line and not line.startswith("#")]
    assert dagster_image.ignored(path, patterns) is verdict


def test_the_instructions_of_the_first_stage() -> None:
    text = "FROM a AS build\n# no\nENV A=1 B=2\nRUN one \\\n    two\nFROM b\nRUN three\n"
    assert list(dagster_image.instructions(text)) == [("ENV", "A=1 B=2"), ("RUN", "one two")]


def test_an_unknown_instruction_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "Dockerfile"
    other.write_text("FROM a AS build\nADD https://example.com/x /x\n")
    (tmp_path / "Dockerfile.dockerignore").write_text("*\n")
    monkeypatch.setattr(dagster_image, "DOCKERFILE", other)
    with pytest.raises(SystemExit, match="teach it"):
        dagster_image.build(tmp_path / "app")


def test_what_is_left_out_belongs_to_the_sandbox_alone() -> None:
    left_out = set(re.findall(r"--no-install-package (\S+)", TEXT))
    assert left_out == {"chdb", "chdb-core", "duckdb", "fakesnow"}
    modules = re.compile(r"^\s*(?:import|from) (?:chdb|duckdb|fakesnow)\b", re.MULTILINE)
    users = [
        path
        for path in (PROJECT_ROOT / "polygon_assets").rglob("*.py")
        if modules.search(path.read_text())
    ]
    assert users
    assert [path for path in users if "sandbox" not in path.parts] == []


def test_the_guide_names_the_metadata_that_is_told() -> None:
    from polygon_assets.defs.marts.facts import Statement, cost

    told = cost([Statement("01b", "MERGE", 3, 1500, 4096, 0.001)], 10)
    guide = (PROJECT_ROOT / ".github" / "DAGSTER_PLUS.md").read_text()
    costs = guide.partition("## Cost")[2]
    keys = re.findall(r"^\| `(\w+)` \|", costs, re.MULTILINE)
    assert keys
    assert all(isinstance(told[key], int | float) for key in keys)
