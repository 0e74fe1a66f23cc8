"""Directory trees with everything in them, and what two trees differ in."""
import errno
import hashlib
import os
import random
import socket
import stat
import struct
from pathlib import Path

ROOT = os.geteuid() == 0


def acl(*entries):
    """The kernel's form of a POSIX ACL: (tag, permissions, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)


NOBODY = 0xffffffff
ACL = acl((1, 7, NOBODY), (2, 5, 1234), (4, 5, NOBODY), (8, 6, 4321), (0x10, 7, NOBODY), (0x20, 1, NOBODY))
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)  # cap_net_bind_service=ep


def write(path, content, mode=0o644, mtime=None):
    path = os.fsencode(path)
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)
    if mtime is not None:
        os.utime(path, ns=(mtime, mtime))


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def attribute(path, name, value):
    """False where the file system has none."""
    try:
        os.setxattr(path, name, value, follow_symlinks=False)
        return True
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EPERM):
            return False
        raise


def deep(top, levels, name="d" * 200):
    """A path longer than PATH_MAX, made level by level."""
    fd = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    file = os.open("at the bottom", os.O_WRONLY | os.O_CREAT, 0o640, dir_fd=fd)
    os.write(file, b"deep")
    os.close(file)
    os.close(fd)


def zoo(top):
    """One of everything that a volume may hold."""
    top = Path(top)
    (top / "empty directory").mkdir(parents=True)
    write(top / "empty file", b"")
    write(top / "text", b"some text\n" * 500, mtime=1234567890_123456789)
    write(top / "old", b"before 1970", mtime=-3_000000001)
    write(top / "far", b"after 2262 in nanoseconds", mtime=9_000_000_000_000000000)
    write(top / "noise", noise(1, 300_000))
    write(top / "large", noise(2, 3_000_000) + b"\0" * 100_000 + noise(3, 3_000_000))
    write(top / "setuid", b"#!/bin/sh\n", 0o4755)
    write(top / "setgid sticky", b"x", 0o3711)
    write(top / "nobody reads", b"secret", 0)
    (top / "sub" / "subsub").mkdir(parents=True)
    write(top / "sub" / "a", b"a")
    write(top / "sub-a", b"sorts before what is in sub, byte by byte")
    write(top / "sub" / "subsub" / "b", noise(4, 5000))
    os.chmod(top / "sub" / "subsub", 0o1777)
    os.chmod(top / "sub", 0o2750)
    os.symlink("text", top / "link")
    os.symlink("/nowhere/at all", top / "dangling")
    os.symlink("x" * 4000, top / "long link")
    os.symlink(b"to \xff\xfe", os.fsencode(top) + b"/link \xff")
    os.link(top / "text", top / "sub" / "hard link")
    os.link(top / "text", top / "zzz another")
    os.link(top / "dangling", top / "zzz hard link of a link", follow_symlinks=False)
    os.mkfifo(top / "fifo", 0o622)
    for name in (b"\xff\xfe not utf-8", b"new\nline", b"tab\tand\\", "umläut €".encode(), b" ", b"-rf",
                 b"*?[x]", b"\x01", b"n" * 255):
        write(os.fsencode(top) + b"/" + name, name)
    with open(top / "sparse", "wb") as file:
        file.seek(5_000_000)
        file.write(noise(5, 100_000))
        file.seek(40_000_000)
        file.write(b"end")
        file.truncate(50_000_000)
    with open(top / "all hole", "wb") as file:
        file.truncate(1 << 30)
    deep(top, 25)
    attribute(top / "text", "user.note", b"value \0 with anything")
    attribute(top / "text", "user.empty", b"")
    attribute(top / "sub", "user.directory", b"x" * 3000)
    if ROOT:
        for n, name in enumerate(("noise", "sub", "link", "fifo")):
            os.chown(top / name, 12345 + n, 54321 + n, follow_symlinks=False)
        os.chown(top / "old", 1, 2)
        attribute(top / "noise", "system.posix_acl_access", ACL)
        attribute(top / "sub", "system.posix_acl_access", ACL)
        attribute(top / "sub", "system.posix_acl_default", ACL)
        attribute(top / "text", "trusted.holdfast", b"t")
        write(top / "capable", b"c", 0o755)
        attribute(top / "capable", "security.capability", CAPABILITY)
        os.mknod(top / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(top / "loop", 0o660 | stat.S_IFBLK, os.makedev(7, 300))
    server = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(top)
    server.bind("socket")
    os.chdir(here)
    server.close()
    os.utime(top / "sub", ns=(5, 1111111111_222222222))
    os.utime(top, ns=(5, 1000000000_000000001))


def attributes(path):
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return {}
    return {n: os.getxattr(path, n, follow_symlinks=False) for n in names if n != "security.selinux"}


def digest(path, size):
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return size, found.hexdigest()


def holes(path, st):
    """Whether it takes less room than its size."""
    return st.st_size >= 1 << 20 and st.st_blocks * 512 < st.st_size * 3 // 4


def describe(top, owners=True, xattrs=True, skip=(), content=True, times=True):
    """{path: what is there}, walked by descriptors as paths may be too long."""
    found, links = {}, {}

    def look(fd, name, path):
        st = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if stat.S_ISSOCK(st.st_mode) or path in skip:
            return
        here = b"/proc/self/fd/%d/%s" % (fd, name)
        what = {"mode": oct(st.st_mode)}
        if times:
            what["mtime"] = st.st_mtime_ns
        if owners:
            what["owner"] = st.st_uid, st.st_gid
        if xattrs:
            what["xattrs"] = attributes(here)
        if stat.S_ISREG(st.st_mode) and content:
            what["content"] = digest(here, st.st_size)
            what["holes"] = holes(here, st)
        if stat.S_ISLNK(st.st_mode):
            what["target"] = os.readlink(name, dir_fd=fd)
        if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
            what["device"] = st.st_rdev
        if not stat.S_ISDIR(st.st_mode) and st.st_nlink > 1:
            what["same as"] = links.setdefault((st.st_dev, st.st_ino), path)
        found[path] = what
        if stat.S_ISDIR(st.st_mode):
            below = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
            try:
                for child in sorted(os.listdir(below)):
                    child = os.fsencode(child)
                    look(below, child, path + b"/" + child)
            finally:
                os.close(below)

    fd = os.open(top, os.O_RDONLY)
    try:
        look(fd, b".", b".")
    finally:
        os.close(fd)
    return found


def differences(one, two):
    """Texts, one a difference."""
    out = []
    for path in sorted(one.keys() | two.keys()):
        a, b = one.get(path), two.get(path)
        if a == b:
            continue
        short = path[-80:]
        if a is None or b is None:
            out.append(f"{short!r}: only in the {'second' if a is None else 'first'}")
            continue
        out += [f"{short!r}: {k}: {a.get(k)!r:.200} and {b.get(k)!r:.200}"
                for k in sorted(a.keys() | b.keys()) if a.get(k) != b.get(k)]
    return out
