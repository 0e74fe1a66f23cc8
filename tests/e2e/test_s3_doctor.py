#!/usr/bin/python3
"""What is said of a bucket: mistakes in the configuration, doctor's findings, init."""
import json
import sys
import time

import harness
from harness import DONE, FAILED, TOP, UNREACHABLE, USAGE, TestCase

sys.path.insert(0, str(TOP / "tests/support"))
from s3_memory import Memory, Object  # noqa: E402
from s3_peer import Peer, answer_with  # noqa: E402

KEYS = "access_key: AKIATESTTESTTESTTEST, secret_key_file: secret"


class Bucket(TestCase):
    SERVERS = {}

    def serve(self, made=False, **memory):
        """made: there is a repository, as init makes it."""
        peer = Peer(Memory(**memory))
        peer.__enter__()
        self.addCleanup(peer.__exit__)
        self.secret("secret", peer.backend.secret_key)
        if not self.repo.exists():
            self.init()
        for path in self.repo.rglob("*") if made else ():
            if path.is_file():
                key = f"a/b/{path.relative_to(self.repo)}"
                peer.backend.objects()[key] = Object(path.read_bytes(), {}, time.time())
        return peer

    def configure(self, peer, keys=KEYS, **more):
        """A repository `r` in the peer's bucket. more: further keys, as YAML."""
        more = "".join(f", {k}: {v}" for k, v in more.items())
        self.write(f"""repositories:
  r:
    identity_file: {self.base / "identity"}
    s3: {{endpoint: '{peer.settings["endpoint"]}', bucket: test, prefix: a/b, {keys}{more}}}
""")

    def write(self, text):
        (self.folder / "holdfast.yaml").write_text(text)

    def run_hf(self, *arguments, **options):
        return self.hf(*arguments, repo=False, env={"AWS_EC2_METADATA_DISABLED": "true",
                                                    "HOME": self.folder, **options.pop("env", {})}, **options)

    def doctor(self, expect=DONE, arguments=(), **options):
        """{what: (ok, text)} of the repository."""
        events = self.run_hf("doctor", "--json", *arguments, expect=expect, **options).events
        return {e["what"]: (e["ok"], e["text"]) for e in events
                if e["event"] == "finding" and e["subject"].startswith("repository")}

    # doctor

    def test_everything_is_right(self):
        peer = self.serve()
        self.configure(peer)
        made = self.run_hf("init", "--json", "--passphrase-file", self.passphrase).events[-1]
        self.assertEqual(made["repository"], f"s3://test/a/b?endpoint={peer.settings['endpoint']}")
        found = self.doctor(arguments=["--passphrase-file", self.passphrase])
        self.assertEqual({what for what, (ok, _) in found.items() if not ok}, set(), found)
        self.assertEqual(found["credentials"][1], "from the configuration (access_key)")
        self.assertEqual(found["region"][1], "us-east-1")
        self.assertIn("only where there is none", found["writing"][1])
        self.assertEqual(found["object lock"][1], "off")
        self.assertIn("reader key", found["opened"][1])
        self.assertEqual(peer.backend.violations, [])
        self.assertFalse([k for k in peer.backend.objects() if "tmp/" in k], "the trial object stays")

    def test_without_a_repository(self):
        self.configure(self.serve())
        found = self.doctor(UNREACHABLE)
        self.assertTrue(found["writing"][0])
        self.assertIn("holdfast init", found[""][1])

    def test_wrong_region_and_clock(self):
        peer = self.serve(region="eu-central-1", clock=3600)
        self.configure(peer, region="us-west-2")
        found = self.doctor(UNREACHABLE)
        self.assertEqual((found["region"][0], found["clock"][0]), (False, False))
        self.assertIn('write "region: eu-central-1"', found["region"][1])
        self.assertIn("behind the server's", found["clock"][1])
        self.assertTrue(found["writing"][0], "both are set right by what the server says")

    def test_create_only_put(self):
        for kind in ("501", "ignored"):
            with self.subTest(kind):
                self.configure(self.serve(made=True, conditional=kind))
                self.assertIn("no create-only put", self.doctor()["writing"][1])
        self.configure(self.serve(conditional="501"))
        self.run_hf("init", "--passphrase-file", self.passphrase, says="has no create-only put")

    def test_lock(self):
        self.configure(self.serve(lock=True))
        found = self.doctor(UNREACHABLE)
        self.assertIn("holdfast locks nothing", found["object lock"][1])
        self.assertIn("lifecycle", found["versions"][1])
        self.configure(self.serve(), lock="{mode: governance, days: 3}")
        found = self.doctor(UNREACHABLE)
        self.assertFalse(found["object lock"][0])
        self.run_hf("init", "--passphrase-file", self.passphrase, expect=USAGE, says="object lock is not enabled")

    def test_what_cannot_be_reached(self):
        peer = self.serve()
        self.configure(peer)
        self.secret("secret", "no such secret")
        self.assertIn("the secret key is not one", self.doctor(UNREACHABLE)["credentials"][1])
        self.secret("secret", "no-such-secret")
        ok, text = self.doctor(UNREACHABLE)["bucket"]
        self.assertFalse(ok)
        self.assertIn("SignatureDoesNotMatch", text)
        self.configure(peer, keys="access_key: NOBODY, secret_key_file: secret")
        self.assertIn("InvalidAccessKeyId", self.doctor(UNREACHABLE)["bucket"][1])
        self.configure(peer, keys="access_key: NOBODY, secret_key_file: absent")
        self.assertIn("absent", self.doctor(UNREACHABLE)["credentials"][1])
        self.write(self.config_text().replace("bucket: test", "bucket: other").replace("absent", "secret"))
        self.secret("secret", peer.backend.secret_key)
        self.write(self.config_text().replace("NOBODY", peer.backend.access_key))
        self.assertIn("NoSuchBucket", self.doctor(UNREACHABLE)["bucket"][1])
        self.write(self.config_text().replace(peer.settings["endpoint"], "http://127.0.0.1:1"))
        self.assertIn("given up", self.doctor(UNREACHABLE)["bucket"][1])

    def config_text(self):
        return (self.folder / "holdfast.yaml").read_text()

    def test_read_only(self):
        peer = self.serve(made=True)
        self.configure(peer)
        peer.on("put", answer_with(403, "AccessDenied", "Access Denied"), times=100)
        found = self.doctor(UNREACHABLE)
        self.assertFalse(found["writing"][0])
        self.assertIn("AccessDenied", found["writing"][1])
        self.run_hf("init", "--repository", f"s3://test/c?endpoint={peer.settings['endpoint']}",
                    "--passphrase-file", self.passphrase, expect=FAILED, says="AccessDenied",
                    env=self.variables(peer))

    def test_questions_that_are_not_answered(self):
        peer = self.serve(made=True)
        self.configure(peer)
        peer.on("versioning", answer_with(501, "NotImplemented"))
        peer.on("object-lock", answer_with(403, "AccessDenied"))
        found = self.doctor()
        self.assertEqual((found["versions"][1], found["object lock"][1]), ("not told", "not told"))

    # Without a file, and by other ways in

    @staticmethod
    def variables(peer):
        return {"AWS_ACCESS_KEY_ID": peer.backend.access_key, "AWS_SECRET_ACCESS_KEY": peer.backend.secret_key}

    def test_without_a_configuration(self):
        peer = self.serve(made=True, region="eu-1", token="session+token/==")
        url = f"s3://test/a/b?endpoint={peer.settings['endpoint']}&region=eu-1"
        env = {**self.variables(peer), "AWS_SESSION_TOKEN": "session+token/=="}
        key = ["--identity-file", self.base / "identity"]
        self.run_hf("list", "--repository", url, *key, env=env)
        short = {**env, "AWS_ENDPOINT_URL_S3": peer.settings["endpoint"], "AWS_REGION": "eu-1"}
        self.run_hf("list", "--repository", "s3://test/a/b", *key, env=short)
        self.run_hf("list", "--repository", url, *key, expect=USAGE, says="no S3 credentials were found")

    def test_profile(self):
        peer = self.serve(made=True)
        (self.folder / ".aws").mkdir()
        (self.folder / ".aws/credentials").write_text(
            f"[backup]\naws_access_key_id = {peer.backend.access_key}\n"
            f"aws_secret_access_key = {peer.backend.secret_key}\n")
        self.configure(peer, keys="profile: backup")
        self.assertIn("profile backup: keys in ", self.doctor()["credentials"][1])
        self.configure(peer, keys="profile: absent")
        self.assertIn('profile "absent"', self.doctor(UNREACHABLE)["credentials"][1])

    def test_command_gives_new_credentials_in_a_run(self):
        """Expired ones are fetched anew, whoever gave them, and the run goes on."""
        peer = self.serve(made=True, token="token2")
        counter = self.folder / "count"
        command = self.folder / "token"
        command.write_text(f'#!/bin/sh\necho x >> {counter}\necho token$(wc -l < {counter})\n')
        command.chmod(0o700)
        self.configure(peer, keys=KEYS + f", session_token_command: ['{command}']")
        self.run_hf("list")
        self.assertEqual(len(counter.read_text().split()), 2)

    # Mistakes

    def test_mistakes_in_the_configuration(self):
        cases = [
            ("s3: {bucket: test, regon: x}", '3:24: unknown key "regon".*did you mean "region"'),
            ("s3: {region: x}", '3:9: "bucket" is missing'),
            ("s3: {bucket: test}\n    path: /x", '3:5: "path" and "s3".*cannot be given together'),
            ("passphrase: x", '3:5: "path" or "s3" is missing'),
            ("s3: {bucket: test, endpoint: 'https://me:hidden@host'}", "3:9: the S3 endpoint has a user"),
            ("s3: {bucket: test, secret_key: hidden}", '3:24: "secret_key".*without "access_key"'),
            ("s3: {bucket: test, access_key: hidden, secret_key: hidden, profile: p}",
             '3:64: "profile" and "access_key".*cannot be given together'),
            ("s3: {bucket: test, checksum: sha1}", '3:34: "checksum".*auto, md5, sha256, crc32c, none'),
            ("s3: {bucket: test, limit: hidden}", '3:31: "limit".*such as 20MiB/s'),
            ("s3: {bucket: test, lock: {mode: always, days: 1}}", '3:37: "mode".*governance, compliance'),
            ("s3: {bucket: test, tags: {a: }}", '3:34: "a".*must be text, not nothing'),
            ("s3: {bucket: test, access_key: '${NOWHERE}', secret_key: x}", "3:36: .*has no NOWHERE"),
        ]
        for text, message in cases:
            with self.subTest(text):
                self.write(f"repositories:\n  r:\n    {text}\n")
                result = self.run_hf("config", "check", expect=USAGE, says=f"holdfast.yaml:{message}")
                self.assertEqual(self.run_hf("doctor", expect=USAGE).err, result.err)
                if "limit" not in text:
                    self.assertNotIn("hidden", result.said)

    def test_mistakes_in_a_url(self):
        cases = [
            ("s3:test/x", "a bucket is written s3://BUCKET/PREFIX"),
            ("s3://", "names no bucket"),
            ("s3://test?secret_key=hidden", "secrets are not given on a command line"),
            ("s3://test?endpoint=ftp://x", "neither http nor https"),
            ("s3://test?reigon=x", 'did you mean "region"'),
            ("s3://test/%zz", "two hexadecimal digits"),
        ]
        for url, message in cases:
            with self.subTest(url):
                result = self.run_hf("list", "--repository", url, expect=USAGE, says=message)
                self.assertNotIn("hidden", result.said)

    def test_json_of_errors(self):
        result = self.run_hf("list", "--repository", "s3://test?x=y", "--json", expect=USAGE)
        self.assertIn('unknown key "x"', json.loads(result.out.splitlines()[-1])["text"])


if __name__ == "__main__":
    harness.main()
