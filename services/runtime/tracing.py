"""The W3C trace context of a message, carried on to what follows from it."""

from __future__ import annotations

import re

from schemas.cloudevents import Headers
from services.runtime.messages import Message
from services.runtime.stage import Record

#: As CloudEvents name it, and OpenTelemetry's instrumentation of Kafka clients.
_NAMES = ("ce_traceparent", "traceparent")
_FORM = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def trace_of(record: Record) -> Headers:
    """The record's trace context as a header of CloudEvents; none where it has none, or one of another form."""
    for name, content in record.headers:
        if name in _NAMES and content and _FORM.fullmatch(content):
            return (("ce_traceparent", content),)
    return ()


def traced(message: Message, trace: Headers) -> Message:
    """The message with that trace context."""
    return message._replace(headers=(*message.headers, *trace)) if trace else message
