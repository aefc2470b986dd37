"""The contract: everything that travels on the bus.

Imports pydantic and the standard library and nothing of ours, so that any service may import it
and none can leak into it. Other teams read ``schemas/jsonschema/`` and ``docs/asyncapi.json``
instead of importing this package.
"""
