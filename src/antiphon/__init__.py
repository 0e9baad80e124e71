"""Antiphon: the open Realtime server."""
