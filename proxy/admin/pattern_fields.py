"""Fields of patterns that say, as one types, what they match: a box beside each asks the router's own matcher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import Field
from django.forms.widgets import Script
from django.http import HttpRequest
from django.urls import reverse

from providers.unfolded import ConfigAdmin

MODEL_NAME = "a model name, such as claude-haiku-4-5"


class PatternAdmin(ConfigAdmin):
    """A page of configuration whose patterns can be tried."""

    patterns: ClassVar[Mapping[str, str]] = {}
    """The fields that hold patterns, each with what it is searched in."""

    class Media:
        js = (Script("proxy/patterns.js", defer=True), Script("proxy/tabs.js", defer=True))

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """The form field; one of a pattern tells the script where to ask and for what."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in self.patterns and field is not None:
            what = {"data-pattern-url": reverse("pages:pattern"), "data-pattern-text": self.patterns[db_field.name]}
            field.widget.attrs.update(what, spellcheck="false", autocomplete="off")
        return field
