"""dbt: the command, the manifest, and the profile's target."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from polygon_assets.doctor.findings import Finding, Findings, ok, problem, warning
from polygon_assets.env import Names
from polygon_assets.manifest import DBT_PROJECT, MANIFEST, manifest_is_current

PROFILES = DBT_PROJECT / "profiles.yml"
DEBUG_SECONDS = 60.0


def examine(names: Names, *, probe: bool) -> Findings:
    """Whether dbt is there, its manifest is current and its target is the deployment's."""
    command = Path(sys.executable).with_name("dbt")
    if not command.exists():
        yield problem("command", f"There is no {command}", "Run `uv sync`.")
        return
    yield ok("command", str(command))
    yield _manifest()
    yield from _target(names)
    if probe:
        yield _debug(command, names.deployment.value)


def _manifest() -> Finding:
    parse = f"Run `dbt parse --project-dir {DBT_PROJECT.name} --profiles-dir {DBT_PROJECT.name}`."
    if not MANIFEST.exists():
        return problem("manifest", f"There is no {MANIFEST.relative_to(DBT_PROJECT.parent)}", parse)
    if not manifest_is_current():
        return warning("manifest", "It is older than the models", parse)
    return ok("manifest", "as new as the models")


def _target(names: Names) -> Iterator[Finding]:
    profile: dict[str, Any] = yaml.safe_load(PROFILES.read_text())["dbt_polygon"]
    target = names.deployment.value
    output = profile["outputs"].get(target)
    if output is None:
        todo = f"Add it to {PROFILES.relative_to(DBT_PROJECT.parent)}."
        yield problem("profile", f"There is no target {target}", todo)
        return
    database = str(output["database"])
    # A branch's name is made of a variable, as `Names` makes it, too.
    if "{{" not in database and database != names.snowflake_database:
        text = f"The target {target} writes to {database}, the assets to {names.snowflake_database}"
        yield problem("profile", text, "Let both name the same database.")
    else:
        yield ok("profile", f"target {target}")


def _debug(command: Path, target: str) -> Finding:
    """dbt's own look at its connection; it takes some seconds."""
    arguments = ["debug", "--target", target, "--connection", "--no-use-colors"]
    folders = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    done = subprocess.run(
        [str(command), "--no-send-anonymous-usage-stats", *arguments, *folders],
        capture_output=True,
        text=True,
        timeout=DEBUG_SECONDS,
        check=False,
    )
    if done.returncode == 0:
        return ok("dbt debug", "it connects")
    lines = [line.strip() for line in done.stdout.splitlines() if "rror" in line]
    todo = f"Run `dbt debug --target {target}` in {DBT_PROJECT.name}: the rest is in its answer."
    return problem("dbt debug", (lines or ["it failed"])[-1][:300], todo)
