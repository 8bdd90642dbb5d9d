"""What differs between two sets of definitions."""

import dagster as dg
import pytest
from gate_market import MART, RAW, SEED, STAGING, TOPIC, market, specs

from polygon_assets.gate.changes import CODE, DEPENDENCIES, NEW, PARTITIONS, changes_between
from polygon_assets.gate.dbt_state import AFFECTED, MODIFIED, REASONS, DbtChanges
from polygon_assets.gate.dbt_state import NEW as STATE_NEW
from polygon_assets.gate.facts import Facts

NAMES = {key: key.to_user_string() for key in (TOPIC, RAW, STAGING, MART, SEED)}


def facts(assets: list[dg.AssetSpec] | None = None) -> Facts:
    """As they come back from another process."""
    return Facts.from_json(Facts.of(market(others=assets)).to_json())


def replaced(spec: dg.AssetSpec) -> list[dg.AssetSpec]:
    return [spec if one.key == spec.key else one for one in specs()]


def test_the_same_definitions_do_not_differ() -> None:
    found = changes_between(facts(), facts())
    assert not found.assets
    assert not found.checks
    assert not found.removed


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (specs({STAGING: "2"})[2], CODE),
        (specs()[2].replace_attributes(deps=[RAW, SEED]), DEPENDENCIES),
        (
            specs()[2].replace_attributes(
                deps=[
                    dg.AssetDep(
                        RAW,
                        partition_mapping=dg.TimeWindowPartitionMapping(
                            start_offset=-1, end_offset=-1
                        ),
                    )
                ]
            ),
            DEPENDENCIES,
        ),
        (specs()[2].replace_attributes(partitions_def=None), PARTITIONS),
    ],
    ids=["code version", "another parent", "another mapping", "no sessions"],
)
def test_each_difference_has_its_reason(spec: dg.AssetSpec, reason: str) -> None:
    assert changes_between(facts(), facts(replaced(spec))).assets == {NAMES[STAGING]: [reason]}


def test_new_and_removed_assets() -> None:
    fewer = [spec for spec in specs() if spec.key not in (MART, TOPIC)]
    found = changes_between(facts(fewer), facts())
    assert found.assets == {NAMES[MART]: [NEW], NAMES[TOPIC]: [NEW]}
    assert not found.checks  # those of a new asset come with it
    assert changes_between(facts(), facts(fewer)).removed == sorted([NAMES[MART], NAMES[TOPIC]])


def test_new_and_changed_checks() -> None:
    base, now = facts(), facts()
    now.checks[f"{NAMES[RAW]}:complete"] = "1"
    now.checks[f"{NAMES[RAW]}:sane"] = "2"
    found = changes_between(base, now)
    assert found.checks == {f"{NAMES[RAW]}:complete": [NEW], f"{NAMES[RAW]}:sane": [CODE]}
    assert not found.assets


def test_dbts_reasons_come_beside_those_of_dagster() -> None:
    selected = {
        MODIFIED: ["model.a", "model.b", "model.c"],
        AFFECTED: ["model.a", "model.b", "model.c", "model.below"],
        STATE_NEW: ["model.b"],
        **{f"{MODIFIED}.{reason}": [] for reason in REASONS},
    }
    selected[f"{MODIFIED}.macros"] = ["model.a", "model.b"]
    found = DbtChanges.of_selected(selected)
    assert found.modified == {
        "model.a": ("dbt: macros",),
        "model.b": (),
        "model.c": ("dbt: modified",),
    }
    base = changes_between(facts(), facts(replaced(specs({STAGING: "2"})[2])))
    both = base.with_dbt({NAMES[STAGING]: ("dbt: body",)}, {}, frozenset([NAMES[MART]]))
    assert both.assets == {NAMES[STAGING]: [CODE, "dbt: body"]}
    assert both.affected == {NAMES[MART]}
