"""A Redis server's data with every type in every encoding that the server has: small and large,
before and after conversion, with and without expiry, in several databases."""
import random
import socket


class Client:
    """Just enough RESP2 to fill a server and to look into it."""

    def __init__(self, port=None, path=None, password=None, user=None):
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(str(path))
        else:
            self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(60)
        self.file = self.socket.makefile("rb")
        if password:
            self("AUTH", *([user] if user else []), password)

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, commands):
        out = bytearray()
        for command in commands:
            words = [w if isinstance(w, bytes) else str(w).encode() for w in command]
            out += b"*%d\r\n" % len(words)
            for word in words:
                out += b"$%d\r\n%b\r\n" % (len(word), word)
        self.socket.sendall(out)

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            return Error(rest.decode())
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]

    def __call__(self, *command):
        self.send([command])
        answer = self.reply()
        if isinstance(answer, Error):
            raise answer
        return answer

    def many(self, commands):
        """Pipelined; the first error is raised."""
        commands = list(commands)
        for begin in range(0, len(commands), 1000):
            part = commands[begin:begin + 1000]
            self.send(part)
            for answer in [self.reply() for _ in part]:
                if isinstance(answer, Error):
                    raise answer

    def knows(self, command):
        return bool(self("COMMAND", "INFO", command)[0])


class Error(Exception):
    pass


def words(rng, count, lo, hi):
    return [bytes(rng.randrange(97, 123) for _ in range(rng.randrange(lo, hi))) + b"%d" % i
            for i in range(count)]


def strings(rng):
    yield "SET", "s:empty", ""
    for number in (0, -1, 127, -128, 128, 32767, -32768, 32768, 2**31 - 1, -2**31, 2**31, 2**63 - 1, "007"):
        yield "SET", f"s:int:{number}", number
    yield "SET", "12345", "a key that is a number"
    yield "SET", "key-that-compresses-" * 20, "x"
    yield "SET", b"s:binary:\x00\xff\r\n", bytes(range(256))
    yield "SET", "s:text", "short"
    yield "SET", "s:compressible", b"abcdefgh" * 5000
    yield "SET", "s:random", rng.randbytes(300_000)
    yield "SETRANGE", "s:sparse", 1_500_000, "end"
    yield "SET", "s:large", b"".join(b"%09d " % rng.randrange(10**9) for _ in range(300_000))


def lists(rng):
    yield "RPUSH", "l:one", "x"
    yield "RPUSH", "l:small", *range(-5, 20), *words(rng, 20, 1, 30)
    yield "RPUSH", "l:integers", *(sign * 2**bits + d for bits in range(0, 63, 3) for sign in (1, -1) for d in (-1, 0, 1))
    for part in range(20):
        yield "RPUSH", "l:large", *words(rng, 1000, 1, 60)
    yield "RPUSH", "l:plain", "small", rng.randbytes(70_000), "small", b"y" * 100_000
    yield "RPUSH", "l:lengths", *(b"z" * n for n in (0, 1, 62, 63, 64, 65, 4094, 4095, 4096, 16383, 16384))


def sets(rng):
    yield "SADD", "set:int16", *range(-300, 300, 7)
    yield "SADD", "set:int32", *(n * 100_000 for n in range(-50, 50))
    yield "SADD", "set:int64", *(n * 10**15 for n in range(-50, 50))
    yield "SADD", "set:int-converted", *range(2000)
    yield "SADD", "set:small", *words(rng, 20, 1, 20), 17, -3
    for part in range(10):
        yield "SADD", "set:large", *words(rng, 500, 5, 40)


def zsets(rng):
    scores = [0, -0.0, 1, -1, 3.25, 1e300, -1e-300, "inf", "-inf", 0.1, 12345678, 2**53]
    yield "ZADD", "z:small", *(x for i, s in enumerate(scores) for x in (s, f"m{i}"))
    yield "ZADD", "z:integers", *(x for i in range(60) for x in (i * 1000 - 30000, i))
    for part in range(5):
        yield "ZADD", "z:large", *(x for w in words(rng, 500, 5, 70) for x in (rng.uniform(-1e6, 1e6), w))
    yield "GEOADD", "z:geo", 13.36, 38.11, "Palermo", 15.08, 37.5, "Catania"


def hashes(rng):
    yield "HSET", "h:small", *(x for w in words(rng, 20, 1, 20) for x in (w, rng.randrange(10**6)))
    yield "HSET", "h:empty-value", "f", ""
    yield "HSET", "h:long-value", "f", rng.randbytes(5000)
    for part in range(5):
        yield "HSET", "h:large", *(x for w in words(rng, 500, 5, 30) for x in (w, rng.randbytes(rng.randrange(80))))


def streams(rng):
    for i in range(250):
        yield "XADD", "x:same-fields", f"{1000 + i // 3}-{i % 3}", "kind", i % 7, "text", f"entry {i}"
    for i in range(50):
        yield "XADD", "x:other-fields", f"{i + 1}-1", *(x for n in range(i % 5 + 1) for x in (f"f{n}", f"v{i}"))
    for i in range(0, 50, 9):
        yield "XDEL", "x:other-fields", f"{i + 1}-1"
    yield "XGROUP", "CREATE", "x:same-fields", "readers", "0"
    yield "XGROUP", "CREATE", "x:same-fields", "idle", "$"
    for name in ("alice", "bob"):
        yield "XREADGROUP", "GROUP", "readers", name, "COUNT", 40, "STREAMS", "x:same-fields", ">"
    yield "XACK", "x:same-fields", "readers", "1000-0", "1001-1"
    yield "XADD", "x:emptied", "7-7", "a", "b"
    yield "XDEL", "x:emptied", "7-7"


def field_expiry(rng, later):
    yield "HSET", "h:expiry-small", "stays", "1", "goes", "2"
    yield "HPEXPIREAT", "h:expiry-small", later, "FIELDS", 1, "goes"
    yield "HSET", "h:expiry-large", *(x for i in range(700) for x in (f"field{i}", f"value{i}"))
    for part in range(0, 700, 100):
        yield ("HPEXPIREAT", "h:expiry-large", later + part, "FIELDS", 50, *(f"field{i}" for i in range(part, part + 50)))


LIBRARY = """#!lua name=zoo
redis.register_function('zoo_echo', function(keys, args) return args[1] end)
"""


def size(command):
    return sum(len(w if isinstance(w, bytes) else str(w)) + 2 for w in command)


def fill(client, seed=1, limit=10**9, many=2000):
    """Everything above in database 0, something in 3 and 15; returns the number of keys. limit: of
    the bytes of a command; longer ones are left out."""
    rng = random.Random(seed)
    later = int(client("TIME")[0]) * 1000 + 86_400_000
    commands = [c for make in (strings, lists, sets, zsets, hashes, streams) for c in make(rng)]
    if client.knows("HPEXPIREAT"):
        commands += field_expiry(rng, later)
    client.many(c for c in commands if size(c) <= limit)
    client.many(("SET", f"e:{i}", f"value {i}", "PXAT", later + i * 1000) for i in range(many // 40))
    client.many(("SET", f"n:{i:05}", rng.randbytes(rng.randrange(200))) for i in range(many))
    for database in (3, 15):
        client("SELECT", database)
        client.many(("SET", f"db{database}:{i}", i) for i in range(many // 20))
        client("HSET", "h:small", "database", database)
        client("PEXPIREAT", f"db{database}:1", later)
    client("SELECT", 0)
    if client.knows("FUNCTION"):
        client("FUNCTION", "LOAD", "REPLACE", LIBRARY)
    return keys(client)


def keys(client):
    total = 0
    for database in range(16):
        client("SELECT", database)
        total += client("DBSIZE")
    client("SELECT", 0)
    return total
