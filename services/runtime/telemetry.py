"""Traces, metrics and logs that can be read together. Nothing personal goes in: ids and ticket numbers only (P14)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from services.runtime.probes import Probes
from services.runtime.settings import Settings

probes = Probes()
"""Health of this process; served when a metrics port is set."""


@dataclass(slots=True)
class Trace:
    """Handle on the current span."""

    traceparent: str
    trace_id: str


def set_up(service: str, role: str, settings: Settings) -> None:
    """Once per process, before work starts: logs to stderr as JSON, exporters where the settings name them."""
    _set_up_logs(service, role, settings.log_level)
    resource = Resource.create({"service.name": f"deskstream-{service}", "service.instance.role": role})
    readers: list[MetricReader] = []
    if settings.metrics_port:
        from opentelemetry.exporter.prometheus import PrometheusMetricReader

        readers.append(PrometheusMetricReader())
        probes.serve(settings.metrics_port)
    # Without an exporter spans are not recorded, yet they have ids: logs and answers still name a trace.
    tracer = TracerProvider(resource=resource, sampler=ParentBased(ALWAYS_ON) if settings.otlp_endpoint else ALWAYS_OFF)
    trace.set_tracer_provider(tracer)
    if settings.otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        base = settings.otlp_endpoint.rstrip("/")
        tracer.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{base}/v1/traces")))
        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{base}/v1/metrics")))
    if readers:
        metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=readers))


def get_log(name: str) -> Any:
    """A structured logger; keys are ids, counts and codes, never names, addresses or texts of people."""
    return structlog.get_logger(name)


def counter(name: str, description: str = "") -> metrics.Counter:
    """A count that only rises, e.g. deskstream_messages_parked."""
    return metrics.get_meter("deskstream").create_counter(name, description=description)


def histogram(name: str, unit: str = "s", description: str = "") -> metrics.Histogram:
    """A distribution, e.g. of handling times in seconds."""
    return metrics.get_meter("deskstream").create_histogram(name, unit=unit, description=description)


def gauge(name: str, observe: Callable[[], Iterable[tuple[float, Mapping[str, str]]]], description: str = "") -> None:
    """A figure that is looked up when it is read: `observe` gives values, each with its labels."""

    def read(_: metrics.CallbackOptions) -> list[metrics.Observation]:
        return [metrics.Observation(value, labels) for value, labels in observe()]

    metrics.get_meter("deskstream").create_observable_gauge(name, [read], description=description)


@contextmanager
def span(
    name: str,
    traceparent: str = "",
    attributes: Mapping[str, AttributeValue] | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
) -> Iterator[Trace]:
    """A span under the given W3C parent, or under the current one; errors mark it."""
    parent = trace.set_span_in_context(NonRecordingSpan(context)) if (context := _context(traceparent)) else None
    tracer = trace.get_tracer("deskstream")
    with tracer.start_as_current_span(
        name,
        context=parent,
        kind=kind,
        attributes=dict(attributes or {}),
        # The text of an exception may quote what a person wrote (P14); its type is enough here.
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        told = current.get_span_context()
        try:
            yield Trace(traceparent=_traceparent(told) or traceparent, trace_id=f"{told.trace_id:032x}")
        except Exception as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def traceparent_now() -> str:
    """W3C traceparent of the current span, or an empty string outside any."""
    return _traceparent(trace.get_current_span().get_span_context())


def _traceparent(context: SpanContext) -> str:
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _context(traceparent: str) -> SpanContext | None:
    parts = traceparent.split("-")
    if len(parts) != 4 or len(parts[1]) != 32 or len(parts[2]) != 16:
        return None
    try:
        flags = TraceFlags(int(parts[3][:2], 16))
        return SpanContext(int(parts[1], 16), int(parts[2], 16), is_remote=True, trace_flags=flags)
    except ValueError:
        return None


def _set_up_logs(service: str, role: str, level: str) -> None:
    def add_trace(logger: Any, method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            event.setdefault("trace_id", f"{context.trace_id:032x}")
        return event

    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_trace,
        lambda logger, method, event: {"service": service, "role": role, **event},
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel("WARNING")
