#!/usr/bin/python3
"""The oldest and the newest supported server, and from one to the next."""
import harness
from harness import UNREACHABLE, TestCase


class Versions(TestCase):
    SERVERS = {"old": {"version": 13}, "middle": {"version": 15}, "new": {"version": 18}}

    def carry(self, source, target):
        source.drop("zoo")
        source.zoo()
        self.init()
        path = {"PATH": f"{target.clients}:{source.clients}:/usr/bin:/bin"}
        self.backup(source.url("zoo"), "--split", "1MiB", env=path)
        name = f"from_{source.version}"
        self.restore("zoo@latest", target.url(name), env=path)
        self.addCleanup(target.drop, name)
        # A newer server words the same views and types differently: then only the rows can agree.
        options = [] if source.version == target.version else ["--data-only"]
        self.assert_same_database(source, "zoo", target, name, *options)

    def test_13_to_13(self):
        self.carry(self.old, self.old)

    def test_13_to_15(self):
        self.carry(self.old, self.middle)

    def test_13_to_18(self):
        self.carry(self.old, self.new)

    def test_15_to_18(self):
        self.carry(self.middle, self.new)

    def test_18_to_18(self):
        self.carry(self.new, self.new)

    def test_an_older_server_is_refused_before_anything_is_made(self):
        self.new.create("modern")
        self.addCleanup(self.new.drop, "modern")
        self.new.psql("modern", "CREATE TABLE t AS SELECT 1 AS a")
        self.init()
        path = {"PATH": f"{self.new.clients}:/usr/bin:/bin"}
        self.backup(self.new.url("modern"), env=path)
        before = self.middle.databases()
        self.hf("restore", "modern@latest", "--to", self.middle.url("modern"), env=path,
                expect=UNREACHABLE, says=["PostgreSQL 15", "older", "18"])
        self.assertEqual(before, self.middle.databases())

    def test_pg_dump_older_than_the_server(self):
        self.new.create("modern2")
        self.addCleanup(self.new.drop, "modern2")
        self.init()
        self.hf("backup", self.new.url("modern2"), "--bin-dir", self.middle.clients,
                expect=UNREACHABLE, says=["pg_dump", "18", "postgresql-client-18"])
        self.assertEqual([], self.snapshots())

    def test_newest_pg_dump_is_chosen_by_itself(self):
        """With both in PATH, the one that fits the server; never an older one."""
        self.new.create("modern3")
        self.addCleanup(self.new.drop, "modern3")
        self.init()
        self.backup(self.new.url("modern3"),
                    env={"PATH": f"{self.middle.clients}:{self.new.clients}:/usr/bin:/bin"})
        shown = self.hf("show", "latest", "--json").events[-1]
        self.assertRegex(shown["properties"]["pg_dump"], "^18")


if __name__ == "__main__":
    harness.main()
