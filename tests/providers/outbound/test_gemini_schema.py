"""JSON Schemas for Gemini: only keywords it takes are left, what was lost is told, names and values stay."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.outbound.gemini.schema import json_parameters, json_schema, message_parameters

JSON_KEYWORDS = {
    "$defs", "$ref", "type", "format", "title", "description", "enum", "items", "prefixItems", "minItems", "maxItems",
    "minimum", "maximum", "anyOf", "properties", "additionalProperties", "required",
}  # fmt: skip
MESSAGE_KEYWORDS = {
    "type", "format", "title", "description", "nullable", "enum", "items", "minItems", "maxItems", "minimum", "maximum",
    "anyOf", "properties", "required",
}  # fmt: skip
MESSAGE_TYPES = {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT"}


def of(**properties):
    return {"type": "object", "properties": properties}


def prop(schema, root=None):
    """A property in both forms: JSON Schema and message."""
    whole = {**of(a=schema), **(root or {})}
    return json_parameters(whole)["properties"]["a"], message_parameters(whole)["properties"]["a"]


def nodes(schema):
    yield schema
    for inner in (*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()):
        yield from nodes(inner)
    for key in ("anyOf", "prefixItems"):
        for inner in schema.get(key, ()):
            yield from nodes(inner)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key])


CLIENTS = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "path": {"description": "where", "type": "string"},
        "limit": {"type": "integer", "exclusiveMinimum": 0, "maximum": 9007199254740991},
        "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
        "pattern": {"type": "string", "pattern": "^x", "format": "uri"},
    },
    "required": ["path", "gone", "path"],
    "additionalProperties": False,
}


def test_a_clients_tool_in_both_forms():
    """A schema as coding agents write it keeps its meaning, and limits that have no slot are told."""
    properties = {
        "path": {"type": "string", "description": "where"},
        "limit": {"type": "integer", "minimum": 1},
        "mode": {"type": "string", "description": '(default: "a")', "enum": ["a", "b"]},
        "pattern": {"type": "string", "description": '(format: "uri"; pattern: "^x")'},
    }
    assert json_parameters(CLIENTS) == {
        "type": "object", "properties": properties, "required": ["path"], "additionalProperties": False,
    }  # fmt: skip
    upper = {name: {**node, "type": node["type"].upper()} for name, node in properties.items()}
    assert message_parameters(CLIENTS) == {"type": "OBJECT", "properties": upper, "required": ["path"]}


S = {"type": "string"}
CASES = {
    "type union with null": ({"type": ["string", "null"]}, {"type": ["string", "null"]},
                             {"type": "STRING", "nullable": True}),
    "nullable": ({"type": "string", "nullable": True}, {"type": ["string", "null"]},
                 {"type": "STRING", "nullable": True}),
    "type union": ({"type": ["string", "array"], "description": "d"}, {"type": ["string", "array"], "description": "d"},
                   {"anyOf": [{"type": "STRING", "description": "d"},
                              {"type": "ARRAY", "description": "d", "items": {"type": "STRING"}}]}),
    "optional": ({"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "d"},
                 {"type": ["integer", "null"], "description": "d"},
                 {"type": "INTEGER", "nullable": True, "description": "d"}),
    "one of": ({"oneOf": [S, {"type": "boolean"}, {"const": None}], "description": "d"},
               {"description": "d", "anyOf": [S, {"type": "boolean"}, {"type": "null"}]},
               {"anyOf": [{"type": "STRING", "nullable": True, "description": "d"},
                          {"type": "BOOLEAN", "description": "d"}]}),
    "null": ({"type": "null", "description": "d"}, {"type": "null", "description": "d"},
             {"type": "STRING", "nullable": True, "description": "d"}),
    "only null": ({"anyOf": [{"type": "null"}]}, {"type": "null"}, {"type": "STRING", "nullable": True}),
    "type said once for all": ({"type": "string", "anyOf": [{"const": "x"}, {"pattern": "y"}]},
                               {"anyOf": [{"type": "string", "enum": ["x"]},
                                          {"type": "string", "description": '(pattern: "y")'}]},
                               {"anyOf": [{"type": "STRING", "enum": ["x"]},
                                          {"type": "STRING", "description": '(pattern: "y")'}]}),
    "const": ({"const": "x"}, {"type": "string", "enum": ["x"]}, {"type": "STRING", "enum": ["x"]}),
    "const number": ({"const": 3}, {"type": "number", "enum": [3]},
                     {"type": "NUMBER", "description": "(const: 3)"}),
    "const true": ({"const": True}, {"type": "boolean", "description": "(const: true)"},
                   {"type": "BOOLEAN", "description": "(const: true)"}),
    "number choices": ({"type": "integer", "enum": [1, 2]}, {"type": "integer", "enum": [1, 2]},
                       {"type": "INTEGER", "description": "(enum: [1,2])"}),
    "empty choice": ({"enum": ["", "x", "x", None]}, {"type": "string", "enum": ["x"]},
                     {"type": "STRING", "enum": ["x"]}),
    "bounds": ({"type": "number", "exclusiveMinimum": 0, "maximum": 2, "multipleOf": 2},
               {"type": "number", "description": "(multipleOf: 2)", "minimum": 0, "maximum": 2},
               {"type": "NUMBER", "description": "(multipleOf: 2)", "minimum": 0, "maximum": 2}),
    "both bounds": ({"type": "integer", "exclusiveMinimum": 4, "minimum": 1, "exclusiveMaximum": 9.5, "maximum": 99},
                    {"type": "integer", "minimum": 5, "maximum": 9.5},
                    {"type": "INTEGER", "minimum": 5, "maximum": 9.5}),
    "old style bound": ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "minimum": 1},
                        {"type": "INTEGER", "minimum": 1}),
    "known format": ({"type": "integer", "format": "int64"}, {"type": "integer", "format": "int64"},
                     {"type": "INTEGER", "format": "int64"}),
    "array": ({"type": "array", "minItems": 1, "maxItems": -1}, {"type": "array", "minItems": 1},
              {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": 1}),
    "tuple": ({"prefixItems": [S, {"type": "number"}]}, {"type": "array", "prefixItems": [S, {"type": "number"}]},
              {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}}),
    "old style tuple": ({"type": "array", "items": [S]}, {"type": "array", "prefixItems": [S]},
                        {"type": "ARRAY", "items": {"type": "STRING"}}),
    "map": ({"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
            {"type": "object", "additionalProperties": {"type": "string", "description": "(minLength: 1)"}},
            {"type": "OBJECT"}),
    "all of": ({"description": "d", "allOf": [of(x=S), {"required": ["x"], "description": "e"}]},
               {"type": "object", "description": "d", "properties": {"x": S}, "required": ["x"]},
               {"type": "OBJECT", "description": "d", "properties": {"x": {"type": "STRING"}}, "required": ["x"]}),
    "nested all of": ({"allOf": [{"allOf": [of(x=S)]}, of(y=S)]},
                      {"type": "object", "properties": {"y": S, "x": S}},
                      {"type": "OBJECT", "properties": {"y": {"type": "STRING"}, "x": {"type": "STRING"}}}),
    "one or the other": ({**of(x=S), "anyOf": [{"required": ["x"]}, of(y=S)]},
                         {"type": "object", "properties": {"y": S, "x": S}},
                         {"type": "OBJECT", "properties": {"y": {"type": "STRING"}, "x": {"type": "STRING"}}}),
    "anything": (True, {}, {"type": "STRING"}),
    "unknown": ({"type": "file", "if": S, "then": S, "not": S, "x-own": 1, "examples": [1]}, {}, {"type": "STRING"}),
    "long default": ({"type": "string", "default": "x" * 300}, S, {"type": "STRING"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_keyword_that_has_no_slot_is_rewritten(case):
    """Each construct becomes what the field takes, in both forms."""
    schema, as_json, as_message = CASES[case]
    assert prop(schema) == (as_json, as_message)


def test_references_are_kept_alone_or_inlined():
    """A reference has no siblings and its definition comes along, only if used; the message has it inlined."""
    root = {"definitions": {"P": of(x={"type": "string", "const": "y"}), "unused": S}}
    reference = {"$ref": "#/definitions/P", "description": "d"}
    as_json = json_parameters({**of(a=reference, b=reference), **root})
    definition = {"type": "object", "properties": {"x": {"type": "string", "enum": ["y"]}}}
    assert as_json["properties"] == {"a": {"$ref": "#/$defs/P"}, "b": {"$ref": "#/$defs/P"}}
    assert as_json["$defs"] == {"P": definition}
    assert prop(reference, root)[1] == {
        "type": "OBJECT", "description": "d", "properties": {"x": {"type": "STRING", "enum": ["y"]}},
    }  # fmt: skip
    optional = {"anyOf": [{"$ref": "#/definitions/P"}, {"type": "null"}]}
    assert prop(optional, root)[0] == {"anyOf": [{"$ref": "#/$defs/P"}, {"type": "null"}]}
    assert prop(optional, root)[1]["nullable"] is True


def test_references_that_lead_elsewhere():
    """Other local pointers are inlined, escapes in names are read, and what leads nowhere is what else was said."""
    slashed = {"$defs": {"a/b~c": S}}
    assert prop({"$ref": "#/$defs/a~1b~0c"}, slashed) == ({"$ref": "#/$defs/a~1b~0c"}, {"type": "STRING"})
    assert prop({"$ref": "#/other/S"}, {"other": {"S": S}}) == (S, {"type": "STRING"})
    for nowhere in ("#/$defs/gone", "other.json", "#/properties/a/$ref", ""):
        assert prop({"$ref": nowhere, "type": "integer"}) == ({"type": "integer"}, {"type": "INTEGER"})


def test_recursion_ends():
    """A schema that refers to itself keeps its cycle where references exist and ends as a plain object where not."""
    tree = {"$defs": {"T": of(next={"$ref": "#/$defs/T"})}}
    as_json = json_parameters({**of(a={"$ref": "#/$defs/T"}), **tree})
    assert as_json["$defs"]["T"]["properties"]["next"] == {"$ref": "#/$defs/T"}
    as_message = prop({"$ref": "#/$defs/T"}, tree)[1]
    assert as_message == {"type": "OBJECT", "properties": {"next": {"type": "OBJECT"}}}
    for loop in ({"$ref": "#"}, {"$ref": "#/properties/a"}, {"allOf": [{"$ref": "#/properties/a"}]}):
        for cleaned in prop(loop):
            assert len(json.dumps(cleaned)) < 200


def test_references_cannot_blow_up():
    """Definitions that double at each step stay within a bound."""
    doubled = {f"D{n}": of(x={"$ref": f"#/$defs/D{n + 1}"}, y={"$ref": f"#/$defs/D{n + 1}"}) for n in range(40)}
    bomb = {**of(a={"$ref": "#/$defs/D0"}), "$defs": {**doubled, "D40": S}}
    assert len(json.dumps(message_parameters(bomb))) < 100_000
    assert len(json.dumps(json_parameters(bomb))) < 10_000


@pytest.mark.parametrize(
    ("root", "as_json", "as_message"),
    [
        ({"type": "object"}, {"type": "object"}, {"type": "OBJECT"}),
        ({}, {"type": "object"}, {"type": "OBJECT"}),
        ({"type": ["object", "null"]}, {"type": "object"}, {"type": "OBJECT", "nullable": True}),
        ({"type": "string", "enum": ["x"]}, {"type": "object", "properties": {}}, {"type": "OBJECT"}),
        ({"$ref": "#/$defs/P", "$defs": {"P": of(x=S)}},
         {"type": "object", "anyOf": [{"$ref": "#/$defs/P"}], "$defs": {"P": of(x=S)}},
         {"type": "OBJECT", "properties": {"x": {"type": "STRING"}}}),
        ({"oneOf": [{**of(x=S, k=S), "required": ["x", "k"]}, {**of(y=S, k=S), "required": ["k"]}, S]},
         {"type": "object",
          "anyOf": [{**of(x=S, k=S), "required": ["x", "k"]}, {**of(y=S, k=S), "required": ["k"]}, S]},
         {"type": "OBJECT", "properties": {"y": {"type": "STRING"}, "k": {"type": "STRING"}, "x": {"type": "STRING"}},
          "required": ["k"]}),
        (7, {"type": "object"}, {"type": "OBJECT"}),
    ],
)  # fmt: skip
def test_parameters_are_an_object(root, as_json, as_message):
    """Whatever stands at the root, a function's parameters are an object."""
    assert json_parameters(root) == as_json
    assert message_parameters(root) == as_message


_values = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
)
_type = st.sampled_from(["string", "integer", "number", "object", "array", "null", "boolean", "odd"])
_pointers = st.sampled_from(["#", "#/$defs/A", "#/definitions/A", "#/properties/a", "x"])


def _schemas(inner):
    listed, named = st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "type", "A"]), inner, max_size=2)
    return st.fixed_dictionaries({}, optional={
        "type": _type | st.lists(_type, max_size=3) | _values, "$ref": _pointers | _values, "anyOf": listed | _values,
        "allOf": listed | _values, "oneOf": listed, "properties": named | _values, "items": inner | listed,
        "prefixItems": listed, "$defs": named | _values, "definitions": named, "const": _values,
        "enum": st.lists(_values, max_size=3) | _values, "required": st.lists(st.sampled_from(["a", "b"])) | _values,
        "additionalProperties": inner | _values, "minimum": _values, "exclusiveMaximum": _values, "nullable": _values,
        "description": st.text(max_size=3) | _values, "format": _values, "default": _values, "title": _values,
        "minItems": _values,
    })  # fmt: skip


odd_schemas = st.recursive(_schemas(_values) | _values, _schemas, max_leaves=6)


@given(odd_schemas)
@settings(max_examples=300, deadline=None)
def test_no_schema_breaks_the_cleaning(schema):
    """Whatever a client calls a schema, known keywords come out, references lead somewhere, what is required exists."""
    before = json.dumps(schema)
    cleaned = json_parameters(schema)
    for node in nodes(cleaned):
        assert set(node) <= JSON_KEYWORDS
        assert "$ref" not in node or set(node) <= {"$ref", "$defs"}
        assert set(node.get("required", ())) <= set(node.get("properties", ()))
        if "$ref" in node:
            assert node["$ref"].removeprefix("#/$defs/") in cleaned["$defs"]
    message = message_parameters(schema)
    assert message["type"] == "OBJECT"
    for node in nodes(message):
        assert set(node) <= MESSAGE_KEYWORDS
        assert set(node) == {"anyOf"} or node["type"] in MESSAGE_TYPES
        assert set(node.get("required", ())) <= set(node.get("properties", ()))
        assert all(isinstance(value, str) for value in node.get("enum", ()))
        assert node.get("type") != "ARRAY" or "items" in node
    assert json.dumps(schema) == before
    assert set(json_schema(schema)) <= JSON_KEYWORDS
