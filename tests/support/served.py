"""A finished demo whose dashboards are served."""

from dataclasses import dataclass

from polygon_assets.defs.dashboards.bundle import Bundle
from polygon_assets.env import Names
from polygon_assets.resources.platform import Platform
from polygon_assets.resources.superset import Superset


@dataclass(frozen=True)
class Served:
    """The dashboards of a finished demo."""

    output: str
    names: Names
    server: Superset
    systems: Platform
    bundle: Bundle
