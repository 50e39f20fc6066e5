"""The `local` language provider: offline and deterministic.

Sentiment is VADER's (Hutto & Gilbert 2014). Competencies are found by the similarity of sentences
to the examples in a rubric, which detects topics well but levels only roughly. See
docs/explanation/analysis.md.
"""

from functools import cached_property

from tasks.analysis.findings import CompetencyFindings, ModelCall, SentimentFinding, SummaryFinding
from tasks.analysis.rubric import Rubric
from tasks.analysis.sentences import Sentence, candidate_sentences
from tasks.interviews.transcript import Transcript
from worker.adapters.language import embeddings, summary
from worker.adapters.language.level_scoring import score_level
from worker.adapters.language.matching import Matcher
from worker.adapters.language.valence import Valence, load_vader, measure_sentiment
from worker.adapters.providers import Context

MIN_WORDS = 4
"""The minimum number of words in a sentence; shorter ones have too little content to compare."""
SUMMARY = 4
"""Number of sentences in a summary."""


class LocalProvider:
    """A `LanguageProvider` for English that uses no network.

    Models are loaded by `load` or at the first use.
    """

    def __init__(self) -> None:
        self._matchers: dict[str, Matcher] = {}

    @property
    def name(self) -> str:
        """`local`."""
        return "local"

    @property
    def languages(self) -> frozenset[str]:
        """English, the language of the lexicon and of the rubrics' examples."""
        return frozenset({"en"})

    def load(self) -> None:
        """Load the models now; call it after a fork.

        Raises:
            MissingExtra: The packages are not installed.
        """
        _ = self._embeddings, self._vader

    def sentiment(self, transcript: Transcript) -> SentimentFinding:
        """The valence of each segment, as the mean of its sentences."""
        return measure_sentiment(transcript, self._vader)

    def competencies(self, transcript: Transcript, rubric: Rubric) -> CompetencyFindings:
        """Compare the candidate's sentences with the examples of a rubric."""
        sentences = _informative(transcript)
        vectors = self._embeddings.embed([sentence.text for sentence in sentences])
        matches = self._matcher(rubric).matches(vectors)
        return CompetencyFindings(
            competencies=tuple(
                score_level(competency, matches[competency.id], sentences)
                for competency in rubric.competencies
            ),
            call=ModelCall(provider=self.name, model=embeddings.MODEL),
        )

    def summarise(self, transcript: Transcript) -> SummaryFinding:
        """Quote the candidate's most representative sentences."""
        sentences = _informative(transcript)
        vectors = self._embeddings.embed([sentence.text for sentence in sentences])
        chosen = summary.choose(vectors, SUMMARY)
        return SummaryFinding(
            text=" ".join(sentences[position].text for position in chosen),
            confidence=round(summary.representation(vectors, chosen), 2),
            call=ModelCall(provider=self.name, model=embeddings.MODEL),
        )

    def _matcher(self, rubric: Rubric) -> Matcher:
        if rubric.version not in self._matchers:
            self._matchers[rubric.version] = Matcher(rubric, self._embeddings)
        return self._matchers[rubric.version]

    @cached_property
    def _embeddings(self) -> embeddings.Embeddings:
        return embeddings.Embeddings()

    @cached_property
    def _vader(self) -> Valence:
        return load_vader()


def open_provider(_: Context) -> LocalProvider:
    """Create the provider `local`."""
    return LocalProvider()


def _informative(transcript: Transcript) -> list[Sentence]:
    return [s for s in candidate_sentences(transcript) if s.words >= MIN_WORDS]
