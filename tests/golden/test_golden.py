#!/usr/bin/python3
"""A golden repository is read by the library and by scripts/rescue: test_golden.py MAKE_REPO NAME."""
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys

from common import HERE, RESCUE, expect, folder, read_streams, run, write_streams

MAKE = sys.argv[1]
GOLDEN = os.path.join(HERE, sys.argv[2])


def compare(snapshot, out, how):
    found = {n: {"bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()}
             for n, c in read_streams(out).items()}
    expect(found == snapshot["streams"], f"{how}: snapshot {snapshot['id']} is another")


def has_cipher(root, secret):
    with open(os.path.join(GOLDEN, "repository", "holdfast"), encoding="utf-8") as file:
        cipher = json.load(file)["cipher"]
    if cipher != "aes-256-gcm":
        return True
    done = subprocess.run((MAKE, "init", os.path.join(root, "probe"), secret, cipher),
                          capture_output=True, check=False)
    return b"needs a CPU with AES" not in done.stderr


def read_all(root, expected, readers, when):
    for number, snapshot in enumerate(expected):
        for how, command in readers.items():
            out = os.path.join(root, f"{number} {how} {when}")
            run(*command, snapshot["id"], out)
            compare(snapshot, out, f"{how}, {when}")


def index_objects(repo):
    return set(os.listdir(os.path.join(repo, "index")))


def check(root):
    with open(os.path.join(GOLDEN, "expected.json"), encoding="utf-8") as file:
        expected = json.load(file)
    # Opening a repository may leave a lease: not in the committed one.
    repo = os.path.join(root, "repository")
    shutil.copytree(os.path.join(GOLDEN, "repository"), repo)
    secret = os.path.join(GOLDEN, "passphrase")
    identity = os.path.join(GOLDEN, "identity")
    readers = {
        "library": (MAKE, "restore", repo, secret),
        "identity": (MAKE, "restore-identity", repo, identity),
        "rescue": (RESCUE, repo, "--passphrase-file", secret, "extract"),
        "rescue by identity": (RESCUE, repo, "--identity-file", identity, "extract"),
    }
    read_all(root, expected, readers, "as it was")
    run(MAKE, "check", repo, secret)
    writer = os.path.join(GOLDEN, "writer-passphrase")
    done = run(MAKE, "restore", repo, writer, "latest", os.path.join(root, "writer"), status=1)
    expect(b"reader key" in done.stderr, "a writer key reads no data")
    # More backups merge the index objects there are into others, which are as good.
    before = index_objects(repo)
    for number in range(3):
        files = os.path.join(root, "files")
        write_streams(files, {"new": random.Random(number).randbytes(200000)})
        run(MAKE, "backup", repo, writer, "app", files)
    expect(not before & index_objects(repo), "index objects are merged")
    read_all(root, expected, readers, "merged")
    run(MAKE, "check", repo, secret)


def main():
    with folder() as root:
        if not has_cipher(root, os.path.join(GOLDEN, "passphrase")):
            print("skipped: this CPU has no AES instructions")
            sys.exit(77)
        check(root)


main()
