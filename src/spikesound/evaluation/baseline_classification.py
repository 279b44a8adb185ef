"""The baseline that any network must beat: logistic regression on a clip's average spectrum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.evaluation.predictions import to_frame
from spikesound.tasks.multilabel import Flags, Scores
from spikesound.training.dataset import label_matrix

MODEL = "baseline-logistic"


def summarise(features: NDArray[np.floating]) -> Scores:
    """Return mean and standard deviation over time of each bin.

    Parameters
    ----------
    features
        Shape (clip, frame, bin), for example log-mel levels in dB.

    Returns
    -------
    ndarray
        Shape (clip, 2 × bin): the means, then the deviations.
    """
    # float16 overflows in the sums
    mean = features.mean(axis=1, dtype=np.float64)
    deviation = features.std(axis=1, dtype=np.float64)
    return np.concatenate([mean, deviation], axis=1)


def logistic_baseline(
    features: NDArray[np.floating],
    index: pd.DataFrame,
    labels: Sequence[str],
    folds: Sequence[str],
    *,
    inverse_regularisation: float = 1.0,
    max_iterations: int = 2000,
) -> pd.DataFrame:
    """Fit on all other folds, score the held-out one, for each fold in turn.

    The input of :func:`summarise` is standardised by the training clips. Nothing is chosen by any
    clip's result: the regularisation is scikit-learn's default. Where each clip has one label, the
    model is multinomial; where some have several, one model is fitted a label. A label that no
    training clip has scores 0.

    Parameters
    ----------
    features
        Shape (clip, frame, bin), in the order of ``index``.
    index
        The FEATURE_INDEX table; clip_id, fold and labels are used.
    labels
        Label ids in class order.
    folds
        Those to hold out in turn.
    inverse_regularisation
        ``C`` of scikit-learn's LogisticRegression.
    max_iterations
        At which its solver gives up, with a warning.

    Returns
    -------
    DataFrame
        The PREDICTIONS table, folds in the order given.

    Raises
    ------
    SpikesoundError
        If features and index differ in length, a feature is not finite, a fold has no clip or
        leaves none to train on, or a label is unknown.
    """
    _check(features, index, folds)
    inputs = summarise(features)
    targets: Flags = label_matrix(index["labels"], labels).astype(bool)
    ids = index["clip_id"].to_numpy()
    fold_of = index["fold"].to_numpy()
    frames = []
    for fold in folds:
        held = fold_of == fold
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=inverse_regularisation, max_iter=max_iterations)
        )
        scores = _fit_and_score(model, inputs[~held], targets[~held], inputs[held])
        frames.append(to_frame(ids[held], fold_of[held], labels, scores, targets[held]))
    return pd.concat(frames, ignore_index=True)


def _fit_and_score(model: Pipeline, train: Scores, targets: Flags, test: Scores) -> Scores:
    """Return the probability of each label for each test clip, shape (clip, label)."""
    scores = np.zeros((len(test), targets.shape[1]))
    if (targets.sum(axis=1) == 1).all():
        classes = targets.argmax(axis=1)
        # The solver refuses a single class, which needs no solving.
        if (classes == classes[0]).all():
            scores[:, classes[0]] = 1.0
            return scores
        model.fit(train, classes)
        scores[:, model.classes_] = model.predict_proba(test)
        return scores
    for label, has in enumerate(targets.T):
        if has.all() or not has.any():
            scores[:, label] = float(has[0])
        else:
            model.fit(train, has)
            scores[:, label] = model.predict_proba(test)[:, 1]
    return scores


def _check(features: NDArray[np.floating], index: pd.DataFrame, folds: Sequence[str]) -> None:
    if features.ndim != 3 or len(features) != len(index):
        raise SpikesoundError(
            f"features of shape {features.shape} are not (clip, frame, bin) "
            f"of the {len(index)} clips in the index"
        )
    broken = np.flatnonzero(~np.isfinite(features).all(axis=(1, 2)))
    if broken.size:
        raise SpikesoundError(
            f"features of clip {index['clip_id'].iloc[broken[0]]!r} are not finite "
            f"({broken.size} such clips)"
        )
    known = set(index["fold"])
    for fold in folds:
        if fold not in known:
            raise unknown("fold", fold, known)
    if len(known) < 2:
        raise SpikesoundError("index: only one fold, so none is left to train on")
