"""What a run of Dagster did: its assets, its checks, its failures."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

import dagster as dg

DBT_SECONDS = "Execution Duration"
"""dagster-dbt's metadata of a model: it ran so long. All models of a run share one step."""


@dataclass(frozen=True)
class CheckOutcome:
    """The result of one asset check."""

    asset: str
    name: str
    passed: bool
    severity: str
    description: str
    blocking: bool = False

    @property
    def is_error(self) -> bool:
        """Whether it failed with ERROR, blocking or not."""
        return not self.passed and self.severity == "ERROR"

    @property
    def badness(self) -> int:
        """0 where it passed, 1 where it warned, 2 where it failed with ERROR."""
        return 0 if self.passed else 2 if self.is_error else 1


@dataclass(frozen=True)
class AssetOutcome:
    """What a run did for one asset.

    Attributes:
        sessions: How many were materialized; 0 for an asset without sessions.
        rows: Of these sessions, or of the whole table; None where the asset does not tell.
        seconds: It took so long; tables that one step fills share the step's.
    """

    sessions: int
    rows: int | None
    seconds: float

    def plus(self, later: "AssetOutcome") -> "AssetOutcome":
        """This and a run for other sessions; a table without sessions has the later rows."""
        both = self.sessions and self.rows is not None and later.rows is not None
        return AssetOutcome(
            self.sessions + later.sessions,
            (self.rows or 0) + (later.rows or 0) if both else later.rows,
            self.seconds + later.seconds,
        )


@dataclass
class RunOutcome:
    """What a run did.

    Attributes:
        success: Whether every step succeeded.
        failures: One sentence per failed step.
        checks: Results of the checks, by asset and name.
        assets: The assets that were materialized, by key.
    """

    success: bool
    failures: list[str] = field(default_factory=list[str])
    checks: dict[tuple[str, str], CheckOutcome] = field(
        default_factory=dict[tuple[str, str], CheckOutcome]
    )
    assets: dict[str, AssetOutcome] = field(default_factory=dict[str, AssetOutcome])

    @property
    def materialized(self) -> set[str]:
        """Keys of the assets that were materialized."""
        return set(self.assets)

    @property
    def errors(self) -> list[CheckOutcome]:
        """The checks that failed with ERROR."""
        return [one for one in self.checks.values() if one.is_error]


def outcome_of(result: dg.ExecuteInProcessResult) -> RunOutcome:
    """What a finished run did."""
    outcome = RunOutcome(success=result.success)
    for event in result.all_events:
        if event.is_step_failure:
            outcome.failures.append(f"{event.step_key}: {_reason(event)}")
    outcome.assets = _assets(result)
    for found in result.get_asset_check_evaluations():
        one = CheckOutcome(
            found.asset_key.to_user_string(),
            found.check_name,
            found.passed,
            found.severity.value,
            found.description or "",
            blocking=bool(found.blocking),
        )
        outcome.checks[one.asset, one.name] = one
    return outcome


def _assets(result: dg.ExecuteInProcessResult) -> dict[str, AssetOutcome]:
    """What became of each materialized asset; every event of it tells of the whole run."""
    steps = {
        event.step_key: event.step_success_data.duration_ms / 1000
        for event in result.all_events
        if event.is_step_success
    }
    sessions: dict[str, set[str]] = {}
    found: dict[str, AssetOutcome] = {}
    for event in result.all_events:
        if event.event_type != dg.DagsterEventType.ASSET_MATERIALIZATION or not event.asset_key:
            continue
        key = event.asset_key.to_user_string()
        made = event.step_materialization_data.materialization
        sessions.setdefault(key, set()).update([made.partition] if made.partition else [])
        dbt_seconds = made.metadata.get(DBT_SECONDS)
        seconds = dbt_seconds.value if dbt_seconds is not None else steps.get(event.step_key, 0.0)
        rows = _rows(made.metadata, sessions[key])
        found[key] = AssetOutcome(len(sessions[key]), rows, float(str(seconds)))
    return found


def _rows(metadata: Mapping[str, dg.MetadataValue], sessions: Set[str]) -> int | None:
    """The rows of these sessions; a raw table tells those of closed days, too."""
    by_session = metadata.get("rows_by_session")
    if isinstance(by_session, dg.TableMetadataValue):
        days = [one.data for one in by_session.records if str(one.data["session"]) in sessions]
        return sum(int(str(day["rows"])) for day in days)
    for name in ("dagster/partition_row_count", "dagster/row_count"):
        if isinstance(value := metadata.get(name), dg.IntMetadataValue):
            return value.value
    return None


def _reason(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "failed without a reason"


def merged(outcomes: Sequence[RunOutcome]) -> RunOutcome:
    """What several runs of the same selection did, each for sessions of its own.

    Of a check's results the worst one counts.
    """
    checks: dict[tuple[str, str], CheckOutcome] = {}
    assets: dict[str, AssetOutcome] = {}
    for outcome in outcomes:
        for key, one in outcome.checks.items():
            checks[key] = max(checks.get(key, one), one, key=lambda each: each.badness)
        for key, made in outcome.assets.items():
            assets[key] = assets[key].plus(made) if key in assets else made
    return RunOutcome(
        success=all(one.success for one in outcomes),
        failures=[failure for one in outcomes for failure in one.failures],
        checks=checks,
        assets=assets,
    )
