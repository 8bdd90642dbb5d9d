"""US stocks from Polygon.io (Massive) as Dagster assets: code location, command, sandbox."""
