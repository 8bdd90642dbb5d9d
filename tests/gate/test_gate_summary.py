"""The summary as Markdown."""

import dataclasses

import dagster as dg
from gate_market import MART, RAW, STAGING

from polygon_assets.cli.outcomes import AssetOutcome, CheckOutcome, RunOutcome, merged
from polygon_assets.gate.changes import Changes
from polygon_assets.gate.selection import Plan
from polygon_assets.gate.summary import Comparison, Report, markdown

PLAN = Plan(
    [MART, RAW, STAGING],
    [STAGING],
    [dg.AssetCheckKey(key, "sane") for key in (MART, RAW, STAGING)],
)
BAD = CheckOutcome(
    MART.to_user_string(), "sane", False, "ERROR", "3 rows | of\n<AAPL>", blocking=False
)
WARNED = CheckOutcome(STAGING.to_user_string(), "sane", False, "WARN", "A little late.")
GOOD = CheckOutcome(RAW.to_user_string(), "sane", True, "ERROR", "Fine.", blocking=True)


def outcome(*checks: CheckOutcome, success: bool = True) -> RunOutcome:
    return RunOutcome(
        success,
        failures=[] if success else ["raw_bars: no rows"],
        checks={(one.asset, one.name): one for one in checks},
        assets={
            RAW.to_user_string(): AssetOutcome(2, 16_000, 3.21),
            STAGING.to_user_string(): AssetOutcome(2, None, 0.4),
        },
    )


def report(found: RunOutcome | None, comparison: Comparison | None = None) -> Report:
    return Report(
        "local (POLYGON_LOCAL)",
        "2005-02-25 to 2005-02-28",
        PLAN,
        found,
        comparison,
        {"load": 5.0, "run": 61.25},
    )


WHOLE = """\
## Gate failed

2 of 3 assets materialized for 2005-02-25 to 2005-02-28 in local (POLYGON_LOCAL). \
1 checks passed, 1 failed, 1 warned.

### Assets

| asset | sessions | rows | seconds |
| --- | --: | --: | --: |
| `marts/market/fct_daily_bars` |  |  | not materialized |
| `raw/polygon/daily_bars` | 2 | 16,000 | 3.2 |
| `staging/market/stg_daily_bars` (in between) | 2 |  | 0.4 |

Tables that one sync or step fills share its seconds.

### Checks

| result | check | severity | blocking | message |
| --- | --- | --- | --- | --- |
| **failed** | `marts/market/fct_daily_bars:sane` | ERROR | no | `3 rows \\| of <AAPL>` |
| warned | `staging/market/stg_daily_bars:sane` | WARN | no | A little late. |

<details><summary>1 passed</summary>

| result | check | severity | blocking | message |
| --- | --- | --- | --- | --- |
| passed | `raw/polygon/daily_bars:sane` | ERROR | yes | Fine. |

</details>

### Changed since `main` (abcdef0123)

| asset or check | why | run |
| --- | --- | --- |
| `kafka/stocks/agg_1s` | partitions | no |
| `raw/polygon/daily_bars` | code version, dbt: body | yes |
| `raw/polygon/daily_bars:sane` | new | yes |
| `raw/polygon/gone` | removed | no |

### Timing

| stage | seconds |
| --- | --: |
| load | 5.0 |
| run | 61.2 |
| total | 66.2 |
"""


def test_the_whole_summary() -> None:
    raw = RAW.to_user_string()
    changes = Changes(
        assets={"kafka/stocks/agg_1s": ["partitions"], raw: ["code version", "dbt: body"]},
        checks={f"{raw}:sane": ["new"]},
        removed=["raw/polygon/gone"],
    )
    compared = Comparison("main", "abcdef0123456789", changes)
    found = report(outcome(GOOD, WARNED, BAD), compared)
    assert markdown(found) == WHOLE
    assert not found.passed
    assert "1 ERROR checks failed: marts/market/fct_daily_bars:sane" in found.verdict


def test_a_warning_does_not_fail() -> None:
    good = dataclasses.replace(BAD, passed=True)
    found = report(outcome(GOOD, WARNED, good))
    assert found.passed
    assert markdown(found).startswith("## Gate passed\n")


def test_a_check_without_an_answer_fails() -> None:
    found = report(outcome(GOOD, WARNED))
    assert not found.passed
    assert "| did not run | `marts/market/fct_daily_bars:sane` |" in markdown(found)
    assert "1 checks did not run: marts/market/fct_daily_bars:sane" in found.verdict


def test_a_failed_run_names_its_steps() -> None:
    found = report(outcome(GOOD, WARNED, dataclasses.replace(BAD, passed=True), success=False))
    assert not found.passed
    assert "### Failed steps\n\n- raw_bars: no rows" in markdown(found)
    assert found.verdict == "The gate failed: the run failed: raw_bars: no rows"


def test_nothing_changed_is_nothing_judged_and_says_so() -> None:
    found = report(None, Comparison("main", "abcdef0123456789", Changes()))
    assert not found.passed
    sentence = "No asset and no check of the selection has changed since main: nothing was run."
    assert found.verdict == sentence
    text = markdown(found)
    assert text.startswith(f"## Nothing to judge\n\n{sentence}\n")
    assert "No asset and no check.\n" in text


def test_several_runs_count_as_one() -> None:
    first = outcome(GOOD, WARNED, BAD)
    second = outcome(GOOD, BAD, dataclasses.replace(WARNED, passed=True), success=False)
    found = merged([first, second])
    assert not found.success
    assert found.assets[RAW.to_user_string()] == AssetOutcome(4, 32_000, 6.42)
    assert found.assets[STAGING.to_user_string()].rows is None
    worst = {key[0]: one.badness for key, one in found.checks.items()}
    assert worst == {
        RAW.to_user_string(): 0,
        STAGING.to_user_string(): 1,
        MART.to_user_string(): 2,
    }
