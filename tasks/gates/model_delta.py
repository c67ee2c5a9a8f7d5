"""Model delta: does a classifier that is also trained on the new rows do better on real validation rows?

Two classifiers with the same budget are trained, one on real training rows, one on real and new rows; both are judged
on real validation rows, never on test rows. There are several draws: each is a bootstrap of the training rows that both
sides share, and both share the resamples of the validation rows, so differences are paired. The interval is that of
the mean over draws: it covers the spread between draws (Student's t) and between resamples of the validation rows.

Training without the rows of one step shows what that step adds to the others, also per class; no rows are generated
again. With more rows than `row_sample.MOST_ROWS` a sample is judged.
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
"""Figures are rounded to so many digits: a decision must not depend on the last bit of a sum."""


@dataclass(frozen=True)
class Rows:
    """The rows that are used: `classes` are their labels, `steps` the names of the steps that made new rows, `judged`
    the codes of the classes whose figures count."""

    train: Sample
    children: Sample
    validation: Sample
    classes: tuple[str, ...]
    steps: tuple[str, ...]
    judged: tuple[int, ...]


def judge(evidence: Evidence, gate: ModelDelta) -> list[CheckReport]:
    """One report: the gain of the metric, with the gains of every step and class as its details."""
    target = f"{'>' if gate.by == 'lower' else '>='} {gate.min:g}"
    if not sum(evidence.made.values()):
        return [too_few(NAME, gate, target, "there are no new rows.", _description(gate, ()))]
    if not evidence.train.features.shape[1]:
        return [too_few(NAME, gate, target, NO_FEATURE, _description(gate, ()))]
    classes = tuple(sorted({*evidence.real, *(label for _, label in evidence.made)}))
    judged, unjudged = _judged_classes(evidence, gate, classes)
    if not judged:
        return [too_few(NAME, gate, target, unjudged, _description(gate, ()))]
    steps = tuple(step.name for step in evidence.policy.steps if any(name == step.name for name, _ in evidence.made))
    rows = Rows(evidence.train, evidence.children, evidence.validation, classes, steps, judged)
    every = tuple(range(len(steps)))
    sides = [(), every, *((*every[:out], *every[out + 1 :]) for out in every if len(every) > 1)]
    # The gain of a step is only reported, not judged: a few draws are enough.
    draws = [gate.seeds if number < 2 else min(DRAWS_PER_STEP, gate.seeds) for number in range(len(sides))]
    results = iter(evidence.map(classifiers.train_and_score, _evaluation_jobs(evidence, gate, rows, sides, draws)))
    figures = [np.array([next(results) for _ in range(count)]) for count in draws]
    return [_report(gate, rows, figures, target, unjudged)]


def _judged_classes(evidence: Evidence, gate: ModelDelta, classes: Sequence[str]) -> tuple[tuple[int, ...], str]:
    """The codes of the classes whose figures count, and a sentence about those with too few validation rows."""
    labels, counts = np.unique(evidence.validation.labels, return_counts=True)
    row_counts = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    # With two classes and a ranking metric, the figure of the rarer class is enough.
    rarer = min(classes, key=lambda label: (evidence.real.get(label, 0), label))
    candidates = [rarer] if len(classes) == 2 and gate.metric in RANKING else list(classes)
    few = {
        label: row_counts.get(label, 0) for label in candidates if row_counts.get(label, 0) < gate.min_rows_per_class
    }
    examples = ", ".join(f"class {label}: {count}" for label, count in list(few.items())[:5])
    more = f" and {len(few) - 5} classes more" if len(few) > 5 else ""
    unjudged = f"{gate.min_rows_per_class} validation rows are needed, there are of {examples}{more}." if few else ""
    targeted = set(evidence.children.labels.tolist()) if len(classes) > 2 else {rarer}
    if 2 * len(targeted & set(few)) > len(targeted):
        return (), unjudged  # of the classes that new rows were made for, most cannot be judged
    return tuple(code for code, label in enumerate(classes) if label in candidates and label not in few), unjudged


def _evaluation_jobs(
    evidence: Evidence, gate: ModelDelta, rows: Rows, sides: Sequence[tuple[int, ...]], draws: Sequence[int]
) -> list[EvaluationJob]:
    """One job per side and draw; the inputs are preprocessed once for all of them."""
    classifier = gate.student or ("boosting" if evidence.policy.modality == "tabular" else "logistic")
    learned = np.concatenate([rows.train.features, rows.children.features])
    preprocess = classifiers.fit_preprocessor(classifier, rows.train.features)
    inputs, evaluation = (
        preprocess(learned),
        _evaluation_set(evidence, gate, rows, preprocess(rows.validation.features)),
    )
    at, codes, shares = _targets(rows)
    weights = np.concatenate([rows.train.weights, rows.children.weights])
    steps = np.array([-1] * len(rows.train) + [rows.steps.index(step) for step in rows.children.steps.tolist()])
    strata = np.unique(np.stack([steps[at], codes]), axis=1, return_inverse=True)[1].ravel()
    training_sets = [
        TrainingSet(inputs[at], codes, weights[at] * shares, steps[at], strata, _draws(rows, evidence, draw)[at])
        for draw in range(gate.seeds)
    ]
    return [
        EvaluationJob(f"draw {draw}", lesson, side, evaluation, len(rows.classes), classifier)
        for side, count in zip(sides, draws, strict=True)
        for draw, lesson in enumerate(training_sets[:count])
    ]


def _evaluation_set(evidence: Evidence, gate: ModelDelta, rows: Rows, inputs: NDArray[Any]) -> EvaluationSet:
    code = {label: at for at, label in enumerate(rows.classes)}
    codes = np.array([code.get(label, -1) for label in rows.validation.labels.tolist()])
    in_training = codes >= 0  # a class without a training row cannot be predicted
    return EvaluationSet(
        inputs[in_training],
        codes[in_training],
        rows.validation.weights[in_training],
        score_metrics.resample_counts(int(in_training.sum()), RESAMPLES, generator(evidence.policy.seed, NAME)),
        rows.judged,
        gate.metric,
        gate.precision,
    )


def _draws(rows: Rows, evidence: Evidence, draw: int) -> F64:
    """How often each row is drawn; for a child, the smallest count of its parents."""
    seed = evidence.policy.seed
    parents = rows.children.rows[PARENT_IDS].combine_chunks()
    starts = np.cumsum(np.asarray(pc.list_value_length(parents))) - np.asarray(pc.list_value_length(parents))
    parent_draws = classifiers.bootstrap_counts(words_of(parents.flatten())[:, 0], seed, draw)
    real_draws = classifiers.bootstrap_counts(words_of(rows.train.rows[SAMPLE_ID])[:, 0], seed, draw)
    return np.concatenate([real_draws, np.minimum.reduceat(parent_draws, starts)])


def _targets(rows: Rows) -> tuple[I64, I64, F64]:
    """Row positions, class codes and shares: a row whose label is a mixture has one entry for each of its classes."""
    code = {label: at for at, label in enumerate(rows.classes)}
    real = [(at, code[label], 1.0) for at, label in enumerate(rows.train.labels.tolist())]
    mixtures = rows.children.rows[LABEL_WEIGHTS].to_pylist()
    start, new = len(real), []
    for at, (label, mixture) in enumerate(zip(rows.children.labels.tolist(), mixtures, strict=True)):
        parts = [(label, 1.0)] if not mixture else [(part["label"], part["weight"]) for part in mixture]
        new += [(start + at, code[name], share) for name, share in parts if share > 0.0]
    ats, codes, shares = zip(*real, *new, strict=True)
    return np.array(ats), np.array(codes), np.array(shares)


def _report(gate: ModelDelta, rows: Rows, figures: Sequence[F64], target: str, unjudged: str) -> CheckReport:
    """The report, from each side's figures of shape (draws, judged classes, 1 + resamples); the sides are real rows
    only, all rows, then all rows but those of one step."""
    alone, both = (side.mean(axis=1) for side in figures[:2])
    mean, low, high = paired(both - alone, gate.confidence)
    reached = {"lower": low > gate.min, "mean": mean >= gate.min, "upper": high >= gate.min}[gate.by]
    before, after = alone[:, 0].mean(), both[:, 0].mean()
    words = f"{_description(gate, rows.judged)} Real rows alone reach {before:.4f}, with new rows {after:.4f}."
    words += f" Not all classes are judged: {unjudged}" if unjudged else ""
    details = _details(gate, rows, figures)
    return answer(NAME, gate, bool(reached), mean, target, words, interval=(low, high), details=details)


def _details(gate: ModelDelta, rows: Rows, figures: Sequence[F64]) -> list[Detail]:
    """The gain of each class, then what each step adds to the others, over all classes and for each class."""
    details = []
    several = len(rows.judged) > 1
    for label, code in enumerate(rows.judged if several else ()):
        gain = figures[1][:, label] - figures[0][:, label]
        details.append(_detail(f"class {rows.classes[code]}", gain, gate.confidence))
    for number, without in enumerate(figures[2:]):
        step, gain = f"step {rows.steps[number]}", figures[1][: len(without)] - without
        details.append(_detail(step, gain.mean(axis=1), gate.confidence))
        for label, code in enumerate(rows.judged if several else ()):
            details.append(_detail(f"{step}, class {rows.classes[code]}", gain[:, label], gate.confidence))
    return details


def _detail(of: str, gains: F64, confidence: float) -> Detail:
    mean, low, high = paired(gains, confidence)
    word = "helped" if low > 0.0 else "hurt" if high < 0.0 else "made no clear difference"
    return {"of": of, "observed": mean, "interval": [low, high], "word": word}


def paired(gains: F64, confidence: float) -> tuple[float, float, float]:
    """The mean gain and its interval, from gains of shape (draws, 1 + resamples); index 0 is for the original rows.

    There are two sources of variance, the draw of training rows and the sample of validation rows. Their variances are
    added; the degrees of freedom are those of Welch and Satterthwaite, because there are few draws of training rows.
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


def _description(gate: ModelDelta, judged: Sequence[int]) -> str:
    over = f", mean of {len(judged)} classes" if len(judged) > 1 else ""
    at = f" {gate.precision:g}" if gate.metric == "recall_at_precision" else ""
    return f"Gain in {gate.metric.replace('_', ' ')}{at}{over}, on real validation rows, {gate.seeds} draws."
