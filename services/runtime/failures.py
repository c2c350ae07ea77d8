"""One table from the platform's three failures to gRPC, HTTP and back (architecture decision 14)."""

from __future__ import annotations

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.kernel.errors import DeskstreamError, Fault, Missing, Refused, Unavailable

MOST_MESSAGE = 500
"""Characters of a sentence that travels: it may quote what a caller sent, and gRPC carries errors in its headers."""
_MOST_DETAILS = 3_000
"""Bytes of field faults that travel; clients refuse headers over 8 KiB."""

_REFUSALS = {
    "invalid": grpc.StatusCode.INVALID_ARGUMENT,
    "stale": grpc.StatusCode.FAILED_PRECONDITION,
    "conflict": grpc.StatusCode.FAILED_PRECONDITION,
    "forbidden": grpc.StatusCode.PERMISSION_DENIED,
    "unauthenticated": grpc.StatusCode.UNAUTHENTICATED,
}

_HTTP = {
    grpc.StatusCode.INVALID_ARGUMENT: 422,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.CANCELLED: 503,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}


def code_of(error: DeskstreamError) -> grpc.StatusCode:
    """gRPC status of a failure."""
    if isinstance(error, Refused):
        return _REFUSALS[error.code]
    if isinstance(error, Missing):
        return grpc.StatusCode.NOT_FOUND
    if isinstance(error, Unavailable):
        return grpc.StatusCode.UNAVAILABLE
    return grpc.StatusCode.INTERNAL


def http_status(code: grpc.StatusCode) -> int:
    """HTTP status that the gateway answers for a gRPC status."""
    return _HTTP.get(code, 500)


def status_for(error: DeskstreamError) -> grpc.Status:
    """Status with the sentence, and field faults as google.rpc.BadRequest in English with a Chinese message.

    Both are cut to what a header carries; of very many faults the first ones travel.
    """
    code = code_of(error)
    status = status_pb2.Status(code=code.value[0], message=_short(error.message))
    if isinstance(error, Refused):
        named = Fault(error.field, error.message, error.message)
        faults = error.faults or ((named,) if error.field else ())
        if faults:
            request = error_details_pb2.BadRequest()
            for fault in faults:
                violation = request.field_violations.add(field=fault.field[:100], description=_short(fault.en))
                violation.localized_message.locale = "zh-CN"
                violation.localized_message.message = _short(fault.zh)
                if request.ByteSize() > _MOST_DETAILS and len(request.field_violations) > 1:
                    del request.field_violations[-1]
                    break
            detail = Any()
            detail.Pack(request)
            status.details.append(detail)
    told: grpc.Status = rpc_status.to_status(status)
    return told


def _short(sentence: str) -> str:
    # In UTF-8 and percent-encoded a Chinese character takes nine bytes of the header.
    most = MOST_MESSAGE if sentence.isascii() else MOST_MESSAGE // 3
    return sentence if len(sentence) <= most else sentence[: most - 1] + "…"


def faults_of(error: grpc.RpcError) -> tuple[Fault, ...]:
    """Field faults that travelled with a gRPC error; empty when there are none."""
    try:
        status = rpc_status.from_call(error)
    except (ValueError, AttributeError):
        return ()
    for detail in status.details if status else ():
        request = error_details_pb2.BadRequest()
        if detail.Unpack(request):
            return tuple(
                Fault(v.field, v.localized_message.message or v.description, v.description)
                for v in request.field_violations
            )
    return ()
