"""The static site: documents, asset catalogue, dbt docs and API reference, for ``polygon site``.

It needs no network, no service and no warehouse: everything is read from the checkout.
"""
