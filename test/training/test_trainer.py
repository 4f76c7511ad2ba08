from __future__ import annotations

import dataclasses
import os
import signal
from multiprocessing import active_children

import pytest
import torch
from support.toy_dataset import write_dataset
from support.toy_network import ToyNetwork, ToyObjective
from torch import nn

from seg3d_ros.datasets.scene_dataset import ScanNetDataset, collate
from seg3d_ros.networks.checkpoint import CheckpointError, read_state_dict
from seg3d_ros.training.augmentation import default_train_augmentations
from seg3d_ros.training.checkpoint import AveragedWeights, find_checkpoint
from seg3d_ros.training.learner import DivergedError, Learner, LearnerSettings
from seg3d_ros.training.schedule import WarmupCosine
from seg3d_ros.training.trainer import Trainer, TrainerSettings

ROOMS, BATCH = 6, 2


class Notes:
    """Events of a training, and perhaps a signal after some step."""

    def __init__(self, stop_after: int = 0, number: int = signal.SIGTERM) -> None:
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.validations: list[int] = []
        self._stop = stop_after, number

    def after_step(self, steps, batch, result):
        self.steps.append(steps)
        self.losses.append(float(result.losses["total"]))
        if steps == self._stop[0]:
            # As torchrun and terminals do it: to everybody.
            for process in (os.getpid(), *(child.pid for child in active_children())):
                os.kill(process, self._stop[1])

    def after_validation(self, steps, losses):
        self.validations.append(steps)
        self.losses.append(losses["total"])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("toy"), rooms=ROOMS, points=100)


def learner(*, dropout: float = 0.0, **changes) -> Learner:
    values = {
        "optimizer": "adamw", "weight_decay": 0.1, "clip_norm": 1.0, "precision": "32",
        "ema_decay": 0.0, "seed": 0,
    }  # fmt: skip
    torch.manual_seed(5)
    settings = LearnerSettings(**{**values, **changes})
    return Learner(ToyNetwork(dropout), ToyObjective(), settings=settings)


def trainer(root, folder, trained: Learner, *, validated: bool = False, **changes) -> Trainer:
    values = {
        "batch_size": BATCH, "lr": 0.01, "epochs": 2, "max_steps": None, "max_minutes": None,
        "num_workers": 0, "validate_every": None, "checkpoint_minutes": 10.0, "seed": 0,
    }  # fmt: skip
    train_set = ScanNetDataset(root, "train", transform=default_train_augmentations())
    return Trainer(
        trained,
        train_set,
        ScanNetDataset(root, "train") if validated else None,
        settings=TrainerSettings(**{**values, **changes}),
        schedule=WarmupCosine(),
        folder=folder,
        recipe="model: toy",
    )


def weights(learner: Learner) -> dict[str, torch.Tensor]:
    return learner.model.state_dict()


def assert_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_resumed_training_ends_with_the_same_weights(root, tmp_path, number, workers):
    whole, first, second = (learner(dropout=0.3, ema_decay=0.9) for _ in range(3))
    trainer(root, tmp_path / "whole", whole).fit()

    notes = Notes(stop_after=4, number=number)  # in the middle of the second epoch
    stopped = trainer(root, tmp_path / "parts", first, num_workers=workers)
    stopped.fit([notes])
    assert stopped.step == 4 < stopped.total_steps == 6

    resumed = trainer(root, tmp_path / "parts", second)
    resumed.resume(find_checkpoint("auto", tmp_path / "parts"))
    notes = Notes()
    resumed.fit([notes])
    assert notes.steps == [5, 6]
    assert_equal(whole.state_dict()["task"], second.state_dict()["task"])
    assert_equal(weights(whole), weights(second))


def test_signals_are_as_before_when_training_is_over(root, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    trainer(root, tmp_path, learner(), epochs=1).fit([Notes(stop_after=1)])
    assert signal.getsignal(signal.SIGTERM) is before


def test_checkpoints_are_plain_and_hold_what_to_use(root, tmp_path):
    trained = learner(ema_decay=0.5)
    trainer(root, tmp_path, trained).fit()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert_equal(read_state_dict(tmp_path / "checkpoint.pt"), dict(weights(trained)))
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 6
    assert state["recipe"] == "model: toy"
    assert not torch.equal(
        state["task"]["model.layers.0.weight"], state["state_dict"]["layers.0.weight"]
    )


def test_checkpoints_are_written_while_training_goes_on(root, tmp_path):
    class Reader(Notes):
        def after_step(self, steps, batch, result):
            path = tmp_path / "checkpoint.pt"
            self.steps.append(torch.load(path)["step"] if path.is_file() else 0)

    reader = Reader()
    trainer(root, tmp_path, learner(), checkpoint_minutes=0.0).fit([reader])
    assert reader.steps == [0, 1, 2, 3, 4, 5]


def test_training_learns_in_every_precision(root, tmp_path):
    last = {}
    for precision in ("32", "16-mixed", "bf16-mixed"):
        notes = Notes()
        run = trainer(root, tmp_path, learner(precision=precision), epochs=10, lr=0.1)
        run.fit([notes])
        last[precision] = sum(notes.losses[-6:]) / 6
        assert last[precision] < 0.7 * notes.losses[0]
    assert max(last.values()) - min(last.values()) < 0.1


def test_limits_of_steps_and_minutes(root, tmp_path):
    few = trainer(root, tmp_path, learner(), max_steps=4)
    few.fit()
    assert few.step == few.total_steps == 4
    short = trainer(root, tmp_path, learner(), max_minutes=0.0)
    short.fit()
    assert (short.step, short.total_steps) == (1, 6)


def test_validation_is_the_mean_over_all_scenes_with_the_averaged_weights(root, tmp_path):
    trained, notes = learner(dropout=0.5, ema_decay=0.9), Notes()
    run = trainer(root, tmp_path, trained, validated=True, validate_every=4)
    run.fit([notes])
    assert notes.validations == [4]
    dataset, network = ScanNetDataset(root, "train"), trained.model.eval()
    losses = []
    for index in range(len(dataset)):
        batch = collate([dataset[index]])
        losses.append(float(ToyObjective()(network(batch), batch)["total"]))
    assert run.validate(dataset)["total"] == pytest.approx(sum(losses) / ROOMS, rel=1e-5)


def test_what_is_not_finite_is_skipped_until_it_is_too_much(root):
    trained = learner()
    good = collate([ScanNetDataset(root, "train")[0]])
    bad = collate([ScanNetDataset(root, "train")[0]])
    bad.colors[0, 0] = float("nan")
    before = {name: value.clone() for name, value in weights(trained).items()}
    for step in range(4):
        assert trained.learn(bad, step=step, rate=0.1).gradient_norm is None
    assert_equal(weights(trained), before)
    assert trained.learn(good, step=4, rate=0.1).gradient_norm > 0
    assert not torch.equal(weights(trained)["layers.0.weight"], before["layers.0.weight"])
    for step in range(4):
        trained.learn(bad, step=step, rate=0.1)
    with pytest.raises(DivergedError, match="no finite loss or gradient in 5 steps"):
        trained.learn(bad, step=9, rate=0.1)


def test_gradients_that_are_not_finite_are_skipped_too(root):
    class Kink(nn.Module):
        def forward(self, output, batch):
            return {"total": (output - output.detach()).sum().sqrt()}

    trained = learner()
    trained = Learner(ToyNetwork(), Kink(), settings=trained.settings)
    batch = collate([ScanNetDataset(root, "train")[0]])
    result = trained.learn(batch, step=0, rate=0.1)
    assert float(result.losses["total"]) == 0
    assert result.gradient_norm is None
    assert all(value.isfinite().all() for value in weights(trained).values())


class WideNetwork(nn.Module):
    """A matrix for Muon, and a bias for AdamW, with logits of classes."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(6, 32)
        self.matrix = nn.Linear(32, 32)

    def forward(self, batch):
        x = torch.cat([batch.points, batch.colors], dim=1)
        return self.matrix(self.wide(x).relu())


class Steep(nn.Module):
    """A loss whose gradient times 65,536 is too large for half precision."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, output, batch):
        return {"total": output[:, 0].half().square().mean().float() * self.factor}


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_scale_that_is_too_large_costs_steps_but_no_weights(root, optimizer):
    settings = dataclasses.replace(
        learner().settings, precision="16-mixed", optimizer=optimizer, ema_decay=0.9
    )
    torch.manual_seed(0)
    trained = Learner(WideNetwork(), Steep(300.0), settings=settings)
    batch = collate([ScanNetDataset(root, "train")[0]])
    started = {name: value.clone() for name, value in weights(trained).items()}
    norms = []
    for step in range(20):
        result = trained.learn(batch, step=step, rate=0.01)
        norms.append(result.gradient_norm)
        assert all(value.isfinite().all() for value in trained.state_dict()["task"].values())
        if set(norms) == {None}:  # the average stands still, too
            assert_equal(weights(trained), started)
    assert norms[0] is None
    assert all(norm is not None and norm > 0 for norm in norms[-5:])


@pytest.mark.parametrize("precision", ["32", "16-mixed", "bf16-mixed"])
def test_gradients_that_stay_not_finite_end_training_in_every_precision(root, precision):
    class Kink(nn.Module):
        def forward(self, output, batch):
            return {"total": (output - output.detach()).sum().sqrt()}

    trained = Learner(ToyNetwork(), Kink(), settings=learner(precision=precision).settings)
    batch = collate([ScanNetDataset(root, "train")[0]])
    with pytest.raises(DivergedError, match="no finite loss or gradient in 5 steps"):
        for step in range(20):
            trained.learn(batch, step=step, rate=0.1)


def test_pinning_reaches_every_tensor(root, monkeypatch):
    """As `DataLoader` does it; without a GPU PyTorch pins nothing."""
    from torch.utils.data._utils.pin_memory import pin_memory

    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 0)
    batch = collate([ScanNetDataset(root, "train")[0]])
    pinned = pin_memory(batch)
    for field in dataclasses.fields(batch):
        before, after = getattr(batch, field.name), getattr(pinned, field.name)
        if isinstance(before, torch.Tensor):
            assert after is not before and torch.equal(after, before), field.name
        else:
            assert after == before


def test_clipping_bounds_the_step(root):
    batch = collate([ScanNetDataset(root, "train")[0]])
    steps = [learner(clip_norm=c).learn(batch, step=0, rate=0.1) for c in (1e-3, None)]
    assert steps[0].gradient_norm == pytest.approx(steps[1].gradient_norm)  # before clipping
    clipped = learner(clip_norm=1e-3)
    clipped.learn(batch, step=0, rate=0.0)
    gradients = [p.grad.flatten() for p in clipped.model.parameters()]
    assert torch.cat(gradients).norm() == pytest.approx(1e-3, rel=1e-3)


def test_averages_forget_the_start_and_then_follow_slowly():
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.0)
    average = AveragedWeights(model, decay=0.5)
    model.weight.data.fill_(1.0)
    average.update(model, 0)  # a tenth of the old stays
    assert average.model.weight.item() == pytest.approx(0.9)
    model.weight.data.fill_(0.0)
    average.update(model, 1000)
    assert average.model.weight.item() == pytest.approx(0.45)


def test_what_cannot_be_resumed_is_refused(root, tmp_path):
    run = trainer(root, tmp_path, learner())
    assert find_checkpoint("auto", tmp_path) is None
    assert find_checkpoint(None, tmp_path) is None
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*; train\.resume=null"):
        find_checkpoint(str(tmp_path / "lost.pt"), tmp_path)
    path = tmp_path / "other.pt"
    path.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="damaged"):
        run.resume(path)
    torch.save(ToyNetwork().state_dict(), path)
    with pytest.raises(CheckpointError, match=r"start from it with paths\.ckpt_path"):
        run.resume(path)
    run.save()
    state = torch.load(tmp_path / "checkpoint.pt")
    state["task"]["model.layers.0.weight"] = torch.zeros(3, 3)
    torch.save(state, path)
    with pytest.raises(CheckpointError, match="of another network or recipe"):
        run.resume(path)
