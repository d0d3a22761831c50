"""The network that an address belongs to, as limits count it and pages compare it."""

import ipaddress


def network(address: str) -> str:
    """An IPv4 address as it is, or the /64 of an IPv6 address; `unknown` for anything else."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))
