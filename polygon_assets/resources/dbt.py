"""The dbt project and the command that runs it."""

import sys
from pathlib import Path

from dagster_dbt import DbtCliResource, DbtProject

from polygon_assets.env import PROJECT_ROOT, Names

dbt_project = DbtProject(
    project_dir=PROJECT_ROOT / "dbt_polygon", profiles_dir=PROJECT_ROOT / "dbt_polygon"
)
dbt_project.prepare_if_dev()

DBT = Path(sys.executable).with_name("dbt")


def dbt(names: Names) -> DbtCliResource:
    """dbt with the target of one deployment."""
    return DbtCliResource(
        project_dir=dbt_project, dbt_executable=str(DBT), target=names.deployment.value
    )
