"""Which addresses may be connected to: the public internet, and nothing that only this machine or network can see.

The lists are ours, after the IANA special-purpose registries, because Python's own `is_global` has changed its mind
between patch releases and says yes to some of what stands here.
"""

import ipaddress
import re
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NOT_GLOBAL_4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        # Public by number, but inside Azure it is the host's own service for every virtual machine.
        "168.63.129.16/32",
    )
)  # fmt: skip
# Everything else in IPv6 is loopback, private, multicast, or carries an IPv4 address that a gateway would unwrap:
# ::/96, ::ffff:0:0/96 (mapped), 64:ff9b::/96 and 64:ff9b:1::/48 (NAT64).
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_NOT_GLOBAL_6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments; Teredo (2001::/32) hides an IPv4 address
        "2001:db8::/32", "3fff::/20",  # documentation
        "2002::/16",  # 6to4 hides an IPv4 address
    )
)  # fmt: skip

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\Z")
# What `inet_aton` takes for a number: decimal, octal and hexadecimal alike.
_NUMBER = re.compile(r"([0-9]+|0x[0-9a-f]*)\Z")


def is_global(address: Address) -> bool:
    """Whether an address belongs to the public internet (IANA special-purpose registries, RFC 6890)."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_GLOBAL_4)
    return address in _GLOBAL_6 and not any(address in network for network in _NOT_GLOBAL_6)


def literal_address(host: str) -> Address | None:
    """The address a host is written as, None when it is a name; ValueError for neither, or an odd spelling.

    `host` in lower case and without brackets. A host whose last label is a number is an address to every resolver
    (WHATWG URL, "ends in a number"), so it has to be one in the one usual notation.
    """
    if "%" in host:
        raise ValueError("an address with a zone is local to one machine")
    if ":" in host:
        return ipaddress.IPv6Address(host)
    if len(host) > 253 or not _NAME.match(host):
        raise ValueError("not a plain DNS name")
    if _NUMBER.match(host.rpartition(".")[2]):
        return ipaddress.IPv4Address(host)
    return None


def parse_all(texts: Sequence[str]) -> list[Address]:
    """Addresses as a resolver names them; ValueError when one of them is none."""
    return [ipaddress.ip_address(text) for text in texts]
