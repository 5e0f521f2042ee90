"""Self-contained HTML pages: templates that are filled, with a policy that lets nothing else run.

A page loads nothing and sends nothing. Its scripts are allowed by their hashes, so that a text that
got into the page as mark-up would not run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

_PLACE = re.compile(r"\{\{([A-Z]+)\}\}")
_SCRIPT = re.compile(r"<script>(.*?)(?:</script>|\Z)", re.DOTALL)


def fill_template(
    package: str, name: str, scripts: Mapping[str, str] | None = None, /, **blocks: str
) -> str:
    """A template of a package with its `{{PLACES}}` filled.

    `{{POLICY}}` becomes the page's content security policy, with the hashes of the template's own
    scripts and of `scripts`.

    Args:
        package, name: where the template lies.
        scripts: trusted scripts by place, as a library's; each becomes a script of the page.
        blocks: HTML by place; what is put in is not looked through for more places.
    """
    template = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    own = [*_SCRIPT.findall(template), *(scripts or {}).values()]
    elements = {place: f"<script>{script}</script>" for place, script in (scripts or {}).items()}
    blocks = {**blocks, **elements, "POLICY": _policy(own)}
    return _PLACE.sub(lambda match: blocks[match[1]], template)


def json_block(value: Any) -> str:
    """A value as JSON inside a `<script type="application/json">`."""
    # Nothing is mark-up there but "<", which JSON may write otherwise.
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def _policy(own: Iterable[str]) -> str:
    digests = (hashlib.sha256(script.encode()).digest() for script in own)
    hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    scripts = f"; script-src {' '.join(hashes)}" if hashes else ""
    return (
        f"default-src 'none'; style-src 'unsafe-inline'{scripts}; base-uri 'none';"
        " form-action 'none'"
    )
