"""Verification of quotes against the transcript."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.analysis.evidence import MIN_WORDS, QuoteMatch, Quotes
from tasks.analysis.sentences import candidate_sentences
from tasks.analysis.tokens import key
from tests.talk import talk

SAID = talk(
    ("i", "What did you do about the outage in winter?"),
    ("c", "First, I added a feature flag. I didn't wait for anybody, and it worked."),
    ("i", "I would never have done that myself."),
    ("c", "I listened to her concerns. In the end it worked."),
)


@pytest.fixture
def quotes() -> Quotes:
    return Quotes(candidate_sentences(SAID))


def test_finds_a_quote_whatever_its_case_and_punctuation(quotes: Quotes) -> None:
    found = quotes.find("“first i ADDED a feature flag”!")
    assert found.match is QuoteMatch.EXACT
    assert found.text == "First, I added a feature flag."
    assert (found.tokens[0].segment_id, found.speaker) == (1, "candidate")
    assert found.tokens[0].start == SAID.segments[1].start


def test_finds_a_quote_across_sentences(quotes: Quotes) -> None:
    assert quotes.find("feature flag. I didn't wait").text == "feature flag. I didn't wait"


def test_repairs_a_quote_with_the_transcripts_words(quotes: Quotes) -> None:
    found = quotes.find("First I have added a feature flag")
    assert found.match is QuoteMatch.REPAIRED
    assert found.text == "First, I added a feature flag."


@pytest.mark.parametrize(
    "invented",
    [
        "I founded three companies and sold them all",
        "I would never have done that myself",
        "I did wait for anybody and it worked",
        "and it worked I listened to her concerns",
        "it worked",
        "",
        "…",
        "First I added a feature flag " * 100,
    ],
    ids=["made up", "interviewer", "negated", "two turns", "short", "empty", "dots", "endless"],
)
def test_refuses_what_the_candidate_did_not_say(quotes: Quotes, invented: str) -> None:
    found = quotes.find(invented)
    assert (found.match, found.tokens) == (QuoteMatch.UNVERIFIED, ())


def test_looks_first_where_it_is_told_to() -> None:
    twice = talk(("c", "I fixed the bug."), ("i", "And then?"), ("c", "I fixed the bug."))
    quotes = Quotes(candidate_sentences(twice))
    assert quotes.find("I fixed the bug").tokens[0].segment_id == 0
    assert quotes.find("I fixed the bug", [2]).tokens[0].segment_id == 2


def test_does_not_reach_over_a_question_in_mono() -> None:
    quotes = Quotes(candidate_sentences(talk(("?", "I fixed it. Really? With a patch."))))
    assert quotes.find("fixed it with a patch").match is QuoteMatch.UNVERIFIED


def test_nobody_said_anything() -> None:
    assert Quotes(()).find("I fixed the bug").match is QuoteMatch.UNVERIFIED


_SPOKEN = ["the", "a", "I", "not", "fixed,", "Bug.", "cache", "—", "it's", "3.5"]
WORDS = st.lists(st.sampled_from(_SPOKEN), max_size=40)


@given(words=WORDS, data=st.data())
def test_every_run_of_words_that_was_said_is_found(words: list[str], data: st.DataObject) -> None:
    said = talk(("i", "Go on."), ("c", " ".join(words)))
    spoken = [word for word in words if key(word)]
    first = data.draw(st.integers(0, len(spoken)))
    last = data.draw(st.integers(first, len(spoken)))
    wanted = spoken[first:last]
    found = Quotes(candidate_sentences(said)).find(" ".join(wanted).upper())
    if len(wanted) < MIN_WORDS:
        assert found.match is QuoteMatch.UNVERIFIED
    else:
        assert found.match is QuoteMatch.EXACT
        assert [t.key for t in found.tokens] == [key(word) for word in wanted]


@pytest.mark.slow
@given(words=WORDS, quote=st.text(max_size=80))
def test_what_is_shown_was_said(words: list[str], quote: str) -> None:
    found = Quotes(candidate_sentences(talk(("c", " ".join(words))))).find(quote)
    if found.match is not QuoteMatch.UNVERIFIED:
        assert set(found.text.split()) <= set(words)
