"""What a rollup is: a table of wider bars, computed from a finer one."""

from dataclasses import dataclass
from pathlib import Path

SQL = Path(__file__).parent / "sql"
SECONDS = "{ticks}.bars_1s"


@dataclass(frozen=True)
class Rollup:
    """A table of wider bars.

    Attributes:
        name: Table name.
        source: The table with the finer bars.
        bucket: ClickHouse expression for the start of the bar, in terms of the finer bar ``s``.
        description: What one row is.
    """

    name: str
    source: str
    bucket: str
    description: str

    @property
    def key(self) -> list[str]:
        """The asset key."""
        return ["clickhouse", "rollups", self.name]

    @property
    def source_key(self) -> list[str]:
        """The asset key of the finer bars."""
        schema = "ticks" if self.source == SECONDS else "rollups"
        return ["clickhouse", schema, self.source.rpartition(".")[2]]

    @property
    def select(self) -> str:
        """The query for one session's bars, with ``{session:Date}`` left to bind."""
        sql = (SQL / "bars.sql").read_text()
        # Only the second bars have replaced versions; a rollup's rows are final.
        final = "FINAL" if self.source == SECONDS else ""
        replacements = {"{bucket}": self.bucket, "{source}": self.source, "{final}": final}
        for placeholder, text in replacements.items():
            sql = sql.replace(placeholder, text)
        return sql
