"""COPY INTO, where fakesnow reads it differently from Snowflake."""

from typing import Any

from duckdb import DuckDBPyConnection
from fakesnow import copy_into
from fakesnow.transforms import stage
from fakesnow.transforms.file_format import lookup_file_format
from fakesnow.transforms.options import parse_options
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp

from polygon_assets.sandbox.snowflake.copy_csv import CsvCopy
from polygon_assets.sandbox.snowflake.csv_format import read_csv_format
from polygon_assets.sandbox.snowflake.errors import unsupported
from polygon_assets.sandbox.snowflake.names import quoted
from polygon_assets.sandbox.snowflake.statements import StatementSession

_JSON_COLUMN = "json"
"""The one column in which fakesnow reads a JSON file."""

_SWITCHES = ("FORCE", "PURGE")


def prepare_copy(copy: exp.Copy, session: StatementSession) -> None:
    """Rewrite a COPY for fakesnow, in place.

    A stage may be named in quotes (``FROM '@"DB"."SCHEMA"."STAGE"'``), ``$1`` of a JSON file is the
    whole value, and a switch that is off is not one that is on.
    """
    for table in copy.find_all(exp.Table):
        if isinstance(table.this, exp.Literal) and table.this.name.startswith("@"):
            table.set("this", exp.Var(this=table.this.name))
    parameters = copy.args.get("params") or []
    copy.set("params", [one for one in parameters if not _is_switched_off(one)])
    options = _format_options(copy, session.duck, session.current_database, session.current_schema)
    if _type(options) == "JSON":
        for parameter in list(copy.find_all(exp.Parameter)):
            if parameter.name == "1":
                parameter.replace(exp.column(_JSON_COLUMN, quoted=True))


def csv_copy(
    duck: DuckDBPyConnection,
    current_database: str | None,
    current_schema: str | None,
    statement: exp.Copy,
    table_stages: Any,
) -> CsvCopy | None:
    """What a COPY of CSV files asks for; None where the files are of another type.

    Args:
        duck: The session's DuckDB connection.
        current_database: Completes unqualified names.
        current_schema: Completes unqualified names.
        statement: The COPY as fakesnow transformed it.
        table_stages: fakesnow's register of the stages that belong to tables.

    Raises:
        ProgrammingError: An option that this server does not have, or a stage that does not exist.
    """
    options = _format_options(statement, duck, current_database, current_schema)
    if _type(options) != "CSV":
        return None
    if isinstance(statement.args["files"][0], exp.Subquery):
        raise unsupported("COPY of CSV with a SELECT")
    read = _copy_options(statement)
    target: exp.Table | exp.Schema = statement.this
    table = target.this if isinstance(target, exp.Schema) else target
    source = copy_into.stage_url_from_var(
        statement.args["files"][0].this.name[1:],
        duck,
        current_database,
        current_schema,
        table_stages,
        table,
    )
    schema, database = table.db or current_schema or "", table.catalog or current_database or ""
    return CsvCopy(
        target,
        (schema, table.name),
        f"{quoted(database)}._fs_information_schema._fs_load_history",
        _files(duck, source, read.pop("FILES", [])),
        read_csv_format(options),
        skips_rows=read.get("ON_ERROR") == "CONTINUE",
        force=bool(read.get("FORCE")),
        purge=bool(read.get("PURGE")),
    )


def _copy_options(statement: exp.Copy) -> dict[str, Any]:
    """Name -> value of what a COPY says beside its FILE_FORMAT."""
    read: dict[str, Any] = {}
    for parameter in statement.args.get("params") or []:
        name, value = parameter.this.name.upper(), parameter.expression
        if name == "FILE_FORMAT":
            continue
        if name == "FILES":
            read[name] = [one.name for one in parameter.find_all(exp.Literal)]
        elif name in _SWITCHES and isinstance(value, exp.Boolean):
            read[name] = value.this
        elif name == "ON_ERROR" and value.name.upper() in ("CONTINUE", "ABORT_STATEMENT"):
            read[name] = value.name.upper()
        else:
            raise unsupported(f"COPY of CSV with {parameter.sql('snowflake')}")
    return read


def _files(duck: DuckDBPyConnection, source: str, names: list[str]) -> list[str]:
    """Paths of the files below a stage's folder: those with the names, or all of them."""
    found = duck.execute(stage.internal_files_sql(source)).fetchall()
    paths = sorted(str(path) for (path,) in found)
    if not names:
        return paths
    wanted = [source + name for name in names]
    for path in wanted:
        if path not in paths:
            raise ProgrammingError(
                msg=f"Remote file '{stage.internal_file_name(path)}' was not found.",
                errno=100080,
                sqlstate="22000",
            )
    return wanted


def _format_options(
    copy: exp.Copy,
    duck: DuckDBPyConnection,
    current_database: str | None,
    current_schema: str | None,
) -> dict[str, Any]:
    """The options of a COPY's FILE_FORMAT over those of the format that it names."""
    for parameter in copy.args.get("params") or []:
        if parameter.this.name.upper() != "FILE_FORMAT":
            continue
        options = parse_options(parameter.expressions)
        name = options.pop("FORMAT_NAME", None)
        named = (
            lookup_file_format(duck, str(name), current_database, current_schema) if name else {}
        )
        return {**named, **options}
    return {}


def _type(options: dict[str, Any]) -> str:
    return str(options.get("TYPE", "CSV")).upper()


def _is_switched_off(parameter: exp.CopyParameter) -> bool:
    value = parameter.expression
    is_switch = parameter.this.name.upper() in _SWITCHES
    return is_switch and isinstance(value, exp.Boolean) and not value.this
