"""Spans: finding and replacing parts of a JSON text without touching the rest."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.wire.spans import (
    MalformedJson,
    Span,
    decode_string,
    dumps,
    item_spans,
    join_object,
    loads,
    member_spans,
    replace_member,
    scan_object,
    splice,
    utf8_fault,
    with_member,
)

TEXT = st.text(max_size=12) | st.text(st.characters(min_codepoint=0xD7F0, max_codepoint=0xE010), max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
BLANK = st.text(" \t\r\n", max_size=3)
PAIRS = st.lists(st.tuples(TEXT, VALUES), max_size=6)


@st.composite
def objects(draw, pairs=PAIRS):
    """A JSON object as written by someone with taste of their own; its pairs with each value's text."""
    ascii_only, indent = draw(st.booleans()), draw(st.none() | st.just(2))
    written = [
        (key, json.dumps(value, ensure_ascii=ascii_only or has_surrogate(value), indent=indent))
        for key, value in draw(pairs)
    ]
    members = [
        f"{draw(BLANK)}{json.dumps(key)}{draw(BLANK)}:{draw(BLANK)}{value}{draw(BLANK)}" for key, value in written
    ]
    text = f"{draw(BLANK)}{{{','.join(members) or draw(BLANK)}}}{draw(BLANK)}"
    return text.encode(), [(key, value.encode()) for key, value in written]


def folded(pairs):
    """The keys as the scanner reads them: half a surrogate pair is U+FFFD."""
    return ["".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in key) for key, _ in pairs]


def has_repeated_key(pairs):
    return len(set(folded(pairs))) < len(pairs)


def has_surrogate(value):
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


@settings(deadline=None)
@given(objects())
def test_members_are_the_bytes_as_written(drawn):
    """Each member comes back byte for byte, the last of duplicate keys winning."""
    text, pairs = drawn
    if has_repeated_key(pairs) and b"\\ud" in text:
        return  # halves of surrogate pairs beside repeated keys become U+FFFD
    expected = {key: value for key, value in pairs if not has_surrogate(key)}
    found = scan_object(text)
    assert {key: found.get(key) for key in expected} == expected


@settings(deadline=None)
@given(objects(), st.sampled_from([b'"claude"', b"null", b'{"a": [1]}']))
def test_replacing_keeps_every_other_byte(drawn, value):
    """One member's value is replaced; before and after it nothing changes, unless a key was repeated."""
    text, pairs = drawn
    if not pairs:
        return
    key, old = pairs[len(pairs) // 2]
    if has_surrogate(key) or (has_repeated_key(pairs) and b"\\ud" in text):
        return
    edited = replace_member(text, key, value)
    assert loads(scan_object(edited)[key]) == loads(value)
    members, after = scan_object(text), scan_object(edited)
    assert {k: v for k, v in after.items() if k != key} == {k: v for k, v in members.items() if k != key}
    if not has_repeated_key(pairs):
        span = member_spans(text, members)[key]
        assert span.of(text) == old
        assert edited == text[: span.start] + value + text[span.end :]


@settings(deadline=None)
@given(objects())
def test_lone_surrogates_in_keys_do_not_hide_the_other_members(drawn):
    """A key with half a surrogate pair keeps its own bytes when a neighbour is replaced."""
    text, pairs = drawn
    if not has_repeated_key(pairs):
        assert member_spans(text, scan_object(text)) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a":1,"a":2}', {"a": b"2"}),
        (b'{"a":12,"b":2,"a":1}', {"a": b"1", "b": b"2"}),
        (b'{"m":1,"b":2,"\\u006d":3}', {"m": b"3", "b": b"2"}),
        (b' \n{ "a" : [ 1 , 2 ] }\r\n', {"a": b"[ 1 , 2 ]"}),
        (b'{"\\u0061\\"\\\\\\/":"\\ud83d\\ude00"}', {'a"\\/': b'"\\ud83d\\ude00"'}),
        (b'{"a":"\\ud800"}', {"a": b'"\\ud800"'}),
        (b'{"\\ud800":1,"b":"\\udc00\\ud800"}', {"\ufffd": b"1", "b": b'"\\udc00\\ud800"'}),
        (b'{"a":"\\\\ud800"}', {"a": b'"\\\\ud800"'}),
        (b'{"a":123456789012345678901234567890,"b":1e400}', {"a": b"123456789012345678901234567890", "b": b"1e400"}),
        (b"{}", {}),
        ('{"a":"\u2028"}'.encode(), {"a": b'"\xe2\x80\xa8"'}),
    ],
)
def test_scan_table(text, expected):
    """Duplicates, escapes, surrogates, large numbers and blanks are read as written."""
    assert scan_object(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"{", b"[]", b"null", b'"{}"', b"{a:1}", b"{'a':1}", b'{"a":1,}', b'{"a":1}{', b'{"a":1} x',
        b'{"a":NaN}', b'{"a":Infinity}', b'{"a":01}', b'\xef\xbb\xbf{"a":1}', b'{"a"}', b'{"a":1 "b":2}',
        b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", b'{"\xff":1}', b'{"\\ud800":tru}', b'{"a":"\n"}',
    ],
    ids=range(21),
)  # fmt: skip
def test_what_is_no_object_is_refused(text):
    """Every text that is no JSON object raises MalformedJson with one printable line."""
    with pytest.raises(MalformedJson) as caught:
        scan_object(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40) | st.text('{}[]":,\\ud80 \n1eE-.tfn', max_size=40).map(str.encode))
def test_nothing_but_malformed_json_is_raised(text):
    """Any bytes either scan or raise MalformedJson, and what scans round-trips."""
    try:
        members = scan_object(text)
    except MalformedJson:
        return
    assert scan_object(join_object(members)) == members


@settings(deadline=None)
@given(st.lists(VALUES, max_size=5), BLANK, BLANK)
def test_items_are_found_where_they_stand(values, before, between):
    """Each item of an array inside a larger text is found at its offsets."""
    items = [json.dumps(value).encode() for value in values]
    glue = (between + "," + between).encode()
    array = before.encode() + b"[" + before.encode() + glue.join(items) + between.encode() + b"]"
    text = b"left" + array + b"right"
    spans = item_spans(text, Span(4, 4 + len(array)))
    assert [span.of(text) for span in spans] == items


@pytest.mark.parametrize("text", [b"", b"{}", b"null", b"[1", b"[1,]", b'"["', b"[" * 100_000])
def test_items_of_what_is_no_array(text):
    """What is no array has no items, and says so with None."""
    assert item_spans(text, Span(0, len(text))) is None


def test_replacing_an_absent_member_changes_nothing():
    """A key that is not there is not added, whether or not another key is repeated."""
    assert replace_member(b'{"a":1}', "b", b"2") == b'{"a":1}'
    assert replace_member(b'{"a":1,"a":2}', "b", b"2") == b'{"a":1,"a":2}'


def test_splice_sorts_its_edits():
    """Edits may come in any order."""
    assert splice(b"0123456789", [(Span(7, 8), b"B"), (Span(0, 2), b""), (Span(4, 4), b"++")]) == b"23++456B89"
    assert splice(b"abc", []) == b"abc"


@settings(deadline=None)
@given(VALUES)
def test_dumps_and_loads_round_trip(value):
    """Any JSON value, lone surrogates included, survives being written and read."""
    again = loads(dumps(value))
    assert json.dumps(again) == json.dumps(loads(json.dumps(value).encode()))
    dumps(value).decode()


@pytest.mark.parametrize(
    "text", [b"NaN", b'{"a":-Infinity}', b"\xff", b'"\xff"', b"", b"1e", b"[" * 200_000, b"1" * 5000]
)
def test_loads_refuses(text):
    """What is no JSON raises MalformedJson, never something else."""
    with pytest.raises(MalformedJson):
        loads(text)


@pytest.mark.parametrize("text", [b"1e400", b'{"a":[-1e999]}'])
def test_numbers_beyond_floats_are_refused(text):
    """A number too large for a float is refused: as infinity it could not be written again."""
    with pytest.raises(MalformedJson):
        loads(text)


@pytest.mark.parametrize(
    ("quoted", "value"),
    [(b'"a"', "a"), (b'"\\u0061\\n"', "a\n"),
     (b"null", None), (b"12", None), (b'"\\x"', None), (b"", None), (b'"', None),
     ('"é"'.encode(), "é"), (b'"\\ud83d\\ude00"', "😀"), (b'{"a":"\\n"}', None), (b'["\\n"]', None)],
)  # fmt: skip
def test_decode_string(quoted, value):
    """A quoted string gives its value, anything else None."""
    assert decode_string(quoted) == value


@pytest.mark.parametrize("pad", [0, 1, 2, 3, 16_383, 16_384, 40_000])
def test_utf8_is_checked_across_pieces(pad):
    """A character may stand across the cut of two pieces; the first bad byte is named by its place in the whole."""
    good = b"x" * pad + "é€😀".encode() * 9000
    assert utf8_fault(good) is None
    assert utf8_fault(good + b"\xff" + good) == len(good)
    assert utf8_fault(good[:-1]) == len(good) - 4


@given(st.binary(max_size=12), st.integers(0, 4))
def test_utf8_faults_are_pythons(tail, pad):
    """What Python's decoder refuses is refused, at the same place."""
    text = b"x" * (16_384 - pad) + tail
    try:
        text.decode("utf-8")
        expected = None
    except UnicodeDecodeError as error:
        expected = error.start
    assert utf8_fault(text) == expected


def test_a_member_is_replaced_or_added_where_the_members_are_known():
    """Every other byte stays; an absent member is added, and of a repeated key one is left."""
    text = b' { "a" : 1 , "b":[2] } '
    assert with_member(text, scan_object(text), "b", b"3") == b' { "a" : 1 , "b":3 } '
    assert with_member(text, scan_object(text), "c", b"3") == b'{"a":1,"b":[2],"c":3}'
    twice = b'{"a":1,"a":2}'
    assert with_member(twice, scan_object(twice), "a", b"3") == b'{"a":3}'


def test_scanning_a_large_body_is_cheap():
    """A body of 2 MB is scanned and spliced in a few milliseconds, not parsed."""
    messages = [{"role": "user", "content": "x\\n" * 500} for _ in range(1500)]
    text = json.dumps({"model": "m", "messages": messages, "stream": True}).encode()
    started = time.perf_counter()
    for _ in range(5):
        replace_member(text, "model", b'"n"')
    assert (time.perf_counter() - started) / 5 < 0.1
