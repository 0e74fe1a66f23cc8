"""Repositories of many snapshots: what it takes to list them, to begin a backup, and to prune."""
import re

from measure import program

# Snapshots and chunks; the middle one is what the bars are about.
SIZES = ((1000, 100_000), (10_000, 1_000_000), (100_000, 10_000_000))
SECONDS, MEMORY = 10, 256


def run(bench, binary, sizes=SIZES[:2]):
    part, mib = "prune", 1 << 20
    for snapshots, chunks in sizes:
        folder = bench.work / f"many-{snapshots}"
        program([binary, "make", folder, snapshots, chunks])
        steps = [("list", "list"), ("the start of a backup", "start"), ("prune with nothing to do", "prune")]
        measured = [(what, ask(bench, part, binary, folder, snapshots, chunks, what, verb)) for what, verb in steps]
        program([binary, "forget", folder, snapshots // 2])
        for what in ("prune that marks, half of the snapshots forgotten", "prune that removes what is marked"):
            measured.append((what, ask(bench, part, binary, folder, snapshots, chunks, what, "prune")))
        if (snapshots, chunks) == SIZES[1]:
            for what, (seconds, peak) in measured:
                bench.bar(part, f"{what}, seconds", seconds, SECONDS, " s")
                bench.bar(part, f"{what}, peak memory", peak / mib, MEMORY, " MiB")
        bench.clear(folder.name)


def ask(bench, part, binary, folder, snapshots, chunks, what, verb):
    """The program's own figures: they begin when the repository is open."""
    cost = program([binary, verb, folder])
    seconds, cpu, peak = re.search(rf"{verb}: ([0-9.]+) s, ([0-9.]+) s of processor, ([0-9]+) MiB", cost.out).groups()
    cost.seconds, cost.own_cpu, cost.peak = float(seconds), float(cpu), int(peak) << 20
    bench.row(part, f"{what}: {snapshots:,} snapshots, {chunks:,} chunks", cost)
    return cost.seconds, cost.peak
