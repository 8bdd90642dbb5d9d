"""Airbyte source for US stocks from Polygon.io (Massive): a YAML manifest with a command."""
