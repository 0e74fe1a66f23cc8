"""A folder of a bucket that is used like a pathlib.Path, so that a test which looks into a repository
or breaks something there need not know where it is."""
import shutil
import sys
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import s3  # noqa: E402


class BucketPath:
    def __init__(self, client, key, size=None):
        self.client, self.key, self.size = client, str(key), size

    def __str__(self):
        return f"s3://{self.client.bucket}/{self.key}"

    def __truediv__(self, name):
        return BucketPath(self.client, f"{self.key}/{name}")

    def __lt__(self, other):
        return self.key < other.key

    def __eq__(self, other):
        return isinstance(other, BucketPath) and self.key == other.key

    def __hash__(self):
        return hash(self.key)

    @property
    def name(self):
        return PurePosixPath(self.key).name

    @property
    def parent(self):
        return BucketPath(self.client, PurePosixPath(self.key).parent)

    def relative_to(self, folder):
        return PurePosixPath(self.key).relative_to(folder.key)

    # A folder

    def rglob(self, pattern):
        """Of objects only: a bucket has no folders."""
        for key, size in self.client.list(self.key + "/"):
            if PurePosixPath(key).match(pattern):
                yield BucketPath(self.client, key, size)

    def iterdir(self):
        names = {self.relative(p).parts[0] for p in self.rglob("*")}
        return iter([self / name for name in sorted(names)])

    def relative(self, path):
        return path.relative_to(self)

    # An object

    def stat(self):
        if self.size is None:
            self.size = int(self.client.stat(self.key)["content-length"])
        return SimpleNamespace(st_size=self.size)

    def is_file(self):
        return self.size is not None or self.client.stat(self.key) is not None

    def exists(self):
        return self.is_file() or bool(self.client.list(self.key + "/"))

    def read_bytes(self):
        return self.client.get(self.key)

    def read_text(self):
        return self.read_bytes().decode()

    def write_bytes(self, data):
        self.client.put(self.key, bytes(data))
        self.size = None

    def write_text(self, text):
        self.write_bytes(text.encode())

    def unlink(self):
        self.client.delete(self.key)


def remove_tree(path):
    if isinstance(path, BucketPath):
        path.client.empty(path.key + "/")
    else:
        shutil.rmtree(path, ignore_errors=True)


def copy_tree(source, target):
    if isinstance(source, Path) and isinstance(target, Path):
        shutil.copytree(source, target)
        return
    for path in source.rglob("*"):
        if path.is_file():
            to = target / path.relative_to(source)
            if isinstance(to, Path):
                to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())


def move_tree(source, target):
    copy_tree(source, target)
    remove_tree(source)
