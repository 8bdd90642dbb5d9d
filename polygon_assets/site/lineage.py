"""Small pictures of lineage: boxes in columns, data flowing from left to right."""

from collections.abc import Sequence
from dataclasses import dataclass

from polygon_assets.site.catalogue import Asset, Catalogue, Group

BOX_WIDTH, BOX_HEIGHT = 208, 42
GAP_X, GAP_Y = 76, 12
GROUP_ROW = 1.3
"""Rows of the overview are further apart: something runs between them."""

MARGIN = 8
CHARACTERS = 26
"""That fit into a box."""

PLACES = {
    "intermediate_market": (2, 0),
    "snapshots_market": (4, 0),
    "raw_polygon": (0, 1),
    "staging_market": (1, 1),
    "marts_market": (3, 1),
    "reconcile_market": (3, 2),
    "kafka_stocks": (0, 3),
    "clickhouse_ticks": (1, 3),
    "bi_dashboards": (4, 3),
    "clickhouse_rollups": (2, 4),
}
"""Group -> column and row in the overview: batch above, stream below."""


@dataclass(frozen=True)
class Box:
    """Something with a name, at a place."""

    name: str
    note: str
    path: str
    layer: str
    column: int
    row: float
    here: bool = False

    @property
    def x(self) -> int:
        return MARGIN + self.column * (BOX_WIDTH + GAP_X)

    @property
    def y(self) -> int:
        return MARGIN + round(self.row * (BOX_HEIGHT + GAP_Y))

    @property
    def label(self) -> str:
        """The name as far as it fits."""
        fits = len(self.name) <= CHARACTERS
        return self.name if fits else f"{self.name[: CHARACTERS - 1]}…"


@dataclass(frozen=True)
class Drawing:
    """Boxes, and the curves between them as SVG paths."""

    title: str
    boxes: Sequence[Box]
    curves: Sequence[str]

    @property
    def width(self) -> int:
        return max(box.x for box in self.boxes) + BOX_WIDTH + MARGIN

    @property
    def height(self) -> int:
        return max(box.y for box in self.boxes) + BOX_HEIGHT + MARGIN

    box_width = BOX_WIDTH
    box_height = BOX_HEIGHT


def neighbours(asset: Asset, catalogue: Catalogue) -> Drawing:
    """What an asset is made from, the asset, and what is made from it."""
    above = [found for one in asset.upstream if (found := catalogue.of(one.key))]
    below = [found for key in asset.downstream if (found := catalogue.of(key))]
    rows = max(len(above), len(below), 1)
    column = 1 if above else 0
    middle = _box(asset, column, (rows - 1) / 2, here=True)
    left = [_box(one, 0, row) for one, row in zip(above, _rows(len(above), rows), strict=True)]
    right = [
        _box(one, column + 1, row) for one, row in zip(below, _rows(len(below), rows), strict=True)
    ]
    curves = [_curve(box, middle) for box in left] + [_curve(middle, box) for box in right]
    return Drawing(f"Neighbours of {asset.key}", [*left, middle, *right], curves)


def overview(catalogue: Catalogue) -> Drawing:
    """The groups, and which is made from which."""
    groups = catalogue.groups
    unknown = [group.name for group in groups if group.name not in PLACES]
    places = PLACES | {name: (number, 5) for number, name in enumerate(unknown)}
    boxes = {group.name: _group_box(group, *places[group.name]) for group in groups}
    group_of = {asset.key: asset.group for asset in catalogue.assets}
    edges = {
        (group_of[one.key], asset.group)
        for asset in catalogue.assets
        for one in asset.upstream
        if group_of.get(one.key, asset.group) != asset.group
    }
    curves = [_curve(boxes[start], boxes[end]) for start, end in sorted(edges)]
    return Drawing("Lineage of the groups of assets", list(boxes.values()), curves)


def _box(asset: Asset, column: int, row: float, *, here: bool = False) -> Box:
    return Box(asset.name, asset.group, asset.path, asset.layer, column, row, here)


def _group_box(group: Group, column: int, row: int) -> Box:
    assets = f"{len(group.assets)} asset{'s' * (len(group.assets) > 1)}"
    note = f"{assets}, {group.checks} checks"
    return Box(
        group.name, note, f"assets/index.html#{group.name}", group.layer, column, row * GROUP_ROW
    )


def _rows(count: int, rows: int) -> list[float]:
    """Rows for ``count`` boxes in the middle of ``rows``."""
    return [(rows - count) / 2 + number for number in range(count)]


def _curve(start: Box, end: Box) -> str:
    """From the right edge of a box to the left edge of another."""
    half = BOX_HEIGHT // 2
    x1, y1, x2, y2 = start.x + BOX_WIDTH, start.y + half, end.x - 4, end.y + half
    if start.column == end.column:
        return _upright(start, end)
    if start.column > end.column:
        # Against the flow: out of the top, into the right edge.
        x1, x2 = start.x + BOX_WIDTH // 2, end.x + BOX_WIDTH + 4
        return f"M{x1} {start.y}C{x1} {start.y - 34} {x2 + 60} {y2 + 8} {x2} {y2 + 8}"
    bend = min(GAP_X, (x2 - x1) // 2)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"


def _upright(start: Box, end: Box) -> str:
    """Within a column: straight down or up, each way on its own side."""
    down = end.y > start.y
    x = start.x + BOX_WIDTH // 2 + (-20 if down else 20)
    y1, y2 = (start.y + BOX_HEIGHT, end.y - 4) if down else (start.y, end.y + BOX_HEIGHT + 4)
    return f"M{x} {y1}L{x} {y2}"
