"""What a pattern says of a text, for the boxes beside the fields of patterns."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse

from proxy.pages.base import Page
from proxy.patterns import MAX_HAYSTACK, BadPattern, compile_pattern, matches


class PatternTest(Page):
    """`?pattern=&text=` → `{"verdict": "match" | "no match" | "off" | "wrong", "words": ...}`."""

    title = "Pattern"
    template_name = ""
    permission = "proxy.view_routingrule"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The verdict of the router's own matcher."""
        verdict, words = judged(request.GET.get("pattern", ""), request.GET.get("text", ""))
        return JsonResponse({"verdict": verdict, "words": words})


def judged(pattern: str, text: str) -> tuple[str, str]:
    """The verdict on one text, and what there is to say beside it; a pattern that is empty is off."""
    if not pattern:
        return "off", ""
    try:
        found = matches(compile_pattern(pattern), text)
    except BadPattern as error:
        return "wrong", str(error)
    if found:
        return "match", ""
    return "no match", f"only the first {MAX_HAYSTACK:,} characters are searched" if len(text) > MAX_HAYSTACK else ""
