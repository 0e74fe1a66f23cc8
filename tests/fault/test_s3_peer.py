#!/usr/bin/python3
"""The scripted S3 server itself: what other tests stand on."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import s3  # noqa: E402
import s3_peer  # noqa: E402
from s3_memory import Memory, crc32c  # noqa: E402
from s3_peer import Peer  # noqa: E402

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


class Signatures(unittest.TestCase):
    """Against the examples of Amazon's reference, "Signature Calculations for the Authorization Header"."""

    SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    HEADERS = {"host": "examplebucket.s3.amazonaws.com", "x-amz-date": "20130524T000000Z"}

    def sign(self, method, path, query="", payload=EMPTY, **headers):
        headers = {**self.HEADERS, "x-amz-content-sha256": payload,
                   **{k.replace("_", "-"): v for k, v in headers.items()}}
        return s3.signature(self.SECRET, method, path, query, headers, sorted(headers), payload,
                            "20130524T000000Z", "us-east-1")

    def test_examples(self):
        self.assertEqual("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
                         self.sign("GET", "/test.txt", range="bytes=0-9"))
        self.assertEqual("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
                         self.sign("PUT", "/test%24file.text",
                                   payload="44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
                                   date="Fri, 24 May 2013 00:00:00 GMT",
                                   x_amz_storage_class="REDUCED_REDUNDANCY"))
        self.assertEqual("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
                         self.sign("GET", "/", "lifecycle"))
        self.assertEqual("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
                         self.sign("GET", "/", "max-keys=2&prefix=J"))

    def test_crc32c(self):
        # RFC 3720, B.4.
        self.assertEqual(0x8A9136AA, crc32c(bytes(32)))
        self.assertEqual(0x46DD794E, crc32c(bytes(range(32))))


class Server(unittest.TestCase):
    def setUp(self):
        self.peer = Peer(Memory(page=3))
        self.peer.__enter__()
        self.addCleanup(self.peer.__exit__)
        self.client = s3.Client(self.peer.settings)

    def test_objects(self):
        keys = [f"k{n}" for n in range(10)] + [PRINTABLE, "ä/ö"]
        for key in keys:
            self.client.put(key, key.encode())
        self.assertEqual(sorted(keys), self.client.keys())
        self.assertEqual(4, self.peer.count("list"))
        for key in keys:
            self.assertEqual(key.encode(), self.client.get(key))
        self.assertEqual((206, b"1"), self.client.request("GET", "k1", headers={"range": "bytes=1-1"})[::2])
        self.assertEqual(416, self.client.request("GET", "k1", headers={"range": "bytes=2-5"})[0])
        self.assertEqual(412, self.client.request("PUT", "k1", headers={"if-none-match": "*"})[0])
        self.client.empty()
        self.assertEqual([], self.client.keys())
        self.assertEqual([], self.peer.backend.violations)

    def test_refusals(self):
        for change, code in (({"secret_key": "other"}, b"SignatureDoesNotMatch"),
                             ({"access_key": "other"}, b"InvalidAccessKeyId"),
                             ({"region": "eu-west-1"}, b"<Region>us-east-1</Region>"),
                             ({"bucket": "other"}, b"NoSuchBucket")):
            with self.assertRaises(s3.Failed) as caught:
                s3.Client({**self.peer.settings, **change}).get("key")
            self.assertIn(code, caught.exception.body)
        self.peer.backend.clock = 3600
        with self.assertRaises(s3.Failed) as caught:
            self.client.get("key")
        self.assertIn(b"RequestTimeTooSkewed", caught.exception.body)

    def test_rules(self):
        rule = self.peer.on("put", s3_peer.slow_down(), key="a*", skip=1, times=2)
        status = [self.client.request("PUT", key)[0] for key in ("a1", "b", "a2", "a3", "a4")]
        self.assertEqual([200, 200, 503, 503, 200], status)
        self.assertEqual((2, 4), (rule.used, rule.seen))

    def test_broken_answers(self):
        self.client.put("k", b"0123456789")
        for fault in (s3_peer.reset_request(), s3_peer.reset_answer(4), s3_peer.no_answer(),
                      s3_peer.truncate(4, honest=True)):
            self.peer.on("get", fault)
            with self.assertRaises((OSError, s3.http.client.HTTPException)):
                self.client.get("k")
        self.peer.on("get", s3_peer.truncate(4, honest=False))
        self.assertEqual(b"0123", self.client.get("k"))
        self.peer.on("get", s3_peer.flip())
        self.assertEqual(b"1123456789", self.client.get("k"))

    def test_in_front_of_another(self):
        with Peer(s3_peer.Upstream(self.peer.settings)) as front:
            # Signed for the one in front, and passed on as it is.
            client = s3.Client(front.settings)
            client.put("a b", b"content")
            self.assertEqual(b"content", self.client.get("a b"))
            self.assertEqual({"put": 1}, front.kinds())


if __name__ == "__main__":
    unittest.main(verbosity=2)
