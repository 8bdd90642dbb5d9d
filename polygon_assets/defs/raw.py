"""Every domain of the schema RAW."""

from polygon_assets.defs.actions.assets import ACTIONS_TABLES, polygon_actions
from polygon_assets.defs.actions.checks import actions_checks
from polygon_assets.defs.bars.assets import BARS_TABLES, polygon_bars
from polygon_assets.defs.bars.checks import bars_checks
from polygon_assets.defs.fundamentals.assets import FUNDAMENTALS_TABLES, polygon_fundamentals
from polygon_assets.defs.fundamentals.checks import fundamentals_checks
from polygon_assets.defs.reference.assets import REFERENCE_TABLES, polygon_reference
from polygon_assets.defs.reference.checks import reference_checks
from polygon_assets.defs.symbols.assets import (
    SYMBOL_BARS_TABLES,
    SYMBOLS_TABLES,
    polygon_symbol_bars,
    polygon_symbols,
)
from polygon_assets.defs.symbols.checks import symbols_checks

STREAM_TABLES = (
    *BARS_TABLES,
    *REFERENCE_TABLES,
    *ACTIONS_TABLES,
    *FUNDAMENTALS_TABLES,
    *SYMBOLS_TABLES,
    *SYMBOL_BARS_TABLES,
)
"""The tables that Airbyte fills."""

raw_assets = [
    polygon_bars,
    polygon_reference,
    polygon_actions,
    polygon_fundamentals,
    polygon_symbols,
    polygon_symbol_bars,
]
raw_checks = [
    *bars_checks,
    *reference_checks,
    *actions_checks,
    *fundamentals_checks,
    *symbols_checks,
]
