"""COPY INTO, where fakesnow reads it differently from Snowflake."""

from fakesnow.transforms.file_format import lookup_file_format
from fakesnow.transforms.options import parse_options
from sqlglot import exp

from polygon_assets.sandbox.snowflake.statements import StatementSession

_JSON_COLUMN = "json"
"""The one column in which fakesnow reads a JSON file."""


def prepare_copy(copy: exp.Copy, session: StatementSession) -> None:
    """Rewrite a COPY for fakesnow, in place.

    A stage may be named in quotes (``FROM '@"DB"."SCHEMA"."STAGE"'``), and ``$1`` of a JSON file is
    the whole value.
    """
    for table in copy.find_all(exp.Table):
        if isinstance(table.this, exp.Literal) and table.this.name.startswith("@"):
            table.set("this", exp.Var(this=table.this.name))
    if _file_type(copy, session) == "JSON":
        for parameter in list(copy.find_all(exp.Parameter)):
            if parameter.name == "1":
                parameter.replace(exp.column(_JSON_COLUMN, quoted=True))


def _file_type(copy: exp.Copy, session: StatementSession) -> str:
    for parameter in copy.args.get("params") or []:
        if parameter.this.name.upper() != "FILE_FORMAT":
            continue
        options = parse_options(parameter.expressions)
        if name := options.get("FORMAT_NAME"):
            options = lookup_file_format(
                session.duck, str(name), session.current_database, session.current_schema
            )
        return str(options.get("TYPE", "CSV")).upper()
    return "CSV"
