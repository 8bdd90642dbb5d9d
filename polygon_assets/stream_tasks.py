"""What the task definitions in ``streaming/ecs`` leave open."""

from polygon_assets.env import Names


def task_variables(names: Names) -> dict[str, str]:
    return {}
