"""`antiphon relay`."""

import asyncio
import os
import socket
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from antiphon import logs
from antiphon.cli.common import out, told
from antiphon.config import ConfigError, check_bind
from antiphon.config.places import line_of
from antiphon.gateway.house import RelayHouse
from antiphon.gateway.reading import ENV_PREFIX, BadSetting, Given, Loaded, load
from antiphon.transports.listening import End, QuietServer, Tls, address_of, bound, uvicorn_server


def relay(
    upstream: Annotated[
        list[str] | None, typer.Option(help="A Realtime server to pass sessions to; several for failover, in order.")
    ] = None,
    *,
    upstream_key: Annotated[
        str | None,
        typer.Option(help="The key to show it, in place of the clients' own. (env: ANTIPHON_UPSTREAM_KEY)"),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. (env: ANTIPHON_RELAY_HOST)")] = None,
    port: Annotated[str | None, typer.Option(help="Port to listen on. (env: ANTIPHON_RELAY_PORT)")] = None,
    api_key: Annotated[
        str | None, typer.Option(help="A key that clients must show. (env: ANTIPHON_RELAY_API_KEY)")
    ] = None,
    record: Annotated[
        str | None, typer.Option(help="Record every session into this folder. (env: ANTIPHON_RELAY_RECORD)")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="File with upstreams, models, keys and limits. (env: ANTIPHON_RELAY_CONFIG)")
    ] = None,
) -> None:
    """Stand between clients and any Realtime server: beta clients on GA, own keys, limits, failover, recordings."""
    with told():
        given = Given({"host": host, "port": port, "record": record}, upstream or (), upstream_key, api_key)
        loaded = _read(config or os.environ.get(f"{ENV_PREFIX}CONFIG"), given)
        logs.set_up(loaded.config.relay.log_level, loaded.config.relay.log_format, os.environ)
        serve(loaded)


def serve(loaded: Loaded) -> None:
    """Relay until SIGTERM or SIGINT, then let sessions end for a while; a second signal ends at once."""
    chosen = loaded.config.relay
    check_bind(chosen.host, dict(loaded.keys))
    tls = _tls(loaded)
    with bound(chosen.host, chosen.port) as sock:
        house = RelayHouse(loaded.config, loaded.keys, loaded.upstream_keys)
        server = uvicorn_server(house.asgi, tls)
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(_run(server, house, sock))


def _tls(loaded: Loaded) -> Tls | None:
    """What to serve TLS with; None for plain sockets. Raises `SetupError`."""
    certificate, key = loaded.config.relay.tls_certificate, loaded.config.relay.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigError("relay", "TLS needs both a certificate and its key.", "give tls_certificate and tls_key")
    tls = Tls(str(Path(certificate).expanduser()), str(Path(key).expanduser()))
    tls.check()
    return tls


async def _run(server: QuietServer, house: RelayHouse, sock: socket.socket) -> None:
    end = End()
    async with asyncio.TaskGroup() as tasks:
        drain_s = house.config.relay.drain_seconds
        ending = tasks.create_task(end.in_order(server, lambda: house.relay.stop(drain_s)))
        _announce(house, address_of(sock))
        await server.serve(sockets=[sock])
        ending.cancel()


def _read(file: str | None, given: Given) -> Loaded:
    """All settings. Raises `SetupError`, with the place in the file where it is known."""
    text = ""
    if file is not None:
        try:
            text = Path(file).expanduser().read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = (getattr(error, "strerror", None) or "not UTF-8 text").lower()
            raise ConfigError(file, f"{reason}.", "name another file with --config, or leave it out") from None
    try:
        return load(text, os.environ, given)
    except BadSetting as error:
        line = line_of(text, error.path) if error.path else None
        where = "" if file is None else f"{file}:{line}" if line else file
        raise ConfigError(where, error.message, error.hint) from None


def _announce(house: RelayHouse, address: str) -> None:
    """Say where we listen, and what for."""
    console = out()
    console.print(
        Text(f"Antiphon {version('antiphon')} relays on http://{address} (ws://{address}/v1/realtime)\nUpstreams:")
    )
    for one in house.upstreams.all:
        shown = one.url.partition("?")[0]
        console.print(Text(f"  {one.name}  {shown}  ({one.dialect}{'' if one.key else ', no key'})"))
    sys.stdout.flush()
