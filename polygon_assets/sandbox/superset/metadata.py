"""Superset's metadata database: made once, brought up to date, whole after any crash.

A stamp beside the database says for which release and settings it was made. Without the stamp a
first start was killed, and the database is thrown away. Where the stamp is an old one, a copy is
kept until the new one is written, and put back if the update was killed.
"""

# pyright: reportMissingImports=false, reportMissingModuleSource=false
# pyright: reportAttributeAccessIssue=false
# Superset is in an environment of its own, where this runs.

import hashlib
import logging
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

_SOURCES = ("uv.lock", "superset_config.py", "metadata.py")
"""What decides about the contents that a new metadata database has."""

_MIGRATIONS_PER_LINE = 50

Tell = Callable[[str], None]
"""Takes a line about the progress."""


class Metadata:
    """The metadata database in a folder."""

    def __init__(self, folder: Path) -> None:
        self._database = folder / "metadata.db"
        self._copy = folder / "metadata.before.db"
        self._stamp = folder / "metadata.stamp"

    def clean_up(self) -> None:
        """Undo what a killed start left half done; before Superset opens the database."""
        if self.is_current():
            _remove(self._copy)
        elif not self._stamp.exists():
            _remove(self._database)
            _remove(self._copy)
        elif self._copy.exists():
            _remove(self._database)
            self._copy.replace(self._database)

    def is_current(self) -> bool:
        """Whether it is whole and made for these settings."""
        try:
            return self._stamp.read_text() == _wanted()
        except FileNotFoundError:
            return False

    def update(self, app: "Flask", tell: Tell) -> None:
        """Make the tables, the permissions and the roles, or bring them up to date."""
        if self._stamp.exists():
            self._keep_copy()
        with app.app_context():
            _fill(app, tell)
        _write(self._stamp, _wanted())
        _remove(self._copy)

    def _keep_copy(self) -> None:
        part = self._copy.with_suffix(".part")
        part.unlink(missing_ok=True)
        source, target = sqlite3.connect(self._database), sqlite3.connect(part)
        source.backup(target)
        source.close()
        target.close()
        part.replace(self._copy)


def require_user(app: "Flask", name: str, password: str) -> None:
    """Let this administrator be able to log in, whatever was before."""
    from superset import security_manager
    from superset.extensions import db
    from werkzeug.security import check_password_hash

    with app.app_context():
        user = security_manager.find_user(name)
        if user is None:
            role = security_manager.find_role("Admin")
            address = f"{name}@localhost"
            if not security_manager.add_user(name, "Sandbox", "Admin", address, role, password):
                raise RuntimeError(f"Superset did not add its user {name}: its log says why.")
        elif not user.is_active or not check_password_hash(user.password, password):
            security_manager.reset_password(user.id, password)
            user.active = True
        db.session.commit()


def _fill(app: "Flask", tell: Tell) -> None:
    import flask_migrate
    from superset import appbuilder, security_manager
    from superset.extensions import db

    tell("making the tables of the metadata database")
    with _told_migrations(tell):
        flask_migrate.upgrade()
    _let_names_repeat(db.engine)
    tell("making permissions")
    appbuilder.add_permissions(update_perms=True)
    tell("making roles")
    security_manager.sync_role_definitions()
    # At the start there was no table for them yet.
    app.sync_config_to_db()
    db.session.commit()


def _let_names_repeat(engine: Any) -> None:
    """Let tables of different databases have the same name, as on every server but SQLite.

    An old constraint, which Superset's migrations cannot remove from SQLite, forbids it.
    """
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from sqlalchemy import inspect

    known = inspect(engine).get_unique_constraints("tables")
    if all(one["column_names"] != ["table_name"] for one in known):
        return
    # It has no name; one is made up for it here.
    convention = {"uq": "uq_%(table_name)s_%(column_0_name)s"}
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("tables", naming_convention=convention) as table:
            table.drop_constraint("uq_tables_table_name", type_="unique")


@contextmanager
def _told_migrations(tell: Tell) -> Generator[None, None, None]:
    """Tell now and then how many migrations have been applied."""
    logger = logging.getLogger("alembic.runtime.migration")
    counter = _MigrationCounter(tell)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(counter)
    try:
        yield
    finally:
        logger.removeHandler(counter)
        logger.propagate = True
        logger.setLevel(logging.WARNING)


class _MigrationCounter(logging.Handler):
    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.INFO)
        self._tell = tell
        self._count = 0

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("Running upgrade"):
            self._count += 1
            if self._count % _MIGRATIONS_PER_LINE == 0:
                self._tell(f"{self._count} changes of tables are applied")


def _wanted() -> str:
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def _write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text)
    part.replace(path)


def _remove(database: Path) -> None:
    # The journal first: beside another database it would be applied to that one.
    for suffix in ("-journal", "-wal", "-shm", ""):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
