"""The dashboards: their bundle in Superset's own format, and the assets that push it."""
