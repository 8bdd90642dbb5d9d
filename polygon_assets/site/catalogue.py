"""What the asset catalogue tells, read from the definitions: assets, checks, jobs, triggers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

LAYERS = {
    "raw": "as the vendor delivers it",
    "staging": "renamed and typed, nothing else",
    "intermediate": "identity, adjustment factors, returns",
    "snapshots": "the history of a dimension",
    "marts": "what people query",
    "kafka": "topics of the stream",
    "clickhouse": "the stream in tables, and what is rolled up from it",
    "reconcile": "the streamed day against the official bar",
    "bi": "dashboards",
}
"""First part of an asset key -> what is in it, in the order in which data flows."""


@dataclass(frozen=True)
class Column:
    """A column of an asset; the type is the engine's own name, empty where nobody declares it."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Check:
    """An asset check.

    Attributes:
        asset: Key of the asset that it is about.
        severity: ERROR or WARN.
        blocking: Whether a failure keeps what is made from the asset from being made.
        anchor: Of its row on the asset's page.
    """

    asset: str
    name: str
    severity: str
    blocking: bool
    description: str

    @property
    def anchor(self) -> str:
        return f"check-{self.name}"


@dataclass(frozen=True)
class Upstream:
    """An asset that another is made from, and of which of its sessions; empty for the same one."""

    key: str
    sessions: str = ""


@dataclass(frozen=True)
class Asset:
    """An asset.

    Attributes:
        key: ``layer/schema/table``.
        description: Markdown.
        sql: What it is made by, empty where it is not a statement.
        facts: What else is said of it, label -> value.
        upstream: What it is made from.
        downstream: Keys of what is made from it.
        source: File of the declaration from the repository's root, empty if it is elsewhere.
        line: The line there.
        dbt_id: dbt's name for it, empty where dbt does not make it.
    """

    key: str
    group: str
    description: str = ""
    sql: str = ""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    kinds: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    checks: tuple[Check, ...] = ()
    upstream: tuple[Upstream, ...] = ()
    downstream: tuple[str, ...] = ()
    source: str = ""
    line: int = 1
    dbt_id: str = ""

    @property
    def layer(self) -> str:
        return self.key.partition("/")[0]

    @property
    def name(self) -> str:
        return PurePosixPath(self.key).name

    @property
    def path(self) -> str:
        """Its page, from the site's root."""
        return f"assets/{self.key}.html"

    @property
    def summary(self) -> str:
        """The first sentence of the description."""
        first = self.description.strip().partition("\n\n")[0].replace("\n", " ")
        return first.partition(". ")[0].rstrip(".") + "." if first else ""


@dataclass(frozen=True)
class Job:
    """A job, with the keys of the assets that it makes and the number of checks that it runs."""

    name: str
    description: str
    assets: tuple[str, ...]
    checks: int


@dataclass(frozen=True)
class Trigger:
    """A schedule or a sensor.

    Attributes:
        kind: ``schedule`` or ``sensor``.
        when: The cron expressions and their time zone, or how often a sensor looks.
        running: Whether it runs by itself in production.
        jobs: Names of the jobs that it asks for.
    """

    kind: str
    name: str
    description: str
    when: tuple[str, ...]
    running: bool
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Assets that belong together."""

    name: str
    assets: tuple[Asset, ...]

    @property
    def layer(self) -> str:
        return self.assets[0].layer

    @property
    def checks(self) -> int:
        return sum(len(asset.checks) for asset in self.assets)


@dataclass(frozen=True)
class Catalogue:
    """Everything that Dagster runs."""

    assets: tuple[Asset, ...]
    jobs: tuple[Job, ...] = ()
    triggers: tuple[Trigger, ...] = ()

    @property
    def checks(self) -> list[Check]:
        """Every check, by asset."""
        return [check for asset in self.assets for check in asset.checks]

    @property
    def groups(self) -> list[Group]:
        """The groups, from the sources to the dashboards."""
        members: dict[str, list[Asset]] = {}
        for asset in self.assets:
            members.setdefault(asset.group, []).append(asset)
        groups = [Group(name, tuple(assets)) for name, assets in members.items()]
        position = _steps_from_the_source(self.assets)
        return sorted(
            groups,
            key=lambda one: (
                layer_number(one.layer),
                min(position[asset.key] for asset in one.assets),
                one.name,
            ),
        )

    def of(self, key: str) -> Asset | None:
        """The asset of a key."""
        return next((asset for asset in self.assets if asset.key == key), None)


def layer_number(layer: str) -> int:
    """The place of a layer in the order in which data flows; the last for an unknown one."""
    return list(LAYERS).index(layer) if layer in LAYERS else len(LAYERS)


def _steps_from_the_source(assets: Iterable[Asset]) -> dict[str, int]:
    """Key -> the longest way to it from something that is made from nothing."""
    parents = {asset.key: [one.key for one in asset.upstream] for asset in assets}
    steps: dict[str, int] = {}

    def of(key: str) -> int:
        if key not in steps:
            steps[key] = 1 + max((of(one) for one in parents.get(key, [])), default=-1)
        return steps[key]

    for key in parents:
        of(key)
    return steps
