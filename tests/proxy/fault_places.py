"""Addresses at which no scripted upstream answers: `place(name)` is a context with the address in it."""

import contextlib
import itertools
import socket
import threading

ODD = {
    "!port-99999": "http://127.0.0.1:99999",
    "!half-a-bracket": "http://[::1",
    "!ftp": "ftp://127.0.0.1/x",
    "!nul": "http://127.0.0.1\x00/x",
    "!half-a-surrogate": "http://127.0.0.1/\ud83d",
}
DEAD = ".invalid"
_numbers = itertools.count(1)


@contextlib.contextmanager
def names(resolve):
    """While this holds, dead names are looked up by `resolve`, others as always; each has a name of its own.

    Who asks for a name that is being looked up shares that look-up, from a test before as well.
    """
    original = socket.getaddrinfo

    def looked_up(host, *rest, **more):
        name = host.decode() if isinstance(host, bytes) else str(host)
        return resolve() if name.endswith(DEAD) else original(host, *rest, **more)

    socket.getaddrinfo = looked_up
    try:
        yield f"http://name{next(_numbers)}{DEAD}"
    finally:
        socket.getaddrinfo = original


def unknown():
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@contextlib.contextmanager
def hanging_names():
    """A name server that says nothing until the block is left."""
    over = threading.Event()

    def wait():
        over.wait(30)
        unknown()

    with names(wait) as url:
        try:
            yield url
        finally:
            over.set()


@contextlib.contextmanager
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def full_backlog():
    """A listener whose queue is full: to whoever comes now nothing answers."""
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def never_reads():
    """A server that takes connections and never reads what comes."""
    taken = []
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    for connection in taken:
        connection.close()


@contextlib.contextmanager
def plain_port():
    """A server that speaks HTTP where TLS is expected, and says so."""

    def serve():
        while not stop.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        stop.set()
        thread.join(5)


@contextlib.contextmanager
def signed_by_nobody(context):
    """A TLS server with this context that takes every connection and says nothing."""
    stop = threading.Event()

    def serve():
        while not stop.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection, context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        stop.set()
        thread.join(5)


def place(name, context):
    """The place of a name as a context manager; `context` is for the one that speaks TLS."""
    if name in ODD:
        return contextlib.nullcontext(ODD[name])
    return {
        "!unknown-name": lambda: names(unknown), "!name-server-hangs": hanging_names, "!closed-port": closed_port,
        "!full-backlog": full_backlog, "!never-reads": never_reads, "!tls-of-a-plain-port": plain_port,
        "!tls-nobody-signed": lambda: signed_by_nobody(context),
    }[name]()  # fmt: skip
