"""The dbt project and the command that runs it."""

import sys
from pathlib import Path

from dagster_dbt import DbtCliResource, DbtProject

from polygon_assets.env import Names
from polygon_assets.manifest import DBT_PROJECT, TARGET, manifest_is_current

dbt_project = DbtProject(project_dir=DBT_PROJECT, profiles_dir=DBT_PROJECT, target_path=TARGET)
if not manifest_is_current():
    dbt_project.prepare_if_dev()

DBT = Path(sys.executable).with_name("dbt")


def dbt(names: Names) -> DbtCliResource:
    """dbt with the target of one deployment."""
    return DbtCliResource(
        project_dir=dbt_project, dbt_executable=str(DBT), target=names.deployment.value
    )
