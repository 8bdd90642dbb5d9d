"""The product's conditions on assets that compute nothing, with real runs and a frozen clock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

import dagster as dg

from polygon_assets.sessions import NEW_YORK, weekday_closures

QUARTER = dg.DailyPartitionsDefinition(
    "2012-10-01",
    "2013-01-01",
    timezone=NEW_YORK.key,
    end_offset=1,
    exclusions=[
        "0 0 * * 6,0",
        *(datetime.combine(day, time()) for day in weekday_closures() if day.year == 2012),
    ],
)
"""The sessions of a quarter, made as the product makes all of them: conditions look at each one."""

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
GUARD = "guard"
"""Name of the blocking check that every asset of the stage has."""

Asked = set[tuple[str, str | None]]


def new_york(day: date, moment: str) -> datetime:
    """A New York time of a day, in UTC."""
    return datetime.combine(day, time.fromisoformat(moment), NEW_YORK).astimezone(UTC)


@dataclass
class Stage:
    """Assets, an instance, and Dagster's automation over both.

    Attributes:
        broken: Assets whose computation fails.
        wrong: Assets whose blocking check fails.
    """

    specs: Sequence[dg.AssetSpec]
    instance: dg.DagsterInstance
    broken: set[str] = field(default_factory=set[str])
    wrong: set[str] = field(default_factory=set[str])
    cursor: Any = None

    def __post_init__(self) -> None:
        """Make the definitions."""
        self.use(self.specs)

    def use(self, specs: Sequence[dg.AssetSpec]) -> None:
        """Load the code location anew, with other specs."""

        @dg.multi_asset(
            specs=specs,
            check_specs=[dg.AssetCheckSpec(GUARD, asset=spec.key, blocking=True) for spec in specs],
            can_subset=True,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
        def everything(
            context: dg.AssetExecutionContext,
        ) -> Iterator[dg.MaterializeResult[Any]]:
            for spec in specs:
                name = spec.key.path[-1]
                if spec.key not in context.selected_asset_keys:
                    continue
                if name in self.broken:
                    raise dg.Failure(f"{name} is broken", allow_retries=False)
                check = dg.AssetCheckResult(
                    asset_key=spec.key, check_name=GUARD, passed=name not in self.wrong
                )
                yield dg.MaterializeResult(asset_key=spec.key, check_results=[check])

        self.definitions = dg.Definitions(assets=[everything])
        self.job = self.definitions.resolve_implicit_global_asset_job_def()
        self.keys = {spec.key.path[-1]: spec.key for spec in specs}

    def tick(self, moment: datetime) -> Asked:
        """What is asked for at a moment: names of assets and their partitions."""
        found = dg.evaluate_automation_conditions(
            self.definitions,
            instance=self.instance,
            evaluation_time=moment,
            cursor=self.cursor,
        )
        self.cursor = found.cursor
        return {
            (name, partition)
            for name, key in self.keys.items()
            for partition in found.get_requested_partitions(key)
        }

    def run(self, *names: str, session: date | None = None) -> bool:
        """Materialize assets in one run, with their checks; whether it succeeded."""
        done = self.job.execute_in_process(
            run_config=QUIET,
            asset_selection=[self.keys[name] for name in names],
            partition_key=str(session) if session else None,
            instance=self.instance,
            raise_on_error=False,
        )
        return done.success

    def run_asked(self, asked: Asked) -> None:
        """Run what was asked for, a run for each session."""
        for session in {partition for _, partition in asked}:
            names = [name for name, partition in asked if partition == session]
            self.run(*names, session=date.fromisoformat(session) if session else None)


def stand_in(
    key: dg.AssetKey,
    deps: Sequence[dg.AssetKey] = (),
    condition: dg.AutomationCondition[Any] | None = None,
    code_version: str | None = None,
    *,
    partitioned: bool = True,
) -> dg.AssetSpec:
    """An asset of the stage."""
    return dg.AssetSpec(
        key,
        deps=list(deps),
        partitions_def=QUARTER if partitioned else None,
        automation_condition=condition,
        code_version=code_version,
    )
