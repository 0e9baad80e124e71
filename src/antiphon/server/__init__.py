"""The composition root: a configuration becomes engines, an app, routes and a listening process."""

from antiphon.server.house import House, build
from antiphon.server.serve import serve

__all__ = ["House", "build", "serve"]
