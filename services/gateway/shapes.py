"""Protobuf messages as JSON schemas, so that OpenAPI says what proto/ says and nothing is written twice."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

Schema = dict[str, Any]

_SCALARS: dict[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "format": "byte"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    # protobuf JSON writes 64-bit integers as strings, because JavaScript would round them.
    FieldDescriptor.TYPE_INT64: {"type": "string", "format": "int64"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
}


class Shapes:
    """Collects the schemas of all messages that routes name."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of(self, descriptor: Any) -> Schema:
        """Reference to a message's schema, added to the components with everything it needs."""
        if descriptor.full_name == "google.protobuf.Timestamp":
            return {"type": "string", "format": "date-time"}
        if descriptor.name not in self.components:
            self.components[descriptor.name] = {}
            self.components[descriptor.name] = {
                "type": "object",
                "properties": {field.json_name: self._field(field) for field in descriptor.fields},
            }
        return {"$ref": f"#/components/schemas/{descriptor.name}"}

    def _field(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return {"type": "object", "additionalProperties": self._one(field.message_type.fields_by_name["value"])}
        return {"type": "array", "items": self._one(field)} if field.is_repeated else self._one(field)

    def _one(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None:
            return self.of(field.message_type)
        if field.enum_type is not None:
            return {"type": "string", "enum": [value.name for value in field.enum_type.values]}
        return _SCALARS[field.type]
