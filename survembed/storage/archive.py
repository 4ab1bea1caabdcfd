"""A zip archive of a few known files with their hashes; a hostile or damaged one is refused before it is extracted."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from survembed.errors import DataError
from survembed.storage.files import digest, replacing
from survembed.storage.sealed import CHECKSUM, require_format

MANIFEST = "manifest.json"
LARGEST_MANIFEST = 1_000_000
LARGEST = 8 * 2**30
"""Bytes of all members together."""
MOST_COMPRESSED, SMALL = 200, 10_000_000
"""Ratio above which a member larger than `SMALL` bytes is taken for a zip bomb; weights hardly compress."""
TIME = (1980, 1, 1, 0, 0, 0)
"""Time of every member, so that equal files give equal archives."""


def write_archive(path: Path, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    """Write files and a manifest with their sizes and hashes, whole or not at all.

    Raises
    ------
    DataError
        When `path` cannot be written.
    """
    listed = {name: {"size": len(content), "sha256": _sha256(content)} for name, content in files.items()}
    whole = {**manifest, "files": listed}
    head = json.dumps({**whole, CHECKSUM: digest(whole)}, indent=2, sort_keys=True).encode()
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {MANIFEST: head, **files}.items():
            archive.writestr(zipfile.ZipInfo(name, TIME), content)


def read_archive(
    path: Path, known: Collection[str], name: str, version: int
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Manifest and files of an archive whose members are all in `known`; nothing is extracted to the disk.

    Raises
    ------
    DataError
        When it is no such archive, or has another format, other or too large members, links, or a wrong hash.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, {MANIFEST, *known}, path)
            manifest = _manifest(archive, members, name, version, path)
            files = {each: _content(archive, members[each], manifest, path) for each in manifest["files"]}
    except FileNotFoundError as error:
        raise DataError(f"no file {path.name}", where=str(path)) from error
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror or error}", where=str(path)) from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, KeyError, TypeError) as error:
        raise _refused(path, f"damaged, or no zip file: {str(error).splitlines()[0]}") from error
    return manifest, files


def _members(archive: zipfile.ZipFile, known: Collection[str], path: Path) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for each in archive.infolist():
        parts, kind = PurePosixPath(each.filename.replace("\\", "/")), stat.S_IFMT(each.external_attr >> 16)
        if parts.is_absolute() or ".." in parts.parts or ":" in each.filename:
            raise _refused(path, f"the member {each.filename!r} leaves the folder of the run")
        if kind not in (0, stat.S_IFREG) or each.is_dir():
            raise _refused(path, f"the member {each.filename!r} is a link or a folder, not a file")
        if each.filename not in known:
            raise _refused(path, f"unknown member {each.filename!r}")
        if each.filename in members:
            raise _refused(path, f"the member {each.filename!r} is there twice")
        if each.file_size > max(SMALL, MOST_COMPRESSED * each.compress_size):
            raise _refused(
                path, f"the member {each.filename!r} would grow from {each.compress_size} bytes to {each.file_size}"
            )
        members[each.filename] = each
    if sum(each.file_size for each in members.values()) > LARGEST:
        raise _refused(path, f"its files are larger than {LARGEST // 2**30} GB together")
    return members


def _manifest(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], name: str, version: int, path: Path
) -> dict[str, Any]:
    if MANIFEST not in members or members[MANIFEST].file_size > LARGEST_MANIFEST:
        raise _refused(path, f"no {MANIFEST}")
    manifest = json.loads(_bounded(archive, members[MANIFEST]))
    if not isinstance(manifest, dict):
        raise _refused(path, f"{MANIFEST} is no object")
    require_format(manifest, name, version, path)
    checksum = manifest.pop(CHECKSUM, None)
    if checksum != digest(manifest):
        raise _refused(path, f"{MANIFEST} differs from its checksum")
    if set(manifest["files"]) != set(members) - {MANIFEST}:
        raise _refused(path, f"its members are not those of {MANIFEST}")
    return manifest


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, manifest: Mapping[str, Any], path: Path) -> bytes:
    content, wanted = _bounded(archive, member), manifest["files"][member.filename]
    if len(content) != wanted["size"] or _sha256(content) != wanted["sha256"]:
        raise _refused(path, f"{member.filename} differs from its checksum")
    return content


def _bounded(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The content of a member, never more than it declares."""
    with archive.open(member) as file:
        return file.read(member.file_size)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _refused(path: Path, why: str) -> DataError:
    return DataError(
        f"{path.name} is refused: {why}",
        where=str(path),
        expected="an archive as 'survembed runs export' writes it",
        try_="export the run again, and compare the sizes of both files",
    )
