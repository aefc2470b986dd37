"""The documents that other teams build on: AsyncAPI for the bus, OpenAPI for HTTP."""
