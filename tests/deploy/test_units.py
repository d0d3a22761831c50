"""The shipped systemd units, settings files and scripts."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from crypto.keyring import KeyRing
from crypto.notes import SignatureType, verifier_of
from idp.composition import door_trust
from idp.domain.errors import Refused
from idp.master_key import load_ring
from idp.settings import Role, read_settings
from tests.deploy.stack import DEPLOY
from tests.need import need

UNITS = ("blindage-account@.service", "blindage-door@.service")
THRESHOLD = "15"
ISSUER = "https://id.example"


def _lines(unit: str) -> list[str]:
    return (DEPLOY / unit).read_text().splitlines()


@pytest.mark.parametrize("unit", UNITS)
def test_unit_is_hardened(unit: str) -> None:
    command = [need("systemd-analyze"), "security", "--offline=true", f"--threshold={THRESHOLD}", "--no-pager"]
    judged = subprocess.run([*command, str(DEPLOY / unit)], capture_output=True, text=True, timeout=60)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_threshold_catches_a_unit_that_is_not_hardened(tmp_path: Path) -> None:
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    command = [need("systemd-analyze"), "security", "--offline=true", f"--threshold={THRESHOLD}", "--no-pager"]
    assert subprocess.run([*command, str(bare)], capture_output=True, timeout=60).returncode != 0


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_every_line_of_the_unit(unit: str, tmp_path: Path) -> None:
    """The program's path is replaced by one that is there, or that alone would be found wrong."""
    copy = tmp_path / unit
    copy.write_text((DEPLOY / unit).read_text().replace("/opt/blindage/bin/blindage serve", "/bin/true"))
    command = [need("systemd-analyze"), "verify", "--man=no", str(copy)]
    verified = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS)
def test_stopping_leaves_time_for_the_drain(unit: str) -> None:
    """Workers hear no SIGTERM from systemd, and nothing is killed before drain (3 s) and requests (10 s) are over."""
    lines = _lines(unit)
    assert "KillMode=mixed" in lines
    drain = next(re.search(r"--drain-seconds (\d+)", line) for line in lines if line.startswith("ExecStart="))
    patience = next(re.fullmatch(r"TimeoutStopSec=(\d+)", line) for line in lines if line.startswith("TimeoutStopSec="))
    assert drain is not None and patience is not None
    assert int(patience[1]) > int(drain[1]) + 10
    haproxy = (DEPLOY / "haproxy.cfg").read_text()
    inter, fall = (int(n) for n in re.findall(r"check inter (\d+)ms fall (\d+)", haproxy)[0])
    assert int(drain[1]) * 1000 >= 2 * inter * fall


@pytest.mark.parametrize("role", Role)
def test_unit_and_example_settings_together_start_a_node(role: Role, tmp_path: Path) -> None:
    """Every assignment of both files, also those shown as comments, is a setting that the program takes.

    Nothing that a role cannot do without is missing; what the files leave open, each operator's own keys, is filled in.
    """
    example = (DEPLOY / f"{role}.env.example").read_text()
    environ = dict(re.findall(r"^#?(BLINDAGE_[A-Z_]+)=(.*)$", example, re.MULTILINE))
    for line in _lines(f"blindage-{role}@.service"):
        if line.startswith("Environment="):
            environ |= dict(part.split("=", 1) for part in line.removeprefix("Environment=").split())
    open_names = {name for name, value in environ.items() if not value}
    assert open_names == ({"BLINDAGE_TOKEN_LOG_KEY", "BLINDAGE_TOKEN_LOG_WITNESSES"} if role is Role.DOOR else set())
    for name in open_names:
        kind = SignatureType.COSIGNATURE if name.endswith("WITNESSES") else SignatureType.ED25519
        environ[name] = verifier_of("log.example", bytes(32), kind).to_text()
    settings = read_settings(environ, "http://127.0.0.1:9000")
    if role is Role.DOOR:
        assert settings.account_issuer is not None and door_trust(settings).hours == 24
    assert settings.role is role
    assert settings.proxy_hops == 1
    assert settings.rate_limits
    assert settings.issuer.startswith("https://")


def test_master_key_is_read_as_systemd_hands_it_out(tmp_path: Path) -> None:
    """LoadCredential gives root's file of mode 0440 with an ACL (systemd 254 and later), or one of mode 0400."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of root's")
    ring = tmp_path / "master-key.json"
    ring.write_bytes(KeyRing.generate(ISSUER).serialize())
    for mode in (0o400, 0o440, 0o600):
        ring.chmod(mode)
        assert load_ring(ring, ISSUER).issuer == ISSUER
    for mode in (0o444, 0o640, 0o604, 0o460):
        ring.chmod(mode)
        with pytest.raises(Refused, match="lets others read it"):
            load_ring(ring, ISSUER)
    os.chown(ring, 0, 12345)
    ring.chmod(0o440)
    with pytest.raises(Refused, match="lets others read it"):
        load_ring(ring, ISSUER)


def test_render_refuses_a_template_with_words_left(tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.write_text("listen @LISTEN@ to @NODE@ at $1\n")
    script = str(DEPLOY / "render.sh")
    some = subprocess.run([script, template, "LISTEN=a|b&c\\d"], capture_output=True, text=True, timeout=30)
    assert (some.returncode, some.stdout, some.stderr.strip()) == (1, "", "not given: @NODE@")
    both = subprocess.run([script, template, "LISTEN=a|b&c\\d", "NODE=x"], capture_output=True, text=True, timeout=30)
    assert both.stdout == "listen a|b&c\\d to x at $1\n"


def test_rolling_restart_does_not_begin_while_a_node_is_down(tmp_path: Path) -> None:
    need("curl")
    restarted = tmp_path / "restarted"
    restart = tmp_path / "restart.sh"
    restart.write_text(f"#!/bin/sh\ntouch {restarted}\n")
    restart.chmod(0o755)
    environment = {"DRAIN_DIR": str(tmp_path / "drain"), "RESTART": str(restart), "PATH": os.environ["PATH"]}
    command = [str(DEPLOY / "rolling-restart.sh"), "1=127.0.0.1:1", "2=127.0.0.1:1"]
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert refused.returncode == 1
    assert "nothing was restarted" in refused.stderr
    assert not restarted.exists()
