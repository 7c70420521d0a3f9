"""The browser's fixtures, for every module here."""

from tests.ccmsite.browsing import page, site  # noqa: F401
