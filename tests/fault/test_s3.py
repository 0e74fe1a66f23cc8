#!/usr/bin/python3
"""The S3 store against everything that can go wrong on the way: each fault is got over, with nothing
lost, or ends with a message that says what to do.

  test_s3.py STORE_CALLS [Class.test]      the program of tests/fault/store_calls.c
"""
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))
import s3  # noqa: E402
import s3_peer as fault  # noqa: E402
from s3_memory import Memory, stored  # noqa: E402
from s3_peer import Peer  # noqa: E402

PROGRAM = ""
EVERYTHING = "".join(map(chr, range(0x20, 0x7F)))
SECRET = "secretSecretSecretSecretSecretSecret0000"
ALL = 1 << 30


class Store:
    """The program, for as long as the test runs."""

    def __init__(self, case, settings, **more):
        self.case = case
        path = case.folder / "settings"
        path.write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        quick = {"retry_base_ms": 1, "retry_cap_ms": 20, "retry_budget_ms": 20000, "stall_s": 1}
        options = [f"{k}={v}" for k, v in {**quick, **more}.items()]
        # Children of the tests must not find a proxy.
        clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        self.process = subprocess.Popen([PROGRAM, path, *options], stdin=subprocess.PIPE, env=clean,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        case.addCleanup(self.end)
        self.opened = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.case.fail(f"the program ended: {self.process.stderr.read()[-3000:]}")
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        said = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        if self.process.wait() or said:
            self.case.fail(f"the program ended with {self.process.returncode}: {said[-3000:]}")

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.answer()
        self.case.assertNotIn(SECRET, answer.get("error", ""))
        return answer

    def do(self, *words):
        """It must succeed."""
        answer = self.ask(*words)
        if answer["status"] != "done":
            self.case.fail(f"{words}: {answer}")
        return answer

    def fails(self, status, says, *words):
        """It must not, with this status, and a text in which these (regular expressions) are."""
        answer = self.ask(*words)
        self.case.assertEqual(status, answer["status"], answer)
        for text in [says] if isinstance(says, str) else says:
            self.case.assertRegex(answer["error"], re.compile(text, re.I))
        return answer["error"]

    def put(self, key, data, mode="create"):
        return self.do("put", key, self.case.file(data), mode)

    def get_all(self, key):
        out = self.case.folder / "out"
        self.do("get_all", key, ALL, out)
        return out.read_bytes()

    def get(self, key, offset, length):
        out = self.case.folder / "out"
        self.do("get", key, offset, length, out)
        return out.read_bytes()

    def list(self, prefix="-"):
        return self.do("list", prefix)["keys"]


class Case(unittest.TestCase):
    """A peer in front of a memory, and a store that talks to it."""

    maxDiff = 2000

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hf-s3-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.chance = random.Random(42)
        self.data = self.chance.randbytes(300_000)

    def file(self, data):
        path = self.folder / "data"
        path.write_bytes(data)
        return path

    def peer(self, memory=None, **options):
        peer = Peer(memory or Memory(), **options)
        peer.__enter__()
        self.addCleanup(peer.__exit__)
        return peer

    def both(self, memory=None, change=(), **more):
        """A peer and a store on it; change: of the settings."""
        peer = self.peer(memory)
        return peer, Store(self, {**peer.settings, **dict(change)}, **more)

    def stored(self, peer, key="k"):
        found = peer.backend.objects().get(key)
        return found.body if found else None

    def assert_right(self, peer):
        self.assertEqual([], peer.backend.violations)


class Passing(Case):
    """Faults that pass."""

    def put_through(self, kind, then, times=1, pair=None):
        """A put and a get get over the fault; exactly the bytes are there."""
        peer, store = pair or self.both()
        peer.forget()
        key = f"k{len(peer.backend.objects())}"
        rule = peer.on(kind, then, key=key, times=times)
        store.put(key, self.data)
        self.assertEqual(self.data, self.stored(peer, key))
        self.assertEqual(self.data, store.get_all(key))
        self.assertEqual(self.data[1000:201000], store.get(key, 1000, 200000))
        self.assertEqual(times, rule.used)
        self.assert_right(peer)
        return peer

    def test_slow_down_ten_times(self):
        pair = self.both()
        for kind in ("put", "get"):
            with self.subTest(kind=kind):
                peer = self.put_through(kind, fault.slow_down(), 10, pair)
                self.assertEqual(11 if kind == "put" else 12, peer.count(kind))

    def test_server_errors(self):
        pair = self.both()
        for status, code in ((500, "InternalError"), (502, "BadGateway"), (503, "ServiceUnavailable"),
                             (504, "GatewayTimeout"), (429, "TooManyRequests"), (400, "RequestTimeout"),
                             (408, "RequestTimeout")):
            for kind in ("put", "get"):
                with self.subTest(status=status, kind=kind):
                    self.put_through(kind, fault.answer_with(status, code), 2, pair)
        with self.subTest("of a proxy in between"):
            self.put_through("get", fault.plain(502, "<html>bad gateway</html>"), 2, pair)

    def test_retry_after_is_kept(self):
        peer, store = self.both()
        peer.on("put", fault.answer_with(503, "SlowDown", headers={"retry-after": "1"}))
        store.put("k", self.data)
        self.assertEqual(2, peer.count("put"))

    def test_reset_of_an_upload(self):
        pair = self.both()
        for after in (0, 1, 100_000, 299_999):
            with self.subTest(after=after):
                self.put_through("put", fault.reset_request(after), 2, pair)

    def test_answer_to_an_upload_lost(self):
        """Done, but nobody heard: the object is ours all the same, also where it had to be new, and on a
        connection that was kept, where libcurl tries again by itself."""
        pair = self.both()
        for then in (fault.no_answer(), fault.no_answer(), fault.stall_answer()):
            with self.subTest(then.__qualname__):
                peer = self.put_through("put", then, 1, pair)
                self.assertEqual(2, peer.count("put"))

    def test_broken_downloads(self):
        pair = self.both()
        for then in (fault.reset_answer(0), fault.reset_answer(1), fault.reset_answer(150_000),
                     fault.truncate(100_000, honest=True), fault.truncate(0, honest=True), fault.no_answer()):
            with self.subTest(then.__qualname__):
                self.put_through("get", then, 3, pair)

    def test_broken_download_goes_on_where_it_broke(self):
        peer, store = self.both()
        store.put("k", self.data)
        peer.on("get", fault.reset_answer(100_000))
        self.assertEqual(self.data, store.get("k", 0, 300_000))
        first, second = [r.headers["range"] for r in peer.requests if r.kind == "get"]
        self.assertEqual("bytes=0-299999", first)
        self.assertRegex(second, r"bytes=[1-9]\d{4,5}-299999")

    def test_download_that_breaks_all_the_time_gets_on(self):
        """Each try brings a little: the budget is for tries that bring nothing."""
        peer, store = self.both(retry_budget_ms=2000)
        data = self.chance.randbytes(4 << 20)
        store.put("k", data)
        peer.on("get", fault.reset_answer(64 << 10), times=ALL)
        self.assertEqual(data, store.get("k", 0, len(data)))
        self.assertGreaterEqual(peer.count("get"), 64)

    def test_truncated_with_wrong_length(self):
        """Content-Length agrees with what came, but it is less than was asked for."""
        pair = self.both()
        self.put_through("get", fault.truncate(100_000, honest=False), 2, pair)
        self.put_through("get", fault.truncate(0, honest=False), 2, pair)

    def test_stalls(self):
        pair = self.both()
        for kind, then in (("put", fault.stall_request(0)), ("put", fault.stall_answer()),
                           ("get", fault.stall_answer()), ("get", fault.stall_answer(100_000))):
            with self.subTest(kind=kind, then=then.__qualname__):
                self.put_through(kind, then, 1, pair)

    def test_no_http(self):
        for data in (b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 2", b"\x00" * 100):
            with self.subTest(data=data):
                peer, store = self.both(retry_budget_ms=500)
                peer.on("put", fault.raw(data))
                answer = store.ask("put", "k", self.file(self.data), "create")
                if answer["status"] == "done":
                    self.assertEqual(self.data, self.stored(peer))
                else:
                    self.assertIn("127.0.0.1", answer["error"])

    def test_wrong_clock(self):
        """Ours is hours off: the server's Date sets it right, once for all requests."""
        for clock in (-7200, 86400):
            with self.subTest(clock=clock):
                peer, store = self.both(Memory(clock=clock))
                store.put("k", self.data)
                self.assertEqual(self.data, store.get_all("k"))
                self.assertIn("size", store.do("stat", "k"))
                self.assertEqual({"get": 1, "head": 1, "put": 2}, peer.kinds())
                self.assert_right(peer)

    def test_wrong_clock_found_by_head(self):
        """Whose answer has no document that says what is wrong."""
        peer, store = self.both(Memory(clock=7200))
        s3.Client({**peer.settings})  # the bucket is there
        store.fails("not found", "k", "stat", "k")
        self.assertEqual({"head": 2}, peer.kinds())

    def test_another_region(self):
        for asked in ("put", "head", "list"):
            with self.subTest(first=asked):
                peer, store = self.both(Memory(region="eu-central-1"), {"region": "us-east-1"})
                if asked == "head":
                    peer.on("head", fault.plain(400, headers={"x-amz-bucket-region": "eu-central-1"}))
                    store.fails("not found", "k", "stat", "k")
                elif asked == "list":
                    store.list()
                store.put("k", self.data)
                self.assertEqual(self.data, store.get_all("k"))
                wrong = [r for r in peer.requests if "/us-east-1/" in r.headers["authorization"]]
                self.assertEqual(1, len(wrong), "one request found it out")

    def test_redirect_to_another_region(self):
        peer, store = self.both(Memory(region="eu-west-3"), {"region": "us-east-1"})
        peer.on("put", fault.redirect("eu-west-3", "test.s3.eu-west-3.amazonaws.com"))
        store.put("k", self.data)
        self.assertEqual(self.data, self.stored(peer))
        regions = [r.headers["authorization"].split("/")[2] for r in peer.requests]
        self.assertEqual(["us-east-1", "eu-west-3"], regions)

    def test_error_inside_200(self):
        """Where S3 says yes first and fails then."""
        peer, store = self.both(part_size=5 << 20)
        data = self.chance.randbytes(12 << 20)
        rules = [peer.on(kind, fault.error_in_200()) for kind in ("complete-upload", "create-upload", "list")]
        store.put("k", data)
        self.assertEqual(["k"], list(store.list()))
        self.assertEqual(data, self.stored(peer))
        self.assertEqual([1, 1, 1], [rule.used for rule in rules])
        self.assert_right(peer)

    def test_parts_break(self):
        peer, store = self.both(part_size=5 << 20)
        data = self.chance.randbytes((5 << 20) + 1000)
        for kind in ("create-upload", "part", "complete-upload"):
            for then in (fault.slow_down(), fault.reset_request(1000), fault.reset_answer(), fault.no_answer()):
                with self.subTest(kind=kind, then=then.__qualname__):
                    rule = peer.on(kind, then, skip=1 if kind == "part" else 0)
                    store.put("k", data)
                    self.assertEqual(1, rule.used)
                    self.assertEqual(data, self.stored(peer))
                    self.assertEqual(data[-500:], store.get("k", len(data) - 500, 500))
                    self.assert_right(peer)
                    peer.backend.objects().clear()

    def test_listing_breaks(self):
        peer, store = self.both(Memory(page=7))
        for number in range(50):
            s3.Client(peer.settings).put(f"d/{number:02}", b"x")
        for skip, then in ((0, fault.slow_down()), (3, fault.truncate(300, honest=True)), (5, fault.reset_answer(100)),
                           (6, fault.truncate(300, honest=False)), (7, fault.stall_answer(200)), (9, fault.error_in_200()),
                           (11, fault.replace_body("<html>oops")), (12, fault.replace_body(""))):
            peer.on("list", then, skip=skip)
        found = store.list("d/")
        self.assertEqual([f"d/{number:02}" for number in range(50)], sorted(found))

    def test_deletes_break(self):
        peer, store = self.both()
        for then in (fault.slow_down(), fault.no_answer(), fault.reset_request()):
            store.put("k", b"1")
            peer.on("delete*", then)
            store.do("delete", "k")
            self.assertEqual({}, peer.backend.objects())
        store.do("delete", "k")

    def test_connections_are_kept(self):
        peer, store = self.both()
        store.do("puts", 100, self.file(b"x" * 1000))
        self.assertLessEqual(len({r.connection for r in peer.requests}), 5)
        self.assertEqual(100, peer.count("put"))
        store.do("stat", "many/1")

    def test_connection_that_the_server_closed(self):
        """Between two requests: no error, and no pause."""
        peer, store = self.both()
        store.put("k", self.data)
        for link in peer.links:
            link.socket.shutdown(2)
        self.assertEqual(self.data, store.get_all("k"))

    def test_server_restarts(self):
        """Gone for a while: whoever waits is served when it is back."""
        peer, store = self.both()
        peer.on("*", fault.reset_request(), times=30)
        store.put("k", self.data)
        self.assertEqual(31, peer.count("put"))

    def test_expired_token(self):
        """Fixed keys cannot be fetched anew: the message says so. (Others: tests of the sources.)"""
        peer, store = self.both(Memory(token="fresh"), {"session_token": "stale"})
        store.fails("not permitted", "ExpiredToken|expired", "put", "k", self.file(b"x"), "create")
        self.assertLessEqual(peer.count("put"), 4)


class Final(Case):
    """Faults that do not pass: said at once, with what to check."""

    def refused(self, then, status, says, times=ALL):
        for words in (("put", "k", self.file(b"x"), "create"), ("get_all", "k", 9, self.folder / "out"),
                      ("stat", "k"), ("list", "-"), ("delete", "k")):
            with self.subTest(words[0]):
                peer, store = self.both()
                peer.on("*", then, times=times)
                # HEAD has no document: what it can say is less.
                store.fails(status, ["127.0.0.1", "test"] + ([] if words[0] == "stat" else says), *words)
                # A delete asks first whether objects are locked.
                self.assertEqual(2 if words[0] == "delete" else 1, len(peer.requests), "it was not tried again")

    def test_access_denied(self):
        self.refused(fault.answer_with(403, "AccessDenied", "Access Denied"), "not permitted",
                     ["AccessDenied: Access Denied", "check that these credentials may do that"])

    def test_signature_does_not_match(self):
        peer, store = self.both(change={"secret_key": SECRET.replace("0", "1")})
        store.fails("not permitted", ["SignatureDoesNotMatch", "secret"], "put", "k", self.file(b"x"), "create")
        store.fails("not permitted", ["SignatureDoesNotMatch", "secret"], "list", "-")
        self.assertEqual(2, len(peer.requests))

    def test_unknown_access_key(self):
        peer, store = self.both(change={"access_key": "AKIANOBODY"})
        store.fails("not permitted", ["InvalidAccessKeyId", "access key|access_key"], "list", "-")
        self.assertEqual(1, len(peer.requests))

    def test_no_such_bucket(self):
        peer, store = self.both(change={"bucket": "absent"})
        for words in (("put", "k", self.file(b"x"), "create"), ("get_all", "k", 9, self.folder / "out"), ("list", "-")):
            store.fails("something needed is missing", ["NoSuchBucket", "absent", "bucket"], *words)
        self.assertEqual(3, len(peer.requests))

    def test_absent_object(self):
        peer, store = self.both()
        store.fails("not found", ["gone/k", "test"], "get_all", "gone/k", 9, self.folder / "out")
        store.fails("not found", ["gone/k"], "get", "gone/k", 5, 9, self.folder / "out")
        store.fails("not found", ["gone/k"], "stat", "gone/k")
        self.assertEqual(3, len(peer.requests))

    def test_no_server(self):
        with Peer() as peer:
            settings = peer.settings
        store = Store(self, settings, retry_budget_ms=300)
        store.fails("not reachable", ["127.0.0.1", r"given up after \d+ tries|tries"], "list", "-")

    def test_budget_is_kept(self):
        """What goes on for longer than the budget is reported, with the server's own words."""
        peer, store = self.both(retry_budget_ms=400)
        peer.on("*", fault.slow_down(), times=ALL)
        store.fails("not reachable", ["SlowDown", "reduce your request rate", "tries"], "put", "k",
                    self.file(b"x"), "create")
        self.assertGreater(peer.count("put"), 5)
        self.assertIsNone(self.stored(peer))

    def test_redirect_without_region(self):
        peer, store = self.both()
        peer.on("*", fault.answer_with(301, "PermanentRedirect", "Use another.", Endpoint="other.example"), times=ALL)
        answer = store.ask("list", "-")
        self.assertRegex(answer["error"], "(?i)redirect.*(region|endpoint)")
        self.assertLessEqual(len(peer.requests), 4)

    def test_redirect_in_circles(self):
        """Each region names another: it ends."""
        peer, store = self.both()
        for number in range(20):
            peer.on("*", fault.redirect(f"nowhere-{number}", "nowhere.example"), skip=number)
        self.assertNotEqual("done", store.ask("list", "-")["status"])
        self.assertLessEqual(len(peer.requests), 6)

    def test_region_that_is_none(self):
        """A region is a name, not something that gets into a host or a header."""
        for region in ("evil.example/", "a b", "x\r\nX-Evil: 1".replace("\r\n", "%0D%0A"), "", "r" * 1000):
            peer, store = self.both()
            peer.on("*", fault.answer_with(400, "AuthorizationHeaderMalformed", "wrong", Region=region), times=ALL)
            self.assertNotEqual("done", store.ask("list", "-")["status"])
            self.assertLessEqual(len(peer.requests), 2)

    def test_other_redirects_are_not_followed(self):
        other = self.peer()
        peer, store = self.both()
        peer.on("*", fault.plain(302, headers={"location": other.settings["endpoint"] + "/test/k"}), times=ALL)
        self.assertNotEqual("done", store.ask("get_all", "k", 9, self.folder / "out")["status"])
        self.assertEqual([], other.requests)


class Lies(Case):
    """Answers that are wrong, by fault or by intent: none is believed."""

    def test_wrong_etag(self):
        """The server has stored something else than was sent: sent again, or said."""
        peer, store = self.both(checksum="md5", retry_budget_ms=300)
        peer.on("put", fault.wrong_etag())
        store.put("k", self.data, "replace")
        self.assertEqual(2, peer.count("put"))
        peer.on("put", fault.wrong_etag(), times=ALL)
        store.fails("damaged", ["ETag", " k"], "put", "k", self.file(self.data), "replace")

    def test_other_range_than_asked_for(self):
        peer, store = self.both(retry_budget_ms=300)
        store.put("k", self.data)
        for change in ({"content_range": "bytes 5-104/300000"}, {"content_range": "bytes 0-99/50"},
                       {"content_range": "bytes 0-4294967295/300000"}, {"content_range": "bytes nonsense"},
                       {"content_range": None}):
            with self.subTest(change=change):
                rule = peer.on("get", fault.change_answer(**change), times=ALL)
                answer = store.ask("get", "k", 10, 100, self.folder / "out")
                self.assertNotEqual("done", answer["status"])
                self.assertIn("k", answer["error"])
                rule.times = 0

    def test_range_ignored(self):
        """All of the object where a part was asked for: an error, but where the part is all of it."""
        peer, store = self.both(retry_budget_ms=300)
        store.put("k", self.data)
        peer.on("get", lambda e: e.send(fault.Answer(200, {"etag": '"x"'}, self.data)), times=ALL)
        store.fails("not supported", ["other bytes than the range", " k"], "get", "k", 100, 50, self.folder / "out")
        self.assertEqual(self.data, store.get("k", 0, len(self.data)))
        self.assertEqual(self.data, store.get_all("k"))

    def test_more_than_asked_for(self):
        peer, store = self.both(retry_budget_ms=300)
        store.put("k", self.data)
        peer.on("get", lambda e: e.send(fault.Answer(206, {"content-range": "bytes 0-9/300000"}, self.data)), times=ALL)
        answer = store.ask("get", "k", 0, 10, self.folder / "out")
        if answer["status"] == "done":
            self.assertEqual(self.data[:10], (self.folder / "out").read_bytes())
        store.fails("damaged", "k", "get_all", "k", 1000, self.folder / "out")

    def test_garbage_where_a_listing_was_expected(self):
        bombs = {
            "nothing": "",
            "text": "hello",
            "cut": '<?xml version="1.0"?><ListBucketResult><IsTruncated>fal',
            "unclosed": "<ListBucketResult><Contents><Key>k</Key></ListBucketResult>",
            "other": "<html><body>Welcome to the hotel's network</body></html>",
            "entities": '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
                        '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><ListBucketResult><Name>&c;</Name>'
                        "<IsTruncated>false</IsTruncated></ListBucketResult>",
            "outside": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><ListBucketResult><Name>&a;</Name>'
                       "<IsTruncated>false</IsTruncated></ListBucketResult>",
            "no size": "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key></Contents>"
                       "</ListBucketResult>",
            "bad size": "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>-1</Size>"
                        "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>",
            "bad time": "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>1</Size>"
                        "<LastModified>yesterday</LastModified></Contents></ListBucketResult>",
            "no end": "<ListBucketResult><Name>test</Name></ListBucketResult>",
            "no token": "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            "deep": "<a>" * 100_000,
            "long": "<ListBucketResult>" + "<Name>" + "x" * 20_000_000,
            "binary": bytes(range(256)) * 10,
        }
        for name, body in bombs.items():
            with self.subTest(name):
                peer, store = self.both(retry_budget_ms=200)
                peer.on("list", fault.replace_body(body), times=ALL)
                answer = store.ask("list", "-")
                self.assertNotEqual("done", answer["status"], answer)
                self.assertIn("127.0.0.1", answer["error"])
                self.assertNotIn("root:", answer["error"])

    def test_listing_that_never_ends(self):
        """The same token again and again."""
        peer, store = self.both(retry_budget_ms=200)
        page = ("<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>"
                "</ListBucketResult>")
        peer.on("list", fault.replace_body(page), times=ALL)
        store.fails("damaged", "does not end", "list", "-")
        self.assertLess(len(peer.requests), 1010)

    def test_keys_from_elsewhere_are_not_listed(self):
        """A listing that goes beyond its prefix, and keys that no repository has."""
        peer, store = self.both(prefix="mine")
        foreign = ["mineral", "other/k", "mine/a b", "mine//x", "mine/../y", "mine/tmp/z", "mine/", "mine/" + "k" * 300,
                   "mine/ä", "mine/" + EVERYTHING]
        for key in [*foreign, "mine/good", "mine/packs/ab/abcd"]:
            s3.Client(peer.settings).put(key, b"1")
        self.assertEqual(["good", "packs/ab/abcd"], sorted(store.list()))
        self.assertEqual(["packs/ab/abcd"], sorted(store.list("packs/")))

    def test_garbage_where_an_error_was_expected(self):
        for body in ("", "<Error>", "<Error><Code>" + "x" * 100_000 + "</Code></Error>", "\x00\xff", "<a>" * 10_000,
                     "<Error><Code>Access\x1b[31mDenied</Code></Error>"):
            peer, store = self.both(retry_budget_ms=200)
            peer.on("*", fault.replace_body(body, 403), times=ALL)
            error = store.fails("not permitted", ["127.0.0.1", "403|denied"], "list", "-")
            self.assertNotIn("\x1b", error)
            self.assertLess(len(error), 2048)

    def test_headers_without_end(self):
        peer, store = self.both(retry_budget_ms=200)
        peer.on("*", fault.raw(b"HTTP/1.1 200 OK\r\n" + b"X-Header: value\r\n" * 100_000), times=ALL)
        self.assertNotEqual("done", store.ask("list", "-")["status"])

    def test_body_without_end(self):
        """Of an error, and of a listing: read no further than its bound."""
        peer, store = self.both(retry_budget_ms=200)
        for head in (b"HTTP/1.1 403 Forbidden\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"):
            peer.on("*", fault.raw(head + b"x" * 30_000_000), times=1)
            self.assertNotEqual("done", store.ask("get_all", "k", 1000, self.folder / "out")["status"])


class Requests(Case):
    """What is sent: the peer checks signature, payload hash and checksums of every request."""

    def test_listing_of_ten_thousand_pages(self):
        peer = self.peer(Memory(page=1))
        bucket = peer.backend.objects()
        for number in range(10_000):
            bucket[f"packs/{number % 256:02x}/{number:05}"] = stored(b"x")
        store = Store(self, peer.settings)
        found = store.list("packs/")
        self.assertEqual(sorted(bucket), sorted(found))
        self.assertGreaterEqual(peer.count("list"), 10_000)
        self.assert_right(peer)

    def test_every_printable_character(self):
        """In the prefix, which is whatever the user likes; the rest is the store's own."""
        for prefix in (EVERYTHING.replace("/", ""), "a b/c+d/ä€𝄞", "%41/%", "x=y&z"):
            with self.subTest(prefix=prefix):
                peer, store = self.both(prefix=prefix)
                for key in ("k", "A-z/0.9/_"):
                    store.put(key, self.data)
                    self.assertEqual(self.data, store.get_all(key))
                    store.do("stat", key)
                self.assertEqual(["A-z/0.9/_", "k"], sorted(store.list()))
                self.assertEqual(sorted(f"{prefix}/{key}" for key in ("k", "A-z/0.9/_")), sorted(peer.backend.objects()))
                store.do("delete", "k")
                self.assertEqual(1, len(peer.backend.objects()))
                self.assert_right(peer)

    def test_checksums(self):
        for checksum, header in (("md5", "content-md5"), ("sha256", "x-amz-checksum-sha256"),
                                 ("crc32c", "x-amz-checksum-crc32c"), ("none", None)):
            with self.subTest(checksum=checksum):
                peer, store = self.both(checksum=checksum)
                store.put("k", self.data[:5000])
                sent = [h for h in peer.requests[0].headers if h == "content-md5" or "checksum-" in h]
                self.assertEqual([header] if header else [], [h for h in sent if not h.endswith("algorithm")])
                self.assert_right(peer)

    def test_object_options(self):
        peer, store = self.both(sse="kms", kms_key_id="key/1", storage_class="STANDARD_IA", tag="team=a b&c")
        name = hashlib.sha256(self.data).hexdigest()
        store.put(f"packs/{name[:2]}/{name}", self.data)
        store.put("leases/1", b"x")
        pack, lease = (r.headers for r in peer.requests)
        self.assertEqual(("aws:kms", "key/1"), (pack["x-amz-server-side-encryption"],
                                                pack["x-amz-server-side-encryption-aws-kms-key-id"]))
        self.assertEqual("STANDARD_IA", pack["x-amz-storage-class"])
        self.assertNotIn("x-amz-storage-class", lease)
        self.assertEqual("team=a%20b%26c", pack["x-amz-tagging"])
        self.assert_right(peer)

    def test_session_token_is_sent(self):
        peer, store = self.both(Memory(token="a/token+of=mine"))
        store.put("k", self.data)
        self.assert_right(peer)

    def test_unsigned_payload_needs_tls(self):
        peer = self.peer()
        settings = self.folder / "plain"
        settings.write_text("".join(f"{k}={v}\n" for k, v in peer.settings.items()))
        result = subprocess.run([PROGRAM, settings, "unsigned=1"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual("configuration", json.loads(result.stdout)["status"])

    def test_create_where_condition_is_unknown(self):
        """501: a look first, from then on. Ignored: what is there is not lost for it either."""
        peer, store = self.both(Memory(conditional="501"))
        for key in ("a", "b"):
            store.put(key, self.data)
            store.fails("exists already", key, "put", key, self.file(b"other"), "create")
            self.assertEqual(self.data, self.stored(peer, key))
        self.assertEqual(1, len([r for r in peer.requests if "if-none-match" in r.headers]))

    def test_named_where_condition_is_unknown(self):
        """The name is a hash of the bytes: nobody needs to look first."""
        peer, store = self.both(Memory(conditional="501"))
        for key in ("a", "a", "b"):
            store.put(key, self.data, "named")
            self.assertEqual(self.data, self.stored(peer, key))
        self.assertEqual({"put": 3}, peer.kinds())

    def test_put_within_a_time_is_given_up_for_good(self):
        """However it hangs: it ends in time, and nothing is sent later."""
        for then in (fault.stall_request(0), fault.stall_request(5000), fault.stall_answer(), fault.slow_down(),
                     fault.no_answer()):
            with self.subTest(then.__qualname__):
                peer, store = self.both(Memory(conditional="501"), stall_s=20)
                peer.on("put", then, skip=1, times=ALL)
                began = time.monotonic()
                store.fails("not reachable", "k", "put_within", "k", self.file(self.data), "create", 400)
                self.assertLess(time.monotonic() - began, 5)
                sent = len(peer.requests)
                store.fails("not found", "other", "stat", "other")  # a later request, and none before it
                self.assertEqual(sent + 1, len(peer.requests))
        peer, store = self.both(Memory(conditional="501"))
        store.do("put_within", "k", self.file(self.data), "create", 10000)
        store.fails("exists already", "k", "put_within", "k", self.file(b"x"), "create", 10000)

    def test_create_that_was_done_unheard_is_ours(self):
        """The answer was lost, the next try finds the key taken: by the same bytes, so it was ours. Taken
        by others in the meantime: HF_EXISTS."""
        peer, store = self.both()
        peer.on("put", fault.no_answer(), key="mine")
        store.put("mine", self.data)

        def somebody_was_first(exchange):
            exchange.ask()
            peer.backend.objects()["theirs"].body = b"theirs"
            exchange.close()
        peer.on("put", somebody_was_first, key="theirs")
        store.fails("exists already", "theirs", "put", "theirs", self.file(self.data), "create")
        self.assertEqual(b"theirs", self.stored(peer, "theirs"))

    def test_failed_upload_in_parts_leaves_none(self):
        peer, store = self.both(part_size=5 << 20, retry_budget_ms=300)
        peer.on("part", fault.answer_with(403, "AccessDenied"), skip=1, times=ALL)
        store.fails("not permitted", "AccessDenied", "put", "k", self.file(self.chance.randbytes(11 << 20)), "create")
        self.assertEqual({}, peer.backend.uploads)
        self.assertIsNone(self.stored(peer))

    def test_limit_is_kept(self):
        """As a rate over the whole: the time is the least that it may take."""
        peer, store = self.both(limit=1 << 20)
        data = self.chance.randbytes(2 << 20)
        began = time.monotonic()
        store.put("k", data)
        self.assertGreater(time.monotonic() - began, 1.0)
        self.assertEqual(data, self.stored(peer))


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
