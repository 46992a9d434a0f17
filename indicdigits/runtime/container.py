"""A sealed zip: a table that names every other member by its SHA-256, and itself by its digest.

Bundles of readers are such files (`bundle`, `line_bundle`); what their tables say is theirs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from indicdigits.errors import VerificationError
from indicdigits.runtime.archive import Archive, pack
from indicdigits.runtime.fields import Table

MANIFEST = "bundle.json"
MANIFEST_LIMIT = 4 << 20  # bytes


def sha256(data: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_of(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a table without its field `digest`, keys sorted, without spaces."""
    rest = {key: value for key, value in manifest.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return sha256(text.encode())


def seal(about: Mapping[str, Any], members: Mapping[str, bytes]) -> bytes:
    """The file of a table and its members; equal contents give equal bytes."""
    manifest: dict[str, Any] = {
        **about,
        "members": {
            name: {"sha256": sha256(content), "bytes": len(content)}
            for name, content in members.items()
        },
    }
    manifest["digest"] = digest_of(manifest)
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    return pack({MANIFEST: text.encode(), **members})


def unseal(
    data: bytes, limits: Mapping[str, int], *, kind: str, schema: int, where: object
) -> tuple[Table, dict[str, bytes]]:
    """Reads and verifies a file of `seal`.

    Args:
        data: The whole file.
        limits: Its members, and how many bytes each may have.
        kind: What its field `format` says.
        schema: The newest that this version knows.
        where: The file's name, for errors.

    Returns:
        Its table, and its members.

    Raises:
        VerificationError: It is not what it claims to be, or a newer version made it.
    """
    archive = Archive(data, where=where)
    content = _json(archive.read(MANIFEST, MANIFEST_LIMIT), kind, where)
    manifest = Table(content, where=f"{where}, {MANIFEST}")
    _check_version(manifest, schema, where)
    if manifest.text("digest") != digest_of(manifest.data):
        raise VerificationError("bundle.json was changed after it was written", where=where)
    return manifest, _members(archive, manifest.table("members"), limits, where)


def _json(content: bytes, kind: str, where: object) -> dict[str, Any]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise VerificationError(f"bundle.json is not valid JSON: {error}", where=where) from error
    found = data.get("format") if isinstance(data, dict) else None
    if found != kind:
        raise VerificationError(
            "is no bundle of indicdigits" if not found else f"is of another kind, {found!r}",
            where=where,
            allowed=kind,
        )
    return dict(data)


def _check_version(manifest: Table, newest: int, where: object) -> None:
    """Comes before all other checks, so that a newer file is not taken for a damaged one."""
    schema = manifest.whole("schema", 1, 10**6)
    if schema > newest:
        raise VerificationError(
            f"was made by a newer version ({manifest.data.get('created_by', 'unknown')}): "
            f"its schema is {schema}",
            where=where,
            allowed=f"schema 1 to {newest}",
            hint="upgrade: pip install --upgrade indicdigits",
        )


def _members(
    archive: Archive, listed: Table, limits: Mapping[str, int], where: object
) -> dict[str, bytes]:
    expected = set(limits)
    for names in (set(listed.data), set(archive.names) - {MANIFEST}):
        _check_names(names, expected, where)
    members = {}
    for name in sorted(expected):
        content = archive.read(name, limits[name])
        if sha256(content) != listed.table(name).text("sha256"):
            raise VerificationError(
                f"{name} is not the file that was written: its SHA-256 differs",
                where=where,
                hint="fetch the file again, or export it again",
            )
        members[name] = content
    return members


def _check_names(names: Iterable[str], expected: set[str], where: object) -> None:
    odd = ", ".join(sorted(set(names) ^ expected))
    if odd:
        allowed = ", ".join(sorted({MANIFEST, *expected}))
        raise VerificationError(f"lacks or has too much: {odd}", where=where, allowed=allowed)


def text_of(content: bytes, name: str, where: object) -> str:
    """A member that is UTF-8 text.

    Raises:
        VerificationError: It is not.
    """
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise VerificationError(f"{name} is no UTF-8 text", where=where) from error
