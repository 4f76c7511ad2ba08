"""`seg3d audit`: identities, ghosts, names, latency and memory of a map over time."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seg3d_ros.cli.errors import one_line_errors

if TYPE_CHECKING:
    from seg3d_ros.engine.engine import Engine
    from seg3d_ros.evaluation.audit.run import Audit
    from seg3d_ros.recordings.recording import Recording
    from seg3d_ros.recordings.truth import Truth


@click.command()
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default="audit_output",
    show_default=True, help="Folder for audit.json and index.html.",
)  # fmt: skip
@click.option("--model", default="mini", show_default=True, help="Segmenter.")
@click.option(
    "--segment-period", type=click.FloatRange(min=0.0), default=1.0, show_default=True,
    help="Seconds of the recording between two segmentations.",
)  # fmt: skip
@click.option(
    "--vocabulary",
    help="File or bundled list of labels; if not given: the names that the truth was chosen from.",
)
@click.option(
    "--without-truth", is_flag=True, help="Measure repeatability, even where there is truth."
)
def audit(
    recordings: tuple[Path, ...],
    output: Path,
    model: str,
    segment_period: float,
    vocabulary: str | None,
    without_truth: bool,
) -> None:
    """Play RECORDINGS and compare the known objects with the truth after each segmentation.

    Truth is what seg3d synthesize --tours writes, or objects.json with the boxes of a still room.
    Recordings without it are played as two passes, even and odd frames, and compared.
    """
    from seg3d_ros.engine.engine import Engine
    from seg3d_ros.engine.perception import PerceptionSettings
    from seg3d_ros.evaluation.audit.page import write_audit_page
    from seg3d_ros.evaluation.audit.repeatability import audit_repeatability
    from seg3d_ros.evaluation.audit.report import repeatability_table, text_table, write_json
    from seg3d_ros.recordings.open import open_recording
    from seg3d_ros.recordings.truth import open_truth
    from seg3d_ros.text.vocabulary_files import load_vocabulary_file

    with one_line_errors():
        words = load_vocabulary_file(vocabulary) if vocabulary else []

        def new_engine(names: tuple[str, ...] = ()) -> Engine:
            engine = Engine(PerceptionSettings.of({"segmentation.model": model}))
            engine.warm_up()  # else the first tick waits for compilers and weights
            if engine.models.text_model:
                engine.set_first_vocabulary(words or names)
            return engine

        audits, repeated = [], []
        for path in recordings:
            recording = open_recording(path)
            truth = None if without_truth else open_truth(path)
            if truth is None:
                repeated.append(audit_repeatability(recording, new_engine, period=segment_period))
            else:
                with closing(new_engine(truth.words)) as engine:
                    audits.append(_audited(recording, truth, engine, period=segment_period))
        write_json(output / "audit.json", audits, repeated)
        if audits:
            write_audit_page(output, audits)
    if audits:
        click.echo(text_table(audits) + "\n")
        click.echo(f"{output / 'index.html'}  table and plots")
    if repeated:
        click.echo(repeatability_table(repeated) + "\n")
    click.echo(f"{output / 'audit.json'}  all numbers, tick by tick")


def _audited(recording: Recording, truth: Truth, engine: Engine, *, period: float) -> Audit:
    """Audit with a progress bar."""
    from tqdm import tqdm

    from seg3d_ros.evaluation.audit.run import audit_recording

    with tqdm(total=len(recording), desc=recording.name, unit="frame", disable=None) as bar:
        return audit_recording(
            recording, truth, engine, period=period, on_frame=lambda *_: bar.update()
        )
