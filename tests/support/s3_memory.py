"""A simple S3 in memory, for the scripted peer: what holdfast may ask of a server, answered as Amazon's
API reference says, and strictly: an option that is not known here is an error, not ignored."""
import base64
import datetime
import email.utils
import hashlib
import threading
import time
import urllib.parse
import zlib
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import s3

XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass
class Answer:
    status: int
    headers: dict = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Object:
    body: bytes
    headers: dict
    modified: float


def error(status, code, message="", headers=None, **more):
    """As S3 says that it failed."""
    inner = "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in {"Code": code, "Message": message, **more}.items())
    return Answer(status, {"content-type": "application/xml", **(headers or {})},
                  f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode())


def xml(root, inner):
    return Answer(200, {"content-type": "application/xml"},
                  f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{XMLNS}">{inner}</{root}>'.encode())


def iso(when):
    stamp = datetime.datetime.fromtimestamp(when, datetime.timezone.utc)
    return stamp.strftime("%Y-%m-%dT%H:%M:%S.") + f"{stamp.microsecond // 1000:03}Z"


def crc32c(data):
    """The Castagnoli polynomial, reflected; by table, as Python has none."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _table():
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        yield n


_TABLE = list(_table())
CHECKSUMS = {
    "content-md5": lambda body: hashlib.md5(body).digest(),
    "x-amz-checksum-sha256": lambda body: hashlib.sha256(body).digest(),
    "x-amz-checksum-crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "x-amz-checksum-crc32c": lambda body: crc32c(body).to_bytes(4, "big"),
}
# What stays with an object and comes back with it.
KEPT = ("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-storage-class",
        "x-amz-tagging", "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "content-type",
        "x-amz-checksum-sha256", "x-amz-checksum-crc32", "x-amz-checksum-crc32c")


class Memory:
    """Serves requests of any thread. clock: seconds that its own runs ahead of the machine's.
    conditional: what becomes of If-None-Match on a put: "yes", "501", or "ignored". page: keys of a
    listing's page at most. token: the session token that every request must bear."""

    def __init__(self, access_key="AKIATESTTESTTESTTEST", secret_key="secretSecretSecretSecretSecretSecret0000",
                 region="us-east-1", buckets=("test",), clock=0, conditional="yes", page=1000, token=None,
                 lock=False):
        self.access_key, self.secret_key, self.region, self.token = access_key, secret_key, region, token
        self.clock, self.conditional, self.page, self.lock = clock, conditional, page, lock
        self.buckets = {name: {} for name in buckets}
        self.uploads, self.numbers = {}, 0
        self.violations = []  # requests that no right client sends
        self.mutex = threading.RLock()

    def now(self):
        return time.time() + self.clock

    def objects(self, bucket=None):
        """{key: Object}, live."""
        return self.buckets[bucket or next(iter(self.buckets))]

    # Who asks, and was it altered on the way?

    def refuse(self, request):
        """An answer, or None where the signature is right."""
        header = request.headers.get("authorization", "")
        if not header.startswith("AWS4-HMAC-SHA256 "):
            return error(403, "AccessDenied", "Anonymous access is forbidden")
        parts = dict(p.strip().split("=", 1) for p in header[len("AWS4-HMAC-SHA256 "):].split(","))
        access, date, region, service, end = parts["Credential"].rsplit("/", 4)
        when, signed = request.headers.get("x-amz-date", ""), parts["SignedHeaders"].split(";")
        if (service, end, date) != ("s3", "aws4_request", when[:8]) or signed != sorted(signed):
            return self.violation(request, error(400, "AuthorizationHeaderMalformed", "The scope is wrong"))
        if access != self.access_key:
            return error(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        unsigned = [h for h in request.headers if (h == "host" or h.startswith("x-amz-")) and h not in signed]
        if unsigned:
            return self.violation(request, error(403, "AccessDenied", "Headers not signed: " + ", ".join(unsigned)))
        if region != self.region:
            return error(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region "
                         f"'{region}' is wrong; expecting '{self.region}'", Region=self.region)
        stamp = datetime.datetime.strptime(when, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
        if abs(stamp - self.now()) > 900:
            return error(403, "RequestTimeTooSkewed", "The difference between the request time and the current time "
                         "is too large.", RequestTime=when, ServerTime=iso(self.now()), MaxAllowedSkewMilliseconds=900000)
        payload = request.headers.get("x-amz-content-sha256", "")
        right = s3.signature(self.secret_key, request.method, request.path, request.query, request.headers, signed,
                             payload, when, region)
        if right != parts["Signature"]:
            return error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the "
                         "signature you provided. Check your key and signing method.")
        if payload == "UNSIGNED-PAYLOAD":
            if not request.tls:
                return self.violation(request, error(400, "InvalidRequest", "unsigned payload over plain HTTP"))
        elif payload != hashlib.sha256(request.body).hexdigest():
            return self.violation(request, error(400, "XAmzContentSHA256Mismatch", "The provided "
                                                 "'x-amz-content-sha256' header does not match what was computed."))
        token = request.headers.get("x-amz-security-token")
        if self.token and token != self.token:
            return error(400, "ExpiredToken", "The provided token has expired.") if token else \
                error(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        return None

    def close(self):
        pass

    def violation(self, request, answer):
        self.violations.append((request.line, answer.body.decode()))
        return answer

    # What is asked

    def __call__(self, request):
        answer = self.refuse(request) or self.serve(request)
        self.numbers += 1
        answer.headers.setdefault("date", email.utils.formatdate(self.now(), usegmt=True))
        answer.headers.setdefault("x-amz-request-id", f"REQUEST{self.numbers:09}")
        return answer

    def serve(self, request):
        with self.mutex:
            bucket = self.buckets.get(request.bucket)
            if request.method == "PUT" and not request.key and not request.options:
                self.buckets.setdefault(request.bucket, {})
                return Answer(200)
            if bucket is None:
                return error(404, "NoSuchBucket", "The specified bucket does not exist", BucketName=request.bucket)
            work = getattr(self, "on_" + request.kind.replace("-", "_"), None)
            if not work:
                return self.violation(request, error(501, "NotImplemented", f"{request.kind} is not known here"))
            return work(request, bucket)

    def on_put(self, request, bucket):
        condition = request.headers.get("if-none-match")
        if condition and self.conditional == "501":
            return error(501, "NotImplemented", "A header you provided implies functionality that is not implemented.",
                         Header="If-None-Match")
        if condition == "*" and self.conditional == "yes" and request.key in bucket:
            return error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold",
                         Condition="If-None-Match")
        if "x-amz-object-lock-mode" in request.headers and not self.lock:
            return error(400, "InvalidRequest", "Bucket is missing Object Lock Configuration")
        if "x-amz-copy-source" in request.headers:
            return self.copy(request, bucket)
        wrong = self.wrong_checksum(request)
        if wrong:
            return wrong
        bucket[request.key] = Object(request.body, self.kept(request), self.now())
        return Answer(200, {"etag": etag(request.body)})

    def kept(self, request):
        return {k: request.headers[k] for k in KEPT if k in request.headers}

    def wrong_checksum(self, request):
        for name, work in CHECKSUMS.items():
            said = request.headers.get(name)
            if said is not None and base64.b64decode(said) != work(request.body):
                return self.violation(request, error(400, "BadDigest", f"The {name} you specified did not match"))
        return None

    def copy(self, request, bucket):
        source = urllib.parse.unquote(request.headers["x-amz-copy-source"]).lstrip("/").split("/", 1)
        found = self.buckets.get(source[0], {}).get(source[1])
        if not found:
            return error(404, "NoSuchKey", "The specified key does not exist.", Key=source[1])
        bucket[request.key] = Object(found.body, {**found.headers, **self.kept(request)}, self.now())
        return xml("CopyObjectResult", f"<ETag>{etag(found.body)}</ETag>")

    def on_get(self, request, bucket):
        found = bucket.get(request.key)
        if not found:
            return error(404, "NoSuchKey", "The specified key does not exist.", Key=request.key)
        headers = {**found.headers, "etag": etag(found.body), "accept-ranges": "bytes",
                   "last-modified": email.utils.formatdate(found.modified, usegmt=True)}
        body, asked = found.body, request.headers.get("range", "")
        if not asked.startswith("bytes="):
            return Answer(200, headers, body)
        first, last = asked[len("bytes="):].split("-")
        start = int(first) if first else max(0, len(body) - int(last))
        stop = int(last) + 1 if first and last else len(body)
        if start >= len(body) or start >= stop:
            return error(416, "InvalidRange", "The requested range is not satisfiable", {
                "content-range": f"bytes */{len(body)}"})
        body = body[start:stop]
        headers["content-range"] = f"bytes {start}-{start + len(body) - 1}/{len(found.body)}"
        return Answer(206, headers, body)

    def on_head(self, request, bucket):
        answer = self.on_get(request, bucket)
        if answer.status >= 400:
            return Answer(answer.status)
        return Answer(answer.status, {**answer.headers, "content-length": str(len(answer.body))})

    def on_delete(self, request, bucket):
        bucket.pop(request.key, None)
        return Answer(204)

    def on_delete_batch(self, request, bucket):
        if not any(name in request.headers for name in CHECKSUMS):
            return self.violation(request, error(400, "InvalidRequest", "Missing required header: Content-MD5"))
        wrong = self.wrong_checksum(request)
        if wrong:
            return wrong
        root = s3.parse_xml(request.body)
        keys = [o.find("Key").text for o in root.iter("Object")]
        if len(keys) > 1000:
            return self.violation(request, error(400, "MalformedXML", "more than 1000 keys"))
        for key in keys:
            bucket.pop(key, None)
        quiet = root.find("Quiet") is not None and root.find("Quiet").text == "true"
        return xml("DeleteResult", "" if quiet else
                   "".join(f"<Deleted><Key>{escape(k)}</Key></Deleted>" for k in keys))

    def on_list(self, request, bucket):
        known = {"list-type", "prefix", "max-keys", "continuation-token", "encoding-type", "start-after",
                 "delimiter", "fetch-owner"}
        if set(request.options) - known or request.options["list-type"] != "2":
            return self.violation(request, error(501, "NotImplemented", f"list with {sorted(request.options)}"))
        prefix, delimiter = request.options.get("prefix", ""), request.options.get("delimiter", "")
        after = request.options.get("start-after", "")
        token = request.options.get("continuation-token")
        if token is not None:
            after = base64.urlsafe_b64decode(token).decode()
        size = min(self.page, int(request.options.get("max-keys", 1000)))
        write = s3.encode if request.options.get("encoding-type") == "url" else escape
        page, groups, more = [], [], False
        for key in self.sorted_keys(bucket):
            if key <= after or not key.startswith(prefix):
                continue
            if len(page) + len(groups) == size:
                more = True
                break
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            if end < 0:
                page.append(key)
            elif key[:end + 1] not in groups:
                groups.append(key[:end + 1])
            last = key
        inner = f"<Name>{request.bucket}</Name><Prefix>{write(prefix)}</Prefix><MaxKeys>{size}</MaxKeys>"
        inner += f"<KeyCount>{len(page) + len(groups)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"
        if more:
            token = base64.urlsafe_b64encode(last.encode()).decode()
            inner += f"<NextContinuationToken>{token}</NextContinuationToken>"
        for key in page:
            inner += (f"<Contents><Key>{write(key)}</Key><LastModified>{iso(bucket[key].modified)}</LastModified>"
                      f"<ETag>{escape(etag(bucket[key].body))}</ETag><Size>{len(bucket[key].body)}</Size>"
                      "<StorageClass>STANDARD</StorageClass></Contents>")
        inner += "".join(f"<CommonPrefixes><Prefix>{write(g)}</Prefix></CommonPrefixes>" for g in groups)
        return xml("ListBucketResult", inner)

    def sorted_keys(self, bucket):
        """In the order of their UTF-8 bytes, as S3 lists; kept between pages."""
        count, keys = getattr(self, "sorted", (None, None))
        if count != (id(bucket), len(bucket)):
            keys = sorted(bucket, key=lambda k: k.encode())
            self.sorted = (id(bucket), len(bucket)), keys
        return keys

    def on_head_bucket(self, request, bucket):
        return Answer(200, {"x-amz-bucket-region": self.region})

    def on_location(self, request, bucket):
        return xml("LocationConstraint", "" if self.region == "us-east-1" else self.region)

    def on_versioning(self, request, bucket):
        return xml("VersioningConfiguration", "<Status>Enabled</Status>" if self.lock else "")

    def on_object_lock(self, request, bucket):
        if not self.lock:
            return error(404, "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist")
        return xml("ObjectLockConfiguration", "<ObjectLockEnabled>Enabled</ObjectLockEnabled>")

    def on_retention(self, request, bucket):
        if request.key not in bucket:
            return error(404, "NoSuchKey", "The specified key does not exist.", Key=request.key)
        found = bucket[request.key]
        if request.method == "GET":
            mode = found.headers.get("x-amz-object-lock-mode")
            if not mode:
                return error(404, "NoSuchObjectLockConfiguration", "The specified object does not have an "
                             "ObjectLock configuration")
            return xml("Retention", f"<Mode>{mode}</Mode><RetainUntilDate>"
                       f"{found.headers['x-amz-object-lock-retain-until-date']}</RetainUntilDate>")
        wrong = self.wrong_checksum(request)
        if wrong:
            return wrong
        root = s3.parse_xml(request.body)
        found.headers["x-amz-object-lock-mode"] = root.find("Mode").text
        found.headers["x-amz-object-lock-retain-until-date"] = root.find("RetainUntilDate").text
        return Answer(200)

    # Uploads in parts

    def on_create_upload(self, request, bucket):
        name = f"upload{len(self.uploads)}"
        self.uploads[name] = (request.key, self.kept(request), {})
        return xml("InitiateMultipartUploadResult", f"<Bucket>{request.bucket}</Bucket>"
                   f"<Key>{escape(request.key)}</Key><UploadId>{name}</UploadId>")

    def on_part(self, request, bucket):
        wrong = self.wrong_checksum(request)
        if wrong:
            return wrong
        upload = self.uploads.get(request.options["uploadId"])
        if not upload or upload[0] != request.key:
            return error(404, "NoSuchUpload", "The specified multipart upload does not exist.")
        upload[2][int(request.options["partNumber"])] = request.body
        return Answer(200, {"etag": etag(request.body)})

    def on_complete_upload(self, request, bucket):
        key, headers, parts = self.uploads.get(request.options["uploadId"], (None, None, None))
        if key != request.key:
            return error(404, "NoSuchUpload", "The specified multipart upload does not exist.")
        if request.headers.get("if-none-match") == "*" and self.conditional == "yes" and key in bucket:
            return error(412, "PreconditionFailed", "At least one of the pre-conditions did not hold")
        named = [(int(p.find("PartNumber").text), p.find("ETag").text)
                 for p in s3.parse_xml(request.body).iter("Part")]
        if named != sorted((n, etag(b)) for n, b in parts.items() if n in dict(named)) or not named:
            return error(400, "InvalidPart", "One or more of the specified parts could not be found.")
        if any(len(parts[n]) < 5 << 20 for n, _ in named[:-1]):
            return error(400, "EntityTooSmall", "A part is smaller than the minimum allowed size.")
        body = b"".join(parts[n] for n, _ in named)
        del self.uploads[request.options["uploadId"]]
        bucket[key] = Object(body, headers, self.now())
        return xml("CompleteMultipartUploadResult", f"<Key>{escape(key)}</Key><ETag>{etag(body)}</ETag>")

    def on_abort_upload(self, request, bucket):
        self.uploads.pop(request.options["uploadId"], None)
        return Answer(204)


def etag(body):
    return f'"{hashlib.md5(body).hexdigest()}"'


def stored(body):
    """An object that a test puts there itself."""
    return Object(body, {}, time.time())
