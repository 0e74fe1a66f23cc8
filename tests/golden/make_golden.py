#!/usr/bin/python3
"""Makes a golden repository below tests/golden, once: make_golden.py MAKE_REPO NAME [CIPHER]. Never run
again for a format that was released: what is committed is what later versions must read."""
import hashlib
import json
import os
import random
import sys

from common import HERE, folder, rows, run, write_streams

MAKE = sys.argv[1]
GOLDEN = os.path.join(HERE, sys.argv[2])
CIPHER = sys.argv[3:]


def streams(changed):
    noise = random.Random(7)
    return {
        "app/data/public.orders/0000.rows": rows(20000, 3) + (b"20000\t1\tnew\t\\N\n" if changed else b""),
        "app/data/public.tiny/0000.rows": b"1\tone\n2\ttwo\n3\t\\N\n",
        "app/schema": b"CREATE TABLE public.tiny (id integer, name text);\n" * 20,
        "empty": b"",
        "noise": noise.randbytes(3000 + changed),
        "zeroes": bytes(5 << 20),
    }


def main():
    repo, secret = os.path.join(GOLDEN, "repository"), os.path.join(GOLDEN, "passphrase")
    os.makedirs(GOLDEN)
    write_streams(GOLDEN, {"passphrase": b"golden\n", "writer-passphrase": b"golden writer\n"})
    run(MAKE, "init", repo, secret, *CIPHER)
    expected = []
    with folder() as root:
        for changed in (False, True):
            content = streams(changed)
            files = os.path.join(root, str(changed))
            write_streams(files, content)
            name = run(MAKE, "backup", repo, secret, "app", files).stdout.decode().strip()
            expected.append({"id": name, "streams": {
                n: {"bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()}
                for n, c in content.items()}})
            if not changed:
                run(MAKE, "writer", repo, secret, os.path.join(GOLDEN, "writer-passphrase"))
                run(MAKE, "rotate", repo, secret)
    run(MAKE, "recipient", repo, secret, os.path.join(GOLDEN, "identity"))
    for empty in ("leases", "tmp"):
        os.rmdir(os.path.join(repo, empty))
    with open(os.path.join(GOLDEN, "expected.json"), "w", encoding="utf-8") as file:
        json.dump(expected, file, indent=1)
        file.write("\n")


main()
