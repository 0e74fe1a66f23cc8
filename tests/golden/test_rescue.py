#!/usr/bin/python3
"""A repository written by holdfast, restored by scripts/rescue: test_rescue.py MAKE_REPO."""
import os
import random
import sys

from common import RESCUE, expect, folder, read_streams, rows, run, same, write_streams

MAKE = sys.argv[1]


def streams(changed):
    noise = random.Random(5)
    return {
        "data/public.orders.rows": rows(150000, 1) + (b"one\tmore\trow\there\n" if changed else b""),
        "data/one.rows": b"1\t2\n",
        "data/ragged.rows": b"1\t2\n3\n" * 3000,
        "deep/er/%2F percent": b"x",
        "empty": b"",
        "noise": noise.randbytes(3 << 20),
        "zeroes": bytes(9 << 20),
    }


def check_snapshots(root, key, made):
    repo = os.path.join(root, "repo")
    listed = run(RESCUE, repo, *key, "list").stdout.decode().splitlines()
    expect([line.split()[0] for line in listed] == [name for name, _ in made], "list")
    for name, content in made:
        out = os.path.join(root, "out", name + key[0])
        run(RESCUE, repo, *key, "extract", name[:12], out)
        same(content, read_streams(out), f"snapshot {name}")
    cat = run(RESCUE, repo, *key, "cat", "app@latest", "data/one.rows").stdout
    expect(cat == b"1\t2\n", "cat")


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def packs(repo):
    found = [os.path.join(p, n) for p, _, names in os.walk(os.path.join(repo, "packs")) for n in names]
    return sorted(found, key=os.path.getsize)


def check_damage(root, key):
    repo = os.path.join(root, "repo")
    for name in os.listdir(os.path.join(repo, "index")):
        flip(os.path.join(repo, "index", name), 60)
    run(RESCUE, repo, *key, "extract", "app@latest", os.path.join(root, "without index"))
    flip(packs(repo)[-1], 5000)
    done = run(RESCUE, repo, *key, "extract", "app@latest", os.path.join(root, "damaged"), status=1)
    expect(b"stream " in done.stderr and b"packs/" in done.stderr, "damage is named")
    expect(b"Traceback" not in done.stderr, "damage is told in words")


def main():
    with folder() as root:
        repo, secret = os.path.join(root, "repo"), os.path.join(root, "passphrase")
        other, identity = os.path.join(root, "other"), os.path.join(root, "identity")
        write_streams(root, {"passphrase": b"correct horse\n", "other": b"wrong\n"})
        run(MAKE, "init", repo, secret)
        made = []
        for changed in (False, True):
            content = streams(changed)
            files = os.path.join(root, f"files-{changed}")
            write_streams(files, content)
            made.append((run(MAKE, "backup", repo, secret, "app", files).stdout.decode().strip(),
                         content))
            run(MAKE, "rotate", repo, secret)
        run(MAKE, "recipient", repo, secret, identity)
        key = ("--passphrase-file", secret)
        check_snapshots(root, key, made)
        check_snapshots(root, ("--identity-file", identity), made)
        done = run(RESCUE, repo, "--passphrase-file", other, "list", status=1)
        expect(b"no key record opens" in done.stderr, "wrong passphrase")
        done = run(RESCUE, os.path.join(root, "nowhere"), *key, "list", status=1)
        expect(b"holdfast: No such file" in done.stderr, "no repository")
        check_damage(root, key)


main()
