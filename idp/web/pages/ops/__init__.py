"""`/ops`: pages for the people who run this issuer. Their sessions are apart from everybody else's."""

from idp.web.pages.ops.table import OPS_PAGES

__all__ = ["OPS_PAGES"]
