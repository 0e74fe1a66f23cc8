#!/usr/bin/python3
"""Who can do what: writers, readers, recipients, generations."""

import harness
from harness import DAMAGED, FAILED, USAGE, TestCase


class Keys(TestCase):
    def setUp(self):
        super().setUp()
        self.init()
        if "app" not in self.server.databases():
            self.server.create("app")
            self.server.psql("app", "CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 5000) i")
        self.backup(self.server.url("app"))

    def keys(self, **options):
        return [e for e in self.hf("key", "list", "--json", **options).events if e["event"] == "key"]

    def recipient(self, name):
        """A new identity file and its public half."""
        result = self.hf("key", "identity", "--output", self.folder / name, "--json", repo=False)
        return self.folder / name, result.events[-1]["recipient"]

    def with_identity(self, path):
        return {"repo": False, "key": False}, ["--repository", self.repo, "--identity-file", path]

    def test_writer_adds_but_cannot_read(self):
        writer = self.secret("writer", "only for adding")
        self.hf("key", "add", "--writer", "--label", "web1", "--new-passphrase-file", writer)
        before = self.stored()
        self.backup(self.server.url("app"), key=writer)
        self.assertLess(self.stored() - before, 64 * 1024, "a writer deduplicates")
        self.assertEqual(2, len(self.snapshots(key=writer)))
        self.hf("show", "app@latest", key=writer)
        self.hf("check", key=writer)
        for command in (["restore", "app@latest", "--to", self.server.url("x")],
                        ["export", "app@latest"], ["check", "--read-data"],
                        ["key", "add", "--new-passphrase-file", writer], ["key", "rotate"]):
            result = self.hf(*command, key=writer, expect=FAILED, says="reader")
            self.assertNotIn("e4da3b7f", result.out, "md5 of 5: data")
        self.assertNotIn("x", self.server.databases())
        self.restore("app@latest", self.server.url("back"))
        self.addCleanup(self.server.drop, "back")

    def test_what_a_writer_stores_alone_a_reader_restores(self):
        writer = self.secret("writer", "only for adding")
        self.hf("key", "add", "--writer", "--new-passphrase-file", writer)
        self.server.psql("app", "INSERT INTO t SELECT i, 'new' FROM generate_series(5001, 6000) i")
        self.backup(self.server.url("app"), key=writer)
        self.restore("app@latest", self.server.url("back"))
        self.addCleanup(self.server.drop, "back")
        self.assert_same_database(self.server, "app", self.server, "back")

    def test_recipient(self):
        identity, recipient = self.recipient("me")
        self.assertRegex(recipient, r"^holdfast-recipient-1\w+")
        self.hf("key", "add", "--recipient", recipient, "--label", "offline")
        options, arguments = self.with_identity(identity)
        self.hf("restore", "app@latest", "--to", self.server.url("back"), *arguments, **options)
        self.server.drop("back")
        kinds = {(k["label"], k["kind"], k["role"]) for k in self.keys()}
        self.assertIn(("offline", "recipient", "reader"), kinds)
        self.assertEqual(0o600, identity.stat().st_mode & 0o777)
        self.hf("key", "add", "--recipient", recipient[:-4] + "aaaa", expect=USAGE, says="recipient")
        self.hf("key", "identity", "--output", identity, repo=False, expect=FAILED, says="exists")

    def test_rotate(self):
        writer = self.secret("writer", "w")
        self.hf("key", "add", "--writer", "--new-passphrase-file", writer)
        result = self.hf("key", "rotate", "--json")
        self.assertEqual(2, result.events[-1]["generation"])
        self.server.psql("app", "INSERT INTO t SELECT i, 'after' FROM generate_series(7001, 7100) i")
        before = self.stored()
        self.backup(self.server.url("app"), key=writer)
        self.assertLess(self.stored() - before, 600 * 1024, "ids, and so dedup, outlive a rotation")
        for snapshot in self.snapshots():
            self.restore(snapshot["id"], self.server.url("back"))
            self.server.drop("back")
        self.hf("check", "--read-data")

    def test_remove(self):
        writer = self.secret("writer", "w")
        self.hf("key", "add", "--writer", "--label", "gone", "--new-passphrase-file", writer)
        key = next(k["id"] for k in self.keys() if k["label"] == "gone")
        self.hf("key", "remove", key[:8])
        self.hf("list", key=writer, expect=FAILED, says="passphrase|key")
        readers = [k["id"] for k in self.keys() if k["role"] == "reader"]
        own = next(k["id"] for k in self.keys() if k["current"])
        for key in readers:
            if key != own:
                self.hf("key", "remove", key)
        self.hf("key", "remove", own, expect=USAGE, says="last")
        self.hf("key", "remove", "0000", expect=FAILED, says="0000")
        self.assertEqual(1, len(self.keys()))

    def test_wrong_passphrase(self):
        wrong = self.secret("wrong", "not the passphrase")
        for command in (["list"], ["backup", self.server.url("app")],
                        ["restore", "app@latest", "--to", self.server.url("x")]):
            result = self.hf(*command, key=wrong, expect=FAILED, says="passphrase")
            self.assertNotIn("not the passphrase", result.said)
        self.assertEqual(1, len(self.snapshots()))
        self.hf("list", key=self.passphrase)

    def test_export_and_put_back(self):
        key = next(k["id"] for k in self.keys() if k["kind"] == "passphrase")
        self.hf("key", "export", key, "--output", self.folder / "record")
        (self.repo / "keys" / key).unlink()
        self.hf("list", key=self.passphrase, expect=FAILED)
        (self.repo / "keys" / key).write_bytes((self.folder / "record").read_bytes())
        self.hf("list", key=self.passphrase)

    def test_key_record_of_somebody_else_is_not_trusted(self):
        """Who can only write to the store puts the record of a repository of his own there."""
        theirs = self.secret("theirs", "attacker")
        self.hf("init", repo=self.folder / "evil", key=theirs)
        for record in (self.folder / "evil/keys").iterdir():
            (self.repo / "keys" / record.name).write_bytes(record.read_bytes())
        self.hf("list", key=theirs, expect=None)
        self.hf("key", "rotate")
        self.backup(self.server.url("app"))
        result = self.hf("restore", "app@latest", "--to", self.server.url("x"), key=theirs, expect=None)
        self.assertNotEqual(0, result.code)
        self.restore("app@latest", self.server.url("back"))
        self.server.drop("back")

    def test_fingerprint(self):
        second = self.place("second")
        made = self.hf("init", "--json", repo=second, key=self.passphrase).events[-1]
        self.hf("list", "--fingerprint", made["fingerprint"], repo=second, key=self.passphrase)
        self.hf("list", "--fingerprint", made["fingerprint"], expect=FAILED, says="fingerprint")

    def test_aes_cipher(self):
        repo = self.place("aes")
        self.hf("init", "--cipher", "aes-256-gcm", repo=repo, key=self.passphrase)
        self.backup(self.server.url("app"), repo=repo, key=self.passphrase)
        self.restore("app@latest", self.server.url("back"), repo=repo, key=self.passphrase)
        self.server.drop("back")
        self.hf("check", "--read-data", repo=repo, key=self.passphrase)


if __name__ == "__main__":
    harness.main()
