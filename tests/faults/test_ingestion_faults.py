"""Everything that goes wrong on the way in, then one plain run: the rows of a fault-free one."""

from collections.abc import Iterator

import pytest
from faults.faults_sandbox import FaultySandbox, faulty_sandbox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("ingestion_faults"),
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("builds"),
]

FIRST, LAST = "2005-02-22", "2005-02-28"
BARS, TICKERS, SPLITS = "raw/polygon/daily_bars", "raw/polygon/tickers", "raw/polygon/splits"
ASSETS = (BARS, TICKERS, SPLITS)
GROUPED = "/v2/aggs/grouped/locale/us/market/stocks/"
MIDDLE = f"{GROUPED}2005-02-24"
SYMBOLS = "300"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultySandbox]:
    with faulty_sandbox(tmp_path_factory.mktemp("faulty"), SYMBOLS) as started:
        yield started


@pytest.fixture(scope="module")
def fault_free(sandbox: FaultySandbox) -> dict[str, tuple[int, str]]:
    """The raw tables of a run to which nothing had happened yet; the warehouse is empty again."""
    outcome = sandbox.run(FIRST, LAST, *ASSETS)
    assert outcome.success, outcome.failures
    assert not outcome.errors
    found = sandbox.tables()
    assert sum(rows for rows, _ in found.values()) > 0
    sandbox.forget()
    assert sum(rows for rows, _ in sandbox.tables().values()) == 0
    return found


def test_a_plain_rerun_after_all_faults_gives_the_rows_of_a_fault_free_run(
    sandbox: FaultySandbox, fault_free: dict[str, tuple[int, str]]
) -> None:
    _plan_errors_fail_with_the_reason(sandbox)
    _torn_answers_fail_the_window(sandbox)
    _a_kill_fails_the_run(sandbox, "source-polygon", "exit code")
    _a_kill_fails_the_run(
        sandbox, "polygon_assets.sandbox.airbyte", "stopped while this job was running"
    )
    _storms_are_waited_out(sandbox)

    outcome = sandbox.run(FIRST, LAST, *ASSETS)
    assert outcome.success, outcome.failures
    assert not outcome.errors
    assert sandbox.tables() == fault_free


def _plan_errors_fail_with_the_reason(sandbox: FaultySandbox) -> None:
    sandbox.fault("timeframe", path=MIDDLE)
    sandbox.fault("not_entitled", path="/stocks/v1/splits")
    outcome = sandbox.run(FIRST, LAST, BARS, SPLITS)
    sandbox.heal()
    assert not outcome.success
    [bars] = [one for one in outcome.failures if "daily_bars" in one]
    assert "refused this date" in bars
    [splits] = [one for one in outcome.failures if "splits" in one]
    assert "plan" in splits
    assert not {BARS, SPLITS} & outcome.materialized


def _torn_answers_fail_the_window(sandbox: FaultySandbox) -> None:
    """Torn for ever on one day: the run fails, and the days behind it are not passed over."""
    # The vendor's own pace: without it the connector tries again for two minutes.
    sandbox.fault("truncated", path=MIDDLE, retry_after=0.1)
    outcome = sandbox.run(FIRST, LAST, BARS)
    sandbox.heal()
    assert not outcome.success
    assert "daily_bars" in outcome.failures[0]


def _a_kill_fails_the_run(sandbox: FaultySandbox, command_word: str, reason: str) -> None:
    """kill -9 while the connector reads the third of five days."""
    sandbox.fault("slow", count=1, path=MIDDLE, seconds=20)
    run = sandbox.start(FIRST, LAST, BARS)
    sandbox.wait_until_met()
    sandbox.kill(command_word)
    outcome = run.result()
    assert not outcome.success
    assert reason in outcome.failures[0]


def _storms_are_waited_out(sandbox: FaultySandbox) -> None:
    """Failures that end by themselves fail nothing."""
    sandbox.fault("429", count=12, path=GROUPED, retry_after=0.2)
    sandbox.fault("429_empty", count=2, path="/v3/reference/tickers")
    sandbox.fault("500", count=4, path=GROUPED, retry_after=0.2)
    sandbox.fault("502_html", count=2, path=GROUPED)
    sandbox.fault("disconnect", count=1, path=GROUPED)
    sandbox.fault("truncated", count=1, path=GROUPED)
    outcome = sandbox.run(FIRST, LAST, *ASSETS)
    assert outcome.success, outcome.failures
