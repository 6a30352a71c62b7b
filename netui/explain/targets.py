"""Targets in words: what a rule does with the packets that it matches."""

from __future__ import annotations

from netui.explain.chain_owners import chain_of_dockers, neighbour
from netui.explain.docker.nat import split_socket
from netui.explain.names import Names
from netui.explain.native_chains import native_chain
from netui.model import Chain, Target
from netui.net.addresses import parse_masked
from netui.text.phrases import port_range
from netui.text.visible import printable

_REJECTIONS = {
    "icmp-port-unreachable": "port unreachable",
    "icmp6-port-unreachable": "port unreachable",
    "icmp-host-prohibited": "host prohibited",
    "icmp-admin-prohibited": "forbidden by the administrator",
    "icmp6-adm-prohibited": "forbidden by the administrator",
    "icmp-host-unreachable": "host unreachable",
    "icmp-net-unreachable": "network unreachable",
    "tcp-reset": "TCP reset",
}
#: Targets that only need a verb; their options are quoted after it.
_PLAIN = {
    "ACCEPT": "are accepted",
    "DROP": "are dropped",
    "QUEUE": "are given to a program, which decides",
    "NFQUEUE": "are given to a program, which decides",
    "NOTRACK": "are not tracked as connections",
    "CHECKSUM": "have their checksum filled in",
    "TRACE": "are traced in the kernel's log",
    "TPROXY": "are handed to a transparent proxy",
}


def does(target: Target | None, names: Names, chain: Chain) -> str:
    """Return the verb of the sentence: ``are sent to openresty (172.18.0.3:443)``."""
    if target is None:
        return "are counted and go on to the next rule"
    name = target.name
    verb = _special(target, names, chain)
    if verb:
        return verb
    options = _options(target)
    if name in _PLAIN:
        return _PLAIN[name] + (f" ({options})" if options else "")
    if name.isupper() and options:
        return f'are given to the target "{printable(name)} {options}"'
    return _jump(target, chain)


def _options(target: Target) -> str:
    parts: list[str] = []
    for option in target.options:
        parts += ["!"] if option.negated else []
        parts += [option.name, *option.values]
    return printable(" ".join(parts))


def _only(target: Target, *names: str) -> bool:
    return all(option.name in names and not option.negated for option in target.options)


def _value(target: Target, *names: str) -> str:
    option = target.option(*names)
    return option.value if option is not None else ""


def _special(target: Target, names: Names, chain: Chain) -> str:
    match target.name:
        case "RETURN":
            return _return(chain)
        case "REJECT" if _only(target, "--reject-with"):
            how = _value(target, "--reject-with")
            return f"are refused{f' ({_REJECTIONS.get(how, printable(how))})' if how else ''}"
        case "DNAT" if _only(target, "--to-destination", "--random", "--persistent"):
            address, port = split_socket(_value(target, "--to-destination"))
            return f"are sent to {names.socket(address, port)}{_how(target)}"
        case "SNAT" if _only(target, "--to-source", "--random", "--random-fully", "--persistent"):
            return f"get the source {printable(_value(target, '--to-source'))}{_how(target)}"
        case "MASQUERADE" if _only(target, "--to-ports", "--random", "--random-fully"):
            ports = _value(target, "--to-ports")
            with_ports = f" and a port of {port_range(ports.replace('-', ':'))}" if ports else ""
            return f"get the address of the interface that they leave by as their source{with_ports}{_how(target)}"
        case "REDIRECT" if _only(target, "--to-ports", "--random"):
            ports = _value(target, "--to-ports")
            return f"are redirected to {f'port {printable(ports)} of ' if ports else ''}this machine{_how(target)}"
        case "NETMAP" if _only(target, "--to"):
            return f"have their address mapped into {printable(_value(target, '--to'))}"
        case "LOG" | "NFLOG" | "ULOG":
            return _log(target)
        case "MARK" | "CONNMARK":
            return _mark(target)
        case "TCPMSS":
            if target.option("--clamp-mss-to-pmtu") and _only(target, "--clamp-mss-to-pmtu"):
                return "have their TCP segment size (MSS) cut down to what the path takes"
            if _only(target, "--set-mss"):
                return f"have their TCP segment size (MSS) set to {printable(_value(target, '--set-mss'))}"
        case "CT" if target.option("--notrack") and _only(target, "--notrack"):
            return "are not tracked as connections"
        case "CT" if _only(target, "--zone", "--helper"):
            parts = [f"{option.name[2:]} {printable(option.value)}" for option in target.options]
            return f"are tracked with {' and '.join(parts)}"
        case "SET":
            return _set(target)
    return _header(target)


def _header(target: Target) -> str:
    """Return the verb of targets that change a header field, answer for a server, or send a copy."""
    hop = {"--ttl-set": "set to", "--ttl-dec": "lowered by", "--ttl-inc": "raised by"}
    match target.name:
        case "SYNPROXY" if _only(target, "--mss", "--wscale", "--sack-perm", "--timestamp", "--ecn"):
            options = _options(target)
            return f"are answered by this machine for the server until the client is known{f' ({options})' if options else ''}"  # noqa: E501
        case "DSCP" if _only(target, "--set-dscp", "--set-dscp-class"):
            return f"get DSCP {printable(_value(target, '--set-dscp', '--set-dscp-class'))} and go on to the next rule"
        case "TOS" if _only(target, "--set-tos", "--and-tos", "--or-tos", "--xor-tos") and target.options:
            how = {"--set-tos": "set to", "--and-tos": "cut down to", "--or-tos": "joined with", "--xor-tos": "flipped by"}  # fmt: skip  # noqa: E501
            option = target.options[0]
            return f"have their type of service {how[option.name]} {printable(option.value)} and go on to the next rule"
        case "ECN" if _only(target, "--ecn-tcp-remove"):
            return "have their ECN flags of TCP taken out and go on to the next rule"
        case "CLASSIFY" if _only(target, "--set-class"):
            return (
                f"are put into the traffic class {printable(_value(target, '--set-class'))} and go on to the next rule"
            )
        case "TTL" | "HL":
            name = "TTL" if target.name == "TTL" else "hop limit"
            if len(target.options) == 1:
                option = target.options[0]
                how_much = hop.get(option.name.replace("--hl-", "--ttl-"), "")
                if how_much:
                    return f"have their {name} {how_much} {printable(option.value)} and go on to the next rule"
        case "AUDIT" if _only(target, "--type"):
            return f"are told to the audit log as {printable(_value(target, '--type'))} and go on to the next rule"
        case "TEE" if _only(target, "--gateway", "--oif"):
            by = f" by {printable(_value(target, '--oif'))}" if target.option("--oif") else ""
            return f"are copied to {printable(_value(target, '--gateway'))}{by}, and go on to the next rule themselves"
    return ""


def _return(chain: Chain) -> str:
    if chain.base is not None:
        policy = {"ACCEPT": "let them through", "DROP": "drop them"}.get(chain.policy or "", "")
        return f"are left to the policy of {chain.name}{f' ({policy})' if policy else ''}"
    return "go back to the chain that called this one"


def _how(target: Target) -> str:
    flags = [
        word
        for name, word in (
            ("--random", "ports at random"),
            ("--random-fully", "ports at random"),
            ("--persistent", "always the same for a client"),
        )
        if target.option(name)
    ]
    return f" ({', '.join(dict.fromkeys(flags))})" if flags else ""


def _log(target: Target) -> str:
    prefix = _value(target, "--log-prefix", "--nflog-prefix", "--ulog-prefix")
    rest = [
        f"{option.name} {option.value}".strip()
        for option in target.options
        if option.name not in ("--log-prefix", "--nflog-prefix", "--ulog-prefix")
    ]
    with_prefix = f' as "{printable(prefix.strip())}"' if prefix else ""
    more = f" ({printable(', '.join(rest))})" if rest else ""
    where = "are logged" if target.name == "LOG" else "are given to the packet log"
    return f"{where}{with_prefix}{more} and go on to the next rule"


def _masked(text: str) -> str:
    value, slash, mask = text.partition("/")
    whole = mask.lower() in ("", "0xffffffff")
    return printable(value) if not slash or whole else f"{printable(value)} (in the bits {printable(mask)})"


def _turned_over(text: str) -> tuple[str, str] | None:
    """The value that a ``--set-xmark`` sets, and the bits that it inverts: those of the value outside the mask.

    The new mark is ``(mark & ~MASK) ^ VALUE``. None where it only sets bits.
    """
    parsed = parse_masked(text)
    if parsed is None or not parsed[0] & ~parsed[1]:
        return None
    value, mask = parsed
    return (f"{value & mask:#x}/{mask:#x}" if mask else ""), f"{value & ~mask:#x}"


def _mark(target: Target) -> str:
    conn = target.name == "CONNMARK"
    kind = "connection mark" if conn else "mark"
    verbs = {
        "--set-xmark": f"get the {kind} {{}}",
        "--set-mark": f"get the {kind} {{}}",
        "--or-mark": f"get {{}} added to their {kind}",
        "--and-mark": f"keep only the bits {{}} of their {kind}",
        "--xor-mark": f"get the bits {{}} of their {kind} turned over",
    }
    clauses: list[str] = []
    masks: list[str] = []
    for option in target.options:
        turned = _turned_over(option.value) if option.name == "--set-xmark" else None
        if turned is not None:
            kept, over = turned
            clauses += [verbs["--set-mark"].format(_masked(kept))] if kept else []
            clauses.append(verbs["--xor-mark"].format(over))
        elif option.name in verbs and not option.negated:
            clauses.append(verbs[option.name].format(_masked(option.value)))
        elif option.name == "--save-mark":
            clauses.append("have their mark kept for the whole connection")
        elif option.name == "--restore-mark":
            clauses.append("get the mark that was kept for their connection")
        elif option.name in ("--nfmask", "--ctmask", "--mask"):
            if option.value.lower() != "0xffffffff":
                masks.append(f"{option.name[2:]} {printable(option.value)}")
        else:
            return ""
    return " and ".join(clauses) + (f" ({', '.join(masks)})" if masks else "")


def _set(target: Target) -> str:
    for name, verb in (("--add-set", "put into"), ("--del-set", "taken out of")):
        option = target.option(name)
        if option is not None and len(option.values) == 2:
            sides = option.values[1].replace("src", "source").replace("dst", "destination").replace(",", " and ")
            more = [f"{o.name} {o.value}".strip() for o in target.options if o.name != name]
            tail = f" ({printable(', '.join(more))})" if more else ""
            return f"have their {printable(sides)} {verb} the set {printable(option.values[0])}{tail}"
    return ""


def _jump(target: Target, chain: Chain) -> str:
    purpose = chain_of_dockers(target.name)
    if chain.backend == "nftables":
        purpose = native_chain(chain.table, target.name)[1]
    elif not purpose:
        owner, kept = neighbour(target.name)
        purpose = f"{owner}: {kept}" if owner and owner != neighbour(chain.name)[0] else kept
    where = f"{printable(target.name)}{f' ({printable(purpose)})' if purpose else ''}"
    if target.goto:
        return f"go on to {where} and do not come back here"
    options = _options(target)
    return f"go through {where}{f' ({options})' if options else ''}"
