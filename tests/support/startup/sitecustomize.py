"""Python runs this first in every program that the tests start: dbt, Dagster, Superset.

They look for garbage as rarely as our own programs (`polygon_assets.garbage`), which is not
installed everywhere.
"""

import gc

gc.set_threshold(20_000, 20, 50)
