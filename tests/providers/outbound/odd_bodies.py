"""Requests of odd shapes: all that the inbound accepts, which is any JSON where it does not look."""

from hypothesis import strategies as st

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
_kinds = st.sampled_from([
    "text", "image", "document", "tool_use", "tool_result", "thinking", "server_tool_use", "web_search_tool_result",
    "tool_reference", "search_result", "compaction", "base64", "url", "content", "any", "tool", "enabled",
    "json_schema", "custom", "tool_addition", "tool_removal", "tool_definition", "bash_20250124", "web_search_20250305",
])  # fmt: skip
_ids = st.sampled_from(["a", "b", "x" * 70])
_keys = {
    "type": _kinds, "text": st.text(max_size=4), "id": _ids, "tool_use_id": _ids, "name": _ids, "tool_name": _ids,
    "data": st.text(max_size=4), "thinking": st.text(max_size=4), "effort": st.sampled_from(["low", "max"]),
}  # fmt: skip
_NESTED = (
    "source",
    "content",
    "input",
    "format",
    "schema",
    "input_schema",
    "is_error",
    "title",
    "url",
    "tool",
    "definition",
    "tool_changes",
    "server_name",
)


def _objects(inner):
    own = {key: values | json_values for key, values in _keys.items() if key != "type"}
    nested = dict.fromkeys(_NESTED, inner | json_values)
    return st.fixed_dictionaries({"type": _kinds | json_values}, optional={**own, **nested})


_blocks = st.recursive(_objects(json_values), lambda b: _objects(st.lists(b, max_size=2) | b), max_leaves=4)
_contents = st.text(max_size=4) | st.lists(_blocks | json_values, max_size=3) | json_values
_messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system"]) | json_values, "content": _contents},
    optional={"output_config": _blocks | json_values},
)
_any = st.lists(_blocks | json_values, max_size=3) | _blocks | json_values
_bodies = st.fixed_dictionaries(
    {"messages": st.lists(_messages | json_values, max_size=5)},
    optional=dict.fromkeys(
        ("system", "tools", "tool_choice", "stop_sequences", "thinking", "output_config", "max_tokens", "temperature",
         "top_p", "top_k", "metadata"), _any),
)  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, object]:
    """A body for the request of the cast."""
    return draw(_bodies)


odd_bodies = bodies()
