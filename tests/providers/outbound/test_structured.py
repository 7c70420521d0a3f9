"""The schema of an answer: whether one is wanted, and what OpenAI takes as strict."""

import pytest

from providers.outbound.structured import is_strict, schema_in_words, wanted_schema

OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED = {**OPEN, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("config", "schema"),
    [
        ({"format": {"type": "json_schema", "schema": OPEN}}, OPEN),
        ({"format": {"type": "json_schema", "schema": 7}}, {"type": "object"}),
        ({"format": {"type": "json_schema"}}, {"type": "object"}),
        ({"format": {"type": "text"}}, None), ({"format": "json"}, None), ({}, None), (7, None),
    ],
)  # fmt: skip
def test_the_schema_that_is_wanted(config, schema):
    """Only a `json_schema` format wants one; a schema that is none allows any object."""
    assert wanted_schema({"output_config": config}) == schema
    assert wanted_schema({}) is None


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CLOSED, True), (OPEN, False), ({**CLOSED, "required": []}, False), ({**CLOSED, "required": 7}, False),
        ({"type": "object"}, False), ({"type": "array", "items": CLOSED}, False),
        ({**CLOSED, "properties": {"a": OPEN}}, False), ({**CLOSED, "properties": {"a": CLOSED}}, True),
    ],
)  # fmt: skip
def test_a_closed_schema_is_strict(schema, strict):
    """Strict is what lists all properties as required and allows no others, at every depth."""
    assert is_strict(schema) is strict


def test_the_schema_in_words():
    """The words hold the whole schema and the word JSON."""
    assert schema_in_words({"type": "é"}).endswith('JSON Schema: {"type":"é"}')
