"""``identifier('"DB"."SCHEMA"."TABLE"')`` was read as one name (the connector's write_pandas)."""

import sqlglot
from fakesnow import transforms
from fakesnow.params import MutableParams
from sqlglot import Expr, exp

_original = transforms.identifier


def _identifier(expression: Expr, params: MutableParams | None) -> Expr:
    found = _original(expression, params)
    if found is expression or not isinstance(found, exp.Table):
        return found
    name = found.this
    if isinstance(name, exp.Identifier) and name.quoted and '"."' in name.name:
        return sqlglot.to_table(f'"{name.name}"', dialect="snowflake")
    return found


def apply() -> None:
    """Split the name at its quoted parts."""
    transforms.identifier = _identifier
