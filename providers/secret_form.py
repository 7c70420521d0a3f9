"""Forms with a secret that can be set and never read."""

from __future__ import annotations

from typing import Any

from django import forms

from providers import vault
from providers.unfolded import PasswordWidget


def secret_field(label: str, help_text: str) -> forms.CharField:
    """The field: empty keeps what is stored."""
    widget = PasswordWidget(attrs={"autocomplete": "off"})
    return forms.CharField(required=False, label=label, widget=widget, help_text=help_text)


class SecretForm(forms.ModelForm):  # type: ignore[type-arg]
    """Seals its field `secret` into a row that has `set_secret`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "secret" in self.fields:  # not where the row is only shown
            self.fields["secret"].widget.attrs["placeholder"] = "leave empty to keep"

    def clean(self) -> dict[str, Any]:
        """Any secret must be one that can be sealed.

        The row is sealed when it has its primary key; by then it is too late for an error on the page.
        """
        cleaned: dict[str, Any] = super().clean() or {}
        if (secret := cleaned.get("secret")) and not cleaned.get("DELETE"):
            try:
                vault.seal(secret, "probe")
            except vault.VaultError as error:
                self.add_error("secret", f"Not stored: {error}.")
        return cleaned

    def save(self, commit: bool = True) -> Any:
        """The row, its secret sealed into it."""
        row = super().save(commit=False)
        if self.cleaned_data.get("secret"):
            row.set_secret(self.cleaned_data["secret"])
        if commit:
            row.save()
        return row
