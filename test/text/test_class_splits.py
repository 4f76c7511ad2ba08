"""Base and novel classes are those of the published partitions."""

import pytest

from seg3d_ros.text.class_splits import class_splits
from seg3d_ros.text.vocabulary_files import load_vocabulary_file


@pytest.mark.parametrize("name", ["b15n4", "b12n7", "b10n9", "b170n30", "b150n50"])
def test_a_split_has_as_many_classes_as_its_name_says(name):
    split = class_splits()[name]
    base, novel = map(int, name[1:].split("n"))
    assert (len(split.base), len(split.novel)) == (base, novel)
    names = [label.lstrip("-") for label in load_vocabulary_file(split.label_set)]
    assert set(split.base) | set(split.novel) == set(names) - {"other furniture"}
    assert not set(split.base) & set(split.novel)
    assert list(split.base) == [name for name in names if name in split.base], "in their order"


def test_novel_classes_of_the_smallest_split():
    assert set(class_splits()["b15n4"].novel) == {"sofa", "bookshelf", "desk", "toilet"}
