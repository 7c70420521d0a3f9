"""The pages of the set-up through Django's test client, without any script."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import NoReverseMatch, reverse

from providers.models import Credential, Provider
from proxy.models import ClientKey, LogicalModel, ModelMapping, RouterSettings
from proxy.pages import setup

pytestmark = pytest.mark.django_db
SECRET = "sk-canary-0123456789"
SETUP = reverse("pages:setup")


def url(step, row, **more):
    rest = "".join(f"&{name}={value}" for name, value in more.items())
    return f"{reverse(f'pages:{step}')}?provider={row.pk}{rest}"


def staff(django_user_model, *codenames):
    user = django_user_model.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def text(answer):
    return answer.content.decode()


def test_the_presets_are_shown_and_searched(admin_client):
    """All cards, or those that fit; none of them says what to take instead."""
    page = text(admin_client.get(SETUP))
    assert page.count('class="ccm-choice"') > 30
    assert "?preset=z.ai" in page
    found = text(admin_client.get(SETUP, {"q": "fireworks"}))
    assert found.count('class="ccm-choice"') == 1
    assert 'id="setup-none" hidden' in found
    none = text(admin_client.get(SETUP, {"q": "<b>nobody"}))
    assert "any OpenAI-compatible" in none and 'id="setup-none">' in none
    assert "<b>nobody" not in none


def test_a_preset_that_is_not_there_leads_to_the_choice(admin_client):
    """A stale address shows the cards; posted to, it stores nothing."""
    assert "?preset=openai" in text(admin_client.get(SETUP, {"preset": "nobody"}))
    answer = admin_client.post(f"{SETUP}?preset=nobody", {"name": "x"})
    assert (answer.status_code, answer.url) == (302, SETUP)
    assert not Provider.objects.exists()


def test_from_the_vendor_to_the_first_mapping(admin_client, upstream):
    """Each step leads to the next; the provider is on at the end and not before."""
    form = f"{SETUP}?preset=openai-compatible"
    assert 'value="openai-compatible"' in text(admin_client.get(form))
    saved = admin_client.post(form, {"name": "mine", "base_url": upstream.url, "secret": SECRET})
    row = Provider.objects.get()
    assert (saved.status_code, saved.url) == (302, url("setup-test", row))
    assert not row.enabled
    tested = text(admin_client.get(saved.url))
    assert ">works<" in tested and "HTTP 200" in tested and " ms<" in tested
    assert SECRET not in tested
    models = text(admin_client.get(url("setup-models", row)))
    (listed,) = Provider.objects.get().models_listed
    assert f'value="{listed}"' in models
    asked = {"do": "add", "where": "new", "name": "fast", "models": [listed], "default": "on"}
    done = admin_client.post(url("setup-models", row), asked)
    model = LogicalModel.objects.get()
    assert (done.status_code, done.url) == (302, url("setup-done", row, model=model.pk))
    page = text(admin_client.get(done.url))
    assert "fast is ready" in page and "is the default route" in page
    assert "export ANTHROPIC_BASE_URL=http://testserver" in page and "any-string-works" in page
    assert Provider.objects.get().enabled


def test_a_mistake_keeps_what_was_entered(admin_client):
    """The field is named, the name is still there, the key is not."""
    page = text(admin_client.post(f"{SETUP}?preset=openai-compatible", {"name": "my own", "secret": SECRET}))
    assert "enter the base URL" in page
    assert 'value="my own"' in page
    assert SECRET not in page and "enter it once more" in page
    assert "enter it once more" not in text(admin_client.post(f"{SETUP}?preset=openai-compatible", {"name": "my own"}))


@pytest.mark.parametrize(("preset", "waits"), [("codex", True), ("anthropic", True), ("echo", False)])
def test_who_signs_in_is_not_tested_before(admin_client, preset, waits):
    """Without anything that opens it there is nothing to test: the way to sign in is shown instead."""
    saved = admin_client.post(f"{SETUP}?preset={preset}", {"name": "mine"})
    row = Provider.objects.get()
    page = text(admin_client.get(saved.url))
    way = f"{reverse('admin:providers_provider_change', args=(row.pk,))}#accounts"
    assert (way in page, "not tested yet" in page) == (waits, waits)


def test_a_refused_key_is_corrected_on_the_spot(admin_client, served):
    """Status and hint are shown; the new key is stored and tried at once."""
    row = served("status/401")
    page = text(admin_client.post(url("setup-test", row), follow=True))
    assert "refused key" in page and "HTTP 401" in page and "Set the API key anew" in page
    good = row.base_url.replace("/status/401", "/ok")
    corrected = {"do": "correct", "name": "mine", "base_url": good, "secret": "another-key-0123"}
    page = text(admin_client.post(url("setup-test", row), corrected, follow=True))
    assert ">works<" in page
    assert (Credential.objects.get().reveal(), Provider.objects.get().base_url) == ("another-key-0123", good)


def test_a_result_is_still_there_when_one_comes_back(admin_client, served):
    """It answers no form, so that Back works; with the model that was typed, until the provider leads elsewhere."""
    row = served()
    answer = admin_client.post(url("setup-test", row), {"do": "test", "model": "acme/large"})
    assert (answer.status_code, answer.url) == (302, url("setup-test", row))
    for _ in range(2):
        page = text(admin_client.get(answer.url))
        assert ">works<" in page and 'value="acme/large"' in page
    other = Provider.objects.create(name="other", preset="ollama")
    assert "other is saved and not tested yet" in text(admin_client.get(url("setup-test", other)))
    Provider.objects.filter(pk=row.pk).update(base_url="http://127.0.0.1:9")
    assert "mine is saved and not tested yet" in text(admin_client.get(answer.url))


def test_the_connection_can_be_gone_back_to(admin_client):
    """Once the provider is made its second step is where it is set right."""
    row = Provider.objects.create(name="mine", preset="ollama")
    assert f'href="{url("setup-test", row)}#setup-correct"' in text(admin_client.get(url("setup-models", row)))


def test_a_correction_that_is_wrong_changes_nothing(admin_client, served):
    """The field is named; the provider is shown and called by what is stored."""
    row = served()
    page = text(admin_client.post(url("setup-test", row), {"do": "correct", "name": "a,b", "base_url": "ftp://x"}))
    assert "without a comma" in page and "must start with http://" in page
    assert "mine is saved and not tested yet" in page
    assert Provider.objects.get().name == "mine"


def test_models_are_fetched_or_the_reason_is_told(admin_client, served):
    """A list leads back to the page that shows it; without one the page says what to do."""
    row = served()
    answer = admin_client.post(url("setup-models", row), {"do": "fetch"})
    assert (answer.status_code, answer.url) == (302, url("setup-models", row))
    Provider.objects.update(base_url=row.base_url.replace("/ok", "/status/404"))
    page = text(admin_client.post(url("setup-models", row), {"do": "fetch"}))
    assert "No list of models:" in page and "by hand" in page


def test_many_models_can_be_searched(admin_client):
    """A long list has a search that works by itself; what is ticked stays on the page."""
    names = [f"glm-{number}" for number in range(30)]
    row = Provider.objects.create(name="mine", preset="openrouter", models_listed=names)
    page = text(admin_client.get(url("setup-models", row, q="GLM-2")))
    assert page.count('name="models"') == 11
    assert "lists 30 models" in page
    wrong = {"do": "add", "where": "existing", "models": ["glm-5"]}
    page = text(admin_client.post(url("setup-models", row, q="GLM-2"), wrong))
    assert page.count('name="models"') == 12 and 'value="glm-5" checked' in page


def test_a_choice_that_is_wrong_is_told_with_what_was_chosen(admin_client):
    """Errors of each field are on the page beside it."""
    row = Provider.objects.create(name="mine", preset="gemini", enabled=False)
    LogicalModel.objects.create(name="smart")
    for asked, words in (
        ({"where": "new"}, "Models: Choose a model"),
        ({"where": "new", "other": "x", "name": "smart"}, "Name: Logical model with this Name already exists."),
        ({"where": "existing", "other": "x"}, "Choose the logical model to extend."),
        ({"where": "new", "other": "x y"}, "without blanks"),
    ):
        assert words in text(admin_client.post(url("setup-models", row), asked))
    assert not ModelMapping.objects.exists()
    assert not Provider.objects.get().enabled


def test_a_provider_can_be_switched_on_without_a_model(admin_client):
    """Skipping ends the set-up; the last page says what is missing."""
    row = Provider.objects.create(name="mine", preset="echo", enabled=False)
    assert "mine is switched off" in text(admin_client.get(url("setup-done", row)))
    done = admin_client.post(url("setup-models", row), {"do": "skip"})
    assert done.url == url("setup-done", row)
    assert "mine is ready" in text(admin_client.get(done.url))
    assert Provider.objects.get().enabled


def test_the_last_page_knows_about_client_keys(admin_client):
    """Where keys exist the lines hold a place for one."""
    row = Provider.objects.create(name="mine", preset="echo")
    model = LogicalModel.objects.create(name="fast")
    key = ClientKey(name="laptop")
    key.issue()
    key.save()
    page = text(admin_client.get(url("setup-done", row, model=model.pk)))
    assert "YOUR-CLIENT-KEY" in page and "export ANTHROPIC_MODEL=fast" in page


@pytest.mark.parametrize("step", ["setup-test", "setup-models", "setup-done"])
@pytest.mark.parametrize("asked", ["", "?provider=", "?provider=999", "?provider=x", "?provider=" + "9" * 30])
def test_a_provider_that_is_not_there_leads_to_the_first_step(admin_client, step, asked):
    """Whatever the address says, nothing breaks."""
    for send in (admin_client.get, admin_client.post):
        answer = send(reverse(f"pages:{step}") + asked)
        if step != "setup-done" or send == admin_client.get:
            assert (answer.status_code, answer.url) == (302, SETUP)
        else:
            assert answer.status_code == 405


def test_a_provider_whose_preset_is_gone_leads_to_its_page(admin_client):
    """There is nothing to test; its own page says what to do."""
    row = Provider.objects.create(name="mine", preset="nobody")
    answer = admin_client.get(url("setup-test", row))
    assert answer.url == reverse("admin:providers_provider_change", args=(row.pk,))
    assert admin_client.post(url("setup-test", row)).url == SETUP
    assert "has not listed its models yet" in text(admin_client.get(url("setup-models", row)))


def test_each_part_takes_its_right(django_user_model):
    """Who may change providers may test them; keys, mappings and the default route take rights of their own."""
    row = Provider.objects.create(name="mine", preset="echo", enabled=False)
    clerk = staff(django_user_model, "add_provider", "change_provider", "view_provider")
    assert clerk.post(f"{SETUP}?preset=groq", {"name": "x", "secret": SECRET}).status_code == 403
    assert clerk.post(url("setup-test", row), {"do": "correct", "name": "x"}).status_code == 403
    assert clerk.post(url("setup-models", row), {"where": "new", "other": "echo"}).status_code == 403
    assert clerk.post(url("setup-test", row)).status_code == 302
    assert "Make it the default route" not in text(clerk.get(url("setup-models", row)))
    assert not LogicalModel.objects.exists() and Provider.objects.count() == 1


def test_a_default_route_of_ones_own_is_named_and_not_ticked(admin_client):
    """The first run's echo is replaced unless somebody objects; a route to a vendor stays unless somebody asks."""
    mine = Provider.objects.create(name="mine", preset="ollama")
    smart = LogicalModel.objects.create(name="smart")
    echo = Provider.objects.create(name="echo", preset="echo")
    ModelMapping.objects.create(logical_model=smart, priority=1, provider=echo, actual_model="echo")
    RouterSettings.objects.update_or_create(pk=1, defaults={"default": smart})
    page = text(admin_client.get(url("setup-models", mine)))
    assert 'name="default" checked' in page and "in place of smart" in page
    ModelMapping.objects.create(logical_model=smart, priority=2, provider=mine, actual_model="m")
    page = text(admin_client.get(url("setup-models", mine)))
    assert 'name="default">' in page and "in place of smart" in page


def test_an_extended_chain_leaves_the_default_route(admin_client):
    """An existing model is extended in front; routes stay as they are."""
    row = Provider.objects.create(name="mine", preset="echo")
    smart = LogicalModel.objects.create(name="smart")
    ModelMapping.objects.create(logical_model=smart, priority=1, provider=row, actual_model="a")
    RouterSettings.objects.update_or_create(pk=1, defaults={"default": smart})
    asked = {"do": "add", "where": "existing", "into": smart.pk, "place": "front", "other": "b", "default": "on"}
    assert admin_client.post(url("setup-models", row), asked).status_code == 302
    assert [mapping.actual_model for mapping in smart.mappings.all()] == ["b", "a"]


def test_the_console_is_offered_where_it_exists(monkeypatch, admin_client):
    """The last page leads to it with the model chosen; an installation without that page shows no link."""
    row = Provider.objects.create(name="mine", preset="echo")
    model = LogicalModel.objects.create(name="a & b")
    done = url("setup-done", row, model=model.pk)
    known = setup.reverse

    def reverse_with(found):
        def answer(name, *args, **kwargs):
            if name != "pages:console":
                return known(name, *args, **kwargs)
            if not found:
                raise NoReverseMatch(name)
            return "/admin/console/"

        return answer

    monkeypatch.setattr(setup, "reverse", reverse_with(True))
    assert 'href="/admin/console/?model=a+%26+b"' in text(admin_client.get(done))
    monkeypatch.setattr(setup, "reverse", reverse_with(False))
    assert "from the console" not in text(admin_client.get(done))
