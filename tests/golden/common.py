"""What the tests of scripts/rescue share: running it and make_repo, and made-up streams."""
import os
import random
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RESCUE = os.path.join(HERE, "..", "..", "scripts", "rescue")
try:
    import nacl  # noqa: F401
    import zstandard  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def run(*command, status=0):
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != status:
        sys.exit(f"{' '.join(command)}: {done.returncode}, not {status}\n{done.stderr.decode()}")
    return done


def rows(count, seed):
    pick = random.Random(seed)
    return b"".join(b"%d\t%d\tcustomer %d\t\\N\n" % (i, pick.randrange(10**6), i % 977)
                    for i in range(count))


def write_streams(root, streams):
    for name, content in streams.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def read_streams(root):
    found = {}
    for path, _, names in os.walk(root):
        for name in names:
            full = os.path.join(path, name)
            with open(full, "rb") as file:
                found[os.path.relpath(full, root)] = file.read()
    return found


def expect(condition, text):
    if not condition:
        sys.exit(f"failed: {text}")


def same(a, b, text):
    for name in sorted(a.keys() | b.keys()):
        expect(a.get(name) == b.get(name), f"{text}: stream {name} is not the same")


def folder():
    return tempfile.TemporaryDirectory(prefix="hf-test-")
