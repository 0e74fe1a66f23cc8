#!/usr/bin/python3
"""Redis servers that lie, stall, break off or refuse: an error that says so, soon, and no snapshot."""
import json
import os
import signal
import socket
import struct
import threading
import time

import harness
from harness import BUSY, DAMAGED, DONE, FAILED, UNREACHABLE
from redis_harness import Peer, TestCase, bulk

RESYNC = b"+FULLRESYNC " + b"a" * 40 + b" 17\r\n"
MARK = b"m" * 40


class Faults(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dump = (harness.TOP / "tests/fuzz/seeds/rdb/redis7.rdb").read_bytes()

    def setUp(self):
        super().setUp()
        self.init()

    def attempt(self, answers, expect, says, *arguments, snapshots=0):
        with Peer(answers) as peer:
            result = self.backup(peer.url, "--name", "s", *arguments, expect=expect, says=says, timeout=120)
        self.assertEqual(snapshots, len(self.snapshots()))
        return result

    @staticmethod
    def sends(*parts):
        """Sends it all and closes."""
        def answer(connection):
            for part in parts:
                connection.sendall(part)
        return answer

    def test_whole_transfers(self):
        """What the faults below are measured against."""
        size = b"$%d\r\n" % len(self.dump)
        self.attempt({b"PSYNC": RESYNC + size + self.dump}, 0, (), snapshots=1)
        self.attempt({b"PSYNC": b"\n\n" + RESYNC + b"\n\n\n$EOF:" + MARK + b"\r\n" + self.dump + MARK}, 0, (), snapshots=2)

    def test_slow_transfer(self):
        def slow(connection):
            connection.sendall(RESYNC + b"$EOF:" + MARK + b"\r\n")
            data = self.dump + MARK
            for at in range(0, len(data), 997):
                connection.sendall(data[at:at + 997])
        self.attempt({b"PSYNC": slow}, 0, (), snapshots=1)

    def test_broken_off(self):
        size = b"$%d\r\n" % len(self.dump)
        for head, data in ((size, self.dump[:-100]), (size, b""), (b"$EOF:" + MARK + b"\r\n", self.dump),
                           (b"$EOF:" + MARK + b"\r\n", self.dump[:5000]), (b"", b"")):
            self.attempt({b"PSYNC": self.sends(RESYNC, head, data)}, UNREACHABLE, "closed the connection")

    def test_reset_in_mid_dump(self):
        def reset(connection):
            connection.sendall(RESYNC + b"$EOF:" + MARK + b"\r\n" + self.dump[:5000])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.attempt({b"PSYNC": reset}, UNREACHABLE, "connection was lost|closed the connection")

    def each_stage(self, answers, act, wanted):
        """The server dies at the n-th command, for every n: said, soon, each time."""
        with Peer(answers) as peer:
            act(peer, DONE)
            commands = len(peer.seen)
        self.assertGreaterEqual(commands, wanted)
        for stage in range(commands):
            with Peer(answers) as peer:
                peer.dies_at = stage
                act(peer, UNREACHABLE)

    def test_source_dies_at_each_stage(self):
        size = b"$%d\r\n" % len(self.dump)
        whole = {b"PSYNC": RESYNC + size + self.dump}
        self.each_stage(whole, lambda peer, expect: self.backup(peer.url, "--name", "s", expect=expect), 3)
        self.assertEqual(1, len(self.snapshots()))

    def test_source_that_is_scanned_dies_at_each_stage(self):
        value = self.server("redis7")
        value.ask("SET", "k", "value")
        answers = {b"PSYNC": b"-ERR unknown command 'PSYNC'\r\n", b"SYNC": b"-ERR unknown command 'SYNC'\r\n",
                   b"SELECT": b"+OK\r\n", b"SCAN": b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n", b"PEXPIRETIME": b":-1\r\n",
                   b"DUMP": bulk(value.ask("DUMP", "k")), b"FUNCTION": bulk(value.ask("FUNCTION", "DUMP")),
                   b"INFO": bulk(b"redis_version:7.0.15\r\nrole:master\r\nredis_mode:standalone\r\n"
                                 b"db0:keys=1,expires=0,avg_ttl=0\r\n")}
        self.each_stage(answers, lambda peer, expect: self.backup(peer.url, "--name", "s", expect=expect), 5)
        self.assertEqual(1, self.properties("s@latest")["keys"])
        self.assertEqual(1, len(self.snapshots()))

    def test_older_versions(self):
        """What they say of themselves, and that they know no rdb-only. (None of their servers is here.)"""
        for line in (b"redis_version:6.2.14", b"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:7.2.8"):
            dump = b"REDIS0009" + self.dump[9:]
            dump = dump[:-8] + checksum(dump[:-8]).to_bytes(8, "little")
            self.attempt({b"INFO": bulk(line + b"\r\nrole:master\r\nredis_mode:standalone\r\n"),
                          b"REPLCONF RDB-ONLY": b"-ERR Unrecognized REPLCONF option: rdb-only\r\n",
                          b"PSYNC": RESYNC + b"$%d\r\n" % len(dump) + dump}, 0, (),
                         snapshots=len(self.snapshots()) + 1)
            self.assertIn(line[14:17].decode(), json.dumps(self.properties("s@latest")["server"]))

    def test_huge_length_that_never_comes(self):
        """A string of an exbibyte, of which there is nothing: no memory is made for it."""
        body = b"REDIS0011\x00\x01k\x81\x10" + bytes(7) + b"x" * 100_000
        self.attempt({b"PSYNC": self.sends(RESYNC, b"$EOF:" + MARK + b"\r\n", body)}, UNREACHABLE, "closed")

    def test_lying_length(self):
        for length in (len(self.dump) - 1, len(self.dump) - 9, 3, 0):
            self.attempt({b"PSYNC": self.sends(RESYNC, b"$%d\r\n" % length, self.dump)}, DAMAGED, "ends in its middle")
        self.attempt({b"PSYNC": self.sends(RESYNC, b"$%d\r\n" % (len(self.dump) + 5), self.dump + b"xxxxx")}, DAMAGED,
                     "follow the end")
        self.attempt({b"PSYNC": self.sends(RESYNC, b"$99999999999999999999999\r\n", self.dump)}, None, "")

    def test_wrong_checksum(self):
        wrong = bytearray(self.dump)
        at = wrong.index(b"value 0") + 6
        wrong[at] ^= 1
        self.attempt({b"PSYNC": self.sends(RESYNC, b"$%d\r\n" % len(wrong), bytes(wrong))}, DAMAGED, "checksum")

    def test_no_checksum(self):
        bare = self.dump[:-8] + bytes(8)
        self.attempt({b"PSYNC": RESYNC + b"$%d\r\n" % len(bare) + bare}, 0, "no checksum", snapshots=1)

    def test_no_rdb(self):
        self.attempt({b"PSYNC": self.sends(RESYNC, b"$20\r\n", b"HTTP/1.1 404 no such")}, DAMAGED, "no RDB")
        self.attempt({b"PSYNC": self.sends(b"+CONTINUE\r\n")}, DAMAGED, "no answer to PSYNC")
        self.attempt({b"PSYNC": self.sends(RESYNC, b"*3\r\n")}, DAMAGED, "no answer to PSYNC")
        self.attempt({b"INFO": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, DAMAGED, "no answer of a Redis server")
        self.attempt({b"INFO": b"*2000000000\r\n"}, None, "")

    def test_preamble_without_end(self):
        def flood(connection):
            while True:
                connection.sendall(b"\n" * 4096)
        self.attempt({b"PSYNC": flood}, UNREACHABLE, "keeps us waiting")
        self.attempt({b"PSYNC": self.sends(b"+" + b"x" * 100_000)}, DAMAGED, "does not end")

    def test_silence(self):
        """A server that says nothing more is given up, as configured; a person need not wait for that."""
        answers = {b"PSYNC": lambda connection: connection.recv(1)}
        with Peer(answers) as peer:
            config = self.folder / "c.yaml"
            config.write_text(f"sources: {{s: {{redis: {{url: '{peer.url}', timeout: 1}}}}}}\n")
            self.hf("backup", "s", "--config", config, expect=UNREACHABLE, says="did not answer in time")
            peer.seen.clear()
            process = self.start("backup", peer.url, "--name", "s")
            while [b"PSYNC", b"?", b"-1"] not in peer.seen:
                time.sleep(0.01)
            process.terminate()
            self.finish(process, FAILED, timeout=20)
        self.assertEqual(0, len(self.snapshots()))

    def test_refusals_are_told_apart(self):
        for text, expect, says in ((b"LOADING Redis is loading the dataset in memory", BUSY, "loading"),
                                   (b"BUSY Redis is busy running a script", BUSY, "script"),
                                   (b"MASTERDOWN Link with MASTER is down", UNREACHABLE, "lost its master"),
                                   (b"NOMASTERLINK Can't SYNC while not connected with my master", UNREACHABLE, "master"),
                                   (b"NOREPLICAS Not enough good replicas to write.", UNREACHABLE, "min-replicas"),
                                   (b"ERR max number of clients reached", BUSY, "maxclients")):
            self.attempt({b"PSYNC": b"-" + text + b"\r\n"}, expect, says)
            self.attempt({b"INFO": b"-" + text + b"\r\n"}, expect, says)
        config = self.folder / "c.yaml"
        for text, says in ((b"NOPERM this user has no permissions", "ACL"), (b"MISCONF Redis is configured to save", "disk"),
                           (b"ERR unknown command 'PSYNC'", "does not have that command")):
            with Peer({b"PSYNC": b"-" + text + b"\r\n"}) as peer:
                config.write_text(f"sources: {{s: {{redis: {{url: '{peer.url}', read: replica}}}}}}\n")
                self.hf("backup", "s", "--config", config, expect=FAILED, says=says)

    def test_unknown_type(self):
        """Kept as it is, said, and brought back by a file; a server is not given half of it."""
        body = b"REDIS0012\xfe\x03\x00\x01k\x01v\xfc" + bytes(8) + b"\x63\x03new" + b"whatever it is" * 9 + b"\xff"
        dump = body + checksum(body).to_bytes(8, "little")
        self.attempt({b"PSYNC": RESYNC + b"$%d\r\n" % len(dump) + dump}, 0, "does not know", snapshots=1)
        shown = self.properties("s@latest")
        self.assertEqual(1, shown["keys"])
        self.assertEqual(9 + 5 + 14 * 9, shown["shards"][0]["not_understood"])
        self.restore("s@latest", self.server("redis7").url(), expect=FAILED, says=".rdb file")
        self.hf("export", "s@latest", "--output", self.folder / "x.rdb")
        out = (self.folder / "x.rdb").read_bytes()
        self.assertIn(b"\x63\x03new" + b"whatever it is" * 9 + b"\xff", out)
        self.assertEqual(checksum(out[:-8]).to_bytes(8, "little"), out[-8:])

    def test_source_killed(self):
        """A real server that dies in the middle of its dump."""
        source = self.filled("redis7", "rdb-key-save-delay 2000", many=3000)
        process = self.start("backup", source.url(), "--name", "s")
        while not int(dict(line.split(":", 1) for line in source.ask("INFO", "persistence").decode().split("\r\n")
                           if ":" in line)["rdb_bgsave_in_progress"]):
            time.sleep(0.02)
        threading.Thread(target=source.stop).start()
        self.finish(process, UNREACHABLE, timeout=60)
        self.assertEqual(0, len(self.snapshots()))

    def test_target_breaks_off(self):
        """In the middle of a restore: said to be incomplete."""
        source = self.filled("redis7", many=100, limit=5000)
        self.backup(source.url(), "--name", "s")
        now = b"*2\r\n" + bulk(b"%d" % time.time()) + bulk(b"5")
        with Peer({b"RESTORE HOLDFAST:PROBE": b"+OK\r\n", b"SELECT": b"+OK\r\n", b"DBSIZE": b":0\r\n", b"TIME": now,
                   b"FUNCTION": b"+OK\r\n", b"RESTORE": lambda connection: None}) as peer:
            self.restore("s@latest", peer.url, expect=UNREACHABLE, says="not complete")

    def target_answers(self, source):
        """Of an empty server that takes everything, and has the source's keys when it is read back."""
        now = b"*2\r\n" + bulk(b"%d" % time.time()) + bulk(b"5")
        return {b"RESTORE": b"+OK\r\n", b"SELECT": b"+OK\r\n", b"DBSIZE": b":0\r\n", b"TIME": now,
                b"FUNCTION": b"+OK\r\n", b"PEXPIRETIME": b":-1\r\n", b"DUMP": bulk(source.ask("DUMP", "k"))}

    def one_key(self):
        source = self.server("redis7")
        source.ask("SET", "k", "value")
        self.backup(source.url(), "--name", "s")
        return source

    def test_target_dies_at_each_stage(self):
        source = self.one_key()
        self.each_stage(self.target_answers(source),
                        lambda peer, expect: self.restore("s@latest", peer.url, expect=expect), 5)

    def test_target_that_is_full(self):
        """Refused by the server in the middle, with what is to be done."""
        source = self.one_key()
        full = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
        answers = self.target_answers(source)
        with Peer({**answers, b"RESTORE": full, b"RESTORE HOLDFAST:PROBE": b"+OK\r\n"}) as peer:
            self.restore("s@latest", peer.url, expect=FAILED, says=["raise maxmemory", "not complete"])

    def test_target_that_becomes_full(self):
        """A real one, whose limit is lowered while it is filled."""
        source = self.filled("redis7", many=20000, limit=5000)
        self.backup(source.url(), "--name", "s")
        target = self.server("redis7", "maxmemory 1gb", "maxmemory-policy noeviction")
        process = self.start("restore", "s@latest", "--to", target.url())
        with target.client() as client:
            while not int(client("DBSIZE")):
                self.assertIsNone(process.poll(), "it was too fast")
            client("CONFIG", "SET", "maxmemory", "1")
        result = self.finish(process, FAILED)
        self.assertRegex(result.said, "raise maxmemory")
        target.ask("CONFIG", "SET", "maxmemory", "0")
        self.restore("s@latest", target.url(), "--replace", says="proven")

    def test_target_that_is_killed(self):
        source = self.filled("redis7", many=20000, limit=5000)
        self.backup(source.url(), "--name", "s")
        target = self.server("redis7")
        process = self.start("restore", "s@latest", "--to", target.url())
        with target.client() as client:
            while not int(client("DBSIZE")):
                self.assertIsNone(process.poll(), "it was too fast")
        os.kill(int((target.folder / "run/server.pid").read_text().split()[0]), signal.SIGKILL)
        self.assertRegex(self.finish(process, UNREACHABLE).said, "not complete|connection|refused")

    def test_target_that_stops_answering(self):
        source = self.one_key()
        for silent in (b"RESTORE", b"DUMP", b"SELECT", b"DBSIZE"):
            answers = {**self.target_answers(source), silent: lambda connection: connection.recv(1)}
            answers.setdefault(b"RESTORE HOLDFAST:PROBE", b"+OK\r\n")
            with Peer(answers) as peer:
                config = self.folder / "c.yaml"
                config.write_text(f"sources: {{s: {{redis: {{url: '{peer.url}', timeout: 1}}}}}}\n")
                self.hf("restore", "s@latest", "--to", "same", "--config", config, expect=UNREACHABLE,
                        says="did not answer in time")

    def test_target_has_other_content(self):
        """What is read back is compared, key by key, and named."""
        source = self.filled("redis7", many=100, limit=5000)
        self.backup(source.url(), "--name", "s")
        answers = {b"SELECT": b"+OK\r\n", b"DBSIZE": b":0\r\n", b"FUNCTION": b"+OK\r\n", b"RESTORE": b"+OK\r\n",
                   b"TIME": b"*2\r\n" + bulk(b"%d" % time.time()) + bulk(b"5"), b"PEXPIRETIME": b":-1\r\n",
                   b"DUMP": bulk(dump_of_another(self.server("redis7"))), b"DUMP S:TEXT": b"$-1\r\n"}
        with Peer(answers) as peer:
            result = self.restore("s@latest", peer.url, "--json", expect=DAMAGED)
        report = next(e["report"] for e in result.events if e["event"] == "restore")
        found = {(d["what"], d["name"]): d for d in report["differences"]}
        self.assertIsNone(found["key", "0:s:text"]["found"])
        self.assertIn(("value", "0:h:small"), found)
        self.assertIn(("expiry", "0:e:0"), found)


def dump_of_another(server):
    server.ask("SET", "x", "something else")
    return server.ask("DUMP", "x")


def checksum(data):
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
        table.append(crc)
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc


if __name__ == "__main__":
    harness.main()
