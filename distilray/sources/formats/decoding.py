"""One JSON value from its bytes, or why it is none.

What JSON does not have and others write is read where its meaning is certain: ``NaN``, ``Infinity`` and numbers beyond
all floats are floats that no row keeps (see :mod:`distilray.sources.ingest`).
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from distilray.sources.formats.malformed import Malformed

SAVE_AS_UTF8 = "Save the file as UTF-8, for example with `iconv -f GB18030 -t UTF-8`, naming its true encoding"
FIX_JSON = "Correct the file at that place, or write it again with a JSON library"
_LIKE_UTF16 = "it has NUL bytes, as UTF-16 without a byte-order mark has"

_decode = msgspec.json.Decoder().decode


def decoded(raw: bytes) -> Any:
    """The value, or :class:`Malformed`."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _leniently(raw)


def decoded_or_none(raw: bytes) -> Any:
    """The value if ``raw`` is JSON to the letter, else None."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _leniently(raw: bytes) -> Any:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        if raw[error.start] == 0xED:  # how the halves of a pair are written by those who encode them one by one
            return _half_a_pair()
        like = f", {_LIKE_UTF16}" if b"\0" in raw else ""
        return Malformed(f"not UTF-8; byte {error.start + 1} is 0x{raw[error.start]:02x}{like}", "", SAVE_AS_UTF8)
    try:
        value = json.loads(text)
        _ = "\\u" in text and json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return _half_a_pair()
    except RecursionError:
        return Malformed("not usable JSON; nested too deeply", "", FIX_JSON)
    except json.JSONDecodeError as error:
        if "\0" in text:
            return Malformed(f"not JSON; {_LIKE_UTF16}", "", SAVE_AS_UTF8)
        return Malformed(f"not JSON; {error.msg} at character {error.pos + 1}", "", FIX_JSON)
    except ValueError as error:  # an integer of thousands of digits
        return Malformed(f"not usable JSON; {str(error).partition(';')[0]}", "", FIX_JSON)
    return value


def _half_a_pair() -> Malformed:
    return Malformed("text with half of a surrogate pair", "", "Write the file again without cutting characters")
