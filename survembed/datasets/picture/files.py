"""Files of pictures below a folder, found by the contents of a table: paths, names, stems or folders."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath

from survembed.datasets.picture.pixels import SUFFIXES
from survembed.datasets.scan.structure_names import composed


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is a picture."""
    return name.lower().endswith(SUFFIXES)


class PictureFiles:
    """Pictures in a folder and its subfolders; hidden files and folders are none.

    Parameters
    ----------
    root
        The folder.

    Attributes
    ----------
    paths
        Relative to `root`, sorted.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        found: list[PurePosixPath] = []
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if not _is_hidden(name))
            here = PurePosixPath(Path(folder).relative_to(root).as_posix())
            found += [here / name for name in sorted(names) if is_picture_name(name) and not _is_hidden(name)]
        self.paths = tuple(found)

    @cached_property
    def _by_name(self) -> dict[str, list[PurePosixPath]]:
        return self._grouped(lambda path: (path.name,))

    @cached_property
    def _by_stem(self) -> dict[str, list[PurePosixPath]]:
        return self._grouped(lambda path: (path.stem,))

    @cached_property
    def _by_folder(self) -> dict[str, list[PurePosixPath]]:
        return self._grouped(lambda path: set(path.parts[:-1]))

    def _grouped(self, keys: Callable[[PurePosixPath], Iterable[str]]) -> dict[str, list[PurePosixPath]]:
        """Files by keys; each index is only made when it is asked for, because each needs 11 MB for 100,000 files."""
        groups: dict[str, list[PurePosixPath]] = defaultdict(list)
        for path in self.paths:
            for key in keys(path):
                groups[composed(key)].append(path)
        return groups

    def named(self, content: str) -> list[PurePosixPath]:
        """Files that a cell names, with or without suffix: by the path here, or by one of which either is the end.

        So `old/disk/p1/a.png` and `a.png` name `p1/a.png`, and `p2/a.png` does not. Empty if there is none or the path
        leads out of the folder; several if they are equally good.
        """
        parts = PurePosixPath(composed(content.replace("\\", "/"))).parts
        if not parts or ".." in parts:
            return []
        candidates = self._by_name.get(parts[-1]) or self._by_stem.get(parts[-1], [])
        folders = parts[:-1]
        here = {path: tuple(map(composed, path.parts[:-1])) for path in candidates}
        exact = [path for path, its in here.items() if its == folders]
        return exact or [path for path, its in here.items() if _is_end(its, folders) or _is_end(folders, its)]

    def of_subject(self, subject: str) -> list[PurePosixPath]:
        """Files whose stem is this id; else all files in folders of this name."""
        name = composed(subject)
        return self._by_stem.get(name) or self._by_folder.get(name, [])


def _is_end(end: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    return whole[len(whole) - len(end) :] == end if len(end) <= len(whole) else False


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
