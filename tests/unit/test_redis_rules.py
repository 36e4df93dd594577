"""deploy/redis/users.acl allows every command that the services name; tests/integration/test_security.py runs them."""

from __future__ import annotations

import re

from tests.system import ROOT

#: What the client's own methods send.
_SENT = {
    "pipeline": ("multi", "exec"),
    "register_script": ("evalsha", "script|load"),
    "hscan_iter": ("hscan",),
    "execute": (),  # of a pipeline
    "call": (),  # of Lua, below
    "ping": (),  # of the category `connection`
}
_METHOD = re.compile(r"\b_?(?:redis|pipeline|pipe)\.([a-z_]+)\(")
_IN_LUA = re.compile(r"redis\.p?call\(\s*[\"'](\w+)[\"']")


def test_every_command_of_the_services_is_allowed() -> None:
    rules = (ROOT / "deploy/redis/users.acl").read_text()
    allowed = set(re.findall(r"\+([a-z|]+)", rules))
    used: set[str] = set()
    for path in (ROOT / "services").rglob("*"):
        if path.suffix == ".lua":
            used |= {name.lower() for name in _IN_LUA.findall(path.read_text())}
        elif path.suffix == ".py" and "cli" not in path.parts:
            for method in _METHOD.findall(path.read_text()):
                used |= set(_SENT.get(method, (method,)))
    assert {"hset", "hget", "zadd", "evalsha"} <= used
    assert used <= allowed, sorted(used - allowed)
