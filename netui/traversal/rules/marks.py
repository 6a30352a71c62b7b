"""Targets that change marks, conntrack or sets: MARK, CONNMARK, CT, SET."""

from __future__ import annotations

from netui.model import Target
from netui.model.statements import Verdict
from netui.net.addresses import parse_masked
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Change
from netui.traversal.rules.target_action import Action, Effect, TargetContext


def mark(target: Target) -> Action:
    """MARK."""
    for option in target.options:
        parsed = parse_masked(option.value)
        if parsed is None:
            break
        value, mask = parsed
        match option.name:
            case "--set-xmark":
                return Action("continue", Verdict("continue"), effect=_set_mark(value, mask, keep_or=False))
            case "--set-mark":
                return Action("continue", Verdict("continue"), effect=_set_mark(value, mask, keep_or=True))
            case "--and-mark":
                return Action("continue", Verdict("continue"), effect=_set_mark(0, value ^ 0xFFFFFFFF, keep_or=False))
            case "--or-mark":
                return Action("continue", Verdict("continue"), effect=_set_mark(value, value, keep_or=False))
            case "--xor-mark":
                return Action("continue", Verdict("continue"), effect=_set_mark(value, 0, keep_or=False))
    return Action("continue", Verdict("continue"), effect=_forget_mark)


def _set_mark(value: int, mask: int, *, keep_or: bool) -> Effect:
    def effect(packet: PacketState, _context: TargetContext) -> tuple[Change, ...]:
        if packet.mark is None and mask != 0xFFFFFFFF:
            return ()
        kept = (packet.mark or 0) & (mask ^ 0xFFFFFFFF)
        packet.mark = kept | value if keep_or else kept ^ value
        return (Change("mark", packet.mark),)

    return effect


def _forget_mark(packet: PacketState, _context: TargetContext) -> tuple[Change, ...]:
    packet.mark = None
    return (Change("mark", None),)


def connmark(target: Target) -> Action:
    """CONNMARK."""
    nfmask = parse_masked(_value(target, "--nfmask", "0xffffffff"))
    ctmask = parse_masked(_value(target, "--ctmask", "0xffffffff"))
    plain = nfmask is not None and ctmask is not None
    if {option.name for option in target.options} & {"--left-shift-mark", "--right-shift-mark"}:
        plain = False
    both = _value(target, "--mask", "")
    if both:
        nfmask = ctmask = parse_masked(both)
        plain = nfmask is not None
    for option in target.options:
        if not plain or nfmask is None or ctmask is None:
            break
        if option.name == "--save-mark":
            return Action("continue", Verdict("continue"), effect=_save_mark(nfmask[0], ctmask[0]))
        if option.name == "--restore-mark":
            return Action("continue", Verdict("continue"), effect=_restore_mark(nfmask[0], ctmask[0]))
        parsed = parse_masked(option.value)
        if option.name in ("--set-xmark", "--set-mark") and parsed is not None:
            return Action("continue", Verdict("continue"), effect=_set_connmark(*parsed))
    return Action("continue", Verdict("continue"), effect=_forget_marks)


def _value(target: Target, name: str, default: str) -> str:
    option = target.option(name)
    return option.value if option is not None else default


def _set_connmark(value: int, mask: int) -> Effect:
    def effect(packet: PacketState, _context: TargetContext) -> tuple[Change, ...]:
        connection = packet.connection
        if connection is None or connection.mark is None:
            return ()
        connection.mark = (connection.mark & (mask ^ 0xFFFFFFFF)) ^ value
        return (Change("ct mark", connection.mark),)

    return effect


def _save_mark(nfmask: int, ctmask: int) -> Effect:
    def effect(packet: PacketState, _context: TargetContext) -> tuple[Change, ...]:
        if packet.connection is None:
            return ()
        packet.connection.mark = _copied(packet.mark, nfmask, packet.connection.mark, ctmask)
        return (Change("ct mark", packet.connection.mark),)

    return effect


def _restore_mark(nfmask: int, ctmask: int) -> Effect:
    def effect(packet: PacketState, _context: TargetContext) -> tuple[Change, ...]:
        if packet.connection is None:
            return ()
        packet.mark = _copied(packet.connection.mark, ctmask, packet.mark, nfmask)
        return (Change("mark", packet.mark),)

    return effect


def _copied(source: int | None, source_mask: int, target: int | None, target_mask: int) -> int | None:
    """Return the target mark with a copy of the source mark's bits; None where one of the two is unknown."""
    if source is None or target is None:
        return None
    return (target & (target_mask ^ 0xFFFFFFFF)) ^ (source & source_mask)


def _forget_marks(packet: PacketState, _context: TargetContext) -> tuple[Change, ...]:
    packet.mark = None
    if packet.connection is not None:
        packet.connection.mark = None
    return (Change("mark", None),)


def notrack(packet: PacketState, _context: TargetContext) -> tuple[Change, ...]:
    """xt_CT: has no effect on a packet that already has a connection (loopback)."""
    if packet.connection is not None:
        return ()
    packet.untracked = True
    return (Change("tracked", False),)


def touch(target: Target) -> Effect:
    """SET: note that the set is no longer as captured."""
    names = [
        option.values[0] for option in target.options if option.values and option.name in ("--add-set", "--del-set")
    ]

    def effect(packet: PacketState, _context: TargetContext) -> tuple[Change, ...]:
        packet.touched.update(names)
        return ()

    return effect
