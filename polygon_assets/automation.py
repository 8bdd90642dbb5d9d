"""What Dagster asks for by itself, declared at the assets.

Declarative conditions see which partitions changed, but not the market's calendar, so what follows
the clock of a session has a schedule: Dagster's ``on_cron`` fires early after a holiday, and
``eager`` looks at the newest partition only, which on a closed day is the next session.
"""

from typing import Any

import dagster as dg

from polygon_assets.policies import LANE_TAG, SENSOR_STATUS
from polygon_assets.sessions import NEW_YORK

# Some conditions are typed for assets only, and cannot be joined with the others.
_Condition: Any = dg.AutomationCondition

FOLLOW_CORRECTIONS: dg.AutomationCondition[dg.AssetKey] = (
    _Condition.eager().without(_Condition.in_latest_time_window())
    & _Condition.all_deps_blocking_checks_passed()
).with_label("follow_corrections")
"""Compute a session again when what it is made from has changed, however old the session is.

A run that changes both is left to finish. What failed its checks is not followed.
"""

FIRST_OF_MONTH = "0 6 1 * *"

REFERENCE: dg.AutomationCondition[dg.AssetKey] = (
    (
        (_Condition.missing() & ~_Condition.execution_failed())
        | _Condition.code_version_changed().since_last_handled()
        | _Condition.cron_tick_passed(FIRST_OF_MONTH, NEW_YORK.key).since_last_handled()
    )
    & ~_Condition.in_progress()
).with_label("reference")
"""Load a reference table that comes with the code: at the first start, when its file changes, and
on the first of every month. What failed at the first start is not tried again and again."""

automation = dg.AutomationConditionSensorDefinition(
    "automation",
    target=dg.AssetSelection.all(),
    default_status=SENSOR_STATUS,
    minimum_interval_seconds=60,
    # Limited together with what has no partition, so that it never fills the queue.
    run_tags={LANE_TAG: "automation"},
    description="Computes what is made from a session again when that was corrected, and loads "
    "reference tables.",
)
