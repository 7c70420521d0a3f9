"""What a soak run leaves behind: who asked what, what every upstream call came to, what the log says, what broke when.

All times are `time.monotonic()` of the process that ran the soak.
"""

from dataclasses import dataclass, field

TOOL_TEXT = '{"city":"Paris"}'
"""The arguments of every tool call, without blanks."""


def expected(nonce, words):
    """The one right answer to a request: so many words that no other request has."""
    return " ".join(f"{nonce}.{number}" for number in range(words))


@dataclass(frozen=True)
class Operation:
    """One request of a client, as the client saw it.

    `end` is `whole` (a complete answer), `error` (told of a failure), `broken` (the connection ended first), `refused`
    (no connection), `left` (the client went away) or `hung` (the client's patience ended).
    """

    nonce: str
    server: str
    dialect: str
    stream: bool
    model: str
    words: int
    began: float
    ended: float
    end: str
    status: int = 0
    text: str = ""
    tool: bool = False
    phase: str = ""
    """Where the client meant to leave."""
    complaint: str = ""
    """What was illegal about the answer."""

    @property
    def right_answer(self):
        return TOOL_TEXT if self.tool else expected(self.nonce, self.words)


@dataclass
class Call:
    """One call as the upstream saw it. `end`: `told` (the script was through), `left` (the peer went), "" (it runs)."""

    nonce: str
    provider: str
    script: str
    good: bool
    """Whether the script was a complete answer."""
    began: float
    ended: float = 0.0
    end: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the request log with its attempts: (provider, outcome) each."""

    nonce: str
    outcome: str
    status: int
    provider: str
    attempts: tuple = ()


@dataclass(frozen=True)
class Incident:
    """What was done to a server, or to the database (`server` is ""), until it was whole again.

    `kind` is `kill`, `term`, `pause`, `database` or `redis`, which excuses nothing. `code` is the exit code of a server
    that was told to end.
    """

    kind: str
    server: str
    began: float
    ended: float
    code: int = 0


@dataclass(frozen=True)
class Survivor:
    """A server when all was over."""

    server: str
    ready: bool
    served: bool
    threads: int = 1
    files: int = 10
    rss_mb: float = 100.0


@dataclass(frozen=True)
class History:
    """A whole run."""

    models: dict
    """Model name → the providers it is mapped to."""
    drain_s: float
    operations: tuple = ()
    calls: tuple = ()
    rows: tuple = ()
    incidents: tuple = ()
    survivors: tuple = ()
    spills: tuple = ()
    """Names of spill files that are left."""
    leaks: tuple = ()
    """Where a provider's key was found."""
    swept: bool = True
    """Whether somebody had the time to mark what dead processes had left open."""
    calls_of: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self):
        for call in self.calls:
            self.calls_of.setdefault(call.nonce, []).append(call)
