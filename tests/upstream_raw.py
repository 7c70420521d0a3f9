"""More faults of the scripted upstream: what goes wrong in the bytes of HTTP and of event streams themselves."""

import asyncio
import gzip

from tests.upstream_answers import dumps
from tests.upstream_faults import _frames, fault, ok


def _answer(ex):
    return b"".join(_frames(ex)) if ex.stream else dumps(ex.dialect.body())


@fault
async def stale(ex):
    """The answer of `ok`, then the end of the connection without a word about it: whoever keeps it finds it dead."""
    await ok(ex)
    ex.close()


@fault
async def bare(ex, code):
    """bare/<code>: a head that says no more; the body of a 206 is the whole answer."""
    if code == "206":
        await ex.whole(206, "", _answer(ex), "content-range: bytes 0-1/2")
    else:
        await ex.raw(b"HTTP/1.1 %s Scripted\r\n\r\n" % code.encode())


@fault
async def hints(ex, code):
    """hints/<code>: an interim head, then the answer of `ok`."""
    await ex.raw(b"HTTP/1.1 %s Interim\r\nlink: </x>\r\n\r\n" % code.encode())
    await ok(ex)


@fault
async def interim(ex):
    """An interim head, then the end of the connection."""
    await ex.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
    ex.close()


@fault
async def injected(ex, code):
    """injected/<byte as two hex digits>: the answer of `ok` with a header that holds such a byte and another header."""
    body = _answer(ex)
    evil = b"request-id: r" + bytes.fromhex(code) + b"set-cookie: evil=1"
    kind = b"text/event-stream" if ex.stream else b"application/json"
    lines = [b"HTTP/1.1 200 OK", b"content-type: " + kind, evil, b"content-length: %d" % len(body)]
    await ex.raw(b"\r\n".join(lines) + b"\r\n\r\n" + body)


@fault
async def badutf8(ex):
    """The text "Hel\\xff\\xfelo": bytes that are no UTF-8."""
    await ex.whole(200, "", _answer(ex).replace(b"Hel", b"Hel\xff\xfe"))


@fault
async def framed(ex, how):
    """framed/<cr|crlf|bom|comments|bytes>: the answer of `ok` in another legal form of an event stream."""
    frames = b"".join(_frames(ex)).replace(b"\r\n", b"\n")
    if how in ("cr", "crlf"):
        frames = frames.replace(b"\n", b"\r" if how == "cr" else b"\r\n")
    elif how == "bom":
        frames = b"\xef\xbb\xbf" + frames
    elif how == "comments":
        frames = b": hello\n\n" + frames.replace(b"\n\n", b"\n: between\n\n: alone\n\n")
    await ex.head(200, "text/event-stream")
    for at in range(0, len(frames), 1 if how == "bytes" else 1 << 20):
        await ex.chunk(frames[at : at + (1 if how == "bytes" else 1 << 20)])
    await ex.finish()


@fault
async def oddevent(ex):
    """The answer of `ok` with an event of an unknown kind, and one without data, in its midst."""
    frames = _frames(ex)
    await ex.head(200, "text/event-stream")
    await ex.chunk(*frames[:2], b'event: novelty\ndata: {"type":"novelty","x":[1]}\n\n', b"event: nothing\n\n")
    await ex.chunk(*frames[2:])
    await ex.finish()


@fault
async def wrongtypes(ex, when):
    """wrongtypes/<first|mid>: an event whose members have the wrong types, before or after the first content."""
    await ex.head(200, "text/event-stream")
    await ex.chunk(*(ex.dialect.start() if when == "first" else ex.first_frames()))
    await asyncio.sleep(0.03 if when == "mid" else 0)
    names = ("choices", "candidates", "content_block", "delta", "item", "response", "content", "output", "index")
    wrong = dict.fromkeys(names, 5)
    for kind in ("content_block_start", "response.output_item.added"):
        await ex.chunk(b"event: %s\ndata: %s\n\n" % (kind.encode(), dumps({"type": kind, **wrong})))
    await ex.finish()


@fault
async def leaving(ex):
    """Content, and then more for ever, whether the peer is still there or not: it generates on."""
    await ex.opening()
    while True:
        ex.upstream.sent += 1
        await asyncio.sleep(0.01)


@fault
async def packed(ex, coding, until="end"):
    """packed/<coding>[/cut]: the usual answer, compressed by gzip without being asked, whatever it is called."""
    whole = gzip.compress(_answer(ex))
    await ex.head(200, "", f"content-encoding: {coding}")
    await ex.chunk(whole[: len(whole) // 2])
    if until != "cut":
        await ex.chunk(whole[len(whole) // 2 :])
    await ex.finish()
