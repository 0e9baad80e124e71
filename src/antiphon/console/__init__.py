"""The console: a static page that talks to this server as any client does, and what only that page may know."""

from antiphon.console.routes import PRINCIPAL, About, Console, Served
from antiphon.console.watch import Watch

__all__ = ["PRINCIPAL", "About", "Console", "Served", "Watch"]
