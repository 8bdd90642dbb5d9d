"""`polygon gate` in this process: made-up assets, Dagster's own runs."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from gate_market import MART, RAW, STAGING, market

from polygon_assets.cli import gate
from polygon_assets.cli.gate import Gate, checked_out_definitions, run_gate
from polygon_assets.cli.gate_options import Options
from polygon_assets.cli.prepare import Build
from polygon_assets.env import PROJECT_ROOT
from polygon_assets.gate.changes import Changes
from polygon_assets.gate.summary import Comparison

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
ALL = Options("2005-02-25:2005-02-28", "*")

Load = Callable[[Path], dg.Definitions]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance of Dagster's for all gates: to make one takes longer than to run."""
    folder = tmp_path_factory.mktemp("dagster")
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return folder


@pytest.fixture(autouse=True)
def _environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def loading(*checks: dg.AssetChecksDefinition, **options: Any) -> Load:
    """The made-up market with further checks."""
    more = dg.Definitions(asset_checks=checks)
    return lambda _: dg.Definitions.merge(market(**options), more)


def check(
    key: dg.AssetKey, *, blocking: bool = False, severity: dg.AssetCheckSeverity = ERROR
) -> dg.AssetChecksDefinition:
    """A check that fails."""

    @dg.asset_check(asset=key, name="broken", blocking=blocking)
    def broken() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(
            passed=False, severity=severity, description="Two rows are wrong."
        )

    return broken


def test_all_good_without_an_instance_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    summary = tmp_path / "new" / "summary.md"
    assert run_gate(dataclasses.replace(ALL, summary=summary), loading()) == 0
    told = capsys.readouterr().out
    assert told == summary.read_text()
    assert told.startswith("## Gate passed\n\n4 of 4 assets materialized for 2005-02-25 to")
    assert "5 checks passed, 0 failed, 0 warned" in told
    assert "| `raw/polygon/daily_bars` | 2 | 2 |" in told
    assert "| `marts/market/dim_trading_session` |  | 1 |" in told


@pytest.mark.usefixtures("builds")
def test_what_the_definitions_need_is_built_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    command = [sys.executable, "-S", "-c", f"open({str(made)!r}, 'w')"]
    missing = Build("dbt manifest", command, tmp_path / "log")
    monkeypatch.setattr(gate, "missing_manifest", lambda _: [missing])
    assert checked_out_definitions(tmp_path).assets
    assert made.exists()


def test_one_run_per_session_where_an_asset_needs_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_gate(ALL, loading(single_run=False)) == 0
    told = capsys.readouterr().out
    assert "| `raw/polygon/daily_bars` | 2 | 2 |" in told
    assert "| `marts/market/dim_trading_session` |  | 1 |" in told


@pytest.mark.parametrize(
    ("blocking", "severity", "code", "materialized"),
    [
        (False, ERROR, 1, 4),
        (True, ERROR, 1, 3),
        (False, WARN, 0, 4),
        (True, WARN, 0, 4),
    ],
    ids=["ERROR", "blocking ERROR", "WARN", "blocking WARN"],
)
def test_a_failed_error_check_fails_blocking_or_not(
    capsys: pytest.CaptureFixture[str],
    blocking: bool,
    severity: dg.AssetCheckSeverity,
    code: int,
    materialized: int,
) -> None:
    broken = check(STAGING, blocking=blocking, severity=severity)
    assert run_gate(ALL, loading(broken)) == code
    told, said = capsys.readouterr()
    assert f"{materialized} of 4 assets materialized" in told
    result = "**failed**" if code else "warned"
    row = f"| {result} | `staging/market/stg_daily_bars:broken` | {severity.value} |"
    assert row in told
    assert "Two rows are wrong." in told
    if code:
        assert "1 ERROR checks failed: staging/market/stg_daily_bars:broken" in said


def test_a_failed_step_fails(capsys: pytest.CaptureFixture[str]) -> None:
    @dg.multi_asset(specs=[dg.AssetSpec(dg.AssetKey(["a", "b", "c"]), deps=[MART])])
    def no_rows() -> None:
        raise dg.Failure("The vendor sent no rows.")

    def load(_: Path) -> dg.Definitions:
        return dg.Definitions.merge(market(), dg.Definitions(assets=[no_rows]))

    assert run_gate(ALL, load) == 1
    told, said = capsys.readouterr()
    assert "- no_rows: The vendor sent no rows." in told
    assert "4 of 5 assets materialized" in told
    assert "the run failed: no_rows: The vendor sent no rows." in " ".join(said.split())


def test_it_writes_where_github_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("# An earlier step\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    assert run_gate(ALL, loading()) == 0
    assert page.read_text().startswith("# An earlier step\n## Gate passed\n")


def test_the_instance_of_dagster_home_keeps_the_run() -> None:
    with dg.DagsterInstance.get() as instance:
        before = instance.get_runs_count()
    assert run_gate(ALL, loading()) == 0
    with dg.DagsterInstance.get() as instance:
        assert instance.get_runs_count() == before + 1
        assert instance.get_runs(limit=1)[0].is_success
        assert instance.get_latest_materialization_event(RAW) is not None


def test_nothing_changed_is_no_failure_and_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    same = Comparison("main", "abcdef0123456789", Changes())
    monkeypatch.setattr(Gate, "_compare", lambda *_: same)
    assert run_gate(dataclasses.replace(ALL, changed_since="main"), loading()) == 0
    told, said = capsys.readouterr()
    sentence = "No asset and no check of the selection has changed since main: nothing was run."
    assert sentence in told
    assert sentence in " ".join(said.split())
    assert "| yes |" not in told


def refused(options: Options, capsys: pytest.CaptureFixture[str], load: Load = loading()) -> str:  # noqa: B008
    """The one sentence on standard error, where nothing is judged."""
    assert run_gate(options, load) == 2
    told, said = capsys.readouterr()
    assert told == ""
    assert "Traceback" not in said
    return " ".join(said.split())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sessions": "2005-02-21"}, "2005-02-21 is not an NYSE session"),
        ({"sessions": "tomorrow"}, "FIRST:LAST"),
        ({"sessions": "2005-02-28:2005-02-14"}, "no session"),
        ({"sessions": "2030-12-31"}, "2030-12-31 is yet to come"),
        ({"select": ""}, "give --select, --changed-since, or both"),
        ({"select": 'key:"raw/nope"'}, 'key:"raw/nope" selects no asset'),
        ({"select": "(("}, "no asset selection"),
        ({"changed_since": "no-such-branch"}, "git knows no such commit"),
        ({"defer_to": "POLYGON"}, "needs --changed-since"),
        ({"changed_since": "HEAD", "defer_to": "A; DROP"}, "no name of a database"),
        ({"sandbox": "8", "sessions": "latest:3"}, "name the sessions"),
    ],
)
def test_what_cannot_be_judged_gets_a_sentence(
    options: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "changed_since" in options and not (PROJECT_ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    assert sentence in refused(dataclasses.replace(ALL, **options), capsys)


def test_assets_without_a_check_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    def load(_: Path) -> dg.Definitions:
        return dg.Definitions(assets=market().assets)

    assert "so nothing would be judged" in refused(ALL, capsys, load)


def test_a_wrong_dagster_home_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/no/such/folder")
    said = refused(ALL, capsys)
    assert "DAGSTER_HOME" in said
    assert "/no/such/folder" in said
