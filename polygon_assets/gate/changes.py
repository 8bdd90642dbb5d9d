"""Which assets and checks differ between two commits, and in what: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from polygon_assets.gate.facts import AssetFacts, Facts

NEW = "new"
CODE = "code version"
DEPENDENCIES = "dependencies"
PARTITIONS = "partitions"


@dataclass(frozen=True)
class Changes:
    """What differs from the base.

    Attributes:
        assets: Key of each asset that changed itself -> the reasons.
        checks: The same for checks, by ``asset:check``.
        affected: Further assets that must be made again, such as those that read a changed source
            of dbt.
        removed: Keys of assets that the base has and this checkout has not.
    """

    assets: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    checks: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    affected: frozenset[str] = frozenset()
    removed: Sequence[str] = ()

    def with_dbt(
        self,
        assets: Mapping[str, Sequence[str]],
        checks: Mapping[str, Sequence[str]],
        affected: frozenset[str],
    ) -> "Changes":
        """These changes, and those that dbt sees."""
        return Changes(
            _merged(self.assets, assets),
            _merged(self.checks, checks),
            self.affected | affected,
            self.removed,
        )


def changes_between(base: Facts, now: Facts) -> Changes:
    """Compare code versions, dependencies and partitions.

    A check of a new asset is part of the asset's being new.
    """
    assets = {key: _reasons(base.assets.get(key), one) for key, one in now.assets.items()}
    checks = {
        name: [NEW] if name not in base.checks else [CODE]
        for name, version in now.checks.items()
        if base.checks.get(name, NEW) != version and name.rpartition(":")[0] in base.assets
    }
    return Changes(
        assets={key: reasons for key, reasons in sorted(assets.items()) if reasons},
        checks=dict(sorted(checks.items())),
        removed=sorted(base.assets.keys() - now.assets.keys()),
    )


def _reasons(base: AssetFacts | None, now: AssetFacts) -> list[str]:
    if base is None:
        return [NEW]
    different = {
        CODE: base.code_version != now.code_version,
        DEPENDENCIES: base.parents != now.parents,
        PARTITIONS: base.partitions != now.partitions,
    }
    return [reason for reason, is_so in different.items() if is_so]


def _merged(
    one: Mapping[str, Sequence[str]], other: Mapping[str, Sequence[str]]
) -> dict[str, Sequence[str]]:
    keys = sorted(one.keys() | other.keys())
    return {key: [*one.get(key, ()), *other.get(key, ())] for key in keys}
