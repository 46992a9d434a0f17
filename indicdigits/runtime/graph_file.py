"""Looks through the file of an ONNX graph before any program opens it.

A tensor of a graph may name another file that holds its numbers, and onnxruntime opens that file,
`..` in its name or not. A bundle's graph must hold all of them itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from indicdigits.errors import VerificationError

# What of an ONNX file holds tensors: message -> number of a field -> the message in it, after
# onnx.proto3. Fields that are not listed hold none.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a tensor
_VARINT, _EIGHT_BYTES, _COUNTED, _FOUR_BYTES = 0, 1, 2, 5  # kinds of fields in protobuf
_MOST_MESSAGES = 100_000  # a graph of ours has some hundred

_Bytes = memoryview


def check_self_contained(graph: bytes, *, where: object) -> None:
    """Refuses a graph whose tensors lie in other files.

    Args:
        graph: The file of an ONNX graph.
        where: Named in errors.

    Raises:
        VerificationError: A tensor lies elsewhere, or the file is damaged or too complex.
    """
    found = 0
    open_: list[tuple[str, _Bytes]] = [("model", memoryview(graph))]
    try:
        while open_:
            kind, content = open_.pop()
            found += 1
            if found > _MOST_MESSAGES:
                raise VerificationError("the graph has too many parts", where=where)
            for number, value in _fields(content):
                if kind == "tensor" and number in (_EXTERNAL_DATA, _DATA_LOCATION) and value:
                    raise VerificationError(
                        "the graph keeps numbers in another file",
                        where=where,
                        allowed="a graph that holds all of its tensors",
                        hint="save it with them inside: onnx.save(onnx.load(path), path)",
                    )
                if number in _INSIDE[kind] and isinstance(value, memoryview):
                    open_.append((_INSIDE[kind][number], value))
    except _DamagedError as error:
        raise VerificationError(f"the graph cannot be run: {error}", where=where) from None


class _DamagedError(ValueError):
    """These bytes are no protobuf."""


def _fields(content: _Bytes) -> Iterator[tuple[int, int | _Bytes]]:
    """The fields of a message of protobuf: number, and value or content."""
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        kind, number = tag & 7, tag >> 3
        if not 0 < number < 1 << 29:
            raise _DamagedError("it is no ONNX file")
        if kind == _VARINT:
            value, at = _varint(content, at)
            yield number, value
            continue
        length = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(kind, -1)
        if kind == _COUNTED:
            length, at = _varint(content, at)
        if length < 0 or length > len(content) - at:
            raise _DamagedError("it is no ONNX file, or cut short")
        yield number, content[at : at + length]
        at += length


def _varint(content: _Bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first; and where it ends."""
    value = 0
    for count in range(10):
        if at + count >= len(content):
            break
        byte = content[at + count]
        value |= (byte & 127) << (7 * count)
        if byte < 128:
            return value, at + count + 1
    raise _DamagedError("it is no ONNX file, or cut short")
