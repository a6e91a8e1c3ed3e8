# SPDX-License-Identifier: Apache-2.0
"""JSON schemas and examples of the contract's messages, as OpenAPI 3.1 takes them.

A message reached from a request body is described by what the runtime checks; one that only replies hold
is described by what it always carries. PATCH bodies are merge patches: their nested objects get a schema of
their own, in which nothing is required.
"""
import hashlib
import re

from contract import INT_MIN, bounds, field_kind

INT64_MAX = 2**63 - 1
# Always there in an object that has them; nobody but the owner sets them.
BASE_FIELDS = ("id", "created_at", "updated_at", "version")

# What a format adds to {"type": "string"}.
STRING_FORMATS = {
    "UUID": {"format": "uuid"},
    "DATE": {"format": "date"},
    "INSTANT": {"format": "date-time"},
    "EMAIL": {"format": "email"},
    "PHONE": {"format": "phone"},
    "SIREN": {"pattern": "^\\s*[0-9](\\s*[0-9]){8}\\s*$"},
    "VAT_NUMBER": {"pattern": "^\\s*[A-Za-z]\\s*[A-Za-z](\\s*[0-9A-Za-z+*]){2,13}\\s*$"},
    "IBAN": {"pattern": "^\\s*[A-Za-z]\\s*[A-Za-z](\\s*[0-9]){2}(\\s*[0-9A-Za-z]){11,30}\\s*$"},
    "BIC": {"pattern": "^\\s*([0-9A-Za-z]\\s*){8}(([0-9A-Za-z]\\s*){3})?$"},
    "COUNTRY": {"pattern": "^[A-Z]{2}$"},
    "CURRENCY": {"enum": ["EUR"]},
    "URL": {"format": "uri", "pattern": "^https?://"},
    "PASSWORD": {"format": "password"},
    "PATH": {"pattern": "^/v1/"},
}
# Formats that say the length themselves.
FIXED_LENGTH = {"UUID", "DATE", "INSTANT", "CURRENCY", "COUNTRY", "SIREN", "BIC"}

EXAMPLES = {
    "DATE": "2026-11-23",
    "INSTANT": "2026-11-23T09:30:00.000Z",
    "EMAIL": "camille.martin@acme.example",
    "PHONE": "+33142868326",
    "SIREN": "732829320",
    "VAT_NUMBER": "FR44732829320",
    "IBAN": "FR7630006000011234567890189",
    "BIC": "AGRIFRPP",
    "COUNTRY": "FR",
    "CURRENCY": "EUR",
    "MONEY": 100000,
    "RATE": 500,
    "URL": "https://escarcelle.example",
    "PASSWORD": "correct horse battery staple",
    "PATH": "/v1/clients",
    "PAGE_TOKEN": "MDE5MmYxYTg",
}


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def example_uuid(name):
    """The same identifier wherever the same kind of object is named."""
    return "0192f1a8-5c5e-7d4b-9d0c-" + hashlib.sha256(name.encode()).hexdigest()[:12]


def example_of_scalar(message, field):
    """A value for a field that is no message; from its (example), else from its format."""
    text, kind = field.options["example"], field_kind(field)
    if kind == "enum":
        return text or field.enum.words[0]
    if kind == "boolean":
        return text != "false"
    if kind == "integer":
        low = bounds(field)[0]
        return int(text) if text else EXAMPLES.get(field.options["format"], max(low, 1))
    if field.options["format"] == "UUID" and not text:
        return example_uuid(snake(message.name) if field.name == "id" else re.sub("_ids?$", "", field.name))
    return text or EXAMPLES.get(field.options["format"], "text")


def is_telling(field):
    """Whether an example that lacks this field would tell less."""
    return bool(field.options["example"] or field.options["required"] or field.name in BASE_FIELDS
                or field_kind(field) in ("enum", "boolean")
                or field.options["format"] == "CURRENCY"
                or (field.options["format"] == "UUID" and field.name.endswith("_id")))


class Schemas:
    """The components of the document; filled on demand."""

    def __init__(self, contract):
        self.contract, self.components = contract, {}
        self.requested = set()
        for method in contract.methods.values():
            if method.verb is not None and takes_body(method):
                self.mark_requested(contract.messages[method.input])

    def mark_requested(self, message):
        if message.full_name not in self.requested:
            self.requested.add(message.full_name)
            for field in message.fields:
                if field.message is not None:
                    self.mark_requested(field.message)

    # -- references

    def reference(self, kind, patch=False):
        """{"$ref"} of a message or enum, described once under its own name."""
        is_patch = patch and hasattr(kind, "fields") and not kind.exactly_one
        name = kind.name + ("Patch" if is_patch else "")
        if name not in self.components:
            self.components[name] = {}
            self.components[name] = (self.enum_schema(kind) if not hasattr(kind, "fields")
                                     else self.object_schema(kind, kind.fields, is_patch))
            self.components[name]["x-source"] = kind.full_name
        elif self.components[name].get("x-source", kind.full_name) != kind.full_name:
            raise ValueError(f"{kind.full_name} and {self.components[name]['x-source']} would share a schema's name")
        return {"$ref": f"#/components/schemas/{name}"}

    def body(self, method):
        """The schema of a request's body: its message without what the path holds."""
        message = self.contract.messages[method.input]
        schema = self.object_schema(message, body_fields(self.contract, method), method.verb == "PATCH")
        schema["x-source"] = message.full_name
        self.components[message.name] = schema
        return {"$ref": f"#/components/schemas/{message.name}"}

    def finished(self):
        """The components, sorted, without our own marks."""
        return {name: {key: value for key, value in schema.items() if key != "x-source"}
                for name, schema in sorted(self.components.items())}

    # -- schemas

    def enum_schema(self, enum):
        meanings = "\n".join(f"- `{word}`: {comment}" for word, comment in zip(enum.words, enum.value_comments))
        return {"type": "string", "description": f"{enum.comment}\n\n{meanings}", "enum": list(enum.words)}

    def object_schema(self, message, fields, patch):
        requested = message.full_name in self.requested
        shown = [f for f in fields if not f.options["hidden"]]
        schema = {"type": "object", "description": message.comment}
        if message.exactly_one:
            schema.update({"minProperties": 1, "maxProperties": 1})
        required = [f.name for f in shown if f.options["required"] or (not requested and is_always_there(message, f))]
        if required and not patch:
            schema["required"] = required
        schema["properties"] = {f.name: self.property_schema(f, requested, patch) for f in shown}
        if requested:
            schema["additionalProperties"] = False
        return schema

    def property_schema(self, field, requested, patch):
        if field.repeated:
            schema = {"type": "array", "items": self.item_schema(field, requested, False)}
            if requested:
                schema.update(item_limits(field))
        else:
            schema = self.item_schema(field, requested, patch)
        if patch and not field.options["required"]:
            schema = nullable(schema)
        schema["description"] = field.comment
        if field.options["example"] and field.message is None:
            value = example_of_scalar(None, field)
            schema["examples"] = [[value] if field.repeated else value]
        if not requested and (field.name in BASE_FIELDS or field.options["computed"]):
            schema["readOnly"] = True
        return schema

    def item_schema(self, field, requested, patch):
        kind = field_kind(field)
        if kind == "message":
            return self.reference(field.message, patch)
        if kind == "enum":
            return self.reference(field.enum)
        return scalar_schema(field, requested)

    # -- examples

    def example(self, message, fields=None, model=None):
        """An object as an example; {} when no field has anything to tell. What a field's own example does
        not say is taken from the field of that name in the model, the object that the request is about."""
        shown = [f for f in (message.fields if fields is None else fields) if not f.options["hidden"]]
        if message.exactly_one:
            shown = [f for f in shown if f.options["example"]][:1]
        values = {}
        for field in shown:
            twin = model.field(field.name) if model is not None else None
            if field.message is not None:
                value = self.example(field.message)
            elif twin is not None and twin.options["example"] and not field.options["example"]:
                value = example_of_scalar(model, twin)
            else:
                value = example_of_scalar(message, field) if is_telling(field) else {}
            if value != {}:
                values[field.name] = [value] if field.repeated else value
            elif field.repeated:
                values[field.name] = []
        return values


def takes_body(method):
    return method.verb in ("POST", "PUT", "PATCH")


def body_fields(contract, method):
    return [f for f in contract.messages[method.input].fields if f.name not in method.path_names]


def is_always_there(message, field):
    """Lists are written even when empty; what has a version has all that every object carries."""
    if field.repeated or field.name == "id":
        return True
    version = message.field("version")
    return field.name in BASE_FIELDS and version is not None and not version.options["hidden"]


def nullable(schema):
    if "$ref" in schema:
        return {"oneOf": [schema, {"type": "null"}]}
    return dict(schema, type=[schema["type"], "null"])


def item_limits(field):
    most = field.options["max_items"]
    limits = {"minItems": 1 if field.options["required"] else 0, "maxItems": 100 if most is None else most}
    return {name: value for name, value in limits.items() if value}


def scalar_schema(field, requested):
    kind, format_ = field_kind(field), field.options["format"]
    low, high = bounds(field)
    if kind == "boolean":
        return {"type": "boolean"}
    if kind == "integer":
        limits = {"minimum": low, "maximum": high} if requested or format_ in ("MONEY", "RATE") else {}
        return dict({"type": "integer", "format": "int64"},
                    **{name: value for name, value in limits.items() if value not in (INT_MIN, INT64_MAX)})
    schema = dict({"type": "string"}, **STRING_FORMATS.get(format_, {}))
    if requested and kind == "string" and format_ not in FIXED_LENGTH:
        schema.update({"minLength": low, "maxLength": high})
    return schema
