"""Sentences, turns and their speakers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.analysis.sentences import MAX_WORDS, candidate_sentences, sentences
from tasks.analysis.tokens import key, tokens
from tasks.interviews.transcript import Segment, Speaker, Transcript, Word
from tests.talk import talk


def texts(transcript: Transcript) -> list[str]:
    return [sentence.text for sentence in sentences(transcript)]


def test_joins_what_the_recogniser_cut_at_a_pause() -> None:
    said = talk(("c", "I have owned the service,"), ("c", "which plans deliveries. It runs."))
    assert texts(said) == ["I have owned the service, which plans deliveries.", "It runs."]


def test_does_not_join_two_speakers() -> None:
    assert texts(talk(("c", "I would say that"), ("i", "Go on."))) == [
        "I would say that",
        "Go on.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "We paid Dr. Smith 3.5 million.",
        "At 9 a.m. It broke.",
        "We used e.g. Redis for it.",
        "It took ... well, some time.",
    ],
)
def test_keeps_abbreviations_and_numbers_in_one_sentence(text: str) -> None:
    assert texts(talk(("c", text))) == [text]


def test_ends_at_closing_quotes() -> None:
    assert texts(talk(("c", 'She said "no." I agreed.'))) == ['She said "no."', "I agreed."]


def test_cuts_what_has_no_punctuation() -> None:
    found = sentences(talk(("c", "word " * (MAX_WORDS * 2 + 5))))
    assert [sentence.words for sentence in found] == [MAX_WORDS, MAX_WORDS, 5]


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("What did you do?", True),
        ("And so, tell me about a time it failed.", True),
        ("Let\u2019s talk about design.", True),
        ("Walk us through it.", True),
        ("What I did was simple.", False),
        ("I told her to describe it.", False),
    ],
)
def test_knows_a_prompt_to_speak(text: str, asks: bool) -> None:
    (sentence,) = sentences(talk(("?", text)))
    assert sentence.is_question is asks


def test_only_the_candidate_is_the_candidate() -> None:
    said = talk(("i", "I think so."), ("c", "Why? I do not."), ("?", "Who is this?"))
    assert [s.text for s in candidate_sentences(said)] == ["Why?", "I do not."]


def test_takes_all_but_questions_where_speakers_are_unknown() -> None:
    said = talk(("?", "Tell me about it. I built it."), ("?", "How? With care."))
    assert [s.text for s in candidate_sentences(said)] == ["I built it.", "With care."]
    assert [s.turn for s in sentences(said)] == [0, 1, 2, 3]


def test_words_have_the_recognisers_moments() -> None:
    words = (
        Word(text="Hello", start=1.0, end=1.2, confidence=None),
        Word(text="you.", start=3.0, end=3.5, confidence=None),
    )
    segment = Segment(
        id=0, start=1, end=4, speaker=None, text=" Hello you.", confidence=None, words=words
    )
    assert [(t.start, t.end) for t in tokens(segment)] == [(1.0, 1.2), (3.0, 3.5)]


def test_words_without_moments_share_the_segment() -> None:
    segment = Segment(id=0, start=10, end=20, speaker=None, text="aaaa bb cccc", confidence=None)
    assert [(t.start, t.end) for t in tokens(segment)] == [(10, 14), (14, 16), (16, 20)]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Don\u2019t,", "don't"),
        ("—", ""),
        ("'Tis", "tis"),
        ("back-end.", "back-end"),
        ("\uff21", "a"),
    ],
)
def test_compares_words_without_case_and_punctuation(word: str, expected: str) -> None:
    assert key(word) == expected


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("ic?"), st.text(max_size=60)), max_size=8))
def test_loses_no_word(said: list[tuple[str, str]]) -> None:
    transcript = talk(*said)
    assert " ".join(texts(transcript)).split() == transcript.text.split()
    assert all(s.speaker in (None, *Speaker) and s.tokens for s in sentences(transcript))
