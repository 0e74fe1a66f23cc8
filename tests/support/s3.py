#!/usr/bin/python3
"""What the tests know of S3 by themselves: signatures, and a small client that looks at what rests in
a bucket behind holdfast's back. Independent of storage/s3, on Python's own library only.

  s3.py SETTINGS make-bucket [--lock]          not an error where it is
  s3.py SETTINGS list [PREFIX]                 one key a line
  s3.py SETTINGS get KEY | put KEY | delete KEY   by standard output and input
  s3.py SETTINGS empty [PREFIX]                deletes all of it

SETTINGS is a file of name=value lines, as tests/servers/ceph and swift write it; --bucket NAME takes
another bucket than the one it names.

Signatures follow "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API reference:
the canonical request takes the path as it was sent, and the sorted query.
"""
import argparse
import base64
import datetime
import hashlib
import hmac
import http.client
import ssl
import sys
import urllib.parse
import xml.etree.ElementTree
from pathlib import Path
from xml.sax.saxutils import escape

UNRESERVED = "-._~"


def encode(text, safe=""):
    """As RFC 3986 has it: what is no letter, digit or -._~ is %XX."""
    return urllib.parse.quote(text, safe=UNRESERVED + safe)


def parse_xml(data):
    """The root, with the names' space taken off."""
    root = xml.etree.ElementTree.fromstring(data)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def read_settings(path):
    return dict(line.split("=", 1) for line in Path(path).read_text().splitlines() if "=" in line)


def sign_key(secret, date, region, service="s3"):
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def canonical_query(query):
    """Of the query as it was sent: every name and value encoded, sorted by the encoded form."""
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    return "&".join("=".join(pair) for pair in sorted((encode(k), encode(v)) for k, v in pairs))


def signature(secret, method, path, query, headers, signed, payload, when, region):
    """Hexadecimal. headers by lower-case name; signed: their sorted names; when: 20260102T030405Z."""
    lines = [method, path, canonical_query(query)]
    lines += [f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed]
    lines += ["", ";".join(signed), payload]
    scope = f"{when[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", when, scope, digest])
    return hmac.new(sign_key(secret, when[:8], region), text.encode(), hashlib.sha256).hexdigest()


class Failed(Exception):
    """The server's answer, where it was no success."""

    def __init__(self, what, status, body):
        super().__init__(f"{what}: {status} {body[:500].decode(errors='replace')}")
        self.status, self.body = status, body


class Client:
    """One bucket, path style. A connection a request: nothing here is in a hurry."""

    def __init__(self, settings, bucket=None):
        self.settings = settings if isinstance(settings, dict) else read_settings(settings)
        self.bucket = bucket or self.settings["bucket"]
        self.url = urllib.parse.urlsplit(self.settings["endpoint"])

    def request(self, method, key="", query="", body=b"", headers=()):
        """(status, headers, body). query is encoded already."""
        s, path = self.settings, "/" + self.bucket + ("/" + encode(key, "/") if key else "")
        when = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        payload = hashlib.sha256(body).hexdigest()
        sent = {"host": self.url.netloc, "x-amz-date": when, "x-amz-content-sha256": payload,
                **{k.lower(): v for k, v in dict(headers).items()}}
        signed = sorted(sent)
        proof = signature(s["secret_key"], method, path, query, sent, signed, payload, when, s["region"])
        sent["authorization"] = (f"AWS4-HMAC-SHA256 Credential={s['access_key']}/{when[:8]}/{s['region']}/s3/"
                                 f"aws4_request, SignedHeaders={';'.join(signed)}, Signature={proof}")
        return self.send(method, path + ("?" + query if query else ""), body, sent)

    def send(self, method, target, body, headers):
        if self.url.scheme == "https":
            context = ssl.create_default_context(cafile=self.settings.get("ca_file"))
            connection = http.client.HTTPSConnection(self.url.netloc, timeout=60, context=context)
        else:
            connection = http.client.HTTPConnection(self.url.netloc, timeout=60)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def must(self, method, key="", query="", body=b"", headers=(), also=()):
        status, got, content = self.request(method, key, query, body, headers)
        if status // 100 != 2 and status not in also:
            raise Failed(f"{method} {self.bucket}/{key}?{query}", status, content)
        return status, got, content

    def make_bucket(self, lock=False):
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if lock else {}
        self.must("PUT", headers=headers, also=(409,))

    def get(self, key):
        return self.must("GET", key)[2]

    def put(self, key, body, headers=()):
        self.must("PUT", key, body=body, headers=headers)

    def delete(self, key, version=None):
        self.must("DELETE", key, f"versionId={encode(version)}" if version else "", also=(404,))

    def stat(self, key):
        """The headers, or None."""
        status, headers, _ = self.must("HEAD", key, also=(404,))
        return None if status == 404 else headers

    def list(self, prefix=""):
        """Sorted [(key, size)]."""
        found, token = [], None
        while True:
            query = f"list-type=2&prefix={encode(prefix)}"
            query += f"&continuation-token={encode(token)}" if token else ""
            page = parse_xml(self.must("GET", query=query)[2])
            found += [(c.find("Key").text, int(c.find("Size").text)) for c in page.iter("Contents")]
            if page.find("IsTruncated").text != "true":
                return sorted(found)
            token = page.find("NextContinuationToken").text

    def keys(self, prefix=""):
        return [key for key, _ in self.list(prefix)]

    def empty(self, prefix=""):
        keys = self.keys(prefix)
        for first in range(0, len(keys), 1000):
            body = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys[first:first + 1000])
            body = f"<Delete><Quiet>true</Quiet>{body}</Delete>".encode()
            proof = base64.b64encode(hashlib.md5(body).digest()).decode()
            _, _, said = self.must("POST", query="delete=", body=body, headers={"content-md5": proof})
            if b"<Error>" in said:
                raise Failed(f"empty {self.bucket}/{prefix}", 200, said)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings")
    parser.add_argument("verb", choices=["make-bucket", "list", "get", "put", "delete", "empty"])
    parser.add_argument("key", nargs="?", default="")
    parser.add_argument("--bucket")
    parser.add_argument("--lock", action="store_true", help="versions and object lock")
    options = parser.parse_args()
    client = Client(options.settings, options.bucket)
    if options.verb == "make-bucket":
        client.make_bucket(options.lock)
    elif options.verb == "list":
        print("".join(f"{key}\n" for key in client.keys(options.key)), end="")
    elif options.verb == "get":
        sys.stdout.buffer.write(client.get(options.key))
    elif options.verb == "put":
        client.put(options.key, sys.stdin.buffer.read())
    else:
        getattr(client, options.verb)(options.key)


if __name__ == "__main__":
    try:
        main()
    except (Failed, OSError) as error:
        sys.exit(f"s3.py: {error}")
