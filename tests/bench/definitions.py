"""How long the code location takes to load, measured against ``import dagster``.

    uv run python tests/bench/definitions.py [--rounds 3]

Every figure is of a process of its own: CPU seconds, the least of the rounds. The budget is twice
``import dagster``. What each library adds is measured on top of Dagster; ``-X importtime`` tells
more.
"""

import argparse
import subprocess
import sys

from rich.console import Console
from rich.table import Table

BUDGET = 2.0
DAGSTER = "import dagster"
DEFINITIONS = "import dagster; import polygon_assets.definitions"
ALSO = {
    "with the repository built": f"{DEFINITIONS} as d; d.defs.get_repository_def()",
    "dagster and dagster-dbt": "import dagster, dagster_dbt",
    "dagster and dagster-airbyte": "import dagster, dagster_airbyte",
    "dagster and confluent-kafka": "import dagster, confluent_kafka",
}
TELL = """
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""


def main() -> int:
    """Print the table; 1 where the budget is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    base = cpu_seconds(DAGSTER, rounds)
    found = {DAGSTER: base, "the definitions": cpu_seconds(DEFINITIONS, rounds)}
    found |= {name: cpu_seconds(code, rounds) for name, code in ALSO.items()}
    table = Table("", "CPU s", "times `import dagster`")
    for name, seconds in found.items():
        table.add_row(name, f"{seconds:.2f}", f"{seconds / base:.2f}")
    console = Console(width=100)
    console.print(table)
    ratio = found["the definitions"] / base
    console.print(f"definitions load in {ratio:.2f} x `import dagster`; the budget is {BUDGET:g} x")
    return int(ratio > BUDGET)


def cpu_seconds(code: str, rounds: int) -> float:
    """CPU seconds of a fresh process that runs some code, the least of several."""
    command = [sys.executable, "-W", "ignore", "-c", code + TELL]
    return min(
        float(
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]
        )
        for _ in range(rounds)
    )


if __name__ == "__main__":
    sys.exit(main())
