"""What a test of the flat files asks of the outside systems, and runs of the assets."""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation

from polygon_assets.defs.flat_files.assets import flat_file_assets
from polygon_assets.defs.flat_files.checks import flat_file_checks
from polygon_assets.defs.flat_files.loading import LOADS
from polygon_assets.defs.flat_files.sensors import flat_file_replacements
from polygon_assets.defs.flat_files.tables import TABLES
from polygon_assets.env import Deployment, Names
from polygon_assets.partitions import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from polygon_assets.resources.flat_files import FlatFiles
from polygon_assets.resources.polygon import Polygon
from polygon_assets.resources.snowflake import Warehouse

SYMBOLS = "AAPL,IBM,MSFT,NA,TRUE,NAN,NULL,KIMpL,ZZ.B"
NAMES = Names(Deployment.LOCAL, "_local")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def addresses(vendor_port: int, snowflake_port: int) -> dict[str, str]:
    """The variables that point any process to the servers."""
    vendor = f"http://127.0.0.1:{vendor_port}"
    return {
        "POLYGON_REST_URL": vendor,
        "FLAT_FILES_ENDPOINT_URL": vendor,
        "SNOWFLAKE_PORT": str(snowflake_port),
    }


@dataclass
class Outside:
    """The outside systems, and what a test asks of them."""

    variables: dict[str, str]
    polygon: Polygon
    flat_files: FlatFiles
    snowflake: Warehouse
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    @property
    def resources(self) -> dict[str, Any]:
        return {
            "polygon": self.polygon,
            "flat_files": self.flat_files,
            "snowflake": self.snowflake,
        }

    def run(
        self, first: str, last: str = "", *, only: str = "", with_checks: bool = False
    ) -> "Run":
        """Materialize sessions of both tables, or of one."""
        definitions = dg.Definitions(
            assets=flat_file_assets,
            asset_checks=flat_file_checks if with_checks else [],
            resources=self.resources,
            executor=dg.in_process_executor,
        )
        tags = {RANGE_START_TAG: first, RANGE_END_TAG: last} if last else {PARTITION_TAG: first}
        selection = [dg.AssetKey(table.key) for table in TABLES if only in ("", table.name)]
        job = definitions.resolve_implicit_global_asset_job_def()
        return Run(
            job.execute_in_process(
                run_config=QUIET,
                tags=tags,
                asset_selection=selection,
                instance=self.instance,
                raise_on_error=False,
            )
        )

    def checks(self, table: str, session: str) -> dict[str, AssetCheckEvaluation]:
        """Run the checks of a table for one session, and nothing else."""
        wanted = [
            one
            for one in flat_file_checks
            if all(key.asset_key.path[-1] == table for key in one.check_keys)
        ]
        definitions = dg.Definitions(asset_checks=wanted, resources=self.resources)
        run = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            run_config=QUIET,
            tags={PARTITION_TAG: session},
            instance=self.instance,
            raise_on_error=False,
        )
        return {one.check_name: one for one in run.get_asset_check_evaluations()}

    def replacement_requests(self) -> list[dg.RunRequest]:
        """What the sensor asks for at its next tick."""
        context = dg.build_sensor_context(instance=self.instance, resources=self.resources)
        found = flat_file_replacements(context)
        assert isinstance(found, list | dg.SkipReason)
        return found if isinstance(found, list) else []

    def set_clock(self, new_york: str) -> None:
        """Set the market's clock, such as ``2005-03-02T12:00``, in winter."""
        self.control("clock", now=f"{new_york}:00-05:00")

    def rows(self, table: str, session: str) -> list[tuple[Any, ...]]:
        """What a table holds of a session, without the time of the load."""
        return self.snowflake.query(
            "SELECT TICKER, VOLUME, OPEN, CLOSE, HIGH, LOW, WINDOW_START, TRANSACTIONS, FILE_ETAG "
            f"FROM {self.snowflake.database}.RAW.{table.upper()} "
            "WHERE SESSION_DATE = %s ORDER BY TICKER, WINDOW_START",
            [session],
        )

    def loads(self, dataset: str) -> dict[str, tuple[str, int]]:
        """Session -> ETag and number of rows of the loads of a dataset."""
        found = self.snowflake.query(
            f"SELECT SESSION_DATE, ETAG, ROW_COUNT FROM {self.snowflake.database}.RAW.{LOADS} "
            "WHERE DATASET = %s",
            [dataset],
        )
        return {str(session): (etag, int(rows)) for session, etag, rows in found}

    def control(self, endpoint: str, **body: object) -> None:
        """Ask the simulator for something that the vendor does not offer."""
        request = urllib.request.Request(
            f"{self.variables['POLYGON_REST_URL']}/sandbox/{endpoint}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=30).close()


class Run:
    """A finished run."""

    def __init__(self, result: dg.ExecuteInProcessResult) -> None:
        self.success = result.success
        self._result = result

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata of its last materialization."""
        events = self._result.get_asset_materialization_events()
        found = events[-1].materialization.metadata
        return {name: value.value for name, value in found.items()}

    @property
    def failure(self) -> str:
        """Why its steps failed."""
        errors = [
            one.step_failure_data.error for one in self._result.all_events if one.is_step_failure
        ]
        return " ".join(
            f"{error.message} {error.cause.message if error.cause else ''}"
            for error in errors
            if error is not None
        )

    @property
    def checks(self) -> dict[tuple[str, str], AssetCheckEvaluation]:
        """Table and name of the check -> what it found."""
        return {
            (one.asset_key.path[-1], one.check_name): one
            for one in self._result.get_asset_check_evaluations()
        }

    @property
    def failed_checks(self) -> set[tuple[str, str]]:
        return {key for key, one in self.checks.items() if not one.passed}
