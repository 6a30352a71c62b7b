"""One word of nft's text → its value in nft's JSON."""

from __future__ import annotations

import ipaddress
import re

NUMBER = re.compile(r"[0-9]{1,40}\Z|0x[0-9a-fA-F]{1,40}\Z")


def plain_value(text: str) -> object:
    """Return the JSON value of a word: a number, a prefix, a range, or the word."""
    if NUMBER.match(text):
        return int(text, 0)
    if text in ("exists", "missing"):
        return text == "exists"
    address, slash, length = text.partition("/")
    if slash and length.isdecimal() and len(length) < 4 and _address(address):
        return {"prefix": {"addr": address, "len": int(length)}}
    low, dash, high = text.partition("-")
    if dash and low and high and _end(low) and _end(high):
        return {"range": [plain_value(low), plain_value(high)]}
    return text


def _end(text: str) -> bool:
    return NUMBER.match(text) is not None or _address(text)


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
