"""The mask of the largest expected IoU."""

import numpy as np

from seg3d_ros.segmenters.prompts.consensus import most_agreed

MASKS = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [0, 0, 0, 0, 1]], bool)


def test_the_mask_in_between_fits_the_others_best():
    """Expected IoU: (1 + 2/3 + 1/2) / 4, (2/3 + 1 + 3/4) / 4, (1/2 + 3/4 + 1) / 4 and 1/4."""
    assert most_agreed(MASKS, np.full(4, 0.25)) == 1


def test_weights_count():
    assert most_agreed(MASKS, np.array([0.1, 0.1, 0.1, 0.7])) == 3
    assert most_agreed(MASKS, np.array([0.6, 0.1, 0.2, 0.1])) == 0


def test_a_mask_without_weight_may_win():
    """Three of two voxels, each with one in common with each other, and their union."""
    pairs = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
    assert most_agreed(pairs, np.array([1, 1, 1, 0]) / 3) == 3  # 2/3 against 5/9


def test_empty_masks_fit_nothing():
    empty = np.zeros((1, 5), bool)
    assert most_agreed(np.concatenate([empty, MASKS]), np.array([0.9, 0.1, 0, 0, 0])) == 1
    assert most_agreed(empty, np.ones(1)) == 0
