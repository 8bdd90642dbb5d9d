"""Run asset checks as Dagster runs them, and look at what they found."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation

from polygon_assets.env import Deployment, Names
from polygon_assets.partitions import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from polygon_assets.resources.polygon import Polygon

NAMES = Names(Deployment.LOCAL, "_local")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

RuleKey = tuple[str, str]
"""An asset key as ``a/b/c``, and the name of a check on it."""

MONDAY, TUESDAY = "2005-02-28", "2005-03-01"
"""Two sessions in a row: the one that the cases break, and one that stays good."""


@contextmanager
def variables(**values: str) -> Generator[None, None, None]:
    """Set variables while resources are made; the rest of the worker's tests never see them."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in values.items():
            environment.setenv(name, value)
        yield


def one_session(day: str) -> dict[str, str]:
    """Tags of a run for one partition."""
    return {PARTITION_TAG: day}


def sessions(first: str, last: str) -> dict[str, str]:
    """Tags of a run for a range of partitions."""
    return {RANGE_START_TAG: first, RANGE_END_TAG: last}


@lru_cache(maxsize=1)
def shared_instance() -> dg.DagsterInstance:
    """One Dagster in memory for every run: to make one takes longer than to run a check."""
    return dg.DagsterInstance.ephemeral()


class QuietVendor(Polygon):
    """A vendor whose records have no field that the connector does not know."""

    def sample(self, path: str, parameters: Mapping[str, str]) -> Any:
        return {}


def vendor(kind: type[Polygon] = QuietVendor) -> Polygon:
    """A vendor that is not connected to anything."""
    return kind(rest_url="http://127.0.0.1:9", api_key="none")


def run_checks(
    checks: Sequence[dg.AssetChecksDefinition],
    resources: Mapping[str, Any],
    tags: Mapping[str, str],
) -> dict[RuleKey, AssetCheckEvaluation]:
    """Every evaluation of one run that executes nothing but these checks."""
    definitions = dg.Definitions(asset_checks=checks, resources=resources)
    run = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        run_config=QUIET, tags=dict(tags), instance=shared_instance(), raise_on_error=False
    )
    found = {
        (one.asset_key.to_user_string(), one.check_name): one
        for one in run.get_asset_check_evaluations()
    }
    # A check that could not run at all has no evaluation: that is no failing case.
    assert set(found) == keys_of(checks), f"{keys_of(checks) - set(found)} did not run"
    declared = {
        (spec.key.asset_key.to_user_string(), spec.name): spec.metadata["severity"]
        for one in checks
        for spec in one.check_specs
    }
    assert {key: one.severity.value for key, one in found.items()} == declared, "as catalogued"
    blocked = any(not one.passed and one.blocking for one in found.values())
    assert run.success is not blocked
    return found


def keys_of(checks: Sequence[dg.AssetChecksDefinition]) -> set[RuleKey]:
    """Asset and name of every check."""
    return {(key.asset_key.to_user_string(), key.name) for one in checks for key in one.check_keys}


def checks_on(
    asset: str, checks: Sequence[dg.AssetChecksDefinition]
) -> list[dg.AssetChecksDefinition]:
    """The checks on one asset."""
    return [one for one in checks if any(key[0] == asset for key in keys_of([one]))]


def failed(found: Mapping[RuleKey, AssetCheckEvaluation]) -> set[RuleKey]:
    """The checks that did not pass."""
    return {key for key, one in found.items() if not one.passed}


def count(evaluation: AssetCheckEvaluation, name: str = "violations") -> object:
    """A number of an evaluation's metadata."""
    return evaluation.metadata[name].value


def sample(evaluation: AssetCheckEvaluation) -> list[dict[str, Any]]:
    """The rows that an evaluation shows; none where it passed."""
    table = evaluation.metadata.get("sample")
    if table is None:
        return []
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]
