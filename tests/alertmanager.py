"""An image of Alertmanager under the name that deploy/compose.yaml asks for, and amtool out of it."""

from __future__ import annotations

import subprocess

from tests.system import ROOT

IMAGE = "prom/alertmanager:latest"
CONFIG = ROOT / "deploy" / "compose" / "alertmanager.yml"
#: Debian's Alertmanager, set up as the public image is: where that cannot be had, it stands in for it.
_STAND_IN = """
FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus-alertmanager \\
    && rm -rf /var/lib/apt/lists/* && mkdir -p /alertmanager && chown nobody /alertmanager
USER nobody
WORKDIR /alertmanager
ENTRYPOINT ["prometheus-alertmanager"]
"""


def make_image() -> None:
    """Sees to it that the engine has the image; AssertionError where it can be neither pulled nor made."""
    if _docker("image", "inspect", IMAGE).returncode and _docker("pull", "--quiet", IMAGE).returncode:
        made = _docker("build", "--network=host", "--quiet", "--tag", IMAGE, "-", stdin=_STAND_IN)
        assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]


def check_config(text: str) -> subprocess.CompletedProcess[str]:
    """Asks amtool about a configuration."""
    shell = "cat > /tmp/alertmanager.yml && exec amtool check-config /tmp/alertmanager.yml"
    return _docker("run", "--rm", "--interactive", "--entrypoint", "sh", IMAGE, "-c", shell, stdin=text)


def _docker(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], input=stdin, capture_output=True, text=True, timeout=300, check=False)
