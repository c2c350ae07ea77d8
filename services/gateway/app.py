"""The gateway as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from google.protobuf.json_format import MessageToJson
from sse_starlette import EventSourceResponse

from services.contracts.deskstream.v1 import reporting_pb2
from services.gateway import api, public, roster_operations, watch_operations
from services.gateway.edge import Edge, edge_of, install, token_of
from services.gateway.peers import Peers, Problem
from services.gateway.settings import GatewaySettings
from services.runtime import telemetry
from services.runtime.probes import LOOK_EVERY


def create_app(settings: GatewaySettings) -> FastAPI:
    """Builds the application; channels open at start-up and close at shutdown."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        peers = Peers(settings)
        app.state.edge = Edge(settings, peers)
        looking = asyncio.create_task(_look(peers)) if settings.metrics_port else None
        yield
        if looking is not None:
            looking.cancel()
        await peers.close()

    app = FastAPI(
        title="Deskstream",
        version="1",
        description="Service desk over one ticket stream. Bearer tokens come from POST /api/v1/tokens.",
        lifespan=lifespan,
        # The interactive pages load scripts from elsewhere; the document itself is enough for any client.
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        # An address has one form; with a slash more it is another one.
        redirect_slashes=False,
    )
    install(app, settings)
    app.include_router(api.router())
    app.include_router(roster_operations.feed)
    app.include_router(watch_operations.doors)
    app.include_router(public.hooks)
    app.include_router(public.router)
    app.add_api_route("/wallboard/events", _wallboard_events, include_in_schema=False)
    app.add_api_route("/healthz", _alive, include_in_schema=False)
    app.add_api_route("/readyz", _ready, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        document.setdefault("components", {}).setdefault("schemas", {}).update(api.shapes.components)
        document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"bearer": []}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this as the way to extend it
    return app


async def _wallboard_events(request: Request) -> Response:
    asked = reporting_pb2.WatchWallboardRequest(profile=request.query_params.get("profile", ""))
    pieces = edge_of(request).peers.stream("reporting", "WatchWallboard", asked, token_of(request))
    first = await anext(pieces, None)
    if first is None:
        raise Problem(503, "The wallboard is not there this moment; try again in a minute.")

    async def events() -> AsyncIterator[dict[str, str]]:
        yield {"data": MessageToJson(first.wallboard, indent=None)}
        # A server that ends is no error: the browser connects again by itself and meets another.
        with suppress(Problem):
            async for piece in pieces:
                yield {"data": MessageToJson(piece.wallboard, indent=None)}

    return EventSourceResponse(events(), ping=15)


async def _look(peers: Peers) -> None:
    """Keeps what the probes of the process say up to date (T10)."""
    away = ["not looked yet"]
    telemetry.probes.add("services", lambda: not away)
    while True:
        away[:] = await peers.away(2.0)
        await asyncio.sleep(LOOK_EVERY)


async def _alive() -> Response:
    return PlainTextResponse("alive\n")


async def _ready(request: Request) -> Response:
    peers = edge_of(request).peers
    wrong = await peers.away(1.0)
    return PlainTextResponse(f"not ready: {', '.join(wrong)}\n" if wrong else "ready\n", 503 if wrong else 200)
