"""The templates of pages, what they may call, and the assets that go into them."""

from __future__ import annotations

import base64
import hashlib

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from distilray.report.page import figures
from distilray.report.page.strings import browser_strings, in_both


def page_environment() -> Environment:
    """For all pages of reports."""
    environment = Environment(
        loader=PackageLoader("distilray.report", "assets"),
        autoescape=True,  # rows, reasons and recipes are untrusted text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    environment.globals |= {"t": in_both, "strings": browser_strings}
    environment.filters |= figures.FILTERS
    return environment


def asset(environment: Environment, name: str) -> Markup:
    """The text of a file beside the templates, as it is."""
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def policy_hashes(*scripts: str) -> Markup:
    """How a content security policy names scripts: no other one runs, whatever a row holds."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return Markup(" ".join(f"'sha256-{digest}'" for digest in digests))
