"""CSV for people's spreadsheets: byte order mark, Chinese or English headers, no formulas (N12). Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

CHUNK_BYTES = 64 * 1024
"""A chunk is sent once it has grown to this size."""

# Spreadsheets run a cell that begins with one of these; the Chinese ones take the full-width signs as well.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|")


def harmless(cell: object) -> object:
    """Text that a spreadsheet would run gets an apostrophe in front; numbers stay numbers."""
    if isinstance(cell, str) and cell.lstrip(" \u3000\u00a0").startswith(_FORMULA):
        return "'" + cell
    return cell


def csv_chunks(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The file in pieces, UTF-8 with a byte order mark so that Excel reads Chinese; never held as a whole."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    text.write("\ufeff")
    writer.writerow(header)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
        if text.tell() >= CHUNK_BYTES:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()
