#!/usr/bin/python3
"""Redis and Valkey: everything that goes in comes out again, in whichever way."""
import json
import random

import harness
from harness import DONE, FAILED, USAGE
from redis_harness import TestCase, script


def content(server):
    """Of every key: type, value by the type's own command, expiry. Independent of what is tested."""
    found = {}
    with server.client() as client:
        fields = client.knows("HPEXPIRETIME")
        for database in range(16):
            client("SELECT", database)
            for key in client("KEYS", "*"):
                kind = client("TYPE", key)
                found[database, key] = (kind, value(client, key, kind), client("PEXPIRETIME", key))
                if kind == "hash" and fields:
                    names = sorted(client("HKEYS", key))
                    found[database, key] += (client("HPEXPIRETIME", key, "FIELDS", len(names), *names),)
        functions = client("FUNCTION", "LIST", "WITHCODE")
    return found, functions


def value(client, key, kind):
    if kind == "string":
        return client("GET", key)
    if kind == "list":
        return client("LRANGE", key, 0, -1)
    if kind == "set":
        return sorted(client("SMEMBERS", key))
    if kind == "zset":
        return client("ZRANGE", key, 0, -1, "WITHSCORES")
    if kind == "hash":
        flat = client("HGETALL", key)
        return sorted(zip(flat[::2], flat[1::2]))
    groups = client("XINFO", "GROUPS", key)
    pending = [client("XPENDING", key, g[1], "-", "+", 1000) for g in groups]
    info = client("XINFO", "STREAM", key)
    kept = [info[i:i + 2] for i in range(0, len(info), 2) if not info[i].startswith(b"radix")]
    return client("XRANGE", key, "-", "+"), groups, [[p[:2] + p[3:] for p in g] for g in pending], kept


class RoundTrip(TestCase):
    def assert_same(self, one, two):
        a, b = content(one), content(two)
        self.assertEqual(sorted(map(str, a[0])), sorted(map(str, b[0])))
        for key, expected in a[0].items():
            self.assertEqual(expected, b[0][key], key)
        self.assertEqual(a[1], b[1])

    def round_trip(self, name):
        source, target = self.filled(name), self.server(name)
        count = source.keys()
        self.init()
        self.backup(source.url(), "--name", "zoo")
        shown = self.properties("zoo@latest")
        self.assertEqual(count, shown["keys"])
        self.assertTrue(shown["point_in_time"])
        self.assertEqual(["zoo"], shown["functions"])
        self.assertEqual([0, 3, 15], [d["database"] for d in shown["databases"]])
        self.assertGreaterEqual(shown["shards"][0]["replication_offset"], 0)
        self.assertTrue(shown["shards"][0]["checksum"])
        self.assertEqual("s:large", shown["largest"][0]["key"])

        report = self.restore("zoo@latest", target.url(), "--json").events[-1]
        self.assertTrue(report["proven"])
        self.assertTrue(report["report"]["equal"])
        self.assert_same(source, target)

        self.hf("export", "zoo@latest", "--output", self.folder / "zoo.rdb")
        loaded = self.server(name)
        loaded.load(self.folder / "zoo.rdb")
        self.assert_same(source, loaded)
        self.restore("zoo@latest", self.folder / "again.rdb")
        self.assertEqual((self.folder / "zoo.rdb").read_bytes(), (self.folder / "again.rdb").read_bytes())
        self.restore("zoo@latest", self.folder / "again.rdb", expect=FAILED, says="exists")

    def test_redis7(self):
        self.round_trip("redis7")

    def test_redis8(self):
        self.round_trip("redis8")

    def test_valkey8(self):
        self.round_trip("valkey8")

    def test_valkey9(self):
        self.round_trip("valkey9")

    def test_by_scan(self):
        """Where replication is refused, keys are read one by one, and the snapshot says so."""
        source = self.filled("redis7", "user reader on >pw ~* &* +@all -psync -sync -replconf", "requirepass x",
                             password="x")
        target = self.server("redis7")
        self.init()
        url = f"redis://reader:pw@127.0.0.1:{source.port}"
        self.backup(url, "--name", "zoo", says=["one by one", "NOPERM"])
        self.assertFalse(self.properties("zoo@latest")["point_in_time"])
        self.restore("zoo@latest", target.url())
        self.assert_same(source, target)

    def test_from_disk(self):
        """A server that writes its dump to its own disk first, and announces its length."""
        source, target = self.filled("redis7", "repl-diskless-sync no"), self.server("redis8")
        self.init()
        self.backup(source.url(), "--name", "zoo")
        self.restore("zoo@latest", target.url())
        self.assertEqual(source.keys(), target.keys())

    def test_empty_server(self):
        source, target = self.server("redis7"), self.server("redis7")
        self.init()
        self.backup(source.url(), "--name", "zoo")
        self.restore("zoo@latest", target.url())
        self.assertEqual(0, target.keys())

    def test_hints(self):
        """Idle times and frequencies come back, by RESTORE and by file."""
        for policy, ask, setting in (("allkeys-lru", "IDLETIME", None), ("allkeys-lfu", "FREQ", None)):
            with self.subTest(policy=policy):
                source = self.server("redis7", f"maxmemory-policy {policy}")
                with source.client() as client:
                    client.many(("SET", f"k{i}", "x") for i in range(300))
                    client("SELECT", 1)
                    client("SET", "big", random.Random(1).randbytes(3_000_000))
                    client("SELECT", 0)
                    # Set by RESTORE, as nothing else can.
                    dump = client("DUMP", "k7")
                    client("RESTORE", "k7", 0, dump, "REPLACE", ask if ask == "IDLETIME" else "FREQ", 77)
                self.init(self.folder / policy)
                self.backup(source.url(), "--name", "hints", repo=self.folder / policy)
                target, loaded = (self.server("redis7", f"maxmemory-policy {policy}") for _ in range(2))
                self.restore("hints@latest", target.url(), "--no-compare", repo=self.folder / policy)
                self.hf("export", "hints@latest", "--output", self.folder / f"{policy}.rdb",
                        repo=self.folder / policy)
                loaded.load(self.folder / f"{policy}.rdb")
                for server in (target, loaded):
                    self.assertAlmostEqual(77, server.ask("OBJECT", ask, "k7"), delta=15)
                    self.assertEqual(301, server.keys())


class Parts(TestCase):
    def setUp(self):
        super().setUp()
        self.source = self.filled("redis7", many=100, limit=10_000)
        self.init()
        self.backup(self.source.url(), "--name", "zoo")

    def test_patterns(self):
        target = self.server("redis7")
        report = self.restore("zoo@latest", target.url(), "--match", "h:*", "--match", "s:int:?",
                              "--json").events[-1]
        self.assertFalse(report["proven"])
        self.assertTrue(report["report"]["partial"])
        self.assertTrue(report["report"]["equal"])
        found = {k for k in target.ask("KEYS", "*")}
        self.assertEqual({b"s:int:0"}, {k for k in found if k.startswith(b"s:")})
        self.assertTrue(all(k.startswith((b"h:", b"s:int:")) for k in found))
        self.assertEqual([], target.ask("FUNCTION", "LIST"))
        self.hf("export", "zoo@latest", "--match", "h:*", "--output", self.folder / "part.rdb")
        loaded = self.server("redis7")
        loaded.load(self.folder / "part.rdb")
        self.assertTrue(all(k.startswith(b"h:") for k in loaded.ask("KEYS", "*")))

    def test_another_database(self):
        target = self.server("redis7")
        self.restore("zoo@latest", target.url(7), expect=USAGE, says="databases")
        self.restore("zoo@latest", target.url(7), "--database", "3")
        self.assertEqual(b"1", target.ask("GET", "db3:1", database=7))
        self.assertEqual(0, target.ask("DBSIZE", database=3))
        self.restore("zoo@latest", target.url(8), "--database", "4", expect=FAILED, says="database 4")
        self.restore("zoo@latest", target.url(99), "--database", "3", expect=FAILED, says="out of range")

    def test_not_empty(self):
        target = self.server("redis7")
        with target.client() as client:
            client("SET", "s:text", "other")
            client("SET", "mine", "stays")
        self.restore("zoo@latest", target.url(), expect=FAILED, says=["holds 2 keys", "--replace"])
        self.assertEqual(2, target.keys())
        self.restore("zoo@latest", target.url(), "--replace")
        self.assertEqual(b"short", target.ask("GET", "s:text"))
        self.assertEqual(b"stays", target.ask("GET", "mine"))

    def test_replica_refused(self):
        master = self.server("redis7")
        replica = self.server("redis7", f"replicaof 127.0.0.1 {master.port}")
        self.restore("zoo@latest", replica.url(), expect=FAILED, says="replica")

    def test_too_small(self):
        target = self.server("redis7", "maxmemory 1mb")
        self.restore("zoo@latest", target.url(), expect=FAILED, says="maxmemory")
        self.assertEqual(0, target.keys())

    def test_expired_meanwhile(self):
        with self.source.client() as client:
            client.many(("SET", f"soon:{i}", i, "PX", 100) for i in range(20))
        self.backup(self.source.url(), "--name", "zoo")
        while self.source.ask("EXISTS", "soon:19"):
            pass
        target = self.server("redis7")
        report = self.restore("zoo@latest", target.url(), "--json").events[-1]["report"]
        self.assertTrue(report["equal"])
        self.assertEqual(0, target.ask("EXISTS", *(f"soon:{i}" for i in range(20))))


class Versions(TestCase):
    def test_old_target_refused(self):
        """Fields with expiry are for servers that know them; without such, older ones take a dump."""
        for name, expected in (("redis8", FAILED), ("valkey9", FAILED)):
            with self.subTest(name=name):
                source, target = self.server(name), self.server("redis7")
                with source.client() as client:
                    client("SET", "plain", "x")
                self.init(self.folder / name)
                self.backup(source.url(), "--name", "plain", repo=self.folder / name)
                self.restore("plain@latest", target.url(), repo=self.folder / name)
                with source.client() as client:
                    client("HSET", "h", "f", "v", "g", "w")
                    client("HEXPIRE", "h", 1000, "FIELDS", 1, "f")
                self.backup(source.url(), "--name", "fields", repo=self.folder / name)
                with target.client() as client:
                    client("FLUSHALL")
                self.restore("fields@latest", target.url(), expect=expected,
                             says=["does not take", "RDB version"], repo=self.folder / name)
                self.assertEqual(0, target.keys())

    def test_across(self):
        """A dump of one kind into the other."""
        source = self.filled("valkey8", many=100)
        self.init()
        self.backup(source.url(), "--name", "zoo")
        for name in ("redis8", "valkey9"):
            target = self.server(name)
            report = self.restore("zoo@latest", target.url(), "--json").events[-1]
            self.assertTrue(report["report"]["equal"], name)


class Ways(TestCase):
    def test_unix_socket(self):
        source = self.server("redis7")
        source.ask("SET", "k", "v")
        self.init()
        self.backup(f"unix://{source.folder}/socket", "--name", "s")
        target = self.server("redis7")
        self.restore("s@latest", f"unix://{target.folder}/socket?db=5")
        self.assertEqual(b"v", target.ask("GET", "k", database=5))

    def test_tls_and_logins(self):
        script("certificates", self.folder / "tls")
        tls = self.folder / "tls"
        source = self.server("redis7", "tls-port 0", password="secret")
        port = source.port + 1
        source.stop()
        source.settings = (f"tls-port {port}", f"tls-cert-file {tls}/server.pem", f"tls-key-file {tls}/server.key",
                           f"tls-ca-cert-file {tls}/ca.pem", "tls-auth-clients yes", "requirepass secret",
                           "user backup on >pw ~* +@all")
        source.start()
        source.ask("SET", "k", "v")
        self.init()
        client = f"tls_cert={tls}/client.pem&tls_key={tls}/client.key"
        at = f"127.0.0.1:{port}"
        self.backup(f"rediss://backup:pw@{at}?tls_ca={tls}/ca.pem&{client}", "--name", "s")
        self.backup(f"rediss://{at}?tls_ca={tls}/ca.pem&{client}", "--name", "s", env={"REDISCLI_AUTH": "secret"})
        refused = [(f"rediss://:secret@{at}?{client}", "not trusted"),
                   (f"rediss://:secret@{at}?tls_ca={tls}/ca.pem&tls_name=other.example&{client}", "not trusted"),
                   (f"rediss://:wrong@{at}?tls_ca={tls}/ca.pem&{client}", "WRONGPASS"),
                   (f"rediss://{at}?tls_ca={tls}/ca.pem&{client}", "NOAUTH"),
                   (f"rediss://:secret@{at}?tls_ca={tls}/ca.pem", "connection was lost|handshake"),
                   (f"rediss://:secret@{at}?tls_ca={tls}/none.pem&{client}", "none.pem")]
        for url, text in refused:
            result = self.backup(url, "--name", "s", expect=None)
            self.assertNotEqual(DONE, result.code, url)
            self.assertRegex(result.said, text)
            self.assertNotIn("secret", result.said.replace(url, ""))

    def test_configuration(self):
        source = self.filled("redis7", "requirepass secret", many=100, limit=5000, password="secret")
        self.init()
        self.secret("password", "secret")
        config = self.folder / "holdfast.yaml"
        config.write_text(json.dumps({
            "repositories": {"r": {"path": str(self.repo), "identity_file": str(self.base / "identity")}},
            "sources": {"cache": {"redis": {"host": "127.0.0.1", "port": source.port, "password_file": "password",
                                            "read": "replica", "order_memory": "16MiB"}}},
            "jobs": {"j": {"sources": ["cache"], "repositories": ["r"]}}}))
        self.hf("config", "check", "--config", config, repo=False)
        self.hf("doctor", "--config", config, repo=False, says="as a replica does")
        self.hf("backup", "--config", config, repo=False)
        self.hf("show", "cache@latest", "--config", config, repo=False, says=["DATABASE", "LARGEST", "zoo"])
        keys = source.keys()
        source.ask("FLUSHALL")
        source.ask("FUNCTION", "FLUSH")
        self.hf("restore", "cache@latest", "--to", "same", "--config", config, repo=False, says="proven")
        self.assertEqual(keys, source.keys())
        self.hf("restore", "cache@latest", "--to", "9", "--database", "3", "--config", config, repo=False)
        for wrong, text in (({"host": "a", "url": "redis://b"}, "only one"), ({}, "one is missing"),
                            ({"host": "a", "read": "dump"}, "auto, replica, scan"),
                            ({"sentinels": ["a"]}, "master"), ({"hots": "a"}, "hots")):
            broken = json.loads(config.read_text())
            broken["sources"]["cache"]["redis"] = wrong
            (self.folder / "broken.yaml").write_text(json.dumps(broken))
            self.hf("config", "check", "--config", self.folder / "broken.yaml", repo=False, expect=USAGE, says=text)


class Stable(TestCase):
    def test_keys_are_held_in_the_memory_that_a_backup_may_use(self):
        source = self.filled("redis7", many=100, limit=5000)
        self.init()
        config = self.folder / "holdfast.yaml"
        for memory, order, says in (("256MiB", "128MiB", None), ("256MiB", "1GiB", "would hold 1.0 GiB.*raise memory"),
                                    ("128MiB", "64MiB", "raise memory"), ("2GiB", "1GiB", None)):
            config.write_text(json.dumps({"memory": memory, "sources": {
                "cache": {"redis": {"url": source.url(), "order_memory": order}}}}))
            result = self.hf("backup", "cache", "--config", config, says=says or "")
            self.assertEqual(says is None, "warning" not in result.err, result)

    def test_order_survives_a_restart(self):
        """The same keys make the same bytes, though the server sends them in another order."""
        source = self.filled("redis7", many=20000)
        self.init()
        first = self.backup(source.url(), "--name", "zoo", "--json").events[-1]
        source.save()
        source.stop()
        source.start()
        second = self.backup(source.url(), "--name", "zoo", "--json").events[-1]
        self.assertLess(second["new_bytes"], first["new_bytes"] / 4)


if __name__ == "__main__":
    harness.main()
