#!/usr/bin/python3
"""How objects rest in a bucket of a real server: encrypted there, of a storage class, with tags; and
what is said where the server does not do that."""
import os
import subprocess

import harness
from harness import BUILD, FAILED
from volume_in_bucket import SETTINGS, VolumeInBucket, s3

TAGS = {"team": "a b&c", "what": "backups"}
MADE_OF_TAGS = "{" + ", ".join(f"{k}: '{v}'" for k, v in TAGS.items()) + "}"


class Objects(VolumeInBucket):
    def kms(self):
        if "kms_key" not in self.settings:
            self.skipTest("the server has no keys")
        return {"sse": "'aws:kms'", "sse_kms_key_id": self.settings["kms_key"]}

    def tags(self, key):
        found = s3.parse_xml(self.client.must("GET", key, "tagging=")[2])
        return {tag.find("Key").text: tag.find("Value").text for tag in found.iter("Tag")}

    def assert_encrypted(self, key, head):
        self.assertEqual(("aws:kms", self.settings["kms_key"]),
                         (head.get("x-amz-server-side-encryption"),
                          head.get("x-amz-server-side-encryption-aws-kms-key-id")), key)

    def test_encryption_class_and_tags(self):
        self.configure(**self.kms(), storage_class=self.settings["cold_class"], tags=MADE_OF_TAGS)
        self.init_here()
        self.there_and_back()
        keys = self.client.keys(self.place.key + "/")
        self.assertTrue({"packs", "index", "snapshots", "keys", "holdfast"} <=
                        {k.removeprefix(self.place.key + "/").split("/")[0] for k in keys}, keys)
        for key in keys:
            head = self.client.stat(key)
            self.assert_encrypted(key, head)
            self.assertEqual(self.settings["cold_class"] if "/packs/" in key else None,
                             head.get("x-amz-storage-class"), key)
            self.assertEqual(TAGS, self.tags(key), key)
        self.say("doctor", "--repository", "r", says="says that it encrypts")

    def test_parts_too(self):
        """Encryption and class are said when the upload begins; so are tags, which Ceph 16 then forgets."""
        data, key = os.urandom((5 << 20) + 1000), "packs/ab/large"
        (self.folder / "data").write_bytes(data)
        options = [f"prefix={self.place.key}", f"part_size={5 << 20}", "use=kms", "use=cold"]
        made = subprocess.run([BUILD / "tests/store_calls", SETTINGS, *options],
                              input=f"put {key} {self.folder / 'data'} create\n", capture_output=True, text=True)
        self.assertEqual(2, made.stdout.count('"status":"done"'), made)
        key = f"{self.place.key}/{key}"
        head = self.client.stat(key)
        self.assert_encrypted(key, head)
        self.assertEqual(self.settings["cold_class"], head["x-amz-storage-class"])
        self.assertEqual(data, self.client.get(key))

    def test_encryption_that_is_ignored_is_said(self):
        """Ceph 16 takes AES256 and encrypts nothing."""
        self.configure(sse="AES256")
        self.init_here()
        self.assertIsNone(self.client.stat(f"{self.place.key}/holdfast").get("x-amz-server-side-encryption"))
        found = self.say("backup", "vol", says="does not say that it encrypted")
        self.assertEqual(1, found.said.count("does not say that it encrypted"), "once")
        self.say("doctor", "--repository", "r", expect=None, says="does not say that it encrypts them")

    def test_prune_counts_what_is_locked(self):
        """Packs that nothing needs are not deletable yet where they are locked, which is no failure."""
        self.client.bucket = self.settings["locked_bucket"]
        self.configure(lock="{mode: governance, days: 1}")
        self.init_here()
        self.say("backup", "vol")
        for file in self.volume.iterdir():
            file.write_bytes(os.urandom(200_000))
        self.say("backup", "vol")
        self.say("prune", "vol", "--keep", "last=1", "--grace", "0")
        self.say("prune", "vol", "--keep", "last=1", "--grace", "0", says="locked in the store")
        self.say("check", "--read-data", "--repository", "r")

    def test_what_the_server_does_not_have(self):
        self.configure()
        self.init_here()
        self.configure(**{**self.kms(), "sse_kms_key_id": "another"})
        self.say("backup", "vol", expect=None, says="does the server know the KMS key")
        self.configure(storage_class="FROZEN")
        self.say("backup", "vol", expect=None, says="does the server have the storage class")
        self.assertEqual([], self.client.keys(f"{self.place.key}/packs/"))


if __name__ == "__main__":
    harness.main()
