"""The bench part of volumes: many small files, and one large one."""
import os
import random
import shutil

from measure import GIB, shell, size_of

MIB = 1 << 20
WORDS = 5000


def words(rng):
    return [bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 10))) for _ in range(WORDS)]


def make_small(top, count):
    """Half of them text, half of it noise, 500 to 7,700 bytes, a hundred in a directory."""
    rng = random.Random(7)
    known = words(rng)
    for n in range(count):
        folder = top / f"{n // 1000:03}" / f"{n // 100 % 10}"
        if n % 100 == 0:
            folder.mkdir(parents=True)
        size = rng.randint(500, 7700)
        text = b" ".join(rng.choices(known, k=size // 7))[:size]
        (folder / f"file-{n:06}.dat").write_bytes(rng.randbytes(size) if n % 2 else text)


def make_large(top, size):
    rng = random.Random(3)
    known = words(rng)
    top.mkdir(parents=True)
    with open(top / "file", "wb") as file:
        for _ in range(size // MIB):
            file.write(rng.randbytes(MIB // 2))
            file.write(b" ".join(rng.choices(known, k=90_000))[:MIB // 2].ljust(MIB // 2))


def change(top):
    """One file in a hundred gets longer; of the large one, one byte in a hundred MiB changes."""
    files = sorted(p for p in top.rglob("*") if p.is_file())
    for path in files[7::100]:
        with open(path, "ab") as file:
            file.write(b"changed")
    if len(files) == 1:
        with open(files[0], "r+b") as file:
            for at in range(0, size_of(files[0]), 100 * MIB):
                file.seek(at)
                file.write(b"changed")


def read_once(top):
    shell(f"find {top} -type f -exec cat {{}} + | wc -c; sync")


def compare(bench, part, what, top):
    """Backups, one after the other with each program; what is stored; restores."""
    w, ratios = bench.work, {}
    env = {"RESTIC_PASSWORD": "x", "XDG_CACHE_HOME": str(w)}
    empty = bench.fresh_repository()
    shell(f"restic -q -r {w}/restic init", **env)
    for turn in ("first", "1% changed"):
        if turn != "first":
            change(top)
        read_once(top)
        ours = bench.holdfast("backup", top, "--name", "volume")
        restic = shell(f"restic -q -r {w}/restic backup {top}", **env)
        stored = size_of(w / "repository") - empty, size_of(w / "restic")
        bench.row(part, f"holdfast backup, {what}, {turn}", ours, stored[0])
        bench.row(part, f"restic backup, {what}, {turn}", restic, stored[1])
        ratios[turn] = ours.seconds / restic.seconds
        bench.bar(part, f"stored, {what}, {turn}, against restic", stored[0] / stored[1], 1.05)
        if turn == "first":
            pipe = shell(f"tar -cf - {top} 2>/dev/null | zstd -q -3 -T2 | age -r {bench.recipient} > {w}/pipe.age")
            bench.row(part, f"tar, zstd -3 -T2, age, {what}", pipe, size_of(w / "pipe.age"))
            bench.clear("pipe.age")
            bench.bar(part, f"backup, {what}, against tar | zstd | age", ours.seconds / pipe.seconds, 1.1)
            bench.bar(part, "peak memory of backup", ours.peak / MIB, 256, " MiB")
    bench.bar(part, f"backup, {what}, against restic", ratios["first"], 0.8)
    if what != "one large file":  # which is one percent, or all
        bench.bar(part, f"backup, {what}, 1% changed, against restic", ratios["1% changed"], 0.5)
    shell("sync")
    compared = bench.holdfast("restore", "volume@latest", "--to", w / "restored")
    bench.row(part, f"holdfast restore, {what}, compared", compared)
    bench.clear("restored")
    ours = bench.holdfast("restore", "volume@latest", "--to", w / "restored", "--no-compare")
    bench.row(part, f"holdfast restore --no-compare, {what}", ours)
    bench.clear("restored")
    restic = shell(f"restic -q -r {w}/restic restore latest --target {w}/restored", **env)
    bench.row(part, f"restic restore, {what}, not compared", restic)
    bench.clear("restored", "restic")
    bench.bar(part, f"restore, {what}, against restic", ours.seconds / restic.seconds, 0.9)
    bench.bar(part, "peak memory of restore", compared.peak / MIB, 256, " MiB")


def measure(bench, part):
    for what, make, amount in (("small files", make_small, int(100_000 * bench.scale)),
                               ("one large file", make_large, int(4 * GIB * bench.scale))):
        top = bench.work / "volume"
        make(top, amount)
        compare(bench, part, what, top)
        shutil.rmtree(top)
        os.sync()
