"""JSON Schemas as Gemini takes them: in its JSON Schema fields, and in the older `Schema` message.

Both refuse a whole request for one keyword too many. What has no slot is told in the
description, so that the model still reads it. Only schema nodes are touched: property
names, enum values and defaults are the client's own.
Source: `FunctionDeclaration`, `Schema` and `responseJsonSchema` of the Gemini API reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from providers.wire.spans import dumps

Node = dict[str, Any]

_TYPES = ("string", "number", "integer", "boolean", "array", "object")
_UNBOUNDED = 2**53 - 1  # what generators write when they mean "any integer"
_MAX_INLINED = 200
_MAX_TOLD = 200
_FORMATS = {"string": ("enum", "date-time"), "integer": ("int32", "int64"), "number": ("float", "double")}
_JSON_FORMATS = {**_FORMATS, "string": ("date-time", "date", "time", "duration")}
_BOUNDS = (("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1))
_TOLD = (
    "format", "pattern", "minLength", "maxLength", "multipleOf", "uniqueItems", "minProperties", "maxProperties",
    "exclusiveMinimum", "exclusiveMaximum", "const", "enum", "default",
)  # fmt: skip
"""Keywords whose loss the description makes up for."""
_KEPT_AS = {"const": "enum", "exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}


def json_schema(schema: Any) -> Node:
    """A schema with the keywords `responseJsonSchema` knows; a `$ref` has no siblings and leads somewhere."""
    cleaner = _Cleaner(schema, json=True)
    cleaned = cleaner.node(schema)
    return {**cleaned, "$defs": cleaner.definitions} if cleaner.definitions else cleaned


def json_parameters(schema: Any) -> Node:
    """The same for `parametersJsonSchema`, which has to describe an object."""
    cleaned = json_schema(schema)
    if "$ref" in cleaned:
        cleaned = {"anyOf": [{"$ref": cleaned.pop("$ref")}], **cleaned}
    if "object" not in cleaned.get("type", "object"):
        return {"type": "object", "properties": {}}
    return {"type": "object", **{key: value for key, value in cleaned.items() if key != "type"}}


def message_parameters(schema: Any) -> Node:
    """A schema as the `Schema` message of `parameters`: references inlined, an object at its root."""
    cleaned = _Cleaner(schema, json=False).node(schema)
    if "anyOf" in cleaned:
        return _joined(cleaned["anyOf"])
    return cleaned if cleaned["type"] == "OBJECT" else {"type": "OBJECT"}


def _joined(branches: list[Node]) -> Node:
    """One object that admits each of the branches: a property is required only where every branch requires it."""
    objects = [branch for branch in branches if branch.get("type") == "OBJECT"]
    joined: Node = {"type": "OBJECT"}
    properties: Node = {}
    for branch in objects:
        joined = {**branch, **joined}
        properties = {**branch.get("properties", {}), **properties}
    joined.pop("required", None)
    if properties:
        joined["properties"] = properties
    required = [name for name in properties if all(name in branch.get("required", ()) for branch in objects)]
    return {**joined, "required": required} if required else joined


@dataclass(slots=True)
class _Cleaner:
    """One schema being rewritten: as JSON Schema, or as the `Schema` message."""

    root: Any
    json: bool
    definitions: Node = field(default_factory=dict)
    """What was referred to, in the order of the first reference."""
    _open: list[str] = field(default_factory=list)
    _inlined: int = 0

    def node(self, schema: Any) -> Node:
        """A schema node, cleaned."""
        if not isinstance(schema, dict):
            return self._typed([], False, {})
        if isinstance(schema.get("$ref"), str):
            return self._reference(schema["$ref"], schema)
        if isinstance(schema.get("allOf"), list):
            return self.node(self._merged(schema, schema["allOf"], "allOf", binding=True))
        kinds, nullable = _kinds(schema)
        key = next((key for key in ("anyOf", "oneOf") if isinstance(schema.get(key), list) and schema[key]), "")
        if key and isinstance(schema.get("properties"), dict):
            return self.node(self._merged(schema, schema[key], key, binding=False))
        if key:
            return self._union(schema, [_under(branch, kinds) for branch in schema[key]], nullable)
        if len(kinds) > 1 and not self.json:
            rest = {k: v for k, v in schema.items() if k not in ("type", "nullable", "description")}
            return self._union(schema, [{**rest, "type": kind} for kind in kinds], nullable)
        return self._plain(schema, kinds, nullable)

    def _union(self, schema: Node, branches: list[Node], nullable: bool) -> Node:
        union = [branch for branch in branches if not _is_null(branch)]
        nullable = nullable or len(union) < len(branches)
        description = schema.get("description")
        if not union:
            return self._plain(schema, ["null"], False)
        if len(union) == 1 and not (nullable and self.json and "$ref" in union[0]):
            only = _described(union[0], description)
            return self.node({**only, "nullable": True} if nullable else only)
        own = [self.node(branch) for branch in union]
        if self.json:
            return {**_words(description), "anyOf": [*own, {"type": "null"}] if nullable else own}
        # Beside `anyOf` the message takes nothing: what was said of the whole is said of each.
        own = [branch if "description" in branch else _described(branch, description) for branch in own]
        if nullable:
            own[0] = {**own[0], "nullable": True}
        return {"anyOf": own}

    def _plain(self, schema: Node, kinds: list[str], nullable: bool) -> Node:
        kinds = kinds or _guessed(schema)
        kept = self._kept(schema, kinds)
        lost = [key for key in _TOLD if key in schema and key not in kept and _KEPT_AS.get(key) not in kept]
        title = schema.get("title")
        head = {"title": title} if isinstance(title, str) else {}
        return self._typed(kinds, nullable, {**head, **_words(_with_told(schema, lost)), **kept})

    def _typed(self, kinds: list[str], nullable: bool, members: Node) -> Node:
        if not self.json:
            null = kinds == ["null"]
            nullness = {"nullable": True} if nullable or null else {}
            return {"type": (kinds[0] if kinds and not null else "string").upper(), **nullness, **members}
        named = [*kinds, "null"] if nullable else kinds
        return {"type": named[0] if len(named) == 1 else named, **members} if kinds else members

    def _kept(self, schema: Node, kinds: list[str]) -> Node:
        kept: Node = {}
        formats = _JSON_FORMATS if self.json else _FORMATS
        if any(schema.get("format") in formats.get(kind, ()) for kind in kinds):
            kept["format"] = schema["format"]
        if values := self._values(schema, kinds):
            kept["enum"] = values
        if "number" in kinds or "integer" in kinds:
            kept |= _bounds(schema, "number" not in kinds)
        if "array" in kinds:
            kept |= self._items(schema)
        return kept | self._properties(schema) if "object" in kinds else kept

    def _values(self, schema: Node, kinds: list[str]) -> list[Any]:
        listed = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
        takes: tuple[type, ...] = (str, int, float) if self.json else (str,)
        if not self.json and kinds and kinds[0] != "string":
            return []
        values: list[Any] = []
        for value in listed:
            # An empty choice is refused.
            if isinstance(value, takes) and not isinstance(value, bool) and value != "" and value not in values:
                values.append(value)
        return values

    def _items(self, schema: Node) -> Node:
        kept: Node = {}
        items = schema.get("items")
        prefix = items if isinstance(items, list) else _list(schema.get("prefixItems"))
        if not self.json:
            kept["items"] = self.node(items if isinstance(items, dict) or not prefix else {"anyOf": prefix})
        else:
            if isinstance(items, dict):
                kept["items"] = self.node(items)
            if prefix:
                kept["prefixItems"] = [self.node(item) for item in prefix]
        return kept | {key: schema[key] for key in ("minItems", "maxItems") if _is_count(schema.get(key))}

    def _properties(self, schema: Node) -> Node:
        kept: Node = {}
        properties = schema.get("properties")
        if isinstance(properties, dict) and (properties or self.json):
            kept["properties"] = {name: self.node(inner) for name, inner in properties.items()}
        known = kept.get("properties", {})
        if required := [name for name in _list(schema.get("required")) if isinstance(name, str) and name in known]:
            kept["required"] = list(dict.fromkeys(required))
        more = schema.get("additionalProperties")
        if self.json and isinstance(more, bool | dict):
            kept["additionalProperties"] = more if isinstance(more, bool) else self.node(more)
        return kept

    def _merged(self, schema: Node, parts: list[Any], key: str, *, binding: bool) -> Node:
        """The parts folded into one node; the first word counts. Parts that do not bind add properties only."""
        merged = {k: v for k, v in schema.items() if k != key}
        for part in parts:
            said = self._followed(part)
            inner = _list(said.get("allOf"))
            said = self._merged(said, inner, "allOf", binding=True) if inner else said
            properties = {**_object(said.get("properties")), **_object(merged.get("properties"))}
            if binding:
                required = [*_list(merged.get("required")), *_list(said.get("required"))]
                merged = {**said, **merged, **({"required": required} if required else {})}
            if properties:
                merged["properties"] = properties
        return merged

    def _followed(self, part: Any) -> Node:
        said = _object(part)
        if not isinstance(said.get("$ref"), str):
            return said
        self._inlined += 1
        target = self._target(said["$ref"]) if self._inlined <= _MAX_INLINED else None
        return {key: value for key, value in (target or {}).items() if key != "$ref"}

    def _reference(self, pointer: str, schema: Node) -> Node:
        target = self._target(pointer)
        parts = pointer.split("/")
        if self.json and target is not None and len(parts) == 3 and parts[1] in ("$defs", "definitions"):
            name = _unescaped(parts[2])
            if name not in self.definitions:
                self.definitions[name] = {}
                self.definitions[name] = self.node(target)
            return {"$ref": f"#/$defs/{name.replace('~', '~0').replace('/', '~1')}"}
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        if target is None:
            return self.node(siblings)
        if pointer in self._open or self._inlined >= _MAX_INLINED:
            return self._typed(["object"], False, _words(schema.get("description")))
        self._inlined += 1
        self._open.append(pointer)
        inlined = self.node({**target, **siblings})
        self._open.pop()
        return inlined

    def _target(self, pointer: str) -> Node | None:
        if not pointer.startswith("#"):
            return None
        found = self.root
        for part in pointer[1:].split("/")[1:]:
            found = found.get(_unescaped(part)) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None


def _kinds(schema: Node) -> tuple[list[str], bool]:
    """The types a node names, apart from null, and whether null is one of them."""
    named = schema.get("type")
    listed = [kind.lower() for kind in (named if isinstance(named, list) else [named]) if isinstance(kind, str)]
    kinds = list(dict.fromkeys(kind for kind in listed if kind in _TYPES))
    if "null" in listed and not kinds:
        return ["null"], False
    return kinds, schema.get("nullable") is True or "null" in listed


def _guessed(schema: Node) -> list[str]:
    """The type of a node that names none, when something tells."""
    if isinstance(schema.get("properties"), dict):
        return ["object"]
    if "items" in schema or "prefixItems" in schema:
        return ["array"]
    for value in [schema["const"]] if "const" in schema else _list(schema.get("enum")):
        for python, kind in ((bool, "boolean"), (str, "string"), (int | float, "number")):
            if isinstance(value, python):
                return [kind]
    return []


def _under(branch: Any, kinds: list[str]) -> Node:
    """A branch of a union with the type that was said for all of them, when it says none itself."""
    said = _object(branch)
    return said if len(kinds) != 1 or "type" in said or "$ref" in said else {**said, "type": kinds[0]}


def _bounds(schema: Node, whole: bool) -> Node:
    bounds: Node = {}
    for key, exclusive, step in _BOUNDS:
        found: list[Any] = [schema[key]] if _is_number(schema.get(key)) else []
        limit: Any = schema.get(exclusive)
        if _is_number(limit):
            found.append(int(limit) + step if whole and limit == int(limit) else limit)
        if found:
            bound = max(found) if step > 0 else min(found)
            if abs(bound) < _UNBOUNDED:
                bounds[key] = bound
    return bounds


def _with_told(schema: Node, keys: list[str]) -> str:
    told = [(key, dumps(schema[key]).decode()) for key in keys if schema[key] not in (None, False)]
    lost = "; ".join(f"{key}: {text}" for key, text in told if len(text) <= _MAX_TOLD)
    description = schema.get("description")
    own = description if isinstance(description, str) else ""
    return f"{own} ({lost})".strip() if lost else own


def _words(description: Any) -> Node:
    return {"description": description} if isinstance(description, str) and description else {}


def _described(branch: Node, description: Any) -> Node:
    return {**branch, **_words(description)}


def _is_null(branch: Node) -> bool:
    return branch.get("type") in ("null", ["null"]) or branch.get("const", 0) is None or branch.get("enum") == [None]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _UNBOUNDED


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> Node:
    return value if isinstance(value, dict) else {}


def _unescaped(part: str) -> str:
    return unquote(part).replace("~1", "/").replace("~0", "~")
