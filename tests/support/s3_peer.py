#!/usr/bin/python3
"""A scripted S3 server: in front of one in memory (s3_memory.py), or of a real one, it answers as a
script says, and remembers what it was asked. Deterministic: a rule goes by the requests, never by time.

    with Peer(Memory()) as peer:
        rule = peer.on("put", key="packs/*", skip=1, times=10, then=slow_down())
        ...                          # whoever is under test gets peer.settings
        rule.used                    # 10
        peer.count("put")            # and peer.requests, in order

As a program (counts requests, or for tests in other languages):

  s3_peer.py [--upstream SETTINGS] [--script FILE] [--record FILE] SETTINGS-TO-WRITE

--script: a JSON list of {"kind", "key", "skip", "times", "do": name, "with": {arguments}}, where "do"
is the name of a fault below. --record: one JSON line a request. Ends when its standard input does.
"""
import argparse
import fnmatch
import http.client
import json
import select
import socket
import ssl
import struct
import sys
import threading
import urllib.parse
from dataclasses import dataclass, field

import s3
from s3_memory import Answer, Memory, error


@dataclass
class Request:
    method: str
    path: str   # as it was sent
    query: str  # as it was sent
    headers: dict
    connection: int  # numbered from 1: shows which were kept
    tls: bool
    host_style: str = ""  # the part of the host that names the bucket
    body: bytes = b""
    body_len: int = 0  # stays when the body is dropped
    status: int = 0    # what was answered; 0: nothing, or not all of it
    fault: str = ""

    def __post_init__(self):
        path = urllib.parse.unquote(self.path)[1:]
        self.bucket, _, self.key = (self.host_style, "", path) if self.host_style else path.partition("/")
        self.options = dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True))

    @property
    def line(self):
        return f"{self.method} {self.path}" + ("?" + self.query if self.query else "")

    @property
    def kind(self):
        """put, get, head, list, delete, delete-batch, …: what the request is for."""
        options, method = self.options, self.method
        if "uploads" in options or "uploadId" in options:
            return {"POST": "create-upload" if "uploads" in options else "complete-upload",
                    "PUT": "part", "DELETE": "abort-upload", "GET": "list-parts"}[method]
        for name in ("retention", "legal-hold", "tagging", "location", "versioning", "object-lock", "versions"):
            if name in options:
                return name
        if method == "POST":
            return "delete-batch" if "delete" in options else "post"
        if self.key:
            return {"PUT": "copy" if "x-amz-copy-source" in self.headers else "put"}.get(method, method.lower())
        return {"GET": "list", "HEAD": "head-bucket", "PUT": "make-bucket",
                "DELETE": "delete-bucket"}.get(method, method.lower())


class Closed(Exception):
    """The connection is of no more use."""


class Exchange:
    """One request and its answer: what a fault has in its hands."""

    def __init__(self, peer, link, request):
        self.peer, self.link, self.request = peer, link, request

    def ask(self):
        """The answer of the server behind."""
        self.link.read_body(self.request)
        return self.peer.backend(self.request)

    def send(self, answer, stop_after=None, declared=None):
        """stop_after: so many bytes of the body only; declared: what Content-Length says instead."""
        self.link.read_body(self.request)
        body = b"" if self.request.method == "HEAD" else answer.body
        length = answer.headers.get("content-length", len(body)) if declared is None else declared
        head = f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, 'Unknown')}\r\n"
        for name, value in answer.headers.items():
            if name not in ("content-length", "connection", "transfer-encoding"):
                head += f"{name}: {value}\r\n"
        if answer.status not in (204, 304):
            head += f"content-length: {length}\r\n"
        self.link.write(head.encode() + b"\r\n" + body[:stop_after])
        if stop_after is None and declared is None:
            self.request.status = answer.status

    def reset(self):
        """An abortive close: the other side gets ECONNRESET."""
        self.link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.link.socket.close()
        raise Closed

    def wait_for_the_end(self):
        """Until the other side gives up, or the test is over."""
        self.link.stalled = True
        while self.link.socket.recv(65536):
            pass
        self.close()


# Faults: each makes a function of an exchange.

def answer_with(status, code, message="", headers=None, **more):
    """An error in S3's form, instead of doing it."""
    return lambda exchange: exchange.send(error(status, code, message, headers, **more))


def slow_down():
    return answer_with(503, "SlowDown", "Please reduce your request rate.")


def plain(status, body="", headers=None):
    """An answer that is not in S3's form: of some machine in between."""
    return lambda exchange: exchange.send(Answer(status, {"content-type": "text/html", **(headers or {})},
                                                 body.encode()))


def reset_request(after=0):
    """Broken off when so many bytes of the body have come; nothing is done."""
    def fault(exchange):
        exchange.link.read_some(exchange.request, after)
        exchange.reset()
    return fault


def reset_answer(after=0):
    """Done, but the connection breaks after so many bytes of the answer's body."""
    def fault(exchange):
        exchange.send(exchange.ask(), stop_after=after)
        exchange.reset()
    return fault


def no_answer():
    """Done, and then the connection is closed without a word."""
    def fault(exchange):
        exchange.ask()
        exchange.close()
    return fault


def truncate(after, honest):
    """The body is cut. honest: Content-Length says the whole, so the cut can be seen; otherwise it
    says what is sent."""
    def fault(exchange):
        answer = exchange.ask()
        exchange.send(answer, stop_after=after, declared=len(answer.body) if honest else after)
        exchange.close()
    return fault


def stall_request(after=0):
    """Reads so many bytes of the body, and then no more."""
    def fault(exchange):
        exchange.link.read_some(exchange.request, after)
        exchange.link.stall()
    return fault


def stall_answer(after=None):
    """Done, but of the answer only so many bytes of the body come; None: not even its head."""
    def fault(exchange):
        answer = exchange.ask()
        if after is not None:
            exchange.send(answer, stop_after=after)
        exchange.wait_for_the_end()
    return fault


def error_in_200(code="InternalError", message="We encountered an internal error. Please try again."):
    """As S3 does when work fails that it has begun to answer."""
    def fault(exchange):
        answer = error(200, code, message)
        answer.body = answer.body.replace(b"\n", b"\n   ")
        exchange.send(answer)
    return fault


def change_answer(**headers):
    """Done, with other headers (None: without); names with _ for -."""
    def fault(exchange):
        answer = exchange.ask()
        for name, value in headers.items():
            answer.headers.pop(name.replace("_", "-"), None)
            if value is not None:
                answer.headers[name.replace("_", "-")] = value
        exchange.send(answer)
    return fault


def wrong_etag():
    return change_answer(etag='"00000000000000000000000000000000"')


def flip(offset=0):
    """One bit of the body is wrong."""
    def fault(exchange):
        answer = exchange.ask()
        body = bytearray(answer.body)
        body[offset % len(body)] ^= 1
        answer.body = bytes(body)
        exchange.send(answer)
    return fault


def lose():
    """Says yes, and does nothing."""
    return lambda exchange: exchange.send(Answer(200, {"etag": '"d41d8cd98f00b204e9800998ecf8427e"'}))


def replace_body(body, status=200):
    """Garbage where XML was expected."""
    data = body if isinstance(body, bytes) else body.encode()
    return lambda exchange: exchange.send(Answer(status, {"content-type": "application/xml"}, data))


def raw(data):
    """Not even HTTP."""
    def fault(exchange):
        exchange.link.read_body(exchange.request)
        exchange.link.write(data if isinstance(data, bytes) else data.encode())
        exchange.close()
    return fault


def redirect(region, endpoint, status=301):
    """To where the bucket lives."""
    return answer_with(status, "PermanentRedirect" if status == 301 else "TemporaryRedirect",
                       "The bucket you are attempting to access must be addressed using the specified endpoint.",
                       {"x-amz-bucket-region": region, "location": f"https://{endpoint}/"}, Endpoint=endpoint)


FAULTS = {f.__name__: f for f in (answer_with, slow_down, plain, reset_request, reset_answer, no_answer, truncate,
                                  stall_request, stall_answer, error_in_200, change_answer, wrong_etag, flip, lose,
                                  replace_body, raw, redirect)}


@dataclass
class Rule:
    """For requests of a kind and key: the first `skip` pass, the next `times` get the fault."""
    kind: str
    key: str
    skip: int
    times: int
    then: object
    seen: int = 0
    used: int = 0

    def take(self, request):
        if not fnmatch.fnmatchcase(request.kind, self.kind) or not fnmatch.fnmatchcase(request.key, self.key):
            return False
        self.seen += 1
        if self.seen <= self.skip or self.seen > self.skip + self.times:
            return False
        self.used += 1
        return True


class Link:
    """A connection: requests come in, answers go out."""

    def __init__(self, peer, connection, number):
        self.peer, self.socket, self.number = peer, connection, number
        self.buffer, self.stalled = bytearray(), False
        self.to_read, self.continued = 0, True

    def fill(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise Closed
        self.buffer += data

    def write(self, data):
        self.socket.sendall(data)

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        self.to_read = int(headers.get("content-length", 0))
        self.continued = headers.get("expect", "").lower() != "100-continue"
        path, _, query = target.partition("?")
        host = headers.get("host", "").partition(":")[0]
        style = host[:-len(".s3.localhost")] if host.endswith(".s3.localhost") else ""
        return Request(method, path, query, headers, self.number, self.peer.tls is not None, style)

    def read_some(self, request, count):
        if not self.continued:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.continued = True
        while len(self.buffer) < min(count, self.to_read):
            self.fill()

    def read_body(self, request):
        if not self.to_read:
            return
        self.read_some(request, self.to_read)
        request.body, request.body_len = bytes(self.buffer[:self.to_read]), self.to_read
        del self.buffer[:self.to_read]
        self.to_read = 0

    def stall(self):
        """Reads nothing any more, until the test is over or the other side is gone. (A peer that has
        gone shows as an error of the socket only when there is something to send it: so ask for that.)"""
        self.stalled = True
        poll = select.poll()
        poll.register(self.socket, 0)  # POLLHUP and POLLERR come unasked
        while not self.peer.ending.is_set() and not poll.poll(50):
            pass
        raise Closed

    def run(self):
        try:
            while True:
                self.serve_one()
        except (Closed, OSError, ssl.SSLError):
            pass
        finally:
            self.socket.close()

    def serve_one(self):
        request = self.read_head()
        rule = self.peer.note(request)
        exchange = Exchange(self.peer, self, request)
        try:
            if rule:
                rule.then(exchange)
            else:
                exchange.send(exchange.ask())
        finally:
            request.body = b""
            self.peer.done(request)
        if request.headers.get("connection", "").lower() == "close":
            raise Closed


class Upstream:
    """A real server behind. The request goes on as it came, so its signature stays right."""

    def __init__(self, settings):
        self.settings = settings if isinstance(settings, dict) else s3.read_settings(settings)
        self.url = urllib.parse.urlsplit(self.settings["endpoint"])
        self.local, self.connections = threading.local(), []
        self.access_key, self.secret_key = self.settings["access_key"], self.settings["secret_key"]
        self.region, self.token = self.settings["region"], None
        self.buckets = [self.settings["bucket"]]

    def __call__(self, request):
        for fresh in (False, True):
            connection = None if fresh else getattr(self.local, "connection", None)
            if not connection:
                connection = http.client.HTTPConnection(self.url.hostname, self.url.port)
                connection.connect()
                connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.local.connection = connection
                self.connections.append(connection)
                fresh = True
            try:
                return self.forward(connection, request)
            except (http.client.HTTPException, OSError):
                connection.close()
                self.local.connection = None
                if fresh:
                    raise
        raise AssertionError

    def close(self):
        for connection in self.connections:
            connection.close()

    @staticmethod
    def forward(connection, request):
        connection.putrequest(request.method, request.path + ("?" + request.query if request.query else ""),
                              skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            if name not in ("connection", "expect"):
                connection.putheader(name, value)
        connection.endheaders(request.body or None)
        answer = connection.getresponse()
        headers = {k.lower(): v for k, v in answer.getheaders()}
        return Answer(answer.status, headers, answer.read())


class Peer:
    """Listens from the start to the end of the with block. tls: (certificate, key), PEM files."""

    def __init__(self, backend=None, tls=None):
        self.backend = backend or Memory()
        self.tls, self.rules, self.requests = tls, [], []
        self.record = None
        self.lock, self.ending = threading.Lock(), threading.Event()
        self.links, self.threads = [], []

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        if self.tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*self.tls)
        self.spawn(self.accept)
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for link in self.links:
            try:
                link.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join()
        self.backend.close()

    def spawn(self, work):
        thread = threading.Thread(target=work)
        self.threads.append(thread)
        thread.start()

    def accept(self):
        while not self.ending.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(self, connection, len(self.links) + 1)
            self.links.append(link)
            self.spawn(lambda link=link: self.greet(link))

    def greet(self, link):
        if self.tls:
            try:
                link.socket = self.context.wrap_socket(link.socket, server_side=True)
            except (OSError, ssl.SSLError):
                return
        link.run()

    # The script and the record

    def on(self, kind="*", then=None, key="*", skip=0, times=1):
        rule = Rule(kind, key, skip, times, then)
        with self.lock:
            self.rules.append(rule)
        return rule

    def note(self, request):
        with self.lock:
            self.requests.append(request)
            for rule in self.rules:
                if rule.take(request):
                    request.fault = getattr(rule.then, "__qualname__", "fault").partition(".")[0]
                    return rule
        return None

    def done(self, request):
        if self.record:
            with self.lock:
                self.record.write(json.dumps({"kind": request.kind, "line": request.line, "key": request.key,
                                              "bytes": request.body_len, "status": request.status,
                                              "connection": request.connection, "fault": request.fault}) + "\n")
                self.record.flush()

    def count(self, kind="*", key="*"):
        with self.lock:
            return sum(fnmatch.fnmatchcase(r.kind, kind) and fnmatch.fnmatchcase(r.key, key) for r in self.requests)

    def kinds(self):
        """{kind: requests}, for a message."""
        with self.lock:
            kinds = [r.kind for r in self.requests]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

    def forget(self):
        with self.lock:
            self.requests.clear()

    @property
    def settings(self):
        """How to reach it, in the form of tests/servers/ceph."""
        return {"endpoint": f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}",
                "region": self.backend.region, "access_key": self.backend.access_key,
                "secret_key": self.backend.secret_key, "bucket": next(iter(self.backend.buckets)),
                **({"ca_file": self.tls[0]} if self.tls else {}),
                **({"session_token": self.backend.token} if self.backend.token else {})}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", help="written when it listens")
    parser.add_argument("--upstream", help="settings of the real server")
    parser.add_argument("--script", type=argparse.FileType())
    parser.add_argument("--record", type=argparse.FileType("w"))
    options = parser.parse_args()
    with Peer(Upstream(options.upstream) if options.upstream else Memory()) as peer:
        peer.record = options.record
        for step in json.load(options.script) if options.script else []:
            peer.on(step.get("kind", "*"), FAULTS[step["do"]](**step.get("with", {})), step.get("key", "*"),
                    step.get("skip", 0), step.get("times", 1))
        with open(options.settings, "w") as out:
            out.writelines(f"{name}={value}\n" for name, value in peer.settings.items())
        print(peer.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
