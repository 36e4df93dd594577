"""`samplewatch keys` and `samplewatch tokens`: make what people and laboratories say who they are by."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import click

from services.runtime.access import ROLES, may_have_areas


class _Name(click.ParamType):
    """What something is named by in events and files: not empty, no space around it."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The value as it is; fails where it names nothing."""
        text = str(value)
        if not text or text != text.strip():
            self.fail("is empty, or has space around it", param, ctx)
        return text


@click.group()
def keys() -> None:
    """Laboratories' signing keys."""


@keys.command(name="create")
@click.option("--lab", "lab_id", type=_Name(), required=True, help="The laboratory's lab_id.")
@click.option(
    "--source", "sources", type=_Name(), required=True, multiple=True, help="A source that the laboratory sends under."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the private key goes (PEM).")
def create_key(lab_id: str, sources: tuple[str, ...], out: Path) -> None:
    """Make a key: the private one for the laboratory, and the entry for the registry.

    \b
    samplewatch keys create --lab lab-qy1 --source /lims/qy-01 --out lab-qy1.pem
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # never over a key that is in use, and never readable by others, not even for a moment
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    click.echo(f"# under `laboratories:` of the file that SAMPLEWATCH_LABORATORIES names\n  {json.dumps(lab_id)}:")
    click.echo(f"    sources: {json.dumps(list(sources), ensure_ascii=False)}\n    keys: [{{key: {public}}}]")


@click.group()
def tokens() -> None:
    """Tokens of the HTTP API."""


@tokens.command(name="create")
@click.option("--name", type=_Name(), required=True, help="Whose it is, for people.")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option(
    "--area", "areas", type=_Name(), multiple=True, help="How the regions begin that it may see; none: everywhere."
)
def create_token(name: str, role: str, areas: tuple[str, ...]) -> None:
    """Make a token. It is shown once, on standard error; the entry for the file of tokens goes to standard output.

    \b
    samplewatch tokens create --name "Qingyang's dashboard" --role inspector --area 6210 >> tokens.yaml
    """
    from services.runtime.tokens import make_token

    if areas and not may_have_areas(role):
        raise click.UsageError(f"no page that the role {role} may ask for can be held to areas: leave --area out")
    token, digest = make_token()
    entry = {"name": name, "sha256": digest, "role": role, **({"areas": list(areas)} if areas else {})}
    click.echo(f"the token, which is not shown again: {token}", err=True)
    click.echo(f"  - {json.dumps(entry, ensure_ascii=False)}")
