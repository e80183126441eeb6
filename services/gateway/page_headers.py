"""What every page and file for people is sent with: a browser runs and loads nothing but what the gateway itself serves."""

from __future__ import annotations

import base64
import hashlib
import re

INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


def page_headers(html: str = "", *, inline_styles: bool = False) -> dict[str, str]:
    """`html`: whose own inline scripts may run, each by its digest. `inline_styles`: for a library that sets them."""
    scripts = " ".join(["'self'", *(f"'sha256-{_digest(one)}'" for one in INLINE_SCRIPT.findall(html))])
    styles = "'self' 'unsafe-inline'" if inline_styles else "'self'"
    policy = {
        "default-src": "'self'",
        "script-src": scripts,
        "style-src": styles,
        "img-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
    }


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
