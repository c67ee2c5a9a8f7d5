"""Model delta: does a student that also learns from the new rows do better on real rows that neither has seen?

Two students with the same budget, one on real training rows, one on real and new rows, both judged on real validation
rows, never on test rows. Several draws: each is a bootstrap of the training rows for both sides alike, and the
validation rows are resampled for both alike, so differences are paired. The interval is that of the mean over draws:
the spread between draws (Student's t) and that between resamples of the validation rows.

Leaving a step out of the second student's rows says what that step is worth beside the others, per class as well;
nothing is generated again. With more rows than `sampling.MOST_ROWS` a sample is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.policies.gates import ModelDelta
from augmill.tasks.documents.report_document import CheckReport, Detail
from augmill.tasks.gates import classifiers
from augmill.tasks.gates.classifiers import EvaluationJob, EvaluationSet, TrainingSet
from augmill.tasks.gates.gate_contract import F64, NO_FEATURE, Evidence, Sample, answer, too_few
from augmill.tasks.rows.identity import words_of
from augmill.tasks.rows.provenance import LABEL_WEIGHTS, PARENT_IDS, SAMPLE_ID
from augmill.tasks.rows.randomness import generator
from augmill.tasks.stats import score_metrics

I64 = NDArray[np.int64]
NAME = "model_delta"
RANKING = ("average_precision", "recall_at_precision")
RESAMPLES = 100
DRAWS_PER_STEP = 3
DIGITS = 6
"""Figures are rounded to so many digits: what is published must not hang on the last bit of a sum."""


@dataclass(frozen=True)
class Rows:
    """All that students see: `known` are the classes, `steps` those whose rows are there, `judged` the classes whose
    figures count, as codes."""

    train: Sample
    children: Sample
    validation: Sample
    known: tuple[str, ...]
    steps: tuple[str, ...]
    judged: tuple[int, ...]


def judge(evidence: Evidence, asked: ModelDelta) -> list[CheckReport]:
    """One answer: the gain of the metric, with what every step and class is worth as its details."""
    target = f"{'>' if asked.by == 'lower' else '>='} {asked.min:g}"
    if not sum(evidence.made.values()):
        return [too_few(NAME, asked, target, "there are no new rows.", _words(asked, ()))]
    if not evidence.train.features.shape[1]:
        return [too_few(NAME, asked, target, NO_FEATURE, _words(asked, ()))]
    known = tuple(sorted({*evidence.real, *(label for _, label in evidence.made)}))
    judged, unjudged = _judged(evidence, asked, known)
    if not judged:
        return [too_few(NAME, asked, target, unjudged, _words(asked, ()))]
    steps = tuple(step.name for step in evidence.policy.steps if any(one == step.name for one, _ in evidence.made))
    rows = Rows(evidence.train, evidence.children, evidence.validation, known, steps, judged)
    every = tuple(range(len(steps)))
    sides = [(), every, *((*every[:left], *every[left + 1 :]) for left in every if len(every) > 1)]
    # A step's worth is told, not judged: a few draws will do.
    draws = [asked.seeds if number < 2 else min(DRAWS_PER_STEP, asked.seeds) for number in range(len(sides))]
    results = iter(evidence.map(classifiers.train_and_score, _exams(evidence, asked, rows, sides, draws)))
    figures = [np.array([next(results) for _ in range(count)]) for count in draws]
    return [_told(asked, rows, figures, target, unjudged)]


def _judged(evidence: Evidence, asked: ModelDelta, known: Sequence[str]) -> tuple[tuple[int, ...], str]:
    """Classes whose figures count, as codes, and a sentence on those with too few validation rows."""
    labels, counts = np.unique(evidence.validation.labels, return_counts=True)
    there = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    # Of two classes, how well the rarer one is found says it all.
    rarer = min(known, key=lambda label: (evidence.real.get(label, 0), label))
    wanted = [rarer] if len(known) == 2 and asked.metric in RANKING else list(known)
    few = {label: there.get(label, 0) for label in wanted if there.get(label, 0) < asked.min_rows_per_class}
    told = ", ".join(f"class {label}: {count}" for label, count in list(few.items())[:5])
    more = f" and {len(few) - 5} classes more" if len(few) > 5 else ""
    left = f"{asked.min_rows_per_class} validation rows are needed, there are of {told}{more}." if few else ""
    targeted = set(evidence.children.labels.tolist()) if len(known) > 2 else {rarer}
    if 2 * len(targeted & set(few)) > len(targeted):
        return (), left  # of the classes that new rows were made for, most cannot be judged
    return tuple(code for code, label in enumerate(known) if label in wanted and label not in few), left


def _exams(
    evidence: Evidence, asked: ModelDelta, rows: Rows, sides: Sequence[tuple[int, ...]], draws: Sequence[int]
) -> list[EvaluationJob]:
    """One exam per side and draw; inputs are put on the students' footing once."""
    student = asked.student or ("boosting" if evidence.policy.modality == "tabular" else "logistic")
    learned = np.concatenate([rows.train.features, rows.children.features])
    footing = classifiers.fit_preprocessor(student, rows.train.features)
    inputs, questions = footing(learned), _questions(evidence, asked, rows, footing(rows.validation.features))
    at, codes, shares = _targets(rows)
    weights = np.concatenate([rows.train.weights, rows.children.weights])
    steps = np.array([-1] * len(rows.train) + [rows.steps.index(step) for step in rows.children.steps.tolist()])
    strata = np.unique(np.stack([steps[at], codes]), axis=1, return_inverse=True)[1].ravel()
    lessons = [
        TrainingSet(inputs[at], codes, weights[at] * shares, steps[at], strata, _draws(rows, evidence, draw)[at])
        for draw in range(asked.seeds)
    ]
    return [
        EvaluationJob(f"draw {draw}", lesson, side, questions, len(rows.known), student)
        for side, count in zip(sides, draws, strict=True)
        for draw, lesson in enumerate(lessons[:count])
    ]


def _questions(evidence: Evidence, asked: ModelDelta, rows: Rows, inputs: NDArray[Any]) -> EvaluationSet:
    code = {label: at for at, label in enumerate(rows.known)}
    codes = np.array([code.get(label, -1) for label in rows.validation.labels.tolist()])
    mine = codes >= 0  # a class without a training row cannot be known
    return EvaluationSet(
        inputs[mine],
        codes[mine],
        rows.validation.weights[mine],
        score_metrics.resamples(int(mine.sum()), RESAMPLES, generator(evidence.policy.seed, NAME)),
        rows.judged,
        asked.metric,
        asked.precision,
    )


def _draws(rows: Rows, evidence: Evidence, draw: int) -> F64:
    """How often each row is drawn; a child as often as the rarest of its parents."""
    seed = evidence.policy.seed
    parents = rows.children.rows[PARENT_IDS].combine_chunks()
    starts = np.cumsum(np.asarray(pc.list_value_length(parents))) - np.asarray(pc.list_value_length(parents))
    theirs = classifiers.drawn(words_of(parents.flatten())[:, 0], seed, draw)
    own = classifiers.drawn(words_of(rows.train.rows[SAMPLE_ID])[:, 0], seed, draw)
    return np.concatenate([own, np.minimum.reduceat(theirs, starts)])


def _targets(rows: Rows) -> tuple[I64, I64, F64]:
    """Which row, which class, what share of it: a row whose label is a mixture stands once for each of its classes."""
    code = {label: at for at, label in enumerate(rows.known)}
    real = [(at, code[label], 1.0) for at, label in enumerate(rows.train.labels.tolist())]
    mixtures = rows.children.rows[LABEL_WEIGHTS].to_pylist()
    start, made = len(real), []
    for at, (label, mixture) in enumerate(zip(rows.children.labels.tolist(), mixtures, strict=True)):
        parts = [(label, 1.0)] if not mixture else [(part["label"], part["weight"]) for part in mixture]
        made += [(start + at, code[name], share) for name, share in parts if share > 0.0]
    ats, codes, shares = zip(*real, *made, strict=True)
    return np.array(ats), np.array(codes), np.array(shares)


def _told(asked: ModelDelta, rows: Rows, figures: Sequence[F64], target: str, left: str) -> CheckReport:
    """The answer from each side's figures of shape (draws, judged classes, 1 + resamples); sides are real rows alone,
    all rows, then all but one step."""
    alone, both = (side.mean(axis=1) for side in figures[:2])
    mean, low, high = paired(both - alone, asked.confidence)
    reached = {"lower": low > asked.min, "mean": mean >= asked.min, "upper": high >= asked.min}[asked.by]
    before, after = alone[:, 0].mean(), both[:, 0].mean()
    words = f"{_words(asked, rows.judged)} Real rows alone reach {before:.4f}, with new rows {after:.4f}."
    words += f" Not all classes are judged: {left}" if left else ""
    details = _details(asked, rows, figures)
    return answer(NAME, asked, bool(reached), mean, target, words, interval=(low, high), details=details)


def _details(asked: ModelDelta, rows: Rows, figures: Sequence[F64]) -> list[Detail]:
    """What each class gains, then what each step is worth beside the others, over all classes and for each."""
    found = []
    several = len(rows.judged) > 1
    for label, code in enumerate(rows.judged if several else ()):
        gain = figures[1][:, label] - figures[0][:, label]
        found.append(_detail(f"class {rows.known[code]}", gain, asked.confidence))
    for number, without in enumerate(figures[2:]):
        step, gain = f"step {rows.steps[number]}", figures[1][: len(without)] - without
        found.append(_detail(step, gain.mean(axis=1), asked.confidence))
        for label, code in enumerate(rows.judged if several else ()):
            found.append(_detail(f"{step}, class {rows.known[code]}", gain[:, label], asked.confidence))
    return found


def _detail(of: str, gains: F64, confidence: float) -> Detail:
    mean, low, high = paired(gains, confidence)
    word = "helped" if low > 0.0 else "hurt" if high < 0.0 else "made no clear difference"
    return {"of": of, "observed": mean, "interval": [low, high], "word": word}


def paired(gains: F64, confidence: float) -> tuple[float, float, float]:
    """The mean gain and its interval, from gains of shape (draws, 1 + resamples), the first of the rows as they are.

    Two sources of doubt: which training rows were drawn, which validation rows there are. Their variances add up;
    the degrees of freedom are Welch's and Satterthwaite's, as the first is known from few draws.
    """
    from scipy.special import stdtrit

    draws = len(gains)
    mean = gains[:, 0].mean()
    between = gains[:, 0].var(ddof=1) / draws
    within = np.nanvar(gains[:, 1:].mean(axis=0), ddof=1)
    if between + within <= 0.0:
        return round(mean, DIGITS), round(mean, DIGITS), round(mean, DIGITS)
    freedom = (between + within) ** 2 / max(between**2 / (draws - 1) + within**2 / RESAMPLES, 1e-300)
    half = stdtrit(freedom, 0.5 + confidence / 2.0) * np.sqrt(between + within)
    low, high = np.clip([mean - half, mean + half], -1.0, 1.0)
    return tuple(round(float(value), DIGITS) for value in (mean, low, high))  # type: ignore[return-value]


def _words(asked: ModelDelta, judged: Sequence[int]) -> str:
    over = f", mean of {len(judged)} classes" if len(judged) > 1 else ""
    at = f" {asked.precision:g}" if asked.metric == "recall_at_precision" else ""
    return f"Gain in {asked.metric.replace('_', ' ')}{at}{over}, on real validation rows, {asked.seeds} draws."
