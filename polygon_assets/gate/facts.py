"""What two commits are compared by: the facts of every asset and check of a code location.

This file is also run as a program inside the checkout of another commit, with that commit's own
definitions. So it imports nothing else of this package, and asks Dagster only for what older
definitions have, too.
"""

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Any

import dagster as dg

CODE_VERSION = "code_version"
"""The metadata of a check that tells its code version."""


@dataclass(frozen=True)
class AssetFacts:
    """What makes an asset another one when it changes.

    Attributes:
        code_version: Of its rows; None where nobody tells.
        parents: Keys of the assets above -> how partitions map to theirs.
        partitions: Identifies its partitions; empty where it has none.
    """

    code_version: str | None
    parents: dict[str, str]
    partitions: str


@dataclass(frozen=True)
class Facts:
    """The facts of a code location.

    Attributes:
        assets: By key, ``layer/schema/table``.
        checks: Code version of every check, by ``layer/schema/table:check``.
    """

    assets: dict[str, AssetFacts] = field(default_factory=dict[str, AssetFacts])
    checks: dict[str, str | None] = field(default_factory=dict[str, str | None])

    @classmethod
    def of(cls, definitions: dg.Definitions) -> "Facts":
        """The facts of definitions in this process."""
        graph = definitions.resolve_asset_graph()
        return cls(
            {key.to_user_string(): _asset(graph.get(key)) for key in graph.get_all_asset_keys()},
            {
                check_name(key): (graph.get_check_spec(key).metadata or {}).get(CODE_VERSION)
                for key in graph.asset_check_keys
            },
        )

    @classmethod
    def from_json(cls, text: str) -> "Facts":
        """The facts that :meth:`to_json` wrote."""
        told: dict[str, Any] = json.loads(text)
        assets = {key: AssetFacts(**one) for key, one in told["assets"].items()}
        return cls(assets, told["checks"])

    def to_json(self) -> str:
        """The facts as text."""
        return json.dumps(asdict(self), sort_keys=True)


def check_name(key: dg.AssetCheckKey) -> str:
    """``layer/schema/table:check``."""
    return f"{key.asset_key.to_user_string()}:{key.name}"


def _asset(node: Any) -> AssetFacts:
    mappings = node.partition_mappings
    partitions: dg.PartitionsDefinition[Any] | None = node.partitions_def
    return AssetFacts(
        node.code_version,
        {key.to_user_string(): repr(mappings.get(key)) for key in sorted(node.parent_keys)},
        partitions.get_serializable_unique_identifier() if partitions else "",
    )


def main() -> None:
    """Write the facts of the definitions of the folder that this program was started in."""
    from polygon_assets.definitions import defs

    sys.stdout.write(Facts.of(defs).to_json() + "\n")


if __name__ == "__main__":
    main()
