"""A whole relay under one roof: its parts, made from its settings, and the ASGI application that serves them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx2 as httpx
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from antiphon.client.address import dialect_of, endpoint
from antiphon.gateway import errors
from antiphon.gateway.accounts import Account, Accounts
from antiphon.gateway.figures import Figures
from antiphon.gateway.health import look_after
from antiphon.gateway.models import listed
from antiphon.gateway.relay import Relay
from antiphon.gateway.settings import RelayConfig
from antiphon.gateway.settings import Upstream as UpstreamSettings
from antiphon.gateway.upstreams import Upstream, Upstreams
from antiphon.transports.admission import Gate
from antiphon.transports.auth import Keys, key_in
from antiphon.transports.http import common_routes, problem, refusal
from antiphon.transports.rest import Mint
from antiphon.transports.secrets import Secrets

CALL_PATHS = ("/v1/realtime/calls", "/v1/realtime/calls/{rest:path}", "/openai/v1/realtime/calls")
"""Where WebRTC calls are made; a relay passes none on."""

REST_LIMIT_S = 5.0
"""How long an upstream may be silent when it is asked over HTTP."""


class RelayHouse:
    """One process's worth of relay. Its ASGI lifespan starts and stops it."""

    def __init__(self, config: RelayConfig, keys: Mapping[str, str], upstream_keys: Mapping[str, str]) -> None:
        """`keys` are those that clients show, by name; `upstream_keys` those that upstreams are shown."""
        self.config = config
        names = names_of(config.upstreams)
        made = [
            _upstream(name, one, upstream_keys.get(name)) for name, one in zip(names, config.upstreams, strict=True)
        ]
        self.upstreams = Upstreams(made, config.relay.open_seconds)
        self.accounts = Accounts({name: config.keys[name] for name in keys}, _now)
        self.figures = Figures(made)
        self.relay = Relay(config, self.upstreams, self.accounts, self.figures)
        self._http = httpx.AsyncClient(timeout=REST_LIMIT_S, follow_redirects=False)
        secrets = Secrets(_now)
        self.gate = Gate(keys=Keys(keys), knows_model=self._knows, secrets=secrets)
        routes = [
            Route("/metrics", self._metrics),
            Route("/usage", self._usage),
            *(() if config.models else (Route("/v1/models", self._models),)),
            *(Route(path, self._ready) for path in ("/ready", "/readyz")),
            *(Route(path, self._no_calls, methods=["POST"]) for path in CALL_PATHS),
            *common_routes(
                self.relay, self.gate, Mint(secrets, self._knows, passes_on=True), lambda: tuple(config.models)
            ),
        ]
        self.asgi = Starlette(routes=routes, lifespan=self._lifespan)

    def _knows(self, model: str) -> bool:
        return self.config.alias_of(model) is not None

    async def _ready(self, _: Request) -> Response:
        states = {one.name: "up" if one.is_up else "down" for one in self.upstreams.all}
        is_ready = "up" in states.values()
        told = {"status": "ready" if is_ready else "failed", "upstreams": states, "sessions": self.relay.sessions}
        return JSONResponse(told, HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE)

    async def _metrics(self, _: Request) -> Response:
        return Response(self.figures.page(), media_type=CONTENT_TYPE_LATEST)

    async def _usage(self, request: Request) -> Response:
        refused = refusal(request, self.gate)
        if refused is not None:
            return refused
        key = key_in(request.headers, (), request.query_params)
        seen = self.accounts.seen_by(self.gate.principal_of(key) or "")
        return JSONResponse({"keys": {account.name or "default": _shown(account) for account in seen}})

    async def _models(self, request: Request) -> Response:
        refused = refusal(request, self.gate)
        if refused is not None:
            return refused
        return JSONResponse({"object": "list", "data": await listed(self.upstreams.all, self._http)})

    async def _no_calls(self, _: Request) -> Response:
        return problem(errors.no_calls(), HTTPStatus.NOT_IMPLEMENTED)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with self._http, asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self.relay.watch())]
            every_s = self.config.relay.health_seconds
            if every_s:
                running.append(tasks.create_task(look_after(self.upstreams, every_s, self._http)))
            yield
            for task in running:
                task.cancel()
        await self.relay.stop(0)


def names_of(upstreams: tuple[UpstreamSettings, ...]) -> list[str]:
    """What the upstreams are called: as the operator says, else by their hosts; a second one of a name is `-2`."""
    names: list[str] = []
    for one in upstreams:
        base = one.name or urlsplit(endpoint(one.url)).netloc
        same = sum(name == base or name.startswith(f"{base}-") for name in names)
        names.append(f"{base}-{same + 1}" if same else base)
    return names


def _upstream(name: str, settings: UpstreamSettings, key: str | None) -> Upstream:
    dialect = settings.dialect or dialect_of(settings.url)
    return Upstream(name=name, url=settings.url, dialect=dialect, priority=settings.priority, key=key)


def _shown(account: Account) -> dict[str, float]:
    account.out_of_time()  # counts the time of open sessions up to now
    return account.usage.shown() | {"open_sessions": account.open_sessions}


def _now() -> float:
    return datetime.now(UTC).timestamp()
