"""The relay: between clients and any Realtime server, with other people's models behind it."""
