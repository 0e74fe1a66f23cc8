#!/usr/bin/python3
"""Damage: found, named, its cost said, and healed from the source."""
import random
import re

import harness
from harness import DAMAGED, DONE, FAILED, TestCase, copy_tree, move_tree, remove_tree


class Damage(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.create("app")
        cls.server.psql("app", """
            CREATE TABLE t AS SELECT i, md5(i::text) AS m FROM generate_series(1, 3000) i;
            CREATE TABLE blob AS SELECT i, decode(string_agg(md5((i * 100 + k)::text), ''), 'hex') AS b
            FROM generate_series(1, 30) i, generate_series(1, 100) k GROUP BY i""")

    def setUp(self):
        super().setUp()
        self.init()
        self.backup(self.server.url("app"))

    def restored_right(self):
        self.server.drop("back")
        result = self.hf("restore", "app@latest", "--to", self.server.url("back"), expect=None)
        if result.code == DONE:
            self.assert_same_database(self.server, "app", self.server, "back")
            self.server.drop("back")
        else:
            self.assertNotIn("back", self.server.databases())
        return result

    def test_a_sound_repository(self):
        self.hf("check")
        self.assertEqual("stored", self.snapshots()[0]["state"])
        self.hf("check", "--no-key", key=False)
        self.hf("check", "--read-data=50%")
        self.hf("check", "--read-data")
        self.assertEqual("checked", self.snapshots()[0]["state"])
        report = self.hf("check", "--read-data", "--json").events[-1]
        self.assertEqual((0, 0), (report["problems"], report["damaged_snapshots"]))
        self.assertGreater(report["bytes_read"], 0)

    def test_every_object_missing(self):
        """Each object in turn: what is lost is said; nothing crashes; nothing wrong is restored."""
        sound = self.folder / "sound"
        move_tree(self.repo, sound)
        for path in sorted(p for p in sound.rglob("*") if p.is_file()):
            name = path.relative_to(sound)
            with self.subTest(object=str(name)):
                remove_tree(self.repo)
                copy_tree(sound, self.repo)
                (self.repo / name).unlink()
                self.restored_right()
                if name.parts[0] in ("packs", "snapshots"):
                    result = self.hf("check", expect=None)
                    if name.parts[0] == "packs":
                        self.assertEqual(DAMAGED, result.code, result)
                        self.assertIn(name.name[:12], result.said)

    def test_bits_flipped_and_tails_cut(self):
        """Some places of every object: check --read-data finds it, restore refuses it."""
        sound, chance = self.folder / "sound", random.Random(4711)
        move_tree(self.repo, sound)
        for path in sorted(p for p in sound.rglob("*") if p.is_file()):
            name, data = path.relative_to(sound), path.read_bytes()
            if name.parts[0] in ("keys", "leases", "tmp"):
                continue
            for _ in range(2):
                remove_tree(self.repo)
                copy_tree(sound, self.repo)
                place = chance.randrange(len(data))
                if chance.random() < 0.7:
                    bad = bytearray(data)
                    bad[place] ^= 1 << chance.randrange(8)
                else:
                    bad = data[:place]
                with self.subTest(object=str(name), place=place, length=len(data), cut=len(bad)):
                    (self.repo / name).write_bytes(bad)
                    result = self.hf("check", "--read-data", expect=None)
                    self.assertIn(result.code, (DAMAGED, FAILED), result)
                    restored = self.restored_right()
                    if restored.code != DONE:
                        self.assertIn(restored.code, (DAMAGED, FAILED), restored)
                        self.assertRegex(restored.err, f"{re.escape(str(name))}|{name.name[:8]}|damaged|repository")

    def test_no_key_finds_a_flipped_bit(self):
        pack = max((self.repo / "packs").rglob("*"), key=lambda p: p.stat().st_size if p.is_file() else 0)
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 4
        pack.write_bytes(data)
        self.hf("check", "--no-key", key=False, expect=DAMAGED, says=pack.name[:12])

    def test_lost_index_is_rebuilt(self):
        remove_tree(self.repo / "index")
        self.hf("check", expect=None)
        self.hf("check", "--repair")
        self.hf("check")
        self.assertEqual(DONE, self.restored_right().code)
        before = self.stored()
        self.backup(self.server.url("app"))
        self.assertLess(self.stored() - before, 64 * 1024, "the chunks were found again")

    def test_missing_pack_is_healed_by_the_next_backup(self):
        packs = sorted((p for p in (self.repo / "packs").rglob("*") if p.is_file()),
                       key=lambda p: p.stat().st_size)
        packs[-1].unlink()
        snapshot = self.snapshots()[0]["id"]
        self.hf("check", expect=DAMAGED, says=[packs[-1].name[:12]])
        repaired = self.hf("check", "--repair", "--json", expect=None)
        report = next(e for e in repaired.events if e["event"] == "check")
        self.assertIn(snapshot, [s for f in report["findings"] for s in f.get("snapshots", [])])
        self.assertNotEqual(DONE, self.restored_right().code)
        self.backup(self.server.url("app"))
        self.assertEqual(DONE, self.restored_right().code)
        # The old snapshot has its chunks again, too.
        self.hf("restore", snapshot, "--to", self.server.url("old"))
        self.server.drop("old")

    def test_damaged_pack_is_healed_by_the_next_backup(self):
        pack = max((p for p in (self.repo / "packs").rglob("*") if p.is_file()),
                   key=lambda p: p.stat().st_size)
        data = bytearray(pack.read_bytes())
        data[200] ^= 1
        pack.write_bytes(data)
        self.hf("check", "--read-data", "--repair", expect=DAMAGED)
        self.backup(self.server.url("app"))
        self.assertEqual(DONE, self.restored_right().code)
        self.hf("check", "--read-data", expect=None)

    def test_a_damaged_manifest_does_not_hide_the_others(self):
        self.backup(self.server.url("app"))
        manifest = sorted((self.repo / "snapshots").iterdir())[0]
        data = bytearray(manifest.read_bytes())
        data[-1] ^= 1
        manifest.write_bytes(data)
        # From the repository itself: what was read of a bucket before is kept here, and still right.
        result = self.hf("list", "--json", expect=None, env={"XDG_CACHE_HOME": self.folder})
        self.assertEqual(1, len([e for e in result.events if e["event"] == "snapshot"]))
        self.assertEqual(DAMAGED, result.code)
        self.assertEqual(DONE, self.restored_right().code)


if __name__ == "__main__":
    harness.main()
