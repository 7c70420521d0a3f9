"""What requests cost, over the whole way: each attempt at its own target's price."""

from dataclasses import replace
from decimal import Decimal

import httpx
import pytest

from proxy.pricing import Price, PriceBook, PriceList, Tariff
from tests import cast
from tests.live import config_of

BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def priced(upstream, *paths, prices):
    """A model with a target at each path, and a price in and out for the providers that have one."""
    names = [f"p{number}" for number in range(len(paths))]
    targets = [
        cast.target(name, base_url=f"{upstream.url}/{path}", preset="anthropic-compatible")
        for name, path in zip(names, paths, strict=True)
    ]
    lists = {
        name: (PriceList({"glm-4.6": Tariff(Price(Decimal(price), Decimal(price)))}),)
        for name, price in zip(names, prices, strict=False)
        if price is not None
    }
    return replace(config_of({"smart": targets}), prices=PriceBook(providers=lists))


def ask(live, path="/v1/messages", **fields):
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(live.url + path, json={**BODY, **fields})


def micros(cost):
    return None if cost is None else cost * 1_000_000


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_costs_its_tokens(live, upstream, stream):
    """Streamed or not, the request costs what its one attempt cost."""
    live.configure(priced(upstream, "ok", prices=[2]))
    assert ask(live, stream=stream).status_code == 200
    record = live.record()
    used = record.usage
    assert used.input and used.output
    expected = 2 * (used.input + used.output + used.cache_read + used.cache_write)
    assert micros(record.cost_usd) == micros(record.attempts[0].cost_usd) == expected


def test_a_whole_answer_told_as_a_stream_costs_its_tokens(live, upstream):
    """An upstream that answers whole where a stream was asked for is paid all the same."""
    live.configure(priced(upstream, "jsonforsse", prices=[2]))
    ask(live, stream=True)
    record = live.record()
    used = record.usage
    expected = 2 * (used.input + used.output + used.cache_read + used.cache_write)
    assert micros(record.cost_usd) == micros(record.attempts[0].cost_usd) == expected > 0


@pytest.mark.parametrize("stream", [False, True])
def test_an_empty_answer_is_paid_for(live, upstream, stream):
    """An answer without content that another target makes good is part of what the request cost."""
    live.configure(priced(upstream, "empty_answer", "ok", prices=[2, 3]))
    ask(live, stream=stream)
    record = live.record()
    empty, served = record.attempts
    assert empty.outcome == "garbled" and empty.cost_usd > 0
    assert record.cost_usd == empty.cost_usd + served.cost_usd


@pytest.mark.parametrize("stream", [False, True])
def test_without_a_price_the_cost_is_unknown(live, upstream, stream):
    """None, and never zero."""
    live.configure(priced(upstream, "ok", prices=[None]))
    ask(live, stream=stream)
    assert live.record().cost_usd is None


def test_a_failed_call_costs_nothing(live, upstream):
    """A 529 told of no tokens; the request costs what the next target's answer cost."""
    live.configure(priced(upstream, "status/529", "ok", prices=[None, 3]))
    ask(live)
    record = live.record()
    assert record.attempts[0].cost_usd is None
    assert record.cost_usd == record.attempts[-1].cost_usd > 0


def test_a_continued_answer_costs_both_halves_at_their_own_prices(live, upstream):
    """The first half is billed by the target that broke, the second by the one that went on."""
    live.configure(priced(upstream, "cutrst", "ok", prices=[1000, 1]))
    ask(live, stream=True)
    record = live.record()
    first, second = record.attempts
    assert (first.outcome, second.outcome, record.outcome) == ("interrupted", "ok", "ok")
    for attempt, price in ((first, 1000), (second, 1)):
        used = attempt.usage
        assert used.input and used.output
        tokens = used.input + used.output + used.cache_read + used.cache_write
        assert micros(attempt.cost_usd) == price * tokens
    assert record.cost_usd == first.cost_usd + second.cost_usd
    assert record.usage.output == first.usage.output + second.usage.output


def test_half_an_answer_without_a_price_leaves_the_whole_unknown(live, upstream):
    """A sum of which a part is unknown is no sum."""
    live.configure(priced(upstream, "cutrst", "ok", prices=[None, 1]))
    ask(live, stream=True)
    record = live.record()
    assert record.attempts[-1].cost_usd > 0 and record.cost_usd is None


def test_a_stream_that_breaks_for_good_costs_what_came(live, upstream):
    """The prompt as it was told at the start and the text that was sent."""
    live.configure(priced(upstream, "cutrst", prices=[2]))
    ask(live, stream=True)
    record = live.record()
    assert record.outcome == "interrupted"
    assert record.cost_usd > 0


def test_a_count_is_free(live, upstream):
    """Counting tokens costs zero, whoever counted, with or without a price."""
    live.configure(priced(upstream, "ok", prices=[None]))
    assert ask(live, "/v1/messages/count_tokens").status_code == 200
    assert live.record().cost_usd == 0


def test_a_refused_request_has_no_cost(live, upstream):
    """Nobody was called, so there is nothing to know."""
    live.configure(priced(upstream, "status/400", prices=[2]))
    assert ask(live).status_code == 400
    assert live.record().cost_usd is None


def test_a_client_that_leaves_has_used_what_came(live, upstream):
    """The tokens of the request are those that its cost is made of, not the one that the start of a message tells."""
    live.configure(priced(upstream, "flood", prices=[1]))
    with httpx.stream("POST", f"{live.url}/v1/messages", json={**BODY, "stream": True}, trust_env=False) as answer:
        received = 0
        for piece in answer.iter_bytes():
            received += len(piece)
            if received > 50_000:
                break
    record = live.record()
    assert record.outcome == "client_gone"
    assert record.usage.output == record.attempts[0].usage.output > 1000
