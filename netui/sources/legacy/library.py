"""python-iptables' own library, and a rule printed as iptables-legacy-save prints it.

A rule's words come from libxtables' ``save`` functions, which iptables-legacy-save calls, too
(iptables/iptables.c, print_rule4; ip6tables.c, print_rule6). They print to C's stdout. While they run, a
memory stream replaces it; this works on glibc, where ``stdout`` is a variable. Python's own output does not use
it. Only one thread may do this.
"""

from __future__ import annotations

import ctypes as ct
import importlib.util
import ipaddress
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netui.model import Family
from netui.sources.import_lock import IMPORTING
from netui.text.errors import SourceError, plain

_GOTO: dict[Family, int] = {"ip": 0x02, "ip6": 0x04}
_INV_IN, _INV_OUT, _INV_SRC, _INV_DST, _INV_FRAG, _INV_PROTO = 0x01, 0x02, 0x08, 0x10, 0x20, 0x40
_F_FRAG = 0x01
#: The highest library version that is tried (libxtables.so.12, libip4tc.so.2).
_MOST_SONAME = 30
#: icmp, tcp, udp, dccp, esp, ah, ipv6-icmp, sctp, ipv6-mh, udplite: names that iptables has without /etc/protocols.
_SURE_PROTOCOLS = frozenset((1, 6, 17, 33, 50, 51, 58, 132, 135, 136))


class _Named(ct.Structure):
    """``struct xtables_pprot``. Made once, because ctypes never frees a class with a pointer type."""

    _fields_ = (("name", ct.c_char_p), ("number", ct.c_uint8))


class _OpenTable:
    """An open table of python-iptables, refreshed on entry and freed at the end."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - as above
        self._table = table

    def __enter__(self) -> Any:  # noqa: ANN401 - as above
        self._table.autocommit = False
        self._table.refresh()
        return self._table

    def __exit__(self, *_exc: object) -> None:
        self._table.close()


class Library:
    """python-iptables and the libxtables that it loaded."""

    def __init__(self) -> None:
        with IMPORTING:
            self._iptc = _import()
        self._libc = ct.CDLL(None)
        if not hasattr(self._libc, "gnu_get_libc_version"):
            raise SourceError("python-iptables cannot print rules without glibc")
        self._stdout = ct.c_void_p.in_dll(self._libc, "stdout")
        self._libc.open_memstream.restype = ct.c_void_p
        self._libc.fclose.argtypes = self._libc.free.argtypes = [ct.c_void_p]
        self._libc.getprotobynumber.restype = ct.POINTER(ct.c_char_p)
        self._xtables = {"ip": self._iptc.xtables.xtables(2), "ip6": self._iptc.xtables.xtables(10)}

    def table(self, family: Family, name: str) -> _OpenTable:
        """Open an existing table."""
        kind = self._iptc.Table if family == "ip" else self._iptc.Table6
        return _OpenTable(kind(name, autocommit=False))

    def rule(self, family: Family, entry: Any, chain: str, jump: bytes) -> str:  # noqa: ANN401 - as above
        """Print a rule as iptables-legacy-save does, without its counter."""
        ip = entry.ip if family == "ip" else entry.ipv6
        words = [f"-A {chain}", *_addresses(family, ip)]
        for letter, name, mask, bit in (
            ("i", ip.iniface, _raw(ip, "iniface_mask"), _INV_IN),
            ("o", ip.outiface, _raw(ip, "outiface_mask"), _INV_OUT),
        ):
            if mask[0]:
                # The mask covers the final NUL too, unless the name is a prefix.
                wild = "+" if len(mask.rstrip(b"\0")) == len(name) < 16 else ""
                words.append(f"{_not(ip, bit)}-{letter} {name.decode('utf-8', 'surrogateescape')}{wild}")
        if ip.proto:
            words.append(f"{_not(ip, _INV_PROTO)}-p {self._protocol(ip.proto)}")
        if family == "ip" and ip.flags & _F_FRAG:
            words.append(f"{_not(ip, _INV_FRAG)}-f")
        base, offset = ct.addressof(entry), ct.sizeof(entry)
        extensions: list[tuple[bool, int]] = []
        while offset < entry.target_offset:
            extensions.append((True, base + offset))
            size = struct.unpack("=H", ct.string_at(base + offset, 2))[0]
            if size == 0:
                raise SourceError("a match without a size")
            offset += size
        extensions.append((False, base + entry.target_offset))
        words += [self._extension(family, ip, is_match, address, jump) for is_match, address in extensions]
        return " ".join(word for word in words if word)

    def _extension(self, family: Family, ip: Any, is_match: bool, address: int, jump: bytes) -> str:  # noqa: ANN401
        """Print ``-m NAME …`` or ``-j NAME …``."""
        xt = self._xtables[family]
        size, name, revision = struct.unpack("=H29sB", ct.string_at(address, 32))
        name = name.split(b"\0", 1)[0]
        if not is_match and not name:
            # a verdict or a jump; a rule that only counts has none
            letter = "g" if ip.flags & _GOTO[family] else "j"
            return f"-{letter} {_text(jump)}" if jump else ""
        extension = xt.find_match(name) if is_match else xt.find_target(name)
        if not extension:
            raise SourceError(f"no extension {plain(_text(name))}")
        module = extension[0]
        kind = self._iptc.xtables.xt_entry_match if is_match else self._iptc.xtables.xt_entry_target
        pointer = ct.cast(address, ct.POINTER(kind))
        if module.alias:
            name = module.alias(pointer)
        head = f"-{'m' if is_match else 'j'} {_text(name)}"
        if module.revision != revision or not module.save:
            if size > 32:
                raise SourceError(f"no way to print {plain(_text(name))}")
            return head
        return head + self._saved(xt, module, ip, pointer)

    def _saved(self, xt: Any, module: Any, ip: Any, pointer: Any) -> str:  # noqa: ANN401 - as above
        """Return the output of an extension's ``save``; python-iptables' wrapper appends a newline."""
        buffer, size = ct.c_void_p(), ct.c_size_t()
        stream = self._libc.open_memstream(ct.byref(buffer), ct.byref(size))
        before, self._stdout.value = self._stdout.value, stream
        try:
            xt.save(module, ip, pointer)
        finally:
            self._stdout.value = before
            self._libc.fclose(stream)
            text = ct.string_at(buffer.value, size.value) if buffer.value else b""
            self._libc.free(buffer)
        return _text(text.removesuffix(b"\n"))

    def _protocol(self, number: int) -> str:
        """Return a protocol's name as iptables prints it, by libxtables' list, then /etc/protocols where they agree."""
        library = self._iptc.xtables._lib_xtables  # noqa: SLF001 - python-iptables opens it and does not give it
        listed = ct.cast(ct.addressof(ct.c_char.in_dll(library, "xtables_chain_protos")), ct.POINTER(_Named))
        own = b""
        for index in range(64):
            if not listed[index].name:
                break
            if listed[index].number == number:
                own = listed[index].name
                break
        entry = self._libc.getprotobynumber(number)
        system = entry[0] if entry else b""
        if own and own != system and (system or number not in _SURE_PROTOCOLS):
            # without a name in /etc/protocols, some versions print the list's name and some the number
            raise SourceError(f"protocol {number} has two names")
        return (own or system or str(number).encode()).decode("utf-8", "surrogateescape")


def _addresses(family: Family, ip: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    for letter, address, mask, bit in (("s", "src", "smsk", _INV_SRC), ("d", "dst", "dmsk", _INV_DST)):
        raw, masked = _raw(ip, address), _raw(ip, mask)
        if any(raw) or any(masked) or ip.invflags & bit:
            yield f"{_not(ip, bit)}-{letter} {ipaddress.ip_address(raw)}/{_prefix(family, masked)}"


def _prefix(family: Family, mask: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in mask)
    length = len(bits.rstrip("0"))
    if "0" not in bits[:length]:
        return str(length)
    if family == "ip6":
        raise SourceError("an IPv6 mask with holes")
    return str(ipaddress.ip_address(mask))


def _raw(structure: Any, name: str) -> bytes:  # noqa: ANN401 - as above
    """Return a field's bytes; ctypes would truncate an array of char at its first NUL."""
    field = getattr(type(structure), name)
    return ct.string_at(ct.addressof(structure) + field.offset, field.size)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _not(ip: Any, bit: int) -> str:  # noqa: ANN401 - as above
    return "! " if ip.invflags & bit else ""


def _import() -> Any:  # noqa: ANN401 - as above
    """Import python-iptables without its calls of modprobe, gcc and ld (iptc/ip4tc.py, iptc/util.py).

    ``ctypes.util.find_library`` runs gcc and ld, which write temporary files.
    """
    if "iptc" not in sys.modules:
        spec = importlib.util.find_spec("iptc")
        if spec is None or not spec.submodule_search_locations:
            raise SourceError("python-iptables is not installed")
        path = Path(spec.submodule_search_locations[0]) / "util.py"
        util_spec = importlib.util.spec_from_file_location("iptc.util", path)
        if util_spec is None or util_spec.loader is None:
            raise SourceError("python-iptables is not whole")
        util: Any = importlib.util.module_from_spec(util_spec)
        util_spec.loader.exec_module(util)
        util.load_kernel = _load_nothing
        util._do_find_library = _open_library  # noqa: SLF001 - its public one runs ldconfig and gcc
        util.find_libc = lambda: ct.CDLL("libc.so.6", mode=ct.RTLD_GLOBAL)
        sys.modules["iptc.util"] = util
    import iptc
    import iptc.xtables

    return iptc


def _open_library(name: str) -> ct.CDLL | None:
    """Open a library by its name, for python-iptables; None where the linker finds none."""
    numbered = [] if "." in name else [f"lib{name}.so.{number}" for number in range(_MOST_SONAME, -1, -1)]
    for file in (*numbered, *(str(Path(folder, name)) for folder in sys.path if folder)):
        try:
            return ct.CDLL(file, mode=ct.RTLD_GLOBAL)
        except OSError:
            continue
    return None


def _load_nothing(_name: str, exc_if_failed: bool = False) -> None:
    """Replace python-iptables' call of modprobe."""
