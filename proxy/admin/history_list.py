"""The list of a history that may be long: newest first, never counted, and each page found in an index."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from proxy.models import RequestLog

MAX_PAGE = 10**9
"""Numbers in an address that are larger would be more than databases take as an offset."""
NEWEST_FIRST = ("-time", "-id")
"""What the indexes sort by."""


class InfinitePaginator(Paginator):  # type: ignore[type-arg]
    """Knows whether there is more after the page that is asked for, and nothing else: counting takes seconds.

    The theme shows no number of results for a paginator of this name.
    """

    template_name = "admin/history_pages.html"

    def __init__(self, rows: Any, per_page: int, asked_for: str) -> None:
        super().__init__(rows, per_page)
        try:
            number = int(asked_for)
        except ValueError:
            number = 1
        self._page = number if 1 <= number <= MAX_PAGE else 1

    @cached_property
    def count(self) -> int:
        """Rows up to the end of the page, and one when there is more; what is beyond the end has no page."""
        return (self._page - 1) * self.per_page + len(self._keys)

    @cached_property
    def _keys(self) -> list[int]:
        # The keys alone: the rows of the pages before are skipped in the index, without being read.
        rows = cast(QuerySet[RequestLog], self.object_list)
        before = (self._page - 1) * self.per_page
        return list(rows.values_list("pk", flat=True)[before : before + self.per_page + 1])

    def page(self, number: int | str) -> Page:  # type: ignore[type-arg]
        """A page; the one that was asked for by the keys that `count` has found. Raises InvalidPage."""
        number = self.validate_number(number)
        rows = cast(QuerySet[RequestLog], self.object_list)
        if number != self._page or rows.model is not RequestLog:  # who did what to a row comes in pages too
            return super().page(number)
        keys = self._keys[: self.per_page]
        chosen = RequestLog.objects.filter(pk__in=keys).order_by(*rows.query.order_by).defer("body")
        return Page(chosen, number, self)


class HistoryChangeList(ChangeList):
    """The list, sorted by what an index sorts, with a form of its own for the filters in place of the sidebar."""

    def get_filters(self, request: HttpRequest) -> Any:
        """The filters; the theme is told of none, because the form above the list shows them."""
        specs, _, remaining, duplicates, active = super().get_filters(request)
        return specs, False, remaining, duplicates, active

    def get_results(self, request: HttpRequest) -> None:
        """The page's rows, always by the keys that were found to see whether there is more."""
        super().get_results(request)
        if not self.multi_page:
            self.result_list = self.paginator.page(1).object_list

    def get_ordering_field(self, field_name: Any) -> Any:
        """Time alone: no index sorts by anything else, whatever the address asks for."""
        return "time" if field_name == "when" else None

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[Any]:
        """Newest first or oldest first: both parts the same way, as an index on (…, time) is read."""
        oldest_first = super().get_ordering(request, queryset)[:1] == ["time"]
        return ["time", "id"] if oldest_first else list(NEWEST_FIRST)
