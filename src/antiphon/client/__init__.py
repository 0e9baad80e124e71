"""A typed asyncio client for any Realtime server."""
