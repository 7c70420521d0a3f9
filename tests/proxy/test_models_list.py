import pytest

from proxy import models_list
from proxy.errors import ApiError
from tests.live import config_of

CONFIG = config_of({name: [] for name in ("a", "b", "c", "Claude-X")})


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({}, ["Claude-X", "a", "b", "c"], False),
        ({"limit": "2"}, ["Claude-X", "a"], True),
        ({"limit": "2", "after_id": "a"}, ["b", "c"], False),
        ({"before_id": "b"}, ["Claude-X", "a"], False),
    ],
)
def test_the_list_is_paged(query, ids, more):
    """limit, after_id and before_id work as Anthropic defines them."""
    page = models_list.page(CONFIG, query)
    assert [item["id"] for item in page["data"]] == ids
    assert (page["has_more"], page["first_id"], page["last_id"]) == (more, ids[0], ids[-1])


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "", "9" * 40, "²"])
def test_a_bad_limit_is_a_400(limit):
    """A limit that is no number from 1 to 1000 is refused."""
    with pytest.raises(ApiError) as refused:
        models_list.page(CONFIG, {"limit": limit})
    assert refused.value.status == 400


def test_one_model_by_any_case():
    """A model is found whatever its case; an unknown one is a 404 that names those known."""
    assert models_list.one(CONFIG, "claude-x")["id"] == "Claude-X"
    with pytest.raises(ApiError) as refused:
        models_list.one(CONFIG, "zzz")
    assert refused.value.status == 404
    assert "Claude-X" in refused.value.message
