"""Apache Superset as a service of the sandbox, in an environment of its own.

Only :mod:`polygon_assets.sandbox.superset.environment` runs with the project's packages. The rest
runs in Superset's environment and imports nothing of the project but the standard library's users
in :mod:`polygon_assets.sandbox`.
"""
