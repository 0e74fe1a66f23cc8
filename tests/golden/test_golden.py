#!/usr/bin/python3
"""Golden repositories are read by the library and by scripts/rescue: test_golden.py MAKE_REPO."""
import hashlib
import json
import os
import shutil
import sys

from common import HERE, RESCUE, expect, folder, read_streams, run

MAKE = sys.argv[1]


def compare(snapshot, out, how):
    found = {n: {"bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()}
             for n, c in read_streams(out).items()}
    expect(found == snapshot["streams"], f"{how}: snapshot {snapshot['id']} is another")


def check(golden, root):
    with open(os.path.join(golden, "expected.json"), encoding="utf-8") as file:
        expected = json.load(file)
    # Opening a repository may leave a lease: not in the committed one.
    repo = os.path.join(root, "repository")
    shutil.copytree(os.path.join(golden, "repository"), repo)
    secret = os.path.join(golden, "passphrase")
    identity = os.path.join(golden, "identity")
    for number, snapshot in enumerate(expected):
        for how, command in {
            "library": (MAKE, "restore", repo, secret, snapshot["id"]),
            "identity": (MAKE, "restore-identity", repo, identity, snapshot["id"]),
            "rescue": (RESCUE, repo, "--passphrase-file", secret, "extract", snapshot["id"]),
            "rescue by identity": (RESCUE, repo, "--identity-file", identity, "extract",
                                   snapshot["id"]),
        }.items():
            out = os.path.join(root, f"{number} {how}")
            run(*command, out)
            compare(snapshot, out, how)
    run(MAKE, "check", repo, secret)
    writer = os.path.join(golden, "writer-passphrase")
    done = run(MAKE, "restore", repo, writer, "latest", os.path.join(root, "writer"), status=1)
    expect(b"reader key" in done.stderr, "a writer key reads no data")
    files = os.path.join(root, "0 library")
    run(MAKE, "backup", repo, writer, "app", files)


def main():
    formats = [n for n in sorted(os.listdir(HERE)) if n.startswith("format-")]
    expect(formats, "there is a golden repository")
    for name in formats:
        with folder() as root:
            check(os.path.join(HERE, name), root)


main()
