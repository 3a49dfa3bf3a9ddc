#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Checks OTLP strictly: check_otlp.py [--protobuf] [--digest] traces|metrics|logs < body

The official JSON parser (PyPI opentelemetry-proto) takes more than OTLP/JSON allows: ids in base64, snake_case keys, enums by name,
64-bit numbers without quotes, fields that say nothing. So the text is first walked along the official definitions, and then
handed to that parser too. Protobuf goes the other way: the official parser reads it, and what it understood is then held
to the same rules. Prints what was found as JSON, or a digest that is the same for both encodings of the same telemetry; exits 1 with a path and a
reason otherwise.
"""

import base64
import hashlib
import json
import re
import sys

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.protobuf.descriptor import FieldDescriptor as F
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUESTS = {"traces": ExportTraceServiceRequest, "metrics": ExportMetricsServiceRequest, "logs": ExportLogsServiceRequest}
ID_DIGITS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
WIDE = {F.TYPE_INT64, F.TYPE_UINT64, F.TYPE_FIXED64, F.TYPE_SFIXED64, F.TYPE_SINT64}
NARROW = {F.TYPE_INT32, F.TYPE_UINT32, F.TYPE_FIXED32, F.TYPE_SFIXED32, F.TYPE_SINT32}


class Bad(Exception):
    pass


def refuse(path, reason):
    raise Bad(f"{path}: {reason}")


def unique_object(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise Bad(f"a JSON object has a key twice: {keys}")
    return dict(pairs)


def check_message(value, descriptor, path):
    if not isinstance(value, dict):
        refuse(path, "not an object")
    fields = {field.json_name: field for field in descriptor.fields}
    seen = {}
    for key, item in value.items():
        if key not in fields:
            refuse(path, f"unknown key {key!r}")
        field = fields[key]
        if field.containing_oneof:
            other = seen.setdefault(field.containing_oneof.name, key)
            if other != key:
                refuse(path, f"both {other} and {key} of one oneof")
        where = f"{path}.{key}"
        if field.is_repeated:
            if not isinstance(item, list):
                refuse(where, "not a list")
            if not item:
                refuse(where, "an empty list is to be left out")
            for index, element in enumerate(item):
                check_value(element, field, f"{where}[{index}]", True)
        else:
            check_value(item, field, where, field.has_presence)
    check_meaning(value, descriptor.name, path)


def check_value(value, field, path, may_be_default):
    kind = field.type
    if kind == F.TYPE_MESSAGE:
        return check_message(value, field.message_type, path)
    if kind == F.TYPE_STRING:
        sound, empty = isinstance(value, str), value == ""
    elif kind == F.TYPE_BOOL:
        sound, empty = isinstance(value, bool), value is False
    elif kind in WIDE:
        sound, empty = isinstance(value, str) and re.fullmatch(r"0|-?[1-9][0-9]*", value), value == "0"
    elif kind in NARROW:
        sound, empty = type(value) is int, value == 0
    elif kind == F.TYPE_ENUM:
        sound, empty = type(value) is int and value in field.enum_type.values_by_number, value == 0
    elif kind == F.TYPE_DOUBLE:
        sound = type(value) in (int, float) or value in ("NaN", "Infinity", "-Infinity")
        empty = value == 0
    elif kind == F.TYPE_BYTES and field.json_name in ID_DIGITS:
        digits = ID_DIGITS[field.json_name]
        sound = isinstance(value, str) and re.fullmatch(rf"[0-9a-f]{{{digits}}}", value) and set(value) != {"0"}
        empty = value == ""
    else:
        refuse(path, f"a type that is not expected here: {kind}")
    if not sound:
        refuse(path, f"{value!r} is not how OTLP/JSON writes this field")
    if empty and not may_be_default:
        refuse(path, "an empty field is to be left out")


def check_meaning(value, name, path):
    for field in ("attributes", "filteredAttributes"):
        keys = [attribute.get("key") for attribute in value.get(field, [])]
        if len(keys) != len(set(keys)) or None in keys:
            refuse(path, f"attribute keys are not unique, or one is missing: {keys}")
    if name == "Span":
        for needed in ("traceId", "spanId", "flags", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"):
            if needed not in value:
                refuse(path, f"{needed} is missing")
        if int(value["endTimeUnixNano"]) < int(value["startTimeUnixNano"]):
            refuse(path, "it ends before it starts")
        check_flags(value["flags"], "parentSpanId" in value, path)
    if name == "Link":
        check_flags(value.get("flags", 0), True, path)
    if name == "HistogramDataPoint":
        counts, bounds = value.get("bucketCounts", []), value.get("explicitBounds", [])
        if len(counts) != len(bounds) + 1:
            refuse(path, f"{len(counts)} buckets for {len(bounds)} bounds")
        if bounds != sorted(set(bounds)):
            refuse(path, "the bounds do not rise")
        if sum(map(int, counts)) != int(value.get("count", "0")):
            refuse(path, "the buckets do not add up to the count")
    if name == "Metric" and sum(kind in value for kind in ("gauge", "sum", "histogram")) != 1:
        refuse(path, "not exactly one kind of data")
    if name in ("Sum", "Histogram") and value.get("aggregationTemporality") != 2:
        refuse(path, "not cumulative")


def check_flags(flags, has_parent, path):
    if flags & ~0x303 or not flags & 0x100:
        refuse(path, f"flags {flags:#x}")
    if flags & 0x200 and not has_parent:
        refuse(path, "a remote parent, and no parent")


def to_base64(value):
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in ID_DIGITS else to_base64(item)
            for key, item in value.items()
        }
    return [to_base64(item) for item in value] if isinstance(value, list) else value


def to_hexadecimal(value):
    if isinstance(value, dict):
        return {
            key: base64.b64decode(item).hex() if key in ID_DIGITS else to_hexadecimal(item) for key, item in value.items()
        }
    return [to_hexadecimal(item) for item in value] if isinstance(value, list) else value


def refuse_unknown(message, path):
    if len(UnknownFieldSet(message)):
        refuse(path, "it has fields that are not in the definition")
    for field, value in message.ListFields():
        if field.type == F.TYPE_MESSAGE:
            for index, element in enumerate(value if field.is_repeated else [value]):
                refuse_unknown(element, f"{path}.{field.json_name}[{index}]")


def read_protobuf(signal, data):
    message = REQUESTS[signal]()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise Bad(f"the official parser refuses it: {error}") from error
    refuse_unknown(message, "$")
    value = json_format.MessageToDict(message, use_integers_for_enums=True)
    check_message(to_hexadecimal(value), message.DESCRIPTOR, "$")
    # Fields in the order of their numbers, numbers in their shortest form, nothing that is left out elsewhere.
    if message.SerializeToString(deterministic=True) != data:
        raise Bad("the official encoder writes the same message in other bytes")
    return message


def read_json(signal, text):
    try:
        value = json.loads(text, object_pairs_hook=unique_object, parse_constant=lambda name: refuse("$", name))
    except ValueError as error:
        raise Bad(f"not JSON: {error}") from error
    message = REQUESTS[signal]()
    check_message(value, message.DESCRIPTOR, "$")
    try:
        json_format.ParseDict(to_base64(value), message, ignore_unknown_fields=False)
    except json_format.ParseError as error:
        raise Bad(f"the official parser refuses it: {error}") from error
    return message


def check(signal, body, is_protobuf=False):
    """Returns how many items there are; raises Bad."""
    return items(signal, read_protobuf(signal, body) if is_protobuf else read_json(signal, body.decode()))


def items(signal, message):
    if signal == "traces":
        return sum(len(scope.spans) for resource in message.resource_spans for scope in resource.scope_spans)
    if signal == "logs":
        return sum(len(scope.log_records) for resource in message.resource_logs for scope in resource.scope_logs)
    return sum(len(scope.metrics) for resource in message.resource_metrics for scope in resource.scope_metrics)


def main():
    signal, body = sys.argv[-1], sys.stdin.buffer.read()
    try:
        message = read_protobuf(signal, body) if "--protobuf" in sys.argv else read_json(signal, body.decode())
        if "--digest" in sys.argv:
            print(hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest())
        else:
            print(json.dumps({"items": items(signal, message)}))
    except Bad as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
