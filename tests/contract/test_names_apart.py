"""No two deployments write to the same name: over every resource, setting, profile and task.

Whatever a deployment is made of is flattened into a list of values. A value is the same everywhere,
because it is an address, a credential or a size, and then it is in a list below; or it differs
between any two deployments, and in a branch it contains the number of its own pull request and no
other. A new field of a resource is in neither list and fails here until somebody has decided.
"""

import ast
import functools
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster_dbt import DbtCliResource
from dbt.config.renderer import ProfileRenderer
from dbt_common.context import set_invocation_context
from hypothesis import given, settings
from hypothesis import strategies as st

from polygon_assets.bootstrap import schemas
from polygon_assets.defs.dashboards.bundle import parse, read_files
from polygon_assets.defs.dashboards.render import render_files, variables
from polygon_assets.env import PROD, PROJECT_ROOT, Names, branch_names, deployment_names
from polygon_assets.publish.wanted import destination_settings
from polygon_assets.resources.assemble import resources
from polygon_assets.resources.ecs import TASK_DEFINITIONS
from polygon_assets.resources.kafka import Kafka
from polygon_assets.resources.snowflake import account
from polygon_assets.stream_tasks import task_variables
from polygon_assets.topics import declared

pytestmark = pytest.mark.usefixtures("builds")

DEPLOYMENTS = [PROD, deployment_names({}), *map(branch_names, (1, 7, 12, 70, 71, 712))]

SHARED_RESOURCES = {
    # addresses, credentials and patience of the outside systems
    "polygon": None,
    "flat_files": None,
    "alerts": None,
    "superset": None,
    "airbyte": {"database"},
    "snowflake": {"database", "additional_snowflake_connection_args"},
    "account": {"additional_snowflake_connection_args"},
    "dbt": {"database", "query_tag"},
    "kafka": {"bars_topic", "gaps_topic", "dead_letter_topic", "consumer_group"},
    "clickhouse": {"ticks", "rollups"},
    "stream_services": {"cluster", "producers_maximum"},
    "task producer": {
        *("family", "topic_prefix"),
        *("containerDefinitions.logConfiguration.options.awslogs-stream-prefix",),
    },
    "task sink": {
        *("family", "topic_prefix", "consumer_group", "clickhouse_database"),
        *("containerDefinitions.logConfiguration.options.awslogs-stream-prefix",),
    },
    "airbyte destination": {"database"},
    "topics": {"name"},
    "clickhouse schemas": {"database", "ticks", "rollups"},
    "dashboards": {"database_name", "dashboard_title", "slug"},
}
"""Resource -> its fields that depend on the deployment; every other one must be the same."""

SERVERS = {"DASHBOARDS_CLICKHOUSE_URI": "", "DASHBOARDS_SNOWFLAKE_URI": ""}
"""Where the dashboards' databases are is no name of a deployment."""

SWITCHES = {("airbyte", "database"), ("stream_services", "producers_maximum")}
"""What is off in a branch: no name there."""


def parts(names: Names) -> dict[str, Any]:
    """Everything that a deployment is made of, as plain values."""
    made = {**resources(names), "account": account(names)}
    found: dict[str, Any] = {}
    for name, resource in made.items():
        if isinstance(resource, DbtCliResource):
            found[name] = profile(names, str(resource.target))
        else:
            found[name] = resource.model_dump()
    kafka = made["kafka"]
    assert isinstance(kafka, Kafka)
    for service, values in task_variables(names).items():
        text = (TASK_DEFINITIONS / f"{service}.json").read_text()
        definition = json.loads(Template(text).substitute(values))
        [container] = definition["containerDefinitions"]
        environment = {one["name"].lower(): one["value"] for one in container.pop("environment")}
        found[f"task {service}"] = {
            **definition,
            **values,
            "environment": {
                name: value for name, value in environment.items() if value not in values.values()
            },
        }
    found["topics"] = [
        {"name": one.name, "partitions": one.partitions, **one.configs}
        for one in declared(kafka.prefix)
    ]
    found["clickhouse schemas"] = [dict(variables) for _, variables in schemas(names)]
    files = render_files(read_files(), names, variables(names, {}) | SERVERS)
    bundle = parse(files)
    found["dashboards"] = [
        *({"database_name": one["database_name"]} for one in bundle.databases.values()),
        *(
            {name: one[name] for name in ("dashboard_title", "slug")}
            for one in bundle.dashboards.values()
        ),
    ]
    if names.airbyte_database:
        found["airbyte destination"] = destination_settings(names.airbyte_database)
    return found


def profile(names: Names, target: str) -> dict[str, Any]:
    """dbt's connection, rendered by dbt itself in the environment of that deployment."""
    number = {"DAGSTER_CLOUD_PULL_REQUEST_ID": str(names.pull_request)} if names.is_branch else {}
    set_invocation_context(number)
    profiles = yaml.safe_load((PROJECT_ROOT / "dbt_polygon" / "profiles.yml").read_text())
    return ProfileRenderer({}).render_data(profiles["dbt_polygon"]["outputs"][target])


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Path -> text of every value inside; the members of a list are told apart by a number."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from flat(member, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for number, member in enumerate(value):
            yield from flat(member, f"{path}[{number}]")
    else:
        yield path, f"${value.env_var_name}" if isinstance(value, dg.EnvVar) else str(value)


@functools.cache
def values_of(names: Names) -> dict[tuple[str, str], str]:
    """Resource and path -> value."""
    return {
        (resource, path): value
        for resource, made in parts(names).items()
        for path, value in flat(made)
    }


def is_own(resource: str, path: str) -> bool:
    """Whether a value is one that a deployment has for itself."""
    own = SHARED_RESOURCES[resource]
    plain = re.sub(r"\[[0-9]+\]", "", path).strip(".")
    return own is not None and any(plain == name or plain.startswith(f"{name}.") for name in own)


def own_names(names: Names) -> dict[tuple[str, str], str]:
    """What a deployment has for itself, without what is off there."""
    return {
        key: value
        for key, value in values_of(names).items()
        if is_own(*key) and key not in SWITCHES and not unrelated(key)
    }


def unrelated(key: tuple[str, str]) -> bool:
    """Members of an own setting that are no names."""
    return key[1].startswith("additional_snowflake") and "QUERY_TAG" not in key[1]


def test_every_value_is_shared_by_all_or_one_s_own() -> None:
    everything = [values_of(names) for names in DEPLOYMENTS]
    undecided = {
        key
        for one, other in itertools.combinations(everything, 2)
        for key in one.keys() & other.keys()
        if one[key] != other[key] and not is_own(*key)
    }
    assert undecided == set()
    for one, other in itertools.combinations(DEPLOYMENTS, 2):
        own, others = own_names(one), own_names(other)
        assert own.keys() == others.keys() or {one, other} & set(DEPLOYMENTS[:2])
        assert set(own.values()).isdisjoint(others.values()), (one.label, other.label)
    assert len(own_names(PROD)) > 25


def test_names_of_a_branch_contain_its_own_number_only() -> None:
    for names in DEPLOYMENTS[2:]:
        for key, value in own_names(names).items():
            found = re.findall(r"pr[_-]([0-9]+)", value, re.IGNORECASE)
            assert found, (key, value)
            assert set(found) == {str(names.pull_request)}, (key, value)
    for names in DEPLOYMENTS[:2]:
        assert not [v for v in own_names(names).values() if re.search(r"pr[_-]\d", v, re.I)]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 999_999_999), st.integers(1, 999_999_999))
def test_any_two_pull_requests_are_apart(one: int, other: int) -> None:
    first, second = (set(own_names(branch_names(number)).values()) for number in (one, other))
    assert first.isdisjoint(second) == (one != other)
    assert first.isdisjoint(own_names(PROD).values())


def test_what_is_off_in_a_branch() -> None:
    for names in DEPLOYMENTS:
        found = values_of(names)
        assert found["stream_services", "producers_maximum"] == str(int(not names.is_branch))
        assert bool(found["airbyte", "database"]) == (not names.is_branch)
        assert ("airbyte destination", "database") in found or names.is_branch


def test_the_proof_would_find_a_shared_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: a database that does not depend on the deployment."""
    monkeypatch.setattr(Names, "clickhouse_rollups", property(lambda _: "rollups"))
    values_of.cache_clear()
    try:
        with pytest.raises(AssertionError):
            test_every_value_is_shared_by_all_or_one_s_own()
        with pytest.raises(AssertionError):
            test_names_of_a_branch_contain_its_own_number_only()
    finally:
        values_of.cache_clear()


WRITTEN_NAMES = re.compile(
    r"\b(?i:from|join|into|update|table|database|view|use)\s+(?i:if\s+(?:not\s+)?exists\s+)?"
    r"(?:POLYGON(?:_LOCAL|_PR_[0-9]+)?|(?:ticks|rollups)(?:_local)?)(?:\.[\w{\"]|\s*(?:;|$|CLONE))"
)
"""A statement about a database whose name does not come from the deployment."""


def texts(path: Path) -> Iterator[str]:
    """The texts of a file that can be statements: without the documentation of Python's files."""
    if path.suffix != ".py":
        yield path.read_text()
        return
    tree = ast.parse(path.read_text())
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in documentation:
            yield str(node.value)


def test_no_statement_names_a_database_of_its_own() -> None:
    files = [
        *(PROJECT_ROOT / "polygon_assets").rglob("*.py"),
        *(PROJECT_ROOT / "polygon_assets").rglob("*.sql"),
        *(PROJECT_ROOT / "streaming" / "polygon_stream").rglob("*.py"),
        *(PROJECT_ROOT / "streaming" / "polygon_stream").rglob("*.sql"),
        *(PROJECT_ROOT / "dbt_polygon" / "models").rglob("*.sql"),
        *(PROJECT_ROOT / "dbt_polygon" / "macros").rglob("*.sql"),
    ]
    files = [one for one in files if "sandbox" not in one.parts]
    assert len(files) > 150
    guilty = {
        (path.name, found.group())
        for path in files
        for text in texts(path)
        for found in WRITTEN_NAMES.finditer(text)
    }
    assert guilty == set()
    assert WRITTEN_NAMES.search("insert into rollups.bars_1m")
    assert WRITTEN_NAMES.search("CREATE DATABASE IF NOT EXISTS POLYGON")
    assert not WRITTEN_NAMES.search("INSERT INTO {rollups}.bars_1m")
