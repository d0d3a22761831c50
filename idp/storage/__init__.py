"""Where things are kept: implementations of the ports in `idp.domain.ports`."""
