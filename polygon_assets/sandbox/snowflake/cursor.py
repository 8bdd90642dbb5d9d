"""One statement from text to result."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.dialect import parse_one
from fakesnow.params import MutableParams
from fakesnow.statement_type import statement_type_id
from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr, exp
from sqlglot.errors import SqlglotError

from polygon_assets.sandbox.snowflake import history, merge
from polygon_assets.sandbox.snowflake.copying import prepare_copy
from polygon_assets.sandbox.snowflake.databases import is_view, note_view
from polygon_assets.sandbox.snowflake.errors import from_duckdb, from_fakesnow, unsupported
from polygon_assets.sandbox.snowflake.functions import translate_functions
from polygon_assets.sandbox.snowflake.literal_rows import LiteralRows, read_literal_rows
from polygon_assets.sandbox.snowflake.not_null import (
    constraint_statements,
    not_null_columns,
    refuse_nulls,
)
from polygon_assets.sandbox.snowflake.refusals import refuse_what_is_not_snowflake
from polygon_assets.sandbox.snowflake.reserved_words import quote_reserved_words
from polygon_assets.sandbox.snowflake.results import ArrowTable
from polygon_assets.sandbox.snowflake.statements import answered, normalized
from polygon_assets.sandbox.snowflake.transactions import (
    changed_table,
    transaction_ended_by_others,
    waiting_for_others,
)
from polygon_assets.sandbox.snowflake.uploads import require_known_options

if TYPE_CHECKING:
    from polygon_assets.sandbox.snowflake.session import Session

_LITERAL_ROWS_VIEW = "_literal_rows"
_ENDS_A_TRANSACTION = ("ROLLBACK", "COMMIT", "BEGIN", "START")
_DDL = (exp.Create, exp.Drop, exp.Alter, exp.TruncateTable, exp.Comment)

Parameters = Sequence[Any] | dict[Any, Any] | None


class SandboxCursor(FakeSnowflakeCursor):
    """Runs statements of one session."""

    def __init__(self, session: Session) -> None:
        """Start without a result."""
        super().__init__(conn=session, duck_conn=session.duck)
        self.session = session
        self.statement_type = 0
        self.columns: list[tuple[str, str]] = []
        self.put: exp.Put | None = None
        self.query_type = history.query_type(None)

    def execute(
        self, command: str, params: Parameters = None, *args: Any, **kwargs: Any
    ) -> SandboxCursor:
        """Run one statement.

        Args:
            command: The statement in Snowflake's SQL.
            params: Values for its placeholders.
            args: Ignored, as by the connector.
            kwargs: ``binding_params`` takes the place of ``params``; the rest is ignored.

        Raises:
            ProgrammingError: In Snowflake's words, whatever went wrong.
        """
        values = kwargs.get("binding_params") or params
        try:
            self._run(self._inline_variables(command), values)
        except duckdb.Error as error:
            raise from_duckdb(error) from error
        except ProgrammingError as error:
            raise from_fakesnow(error) from error
        except (AssertionError, NotImplementedError, SqlglotError, ValueError) as error:
            raise unsupported(str(error) or " ".join(command.split()[:3])) from error
        return self

    @property
    def arrow(self) -> ArrowTable | None:
        """The result's rows."""
        return self._arrow_table

    @property
    def statement(self) -> Expr | None:
        """The statement as it went to DuckDB."""
        return self._last_transformed

    def described(self, command: str) -> list[tuple[str, str]] | None:
        """Name and DuckDB type of each column of a result, without running the statement.

        Returns:
            None for a statement that can only be described by running it.
        """
        self.statement_type = statement_type_id(parse_one(command))
        found = self._describe_only(command)
        return None if found is None else [(str(name), str(kind)) for name, kind, *_ in found]

    def execute_rows(self, command: str, rows: list[tuple[Any, ...]]) -> int:
        """Run one statement once per row of values.

        Returns:
            Rows affected in total.
        """
        total = 0
        for row in rows:
            self.execute(command, binding_params=row)
            total += self.rowcount or 0
        return total

    def _run(self, command: str, values: Parameters) -> None:
        self._refuse_in_ended_transaction(command)
        literal = None if values else read_literal_rows(command)
        if literal is not None:
            self._insert_literal_rows(literal)
            return
        statement = normalized(parse_one(command))
        self.statement_type = statement_type_id(statement)
        self.query_type = history.query_type(statement)
        if _is_ddl(statement):
            # As on Snowflake. DuckDB could not go on either: fakesnow notes text lengths in another
            # database, and one transaction writes to only one.
            self.session.commit_open_transaction()
        answer = answered(statement, self.session)
        if answer is not None:
            self._execute(answer)
            return
        if history.read_from_view(statement):
            self._duck_conn.register(history.VIEW, self.session.history.table())
        refuse_what_is_not_snowflake(statement)
        statement = translate_functions(statement, self.session.context)
        if isinstance(statement, exp.Copy):
            prepare_copy(statement, self.session)
        if isinstance(statement, exp.Put):
            require_known_options(statement)
            self.put = statement.copy()
        self.check_db_and_schema(statement)
        parameters = _mutable(values)
        required = not_null_columns(statement)
        view = statement.copy() if is_view(statement) else None
        for part in self._transform_explode(statement):
            transformed = self._transform(part, parameters)
            if required:
                refuse_nulls(transformed, required)
            self._execute(transformed, parameters if transformed.find(exp.Placeholder) else None)
        if required and self.statement is not None:
            for constraint in constraint_statements(self.statement, required):
                self._duck_conn.execute(constraint)
        if view is not None:
            note_view(self._duck_conn, view, self.session)

    def _refuse_in_ended_transaction(self, command: str) -> None:
        if not self.session.ended_by_others:
            return
        first_word = command.split(maxsplit=1)[0].rstrip(";").upper()
        self.session.ended_by_others = first_word not in _ENDS_A_TRANSACTION
        if self.session.ended_by_others or first_word == "COMMIT":
            raise transaction_ended_by_others()

    def _insert_literal_rows(self, literal: LiteralRows) -> None:
        statement = parse_one(f"{literal.head} SELECT 1")
        self.statement_type = statement_type_id(statement)
        self.query_type = history.query_type(statement)
        self.check_db_and_schema(statement)
        self._duck_conn.register(_LITERAL_ROWS_VIEW, literal.rows)
        try:
            for part in self._transform_explode(statement):
                transformed = self._transform(part, None)
                if isinstance(transformed, exp.Insert):
                    transformed.set("expression", exp.select("*").from_(_LITERAL_ROWS_VIEW))
                self._execute(transformed)
        finally:
            self._duck_conn.unregister(_LITERAL_ROWS_VIEW)

    def _transform_explode(self, expression: Expr) -> list[Expr]:
        if isinstance(expression, exp.Merge):
            return [expression]
        return super()._transform_explode(expression)

    def _transform(self, expression: Expr, params: MutableParams | None) -> Expr:
        self.session.temporary.redirect(expression, self.session)
        return quote_reserved_words(super()._transform(expression, params))

    def _execute(self, transformed: Expr, params: MutableParams | None = None) -> None:
        if isinstance(transformed, exp.Merge):
            self._execute_merge(transformed, params)
        else:
            self._execute_waiting_for_others(transformed, params)
        if isinstance(transformed, exp.Transaction | exp.Commit | exp.Rollback):
            self.session.in_explicit_transaction = isinstance(transformed, exp.Transaction)
            self.session.written.clear()

    def _execute_merge(self, statement: exp.Merge, params: MutableParams | None) -> None:
        possible = merge.for_duckdb(statement)
        self._execute_waiting_for_others(statement, params)
        assert self._arrow_table is not None
        done = self._arrow_table.column(0).to_pylist()
        self._last_sql, self._last_params = merge.counts_sql(possible, done), None
        self._duck_conn.execute(self._last_sql)
        self._keep_result_columns()
        self._arrow_table, self._rowcount = self._duck_conn.to_arrow_table(), len(done)

    def _execute_waiting_for_others(
        self, transformed: Expr, params: MutableParams | None = None
    ) -> None:
        table = changed_table(transformed, self.session)
        execute = partial(super()._execute, transformed, params)
        waiting_for_others(self.session, table, execute)
        if table is not None and self.session.in_transaction:
            self.session.written.add(table)
        self._keep_result_columns()

    def _keep_result_columns(self) -> None:
        self.columns = [(str(name), str(kind)) for name, kind, *_ in self._duck_conn.description]


def _is_ddl(statement: Expr) -> bool:
    is_session_setting = statement.args.get("kind") == "SESSION"
    return isinstance(statement, _DDL) and not is_session_setting


def _mutable(values: Parameters) -> MutableParams | None:
    if values is None or isinstance(values, dict | list):
        return values
    return list(values)
