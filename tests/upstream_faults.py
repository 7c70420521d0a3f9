"""What the scripted upstream can do wrong, by name: each fault drives one exchange."""

import asyncio
import gzip

from tests.upstream_answers import dumps

GIANT = 16 * 1024 * 1024
KEY_HEADERS = ("x-api-key", "authorization")

FAULTS = {}


def fault(function):
    FAULTS[function.__name__.strip("_").replace("_key", "-key")] = function
    return function


def _frames(ex, pieces=("Hel", "lo"), tool=False):
    content = ex.dialect.tool_content() if tool else ex.dialect.content(pieces)
    return [*ex.dialect.start(), *content, *ex.dialect.end(tool)]


@fault
async def ok(ex, tool=False):
    """Text "Hello"; a tool call when the request insists on one."""
    tool = tool or ex.dialect.wants_tool
    if ex.counts:
        await ex.json(200, ex.dialect.counted)
    elif ex.stream:
        await ex.head()
        await ex.chunk(*_frames(ex, tool=tool))
        await ex.finish()
    else:
        await ex.json(200, ex.dialect.body(tool=tool))


@fault
async def tool(ex):
    """A call of the first tool, whatever the request wants."""
    await ok(ex, tool=True)


@fault
async def signed(ex):
    """Messages only: thinking with the signature "sig-upstream", then nothing else."""
    block = {"type": "thinking", "thinking": "hm", "signature": "sig-upstream"}
    if not ex.stream:
        await ex.json(200, ex.dialect.message([block], "end_turn"))
        return
    delta = {"type": "signature_delta", "signature": block["signature"]}
    await ex.head()
    await ex.chunk(
        *ex.dialect.start(),
        ex.dialect.frame("content_block_start", index=0, content_block={**block, "thinking": "", "signature": ""}),
        ex.dialect.frame("content_block_delta", index=0, delta=delta),
        ex.dialect.frame("content_block_stop", index=0),
        *ex.dialect.end(),
    )
    await ex.finish()


@fault
async def ponder(ex, milliseconds):
    """Chat only: chunks without content come for so long before the text does, as of a model that thinks unseen."""
    await ex.head()
    for _ in range(int(milliseconds) // 100):
        await ex.chunk(*ex.dialect.start())
        await asyncio.sleep(0.1)
    await ex.chunk(*ex.dialect.content(), *ex.dialect.end())
    await ex.finish()


@fault
async def think(ex, milliseconds, end="ok"):
    """think/<ms>[/cut|hang], Messages and Chat: five pieces of thinking, each after a pause; then the text, or not."""
    await ex.head()
    await ex.chunk(*ex.dialect.start())
    opening, *pieces, closing = ex.dialect.thoughts()
    await ex.chunk(*opening)
    for piece in pieces:
        await asyncio.sleep(int(milliseconds) / 1000)
        await ex.chunk(piece)
    if end == "cut":
        ex.close()
    elif end == "hang":
        await ex.forever()
    else:
        text = [frame.replace(b'"index":0', b'"index":%d' % len(opening)) for frame in ex.dialect.content()]
        await ex.chunk(*closing, *text, *ex.dialect.end())
        await ex.finish()


@fault
async def status(ex, code, retry="", seconds=""):
    """status/<code>[/retry-after/<n>]: an error in the dialect's own envelope."""
    headers = [f"retry-after: {seconds}"] if retry else []
    await ex.error(int(code), f"scripted {code}", *headers)


@fault
async def play(ex):
    """What `up.play` has queued."""
    body, status, content_type = ex.upstream.plays.popleft()
    if isinstance(body, bytes):
        await ex.whole(status, content_type, body)
        return
    await ex.head(status, content_type)
    await ex.chunk(*body)
    await ex.finish()


@fault
async def hang(ex):
    """The request is read and never answered."""
    await ex.forever()


@fault
async def hdrhang(ex):
    """A head, then nothing."""
    await ex.head()
    await ex.forever()


@fault
async def pinghang(ex):
    """A start, then pings for ever: a server that is alive and says nothing."""
    await ex.head()
    await ex.chunk(*ex.dialect.start())
    while True:
        await ex.chunk(ex.dialect.ping())
        await asyncio.sleep(0.02)


@fault
async def cut0(ex):
    """A head, then the end of the connection."""
    await ex.head()
    ex.close()


@fault
async def cutstart(ex):
    """The start of a message, then the end of the connection."""
    await ex.head()
    await ex.chunk(*(ex.dialect.start() if ex.stream else [b'{"id":']))
    ex.close()


@fault
async def cutrst(ex):
    """Content, then a reset."""
    await ex.opening()
    ex.reset()


@fault
async def cutclose(ex):
    """Content framed by the end of the connection, which comes too early and looks legal."""
    await ex.head(200, "", "connection: close")
    for data in ex.first_frames() if ex.stream else [dumps(ex.dialect.body())[:60]]:
        await ex.raw(data)
    ex.close()


@fault
async def cuttool(ex):
    """Half a tool call, then the end of the connection."""
    await ex.head()
    await ex.chunk(*ex.dialect.start(), *list(ex.dialect.tool_content())[:2])
    ex.close()


@fault
async def rst(ex):
    """A reset in place of an answer."""
    ex.reset()


@fault
async def close(ex):
    """The end of the connection in place of an answer."""
    ex.close()


@fault
async def badchunk(ex, milliseconds="0"):
    """badchunk[/<ms>]: content, and after a pause a chunk whose size is no number."""
    await ex.opening()
    await asyncio.sleep(int(milliseconds) / 1000)
    await ex.raw(b"zz\r\noops\r\n")
    ex.close()


@fault
async def garbage(ex):
    """A 200 whose body is no JSON."""
    await ex.whole(200, "", b'event: message_start\ndata: {"type": oops\n\n' if ex.stream else b'{"type": oops')


@fault
async def nothttp(ex):
    """Bytes that are no HTTP at all."""
    await ex.raw(b"\x00\xff\x15SSH-2.0-oops\r\n\r\n")
    ex.close()


@fault
async def html200(ex):
    """A login page in place of an answer."""
    await ex.whole(200, "text/html", b"<!DOCTYPE html><html><body>Please sign in</body></html>")


@fault
async def html502(ex):
    """A gateway's error page."""
    await ex.whole(502, "text/html", b"<html><head><title>502 Bad Gateway</title></head></html>")


@fault
async def err200(ex):
    """An error as JSON in a 200."""
    await ex.error(200, "scripted error in a 200")


@fault
async def sse_error_first(ex):
    """A stream whose first event is an error."""
    await ex.head(200, "text/event-stream")
    await ex.chunk(ex.dialect.error_frame())
    await ex.finish()


@fault
async def sse_error_mid(ex, milliseconds="0"):
    """sse_error_mid[/<ms>]: a stream that reports an error after its first content and a pause."""
    await ex.head(200, "text/event-stream")
    await ex.chunk(*ex.first_frames())
    await asyncio.sleep(int(milliseconds) / 1000)
    await ex.chunk(ex.dialect.error_frame())
    await ex.finish()


@fault
async def empty200(ex):
    """A 200 without a body."""
    await ex.whole(200, "", b"")


@fault
async def empty_answer(ex):
    """A well-formed message without content."""
    if not ex.stream:
        return await ex.json(200, ex.dialect.body(text=""))
    await ex.head()
    await ex.chunk(*ex.dialect.start(), *ex.dialect.end())
    await ex.finish()


@fault
async def toolong(ex):
    """The prompt exceeds the model's context window."""
    await ex.json(*ex.dialect.too_long())


@fault
async def drip(ex):
    """The answer of `ok`, one byte at a time."""
    await ex.head()
    for data in _frames(ex) if ex.stream else [dumps(ex.dialect.body())]:
        for at in range(len(data)):
            await ex.chunk(data[at : at + 1])
            await asyncio.sleep(0)
    await ex.finish()


@fault
async def flood(ex):
    """Content without end, as fast as the peer takes it."""
    await ex.head(200, "text/event-stream")
    await ex.chunk(*ex.first_frames())
    piece = list(ex.dialect.content(("x" * 4096,)))
    while True:
        await ex.chunk(next(frame for frame in piece if len(frame) > 4096))


@fault
async def giantline(ex):
    """One event that never seems to end."""
    await ex.head(200, "text/event-stream")
    await ex.chunk(*ex.first_frames(), b"data: ")
    for _ in range(GIANT // 65536):
        await ex.chunk(b"x" * 65536)
    await ex.finish()


@fault
async def slow(ex, milliseconds):
    """slow/<ms>: "Hello" letter by letter, each after a pause."""
    await ex.head()
    for frame in _frames(ex, "Hello") if ex.stream else [dumps(ex.dialect.body())]:
        await asyncio.sleep(int(milliseconds) / 1000)
        await ex.chunk(frame)
    await ex.finish()


@fault
async def after(ex, count):
    """after/<count>: the usual answer, once so many requests have come in all."""
    while len(ex.upstream.requests) < int(count):
        await asyncio.sleep(0.01)
    await ok(ex)


@fault
async def silent(ex, seconds):
    """silent/<s>: content, a silence, and then the rest."""
    await ex.head()
    frames = _frames(ex)
    first = len(ex.first_frames())
    await ex.chunk(*frames[:first])
    await asyncio.sleep(float(seconds))
    await ex.chunk(*frames[first:])
    await ex.finish()


@fault
async def echo_key(ex):
    """A 401 whose message quotes the key it got, as some servers do."""
    keys = [ex.request.headers[name] for name in KEY_HEADERS if name in ex.request.headers]
    await ex.error(401, f"Incorrect API key provided: {' '.join(keys)}")


@fault
async def cutlen(ex):
    """A body shorter than its content-length."""
    body = b"".join(ex.first_frames()) if ex.stream else dumps(ex.dialect.body())[:60]
    await ex.head(200, "", f"content-length: {len(body) + 100}")
    await ex.raw(body)
    ex.close()


@fault
async def hdr200k(ex):
    """A head of 200 kB."""
    await ex.whole(200, "", dumps(ex.dialect.body()), *(f"x-filler-{n}: {'x' * 1000}" for n in range(200)))


@fault
async def redirect(ex):
    """A 307 to `/elsewhere` on the same server: whoever follows it is seen there."""
    await ex.whole(307, "text/plain", b"", f"location: {ex.upstream.url}/elsewhere/v1/messages")


@fault
async def bomb(ex):
    """Compressed without being asked: 200 MB of blanks in 200 kB."""
    await ex.head(200, "", "content-encoding: gzip")
    packer = gzip.compress(b" " * 1024 * 1024)
    for _ in range(200):
        await ex.chunk(packer)
    await ex.finish()


@fault
async def jsonforsse(ex):
    """A whole answer as JSON, streaming asked or not."""
    await ex.json(200, ex.dialect.body())


@fault
async def sseforjson(ex):
    """A stream, asked or not."""
    await ex.head(200, "text/event-stream")
    await ex.chunk(*_frames(ex))
    await ex.finish()


@fault
async def overtime(ex):
    """A complete stream that goes on after its end and never closes."""
    await ex.head(200, "text/event-stream")
    await ex.chunk(*_frames(ex), *ex.dialect.content(("more",)), *ex.dialect.end())
    await ex.forever()


@fault
async def badevent(ex, milliseconds="0"):
    """badevent[/<ms>]: content, and after a pause an event whose data is no JSON."""
    await ex.head(200, "text/event-stream")
    await ex.chunk(*ex.first_frames())
    await asyncio.sleep(int(milliseconds) / 1000)
    await ex.chunk(b'event: content_block_delta\ndata: {"type": oops\n\n')
    await ex.finish()
