"""How fast is a flat file loaded? ``uv run python tests/bench/flat_files.py [--symbols N]``.

The simulated vendor makes the minute file of one session, the sandbox's Snowflake takes it, both as
processes of their own. Our path is all that is not the warehouse's own work: download with its
checks, decompression and counting, and the upload into the stage. In the same run the same gzip
file is loaded by bare DuckDB and pyarrow, one after the other, best of several each.

Ends with 1 where our path is slower than the target.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.csv
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.servers import server

from polygon_assets.defs.flat_files.ahead import one_ahead
from polygon_assets.defs.flat_files.files import FetchedFile, fetch
from polygon_assets.defs.flat_files.loading import Load, Loader
from polygon_assets.defs.flat_files.tables import COLUMNS, MINUTE_BARS
from polygon_assets.env import Deployment, Names
from polygon_assets.resources.flat_files import Bucket, flat_files, key_of
from polygon_assets.resources.snowflake import warehouse
from polygon_assets.sessions import sessions_between

TARGET_ROWS_PER_SECOND = 300_000
ROUNDS = 3
SESSION = date(2005, 2, 28)
RANGE_END = date(2005, 3, 2)

DUCKDB_TYPES = {"VARCHAR": "VARCHAR", "FLOAT": "DOUBLE", "NUMBER(38, 0)": "BIGINT"}
ARROW_TYPES = {"VARCHAR": "string", "FLOAT": "float64", "NUMBER(38, 0)": "int64"}


@dataclass(frozen=True)
class Figures:
    """Seconds of the best round."""

    load: Load
    duckdb_seconds: float
    pyarrow_seconds: float
    range_rows: int
    range_seconds: float

    @property
    def own_seconds(self) -> float:
        """Our path."""
        file = self.load.file
        return file.download_seconds + file.verify_seconds + self.load.put_seconds

    @property
    def engine_seconds(self) -> float:
        """The warehouse's own work."""
        return self.load.copy_seconds + self.load.replace_seconds


def main() -> int:
    """Measure and print.

    Returns:
        0 where our path reaches the target, else 1.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, default=3800, help="symbols of the simulated vendor")
    symbols = parser.parse_args().symbols
    logging.getLogger("snowflake").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="flat_file_bench_") as folder:
        root = Path(folder)
        with (
            server("polygon", root / "polygon", "--symbols", str(symbols)) as vendor,
            server("snowflake", root / "snowflake") as port,
        ):
            os.environ["FLAT_FILES_ENDPOINT_URL"] = f"http://127.0.0.1:{vendor}"
            os.environ["SNOWFLAKE_PORT"] = str(port)
            figures = measure(root)
    show(figures)
    return 0 if figures.load.file.rows / figures.own_seconds >= TARGET_ROWS_PER_SECOND else 1


def measure(folder: Path) -> Figures:
    """Load the session several times, and its file with bare readers."""
    bucket = flat_files().process_config_and_initialize().open()
    snowflake = warehouse(Names(Deployment.LOCAL, "_local")).process_config_and_initialize()
    snowflake.create_schemas()
    for session in sessions_between(SESSION, RANGE_END):
        bucket.head(key_of(MINUTE_BARS.dataset, session))  # the simulator makes the file now
    with snowflake.cursor() as cursor:
        loader = Loader(cursor, str(snowflake.database), MINUTE_BARS)
        loader.prepare()
        loads = [one_load(bucket, loader, folder) for _ in range(ROUNDS)]
        range_rows, range_seconds = load_range(bucket, loader, folder)
    best = min(loads, key=own_seconds)
    path = best.file.path
    return Figures(
        best,
        best_seconds(lambda: with_duckdb(path)),
        best_seconds(lambda: with_pyarrow(path)),
        range_rows,
        range_seconds,
    )


def one_load(bucket: Bucket, loader: Loader, folder: Path) -> Load:
    """One session, from the bucket to the table."""
    file = fetch(bucket, MINUTE_BARS.dataset, SESSION, folder)
    assert file is not None
    return loader.load(file)


def load_range(bucket: Bucket, loader: Loader, folder: Path) -> tuple[int, float]:
    """Rows and seconds of several sessions, each downloaded while the one before is loaded."""

    def get(session: date) -> FetchedFile | None:
        return fetch(bucket, MINUTE_BARS.dataset, session, folder)

    started = time.perf_counter()
    rows = 0
    for file in one_ahead(get, sessions_between(SESSION, RANGE_END)):
        assert file is not None
        rows += loader.load(file).file.rows
    return rows, time.perf_counter() - started


def own_seconds(load: Load) -> float:
    """Our path in one load."""
    return load.file.download_seconds + load.file.verify_seconds + load.put_seconds


def with_duckdb(path: Path) -> int:
    """The file into a table of DuckDB in memory, with types given."""
    types = {name: DUCKDB_TYPES[kind] for name, kind in COLUMNS.items()}
    with duckdb.connect() as duck:
        duck.execute(
            f"CREATE TABLE bars AS SELECT * FROM read_csv('{path}', header = true, "
            f"auto_detect = false, delim = ',', columns = {types})"
        )
        return duck.execute("SELECT COUNT(*) FROM bars").fetchall()[0][0]


def with_pyarrow(path: Path) -> int:
    """The file into a table of Arrow, with types given."""
    types = {name: ARROW_TYPES[kind] for name, kind in COLUMNS.items()}
    options = pyarrow.csv.ConvertOptions(column_types=types)
    return pyarrow.csv.read_csv(path, convert_options=options).num_rows


def best_seconds(run: Callable[[], int]) -> float:
    """The shortest of several runs."""
    seconds: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def show(figures: Figures) -> None:
    """Print the figures."""
    load, file = figures.load, figures.load.file
    table = Table(title=f"{file.rows:,} rows, {file.published.size:,} bytes of gzip")
    for column in ("what", "seconds", "rows/s", "x bare DuckDB", "x bare pyarrow"):
        table.add_column(column, justify="left" if column == "what" else "right")
    whole = figures.own_seconds + figures.engine_seconds
    for name, seconds in {
        "download, checked": file.download_seconds,
        "decompress, count rows": file.verify_seconds,
        "put into the stage": load.put_seconds,
        "our path": figures.own_seconds,
        "engine: COPY": load.copy_seconds,
        "engine: replace the session": load.replace_seconds,
        "our path and engine": whole,
        "bare DuckDB": figures.duckdb_seconds,
        "bare pyarrow": figures.pyarrow_seconds,
    }.items():
        table.add_row(
            name,
            f"{seconds:.2f}",
            f"{file.rows / seconds:,.0f}",
            f"{seconds / figures.duckdb_seconds:.2f}",
            f"{seconds / figures.pyarrow_seconds:.2f}",
        )
    console = Console()
    console.print(table)
    rate = file.rows / figures.own_seconds
    console.print(f"Our path: {rate:,.0f} rows/s; target {TARGET_ROWS_PER_SECOND:,}.")
    console.print(
        f"Range with downloads ahead: {figures.range_rows:,} rows in "
        f"{figures.range_seconds:.1f} s, {figures.range_rows / figures.range_seconds:,.0f} rows/s "
        "with the engine's work."
    )


if __name__ == "__main__":
    sys.exit(main())
