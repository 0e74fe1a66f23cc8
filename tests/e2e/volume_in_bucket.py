"""What tests of a bucket on a real server share: a small volume that is backed up into a repository of
its own there, and restored. HOLDFAST_TEST_S3 names the server's settings (tests/servers/)."""
import os
import random
import sys
import uuid
from pathlib import Path

import harness  # and with it the path of tests/support
import trees
from harness import BucketPath, TestCase, remove_tree, s3

SETTINGS = Path(os.environ.get("HOLDFAST_TEST_S3", "/nowhere"))
if not SETTINGS.exists():
    print(f"skipped: no server ({SETTINGS})")
    sys.exit(77)


class VolumeInBucket(TestCase):
    SERVERS = {}

    def setUp(self):
        super().setUp()
        self.settings = s3.read_settings(SETTINGS)
        self.client = s3.Client(self.settings)
        self.place = BucketPath(self.client, f"volume-{uuid.uuid4()}")
        self.addCleanup(remove_tree, self.place)
        self.secret("secret", self.settings["secret_key"])
        self.volume = self.folder / "volume"
        self.volume.mkdir()
        for number in range(3):
            (self.volume / f"file {number}").write_bytes(random.Random(number).randbytes(200_000))

    def configure(self, endpoint="endpoint", **more):
        """more: further keys of `s3:`, as YAML."""
        more = "".join(f", {k}: {v}" for k, v in more.items())
        (self.folder / "holdfast.yaml").write_text(f"""repositories:
  r:
    identity_file: {self.folder / "identity"}
    s3: {{endpoint: '{self.settings[endpoint]}', region: {self.settings["region"]}, bucket: {self.client.bucket},
         prefix: {self.place.key}, access_key: {self.settings["access_key"]}, secret_key_file: secret{more}}}
sources:
  vol: {{volume: {{path: '{self.volume}'}}}}
""")

    def say(self, *arguments, **options):
        return self.hf(*arguments, repo=False, **options)

    def init_here(self):
        """By the program, as it is configured; the identity opens it from then on."""
        made = self.say("key", "identity", "--output", self.folder / "identity")
        result = self.say("init", "--repository", "r", "--passphrase-file", self.passphrase)
        self.say("key", "add", "--repository", "r", "--passphrase-file", self.passphrase,
                 "--recipient", made.out.strip().split()[-1])
        return result

    def there_and_back(self):
        self.say("backup", "vol")
        self.say("check", "--read-data", "--repository", "r")
        to = self.folder / f"back-{uuid.uuid4()}"
        self.say("restore", "vol@latest", "--to", to)
        self.assertEqual([], trees.differences(trees.describe(self.volume), trees.describe(to)))
