"""What every HTTP request meets first: a size bound, a trace, security headers; who asks, how often, how to answer."""

from __future__ import annotations

import secrets
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage

from services.gateway.peers import Peers, Problem
from services.gateway.settings import GatewaySettings
from services.kernel.errors import Fault
from services.runtime import telemetry
from services.runtime.jsonform import read_mapping

COOKIE = "deskstream_token"

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_requests = telemetry.counter("deskstream_http_requests", "HTTP answers by route and status")


class Edge:
    """The running gateway's parts, reachable as request.app.state.edge."""

    def __init__(self, settings: GatewaySettings, peers: Peers) -> None:
        self.settings = settings
        self.peers = peers
        self.service_token = settings.service_token.read_text().strip() if settings.service_token.exists() else ""
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._rate = parse(settings.public_rate)
        self._proxies = settings.proxies

    def slow_down(self, request: Request, what: str) -> None:
        """Refuses an address that does this too often (429)."""
        if not self._limiter.hit(self._rate, what, self.address(request)):
            raise Problem(429, "Too many attempts from this address; wait a minute and try again.")

    def address(self, request: Request) -> str:
        """Who asks, for counting: the nearest address that is no trusted proxy, an IPv6 one by its network."""
        asker = _address(request.client.host if request.client else "")
        told = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        while asker is not None and told and any(asker in network for network in self._proxies):
            nearer = _address(told.pop())
            if nearer is None:
                break
            asker = nearer
        if isinstance(asker, IPv6Address):
            # Whoever has one of these addresses has all of its network.
            return str(ip_network((asker, 64), strict=False))
        return str(asker or "unknown")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def edge_of(request: Request) -> Edge:
    """The gateway that serves this request."""
    edge: Edge = request.app.state.edge
    return edge


def token_of(request: Request) -> str:
    """The caller's token: the Authorization header, or for reading only the sign-in cookie."""
    header = request.headers.get("authorization", "")
    if header.startswith("Bearer "):
        return _speakable(header.removeprefix("Bearer "))
    # A cookie travels with forged cross-site posts too, so it is good for reading only.
    return _speakable(request.cookies.get(COOKIE, "")) if request.method == "GET" else ""


def _speakable(token: str) -> str:
    # gRPC cannot even carry other characters, and no token of ours holds them: refused there like any wrong one.
    return token if token.isascii() and token.isprintable() else "unreadable"


def language_of(request: Request) -> str:
    """zh-CN unless ?lang= or Accept-Language prefers English."""
    wished = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return "en" if wished.lower().startswith("en") else "zh-CN"


async def read(request: Request, message: Message) -> Any:
    """Fills a protobuf message from the JSON body; 400 with the reason when it does not fit."""
    try:
        body = await request.json() if await request.body() else {}
        if not isinstance(body, dict):
            raise ValueError("the body must be a JSON object")
        return read_mapping(body, message)
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"The JSON body does not fit: {str(error)[:300]}") from error


def as_json(message: Message) -> dict[str, Any]:
    """A message as JSON, fields in camelCase as OpenAPI shows them."""
    return MessageToDict(message)


class Around:
    """Outermost step: bounds the body, opens the span, counts the answer and adds the security headers."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = 0
        asked = Headers(scope=scope)
        with telemetry.span(f"http {scope['method']}", asked.get("traceparent", "")) as current:

            async def bounded() -> AsgiMessage:
                nonlocal seen
                message = await receive()
                seen += len(message.get("body", b""))
                if seen > self.limit:
                    raise Problem(413, f"The body is too large; send at most {self.limit} bytes.")
                return message

            async def dressed(message: AsgiMessage) -> None:
                if message["type"] == "http.response.start":
                    headers = MutableHeaders(scope=message)
                    headers["traceparent"] = current.traceparent
                    for name, value in _HEADERS.items():
                        headers.setdefault(name, value)
                    if not scope["path"].startswith("/static/"):
                        # Answers hold what people wrote; no browser or proxy shall keep them.
                        headers.setdefault("Cache-Control", "no-store")
                    route = getattr(scope.get("route"), "path", "none")
                    _requests.add(1, {"route": route, "status": message["status"]})
                await send(message)

            await self.app(scope, bounded, dressed)


def install(app: FastAPI, settings: GatewaySettings) -> None:
    """Puts the first step before all routes and turns problems into RFC 9457 answers."""

    @app.exception_handler(Problem)
    async def explain(request: Request, problem: Problem) -> Response:
        chinese = language_of(request) == "zh-CN"
        body: dict[str, Any] = {"status": problem.status, "detail": problem.detail}
        if problem.faults:
            body["faults"] = [_fault(fault, chinese) for fault in problem.faults]
        headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
        return JSONResponse(body, problem.status, headers, media_type="application/problem+json")

    app.add_middleware(Around, limit=settings.max_body)


def fresh_source_id() -> str:
    """An id for a message whose sender gave none; then a second send is a second request."""
    return secrets.token_hex(12)


def _fault(fault: Fault, chinese: bool) -> dict[str, str]:
    return {"field": fault.field, "message": fault.zh if chinese else fault.en}
