"""dbt's own comparison of two states of its project: ``dbt ls --select state:modified``.

Run as a program, it parses the project once and asks several questions.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.gate.errors import GateUsageError, last_words
from polygon_assets.manifest import DBT_PROJECT

if TYPE_CHECKING:
    import dagster as dg

UNIQUE_ID = "dagster_dbt/unique_id"
"""dagster-dbt's metadata of an asset and a check: dbt's name of the node."""

MODIFIED, AFFECTED, NEW = "state:modified", "state:modified+", "state:new"
REASONS = ("body", "configs", "relation", "macros", "contract", "persisted_descriptions")
"""What ``state:modified`` looks at, by dbt's own words."""

RESOURCES = ("model", "seed", "snapshot", "test")

PARSED = "partial_parse.msgpack"
"""What dbt keeps of a parse, beside the manifest: it reads again only files that differ."""


@dataclass(frozen=True)
class DbtChanges:
    """What dbt sees, by its unique ids.

    Attributes:
        modified: Node -> the reasons; none where it is a new one.
        affected: The modified nodes and all that dbt would build after them.
    """

    modified: Mapping[str, tuple[str, ...]]
    affected: frozenset[str]

    @classmethod
    def of_selected(cls, selected: Mapping[str, Iterable[str]]) -> "DbtChanges":
        """From the nodes that each selector selected."""
        new = set(selected[NEW])
        return cls(
            {node: () if node in new else _reasons(node, selected) for node in selected[MODIFIED]},
            frozenset(selected[AFFECTED]),
        )

    def of_graph(
        self, definitions: "dg.Definitions"
    ) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]], frozenset[str]]:
        """The same for assets and checks: modified assets, modified checks, affected assets."""
        # Here, as the program below needs nothing of Dagster.
        from polygon_assets.gate.facts import check_name

        graph = definitions.resolve_asset_graph()
        nodes = {
            key.to_user_string(): str(graph.get(key).metadata.get(UNIQUE_ID))
            for key in graph.get_all_asset_keys()
        }
        tests = {
            check_name(key): str((graph.get_check_spec(key).metadata or {}).get(UNIQUE_ID))
            for key in graph.asset_check_keys
        }
        return (
            _of_modified(nodes, self.modified),
            _of_modified(tests, self.modified),
            frozenset(key for key, node in nodes.items() if node in self.affected),
        )


def _reasons(node: str, selected: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    found = tuple(f"dbt: {one}" for one in REASONS if node in set(selected[f"{MODIFIED}.{one}"]))
    return found or ("dbt: modified",)


def _of_modified(
    names: Mapping[str, str], modified: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    return {name: modified[node] for name, node in names.items() if node in modified}


def dbt_changes(state: Path, target: str, work: Path, project: Path = DBT_PROJECT) -> DbtChanges:
    """Compare a dbt project with a manifest.

    Args:
        state: The folder with the manifest of the base.
        target: dbt's target; the manifest must have been made with the same.
        work: A folder for what dbt writes.
        project: The project; that of this checkout.

    Raises:
        GateUsageError: dbt cannot compare; says why.
    """
    work.mkdir(parents=True, exist_ok=True)
    if (parsed := state / PARSED).exists():
        shutil.copy(parsed, work)
    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", __name__),
            *(str(project), target, str(state), str(work)),
        ],
        cwd=PROJECT_ROOT,
        env=os.environ | {"DBT_LOG_PATH": str(work)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise GateUsageError(f"dbt cannot compare its project with the base: {last_words(done)}")
    return DbtChanges.of_selected(json.loads(done.stdout.splitlines()[-1]))


def write_deferred_state(state: Path, database: str, folder: Path) -> None:
    """Write a manifest whose models are in another database, for ``dbt --defer``.

    Args:
        state: The folder with the manifest of the base.
        database: Where the base's models are.
        folder: Where the new manifest is written.
    """
    manifest: dict[str, Any] = json.loads((state / "manifest.json").read_text())
    for node in manifest["nodes"].values():
        if node.get("relation_name"):
            node["database"] = database
            node["relation_name"] = f"{database}.{node['schema']}.{node['alias']}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def main(project: str, target: str, state: str, work: str) -> int:
    """Ask dbt, and write what each selector selects as one line of JSON."""
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    common = ["--project-dir", project, "--profiles-dir", project]
    common += ["--target", target, "--target-path", work, "--quiet"]
    parsed = dbtRunner().invoke(["parse", *common])
    if not parsed.success:
        sys.stderr.write(f"{parsed.exception}\n")
        return 1
    runner = dbtRunner(manifest=cast("Manifest", parsed.result))
    selected: dict[str, list[str]] = {}
    for selector in (MODIFIED, AFFECTED, NEW, *(f"{MODIFIED}.{one}" for one in REASONS)):
        question = ["ls", "--select", selector, "--state", state, *common]
        question += ["--output", "json", "--output-keys", "unique_id"]
        # Without it dbt names every test of a changed model, too.
        question += ["--indirect-selection", "empty"]
        for kind in RESOURCES:
            question += ["--resource-type", kind]
        listed = runner.invoke(question)
        if not listed.success:
            sys.stderr.write(f"{listed.exception}\n")
            return 1
        lines = cast("list[str]", listed.result)
        selected[selector] = [json.loads(line)["unique_id"] for line in lines]
    sys.stdout.write(f"\n{json.dumps(selected)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
