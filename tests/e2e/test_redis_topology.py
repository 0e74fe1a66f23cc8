#!/usr/bin/python3
"""Sentinels, and clusters: found, backed up whole, refused while they change, restored."""
import subprocess
import time

import harness
from harness import BUSY, FAILED, USAGE
from redis_harness import TestCase


def wait(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError("that did not come about")
        time.sleep(0.05)


class Sentinels(TestCase):
    def test_master_and_replica(self):
        master = self.server("redis7")
        replica = self.server("redis7", f"replicaof 127.0.0.1 {master.port}", "repl-diskless-load disabled")
        sentinel = self.server("redis7")
        master.ask("SET", "k", "v")
        sentinel.stop()
        sentinel.settings = ("sentinel monitor mymaster 127.0.0.1 %d 1" % master.port,)
        self.as_sentinel(sentinel)
        wait(lambda: b"master_link_status:up" in replica.ask("INFO", "replication"))
        wait(lambda: sentinel.ask("SENTINEL", "REPLICAS", "mymaster"))
        self.init()
        url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/mymaster"
        self.backup(url)
        self.assertIn(str(master.port), self.properties("mymaster@latest")["shards"][0]["address"])
        wait(lambda: self.link(sentinel) == b"ok")
        self.backup(url + "?from_replica=yes")
        shown = self.properties("mymaster@latest")
        self.assertIn(str(replica.port), shown["shards"][0]["address"])
        self.assertEqual("replica", shown["server"]["role"])
        self.backup(f"redis+sentinel://127.0.0.1:{sentinel.port}/other", expect=FAILED, says="no master")
        self.backup(sentinel.url(), expect=None, says="sentinel")
        master.ask("DEL", "k")
        self.restore("mymaster@latest", url, says="proven")
        self.assertEqual(b"v", master.ask("GET", "k"))

    @staticmethod
    def link(sentinel):
        replicas = sentinel.ask("SENTINEL", "REPLICAS", "mymaster")
        return dict(zip(replicas[0][::2], replicas[0][1::2]))[b"master-link-status"]

    def as_sentinel(self, server):
        """The server's program in its other role, on the same port."""
        conf = server.folder / "sentinel.conf"
        conf.write_text(f"port {server.port}\nbind 127.0.0.1\ndir {server.folder}\n" + "\n".join(server.settings) + "\n")
        process = subprocess.Popen(["/usr/bin/redis-server", conf, "--sentinel"], stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def answers():
            try:
                return server.ask("PING") == "PONG"
            except OSError:
                return False
        wait(answers)


class Clusters(TestCase):
    def cluster(self, name="redis7", nodes=3):
        made = [self.server(name, "cluster-enabled yes", "cluster-node-timeout 5000") for _ in range(nodes)]
        step = 16384 // nodes
        for i, node in enumerate(made):
            last = 16383 if i == nodes - 1 else (i + 1) * step - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", i * step, last)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for node in made[1:]:
            node.ask("CLUSTER", "MEET", "127.0.0.1", made[0].port)
        wait(lambda: all(b"cluster_state:ok" in n.ask("CLUSTER", "INFO") and
                         n.ask("CLUSTER", "NODES").count(b"\n") == nodes for n in made))
        return made

    def url(self, nodes):
        return "redis+cluster://" + ",".join(f"127.0.0.1:{n.port}" for n in nodes)

    def fill(self, nodes, count=500):
        for i in range(count):
            for node in nodes:
                try:
                    node.ask("SET", f"key:{i}", f"value {i}")
                    break
                except Exception as error:
                    if not str(error).startswith("MOVED"):
                        raise

    def test_round_trip(self):
        source = self.cluster()
        self.fill(source)
        self.init()
        self.backup(self.url(source), "--name", "c")
        shown = self.properties("c@latest")
        self.assertEqual(500, shown["keys"])
        self.assertEqual([[[0, 5460]], [[5461, 10921]], [[10922, 16383]]], [s["slots"] for s in shown["shards"]])
        self.backup(source[0].url(), expect=USAGE, says="as a cluster")

        target = self.cluster(nodes=2)
        self.restore("c@latest", self.url(target[:1]), says="proven")
        self.assertEqual(500, sum(n.ask("DBSIZE") for n in target))
        single = self.server("redis7")
        self.restore("c@latest", single.url(), says="proven")
        self.hf("export", "c@latest", "--output", self.folder / "all.rdb")
        loaded = self.server("redis7")
        loaded.load(self.folder / "all.rdb")
        self.assertEqual(500, loaded.keys())

    def test_refused_while_slots_migrate(self):
        nodes = self.cluster()
        self.fill(nodes, 50)
        self.init()
        ids = [n.ask("CLUSTER", "MYID").decode() for n in nodes]
        nodes[1].ask("CLUSTER", "SETSLOT", 100, "IMPORTING", ids[0])
        nodes[0].ask("CLUSTER", "SETSLOT", 100, "MIGRATING", ids[1])
        self.backup(self.url(nodes[2:]), "--name", "c", expect=BUSY, says="migrating")
        self.assertEqual([], self.snapshots())
        for node in nodes[:2]:
            node.ask("CLUSTER", "SETSLOT", 100, "STABLE")
        self.backup(self.url(nodes[2:]), "--name", "c")


if __name__ == "__main__":
    harness.main()
