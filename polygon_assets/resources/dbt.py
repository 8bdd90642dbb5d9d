"""The dbt project and the command that runs it."""

import sys
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dagster_dbt import DbtCliResource, DbtProject
from packaging.version import Version

from polygon_assets.env import Names
from polygon_assets.manifest import DBT_PROJECT, TARGET, manifest_is_current

dbt_project = DbtProject(project_dir=DBT_PROJECT, profiles_dir=DBT_PROJECT, target_path=TARGET)
if not manifest_is_current():
    dbt_project.prepare_if_dev()

DBT = Path(sys.executable).with_name("dbt")


class InstalledDbt(DbtCliResource):
    """dbt as it is installed beside this package."""

    @cached_property
    def _cli_version(self) -> Version:
        # dagster-dbt would run `dbt --version` before each command: seconds, and a call to PyPI.
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        # Serves dagster-dbt's own questions to the warehouse, which no asset asks, and takes
        # seconds to make.
        return None


def dbt(names: Names) -> InstalledDbt:
    """dbt with the target of one deployment."""
    return InstalledDbt(
        # The type checker knows the fields of a subclass only, which say text.
        project_dir=dbt_project,  # pyright: ignore[reportArgumentType]
        dbt_executable=str(DBT),
        target=names.deployment.value,
    )
