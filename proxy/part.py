"""One target's part of a streamed answer: its events as what the client gets, and what they tell on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from providers.outbound.base import Translator
from providers.wire.messages import MessagesEvent, Usage
from providers.wire.sse import ServerSentEvent
from providers.wire.tokens import estimate_text
from proxy.continuation import Seam, Transcript
from proxy.inbound.base import Renderer
from proxy.progress import Progress


class Part:
    """Feed it the upstream's events; `taken` is what they make for the client, until it is taken.

    `sent` learns of every event; with a `seam` this part goes on where another broke.
    """

    def __init__(self, translator: Translator, renderer: Renderer, sent: Transcript, seam: Seam | None = None) -> None:
        self._translator = translator
        self._renderer = renderer
        self._sent = sent
        self._seam = seam
        self._held: list[bytes] = []
        self._before = len(sent.text)
        self.progress = Progress()

    @property
    def ended(self) -> bool:
        """True once the answer is complete."""
        return self._translator.ended

    @property
    def may_be_empty(self) -> bool:
        """True when this part may be over without any content: it says why, or it only had to go on."""
        return self._seam is not None or self.progress.has_content or self.progress.may_be_empty

    @property
    def usage(self) -> Usage | None:
        """The tokens of this part alone; of one that broke, what was told and the text that came. None: of none.

        All zero when an answer came and nobody told what its prompt was.
        """
        told = self._seam.usage if self._seam else self.progress.usage
        if self.ended:
            return told
        came = estimate_text(self._sent.text[self._before :])
        if told.input + told.cache_read + told.cache_write:
            return replace(told, output=max(told.output, came))
        return Usage() if came else None

    def feed(self, event: ServerSentEvent) -> None:
        """One upstream event. Raises UpstreamFailure and MalformedJson."""
        for made in self._translator.feed(event):
            self._take(made)

    def whole(self, events: Iterable[MessagesEvent]) -> None:
        """All that the upstream has to say, from one that did not stream."""
        for event in events:
            self._take(event)

    def finish(self) -> None:
        """The upstream's stream has ended. Raises UpstreamFailure when it ended too early."""
        for made in self._translator.finish():
            self._take(made)

    @property
    def held(self) -> int:
        """How many bytes wait to be taken."""
        return sum(map(len, self._held))

    def taken(self) -> bytes:
        """The client's bytes since the last time."""
        held, self._held = b"".join(self._held), []
        return held

    def _take(self, event: MessagesEvent) -> None:
        for told in (event,) if self._seam is None else self._seam.feed(event):
            self.progress.note(told)
            self._sent.note(told)
            self._held.append(self._renderer.render(told))
