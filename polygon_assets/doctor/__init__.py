"""Is every outside system as the platform needs it? Asked without changing anything.

One module per system, with a function ``examine(names, *, probe)`` that yields its findings.
"""
