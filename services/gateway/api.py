"""REST over the gRPC services: routes and OpenAPI both come from the table of operations."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from google.protobuf.message import Message

from services.contracts.deskstream.v1 import intake_pb2, reporting_pb2
from services.gateway.edge import as_json, edge_of, fresh_source_id, language_of, read, token_of
from services.gateway.operations import OPERATIONS, Operation
from services.gateway.peers import Problem
from services.gateway.shapes import Schema, Shapes
from services.runtime.jsonform import read_mapping

shapes = Shapes()


def router() -> APIRouter:
    """All routes of the table, the submission of requests and the CSV export."""
    made = APIRouter()
    made.add_api_route("/api/v1/requests", submit, methods=["POST"], **_described(*_SUBMIT))
    made.add_api_route("/api/v1/reports/{profile}/{period}/{what}.csv", export, methods=["GET"], summary="CSV (N12)")
    for operation in OPERATIONS:
        made.add_api_route(
            operation.path,
            _endpoint(operation),
            methods=[operation.verb],
            **_described(operation.summary, operation.verb, operation.path, operation.asked, operation.told),
        )
    return made


_SUBMIT = (
    "File a request; the answer is its number at once (A24)",
    "POST",
    "/api/v1/requests",
    intake_pb2.RequestDraft,
    intake_pb2.SubmitResponse,
)


async def submit(request: Request) -> Any:
    """Body: a RequestDraft in JSON. The header Idempotency-Key stands in for a missing sourceId."""
    draft = await read(request, intake_pb2.RequestDraft())
    draft.source_id = draft.source_id or request.headers.get("idempotency-key", "") or fresh_source_id()
    edge = edge_of(request)
    asked = intake_pb2.SubmitRequest(draft=draft)
    return as_json(await edge.peers.ask("intake", "Submit", asked, token_of(request)))


async def export(request: Request, profile: str, period: str, what: str) -> Response:
    """Streams a CSV file with Chinese or English headers."""
    asked = reporting_pb2.ExportRequest(profile=profile, period=period, what=what, language=language_of(request))
    pieces = edge_of(request).peers.stream("reporting", "Export", asked, token_of(request))
    # The first piece is awaited here, so that a refusal is still a status and not a torn file.
    first = await anext(pieces, None)

    async def rest() -> Any:
        if first is not None:
            yield first.chunk
        async for piece in pieces:
            yield piece.chunk

    # What stands in the address may be anything; a header may not.
    name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{profile}-{period}-{what}.csv")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(rest(), media_type="text/csv; charset=utf-8", headers=headers)


def _endpoint(operation: Operation) -> Callable[[Request], Awaitable[Any]]:
    async def endpoint(request: Request) -> Any:
        edge = edge_of(request)
        if operation.method == "IssueToken":
            edge.slow_down(request, "sign in")
        asked = await read(request, operation.asked())
        fields = operation.asked.DESCRIPTOR.fields_by_name
        values = {**request.query_params, **request.path_params}
        if "language" in fields and not asked.language:
            values.setdefault("language", language_of(request))
        given = {key: _typed(fields[key], value) for key, value in values.items() if key in fields}
        asked = _merged(asked, {**given, **_maps(fields, values)})
        return as_json(await edge.peers.ask(operation.service, operation.method, asked, token_of(request)))

    endpoint.__name__ = operation.method
    return endpoint


def _maps(fields: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Entries of maps, which an address carries as facts.type=fault."""
    found: dict[str, dict[str, str]] = {}
    for key, value in values.items():
        name, dot, entry = key.partition(".")
        if dot and name in fields and fields[name].message_type is not None:
            found.setdefault(name, {})[entry] = value
    return found


def _typed(field: Any, value: str) -> Any:
    if field.is_repeated and field.cpp_type == field.CPPTYPE_STRING:
        return [each for each in value.split(",") if each]
    if field.cpp_type == field.CPPTYPE_BOOL:
        return value.lower() in ("1", "true", "yes")
    if field.enum_type is not None and not value.isupper():
        return field.enum_type.values[0].name.removesuffix("UNSPECIFIED") + value.upper()
    return value


def _merged(message: Message, given: dict[str, Any]) -> Message:
    try:
        return read_mapping(given, message)
    except ValueError as error:
        raise Problem(400, f"An argument of the address does not fit: {str(error)[:300]}") from error


def _described(summary: str, verb: str, path: str, asked: type[Message], told: type[Message]) -> dict[str, Any]:
    answer: Schema = {"description": "OK", "content": {"application/json": {"schema": shapes.of(told.DESCRIPTOR)}}}
    extra: Schema = {}
    if verb == "POST":
        extra["requestBody"] = {"content": {"application/json": {"schema": shapes.of(asked.DESCRIPTOR)}}}
    else:
        extra["parameters"] = [
            {"name": field.name, "in": "query", "required": False, "schema": {"type": "string"}}
            for field in asked.DESCRIPTOR.fields
            if f"{{{field.name}" not in path
        ]
    return {"summary": summary, "openapi_extra": extra, "responses": {200: answer}, "response_model": None}
