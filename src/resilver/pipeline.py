"""Options -> Plan (what will be done and why) -> Pipeline (does it) -> Report (what was done)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.changes import ChangeMap
from resilver.errors import ModelError, OptionError
from resilver.models.store import (
    StoredModel,
    bundled_model,
    bundled_models,
    can_enlarge,
    model_named,
    stored_model,
)
from resilver.options import Options
from resilver.photo import Photo
from resilver.report import Report, StageRecord
from resilver.reporting.source_type import digital_source_type
from resilver.stages import STAGES
from resilver.stages.colourise import ColouriseStage
from resilver.stages.denoise import DenoiseStage
from resilver.stages.draft import Draft, Face, Finding, Mark, Stage
from resilver.stages.faces import FacesStage
from resilver.stages.fills import fill_named
from resilver.stages.recognition import KIND_MARKS
from resilver.stages.repair import GivenMask, RepairStage, share_of
from resilver.stages.tone import ToneStage
from resilver.stages.upscale import Enlarger, UpscaleStage
from resilver.version import SOFTWARE

PREVIEW_PX = 1600  # longest side of the pictures in a report
# Of the network that draws, in the mixture that is made when nobody says anything.
VIVID_SHARE = 0.5
FOUND_MARKS = (*KIND_MARKS, Mark.PAINTED)
Progress = Callable[[str, float], None]  # (stage, share 0..1 of the whole run)


@dataclass(frozen=True)
class PlannedStage:
    """What one stage found, and what would be done about it."""

    finding: Finding
    strength: float  # 0 = it does not act
    why: str


@dataclass(frozen=True)
class Plan:
    """What a run would do, and why."""

    stages: tuple[PlannedStage, ...]
    notices: tuple[str, ...]
    faces: tuple[Face, ...] = ()  # from left to right
    marks: NDArray[np.uint8] | None = (
        None  # (H, W) of `Mark` flags; None = nobody looked for damage
    )


@dataclass(eq=False)
class _Work:
    """A photo amid the stages. Not frozen: it holds the one reference to the photo's pixels."""

    draft: Draft
    changes: ChangeMap
    before: NDArray[np.uint8]  # preview of the photo as it came
    started: float  # of `time.perf_counter`
    records: list[StageRecord] = field(default_factory=list)

    @classmethod
    def on(cls, photo: Photo, notices: tuple[str, ...]) -> _Work:
        started = time.perf_counter()
        before = photo.preview(PREVIEW_PX)
        changes = ChangeMap.empty(photo.size, PREVIEW_PX)
        marks = np.zeros(photo.size, np.uint8)
        return cls(Draft(photo, marks, photo.notices + notices), changes, before, started)

    def copy(self) -> _Work:
        """The same, to go on with in another way; the pixels are shared."""
        marks = None if self.draft.marks is None else self.draft.marks.copy()
        changes = ChangeMap(self.changes.size, self.changes.preview.copy())
        draft = self.draft.evolve(marks=marks)
        return _Work(draft, changes, self.before, self.started, list(self.records))


class Pipeline:
    """The stages with one set of options; networks are loaded once and kept.

    Args:
        options: what the person asked for.

    Raises:
        ModelError: a weight file is missing or does not verify.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.options, unsearched = _within_licence(options or Options())
        self.stages, refused = _allowed(build_stages(self.options), self.options)
        self._notices = unsearched + refused
        running = {stage.name for stage in self.stages}
        self._left_out = tuple(name for name in _makers(self.options) if name not in running)

    def plan(self, photo: Photo, progress: Progress | None = None) -> Plan:
        """Measures, and changes nothing."""
        self._check_mask(photo)
        draft = Draft(photo)
        planned: list[PlannedStage] = []
        for index, stage in enumerate(self.stages):
            finding, draft = stage.diagnose(
                draft, _part(progress, stage.name, index, len(self.stages))
            )
            strength, why = decide(finding, self.options)
            planned.append(PlannedStage(finding, strength, why))
        notices = (*photo.notices, *self._notices)
        return Plan(tuple(planned), notices, draft.faces, draft.marks)

    def restore(self, photo: Photo, progress: Progress | None = None) -> tuple[Photo, Report]:
        """Restores a photo.

        The photo is let go of as soon as a stage has replaced it: a caller that keeps no reference
        of its own saves a whole copy of the pixels.

        Raises:
            OptionError: the mask's size is not the photo's.
        """
        self._check_mask(photo)
        work = _Work.on(photo, self._notices)
        del photo
        self._go_on(work, self.stages, progress)
        return self._done(work)

    def choices(
        self, photo: Photo, seeds: tuple[int, ...], progress: Progress | None = None
    ) -> Iterator[tuple[Photo, Report]]:
        """A photo restored, and coloured in several ways: one for each seed, in their order.

        What comes before the colours is done once. Where no colours are added there is nothing to
        choose from: then one result comes.

        Raises:
            OptionError: the mask's size is not the photo's.
        """
        self._check_mask(photo)
        common = _Work.on(photo, self._notices)
        del photo
        names = [stage.name for stage in self.stages]
        split = names.index("colourise") if "colourise" in names else len(names)
        self._go_on(common, self.stages[:split], progress)
        for seed in seeds:
            stages = [
                replace(stage, seed=seed) if isinstance(stage, ColouriseStage) else stage
                for stage in self.stages[split:]
            ]
            work = common.copy()
            self._go_on(work, stages, progress)
            coloured, report = self._done(work)
            yield coloured, report
            if report.coloured_share <= 0.0:
                return

    def _go_on(self, work: _Work, stages: Sequence[Stage], progress: Progress | None) -> None:
        """Takes the work through some of the stages."""
        for stage in stages:
            part = _part(progress, stage.name, len(work.records), len(self.stages))
            work.draft, record, work.changes = self._run_stage(
                stage, work.draft, work.changes, part
            )
            work.records.append(record)

    def _done(self, work: _Work) -> tuple[Photo, Report]:
        report = self._report(work)
        return _signed(work.draft.photo, report), report

    def _run_stage(
        self, stage: Stage, draft: Draft, changes: ChangeMap, progress: Callable[[float], None]
    ) -> tuple[Draft, StageRecord, ChangeMap]:
        started = time.perf_counter()
        finding, draft = stage.diagnose(draft, lambda share: progress(0.5 * share))
        strength, why = decide(finding, self.options)
        changed, mean_change = 0.0, 0.0
        if strength > 0.0:
            old = draft.photo.pixels
            draft = stage.apply(draft, strength, lambda share: progress(0.5 + 0.5 * share))
            assert draft.marks is not None
            if draft.photo.size != changes.size:
                changes = changes.enlarged(draft.photo.size[0] // changes.size[0], PREVIEW_PX)
            changed, mean_change = changes.add(old, draft.photo.pixels, draft.marks)
        progress(1.0)
        record = StageRecord(
            finding,
            strength,
            why,
            time.perf_counter() - started,
            tuple((card.name, card.sha256, card.licence) for card in stage.cards),
            changed,
            mean_change,
        )
        return draft, record, changes

    def _report(self, work: _Work) -> Report:
        draft, changes = work.draft, work.changes
        photo, marks = draft.photo, draft.marks
        assert marks is not None
        factor = 1 if draft.enlargement is None else draft.enlargement.factor
        before, after = work.before, photo.preview(PREVIEW_PX)
        if before.shape != after.shape:  # laid over each other on the page
            before = np.asarray(
                cv2.resize(before, after.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8
            )
        return Report(
            source=photo.source.name if photo.source is not None else "array",
            size=(photo.size[0] // factor, photo.size[1] // factor),
            enlarged=factor,
            bit_depth=photo.bit_depth,
            grey=photo.grey,
            format=photo.format,
            stages=tuple(work.records),
            left_out=self._left_out,
            notices=draft.notes,
            seconds=time.perf_counter() - work.started,
            changed_share=share_of(marks, Mark.CHANGED),
            invented_share=share_of(marks, Mark.INVENTED),
            coloured_share=share_of(marks, Mark.COLOURED),
            damage_share={(kind.name or "").lower(): share_of(marks, kind) for kind in FOUND_MARKS},
            software=SOFTWARE,
            before=before,
            after=after,
            changed=changes.preview,
            invented=changes.shrink_flag(marks, Mark.INVENTED),
            damage=changes.shrink_flags(marks, FOUND_MARKS),
            faces=draft.faces,
        )

    def _check_mask(self, photo: Photo) -> None:
        mask = self.options.mask
        if mask is not None and mask.shape != photo.size:
            (mask_height, mask_width), (height, width) = mask.shape, photo.size
            raise OptionError(
                f"the mask is {mask_width} x {mask_height} pixels, the photo {width} x {height}"
            )


def stage_names() -> tuple[str, ...]:
    """The stages of the table that there is a network for, in running order."""
    colour = _bundled("colourise") is not None
    there = {*_makers(Options(colourise=colour)), *(("upscale",) if can_enlarge() else ())}
    return tuple(name for name in STAGES if name in there)


def build_stages(options: Options) -> tuple[Stage, ...]:
    """The stages of the table that these options leave in, in running order.

    Raises:
        ModelError: a network is missing, or one that was named is for something else.
    """
    makers = _makers(options)
    return tuple(
        make()
        for name, make in makers.items()
        if name not in options.skip and (not options.only or name in options.only)
    )


def _makers(options: Options) -> dict[str, Callable[[], Stage]]:
    """How to make each stage that there is a network for, in running order."""
    given = (
        None
        if options.mask is None
        else GivenMask(np.asarray(options.mask, np.uint8), options.mask_mode)
    )
    denoiser = _denoiser(options.denoise_model)
    restorer = _face_restorer(options)
    table: dict[str, Callable[[], Stage]] = {
        "repair": lambda: RepairStage(
            bundled_model("damage"),
            bundled_model("detect"),
            fill_named(options.fill, options.threads),
            options.tile_px,
            options.threads,
            given,
            told="repair" in options.force,
        ),
        "denoise": lambda: DenoiseStage(denoiser, options.tile_px, options.threads),
    }
    if restorer is not None:
        table["faces"] = lambda: FacesStage(
            bundled_model("detect"),
            restorer,
            _bundled("identity"),
            options.threads,
            options.faces,
            told="faces" in options.force,
        )
    toner = _toner(options)
    if toner is not None:
        table["tone"] = lambda: ToneStage(toner, options.neutral, options.threads)
    if _enlarging(options):
        enlarger = _enlarger(options)
        table["upscale"] = lambda: UpscaleStage(
            enlarger, options.upscale or "auto", options.max_megapixels, options.tile_px,
            options.threads,
        )  # fmt: skip
    if options.in_colour:
        colourist = _colourist(options)
        table["colourise"] = lambda: ColouriseStage(
            colourist, options.hints, options.colour_seed, options.threads
        )
    return {name: table[name] for name in STAGES if name in table}


def _denoiser(path: Path | None) -> StoredModel:
    bundled = bundled_model("denoise")
    if path is None:
        return bundled
    given = stored_model(path)
    if (given.card.inputs, given.card.outputs) != (bundled.card.inputs, bundled.card.outputs):
        raise ModelError(f"{path}: {given.card.name!r} is not a denoiser")
    return given


def _face_restorer(options: Options) -> StoredModel | None:
    """The network for faces; None where none is bundled and nobody asks for one."""
    if options.face_model is not None:
        return model_named(options.face_model, "face")
    bundled = _bundled("faces")
    if bundled is None and ("faces" in (*options.only, *options.force) or options.faces):
        raise ModelError("no network for faces is bundled yet: import one, name it as face model")
    return bundled


def _toner(options: Options) -> StoredModel | None:
    """The network for tones; None where none is bundled and nobody asks for one."""
    if options.tone_model is not None:
        given = stored_model(options.tone_model)
        if given.card.task != "tone":
            raise ModelError(f"{options.tone_model}: {given.card.name!r} does not revive tones")
        return given
    bundled = _bundled("tone")
    if bundled is None and ("tone" in (*options.only, *options.force) or options.neutral):
        raise ModelError("no network for tones is bundled yet: name one as tone model")
    return bundled


def _enlarging(options: Options) -> bool:
    """Whether anybody asks for a larger photo; otherwise the stage has no place in the run."""
    named = "upscale" in (*options.only, *options.force)
    return (options.upscale is not None or named) and "upscale" not in options.skip


def _enlarger(options: Options) -> Enlarger:
    """The networks that enlarge: one by name, or ours."""
    if options.upscale_model is not None:
        given = model_named(options.upscale_model, "upscale")
        if given.card.scale < 2:
            raise ModelError(f"{options.upscale_model!r} does not make photos larger")
        return Enlarger(None, given, 1.0)
    faithful, vivid = _bundled("upscale"), _bundled("vivid")
    share = options.vivid
    if share is None:
        share = 0.0 if vivid is None else VIVID_SHARE
    for name, model, needed in (
        ("faithful", faithful, share < 1.0),
        ("vivid", vivid, share > 0.0),
    ):
        if needed and model is None:
            raise ModelError(
                f"the {name} network for enlarging is not bundled yet: import a network and name "
                "it as upscale model"
            )
    return Enlarger(faithful if share < 1.0 else None, vivid if share > 0.0 else None, share)


def _colourist(options: Options) -> StoredModel:
    """The network that guesses colours."""
    if options.colour_model is not None:
        given = stored_model(options.colour_model)
        if given.card.task != "colourise":
            raise ModelError(f"{options.colour_model}: {given.card.name!r} guesses no colours")
        return given
    bundled = _bundled("colourise")
    if bundled is None:
        raise ModelError("no network for colours is bundled yet: name one as colour model")
    return bundled


def _bundled(name: str) -> StoredModel | None:
    """A bundled network that need not be there."""
    return next((model for model in bundled_models() if model.card.name == name), None)


def _within_licence(options: Options) -> tuple[Options, tuple[str, ...]]:
    """Without the search for damage where its network is refused and the damage is marked anyway.

    Also a notice that says so.
    """
    card = bundled_model("damage").card
    if (
        options.licence == "any"
        or card.licence == "clean"
        or options.mask is None
        or options.mask_mode != "add"
    ):
        return options, ()
    notice = f"only the damage you marked is mended: {card.name} is not free for any use"
    return replace(options, mask_mode="replace"), (notice,)


def _allowed(
    stages: tuple[Stage, ...], options: Options
) -> tuple[tuple[Stage, ...], tuple[str, ...]]:
    """Without the stages whose networks the licence option refuses, and a notice for each."""
    if options.licence == "any":
        return stages, ()
    kept: list[Stage] = []
    notices: list[str] = []
    for stage in stages:
        refused = [card.name for card in stage.cards if card.licence != "clean"]
        if refused:
            notices.append(
                f"{stage.name} was left out: {', '.join(refused)} is not free for any use"
            )
        else:
            kept.append(stage)
    return tuple(kept), tuple(notices)


def decide(finding: Finding, options: Options) -> tuple[float, str]:
    """(strength, why) for a finding under these options."""
    asked = {
        "repair": options.repair,
        "denoise": options.denoise,
        "tone": options.tone,
        "upscale": 1.0,
        "faces": 1.0 - options.fidelity,
        "colourise": None,
    }[finding.stage]
    if asked == 0.0:
        return 0.0, "switched off"
    if finding.stage in options.force:
        return 1.0 if asked is None else asked, "forced"
    if finding.stage == "denoise" and asked is not None:
        return asked, "asked for"
    if not finding.act:
        return 0.0, "nothing to do"
    # Nobody finds that colours are missing, or pixels: a person wants them.
    wanted = finding.stage == "colourise" or (
        finding.stage == "upscale" and options.upscale != "auto"
    )
    return 1.0 if asked is None else asked, "asked for" if wanted else "found"


def _signed(photo: Photo, report: Report) -> Photo:
    """The photo with what was done to it in its metadata: software, IPTC digital source type."""
    metadata = photo.metadata.for_result(photo.size, SOFTWARE, digital_source_type(report))
    return photo.evolve(metadata=metadata)


def _part(progress: Progress | None, name: str, index: int, count: int) -> Callable[[float], None]:
    """A stage's own progress (0..1) as progress of the whole run."""
    if progress is None:
        return lambda _share: None
    return lambda share: progress(name, (index + share) / count)


def restore(
    source: str | Path | NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32],
    options: Options | None = None,
    *,
    mask: NDArray[np.uint8 | np.bool_ | np.floating] | None = None,
    progress: Progress | None = None,
) -> tuple[Photo, Report]:
    """Restores one photo.

    Args:
        source: a file, or an array (H, W), (H, W, 3) or (H, W, 4): uint8, uint16, float in [0, 1].
        options: what to do; by default every stage measures and acts where it finds its defect.
        mask: damage painted by hand, (H, W): uint8 above 127, bool True or float in [0, 1] above
            0.5 = damaged; shorthand for the option.
        progress: told (stage, share 0..1).

    Returns:
        The restored photo, and the report of what was found, changed and invented.

    Raises:
        PhotoError: the file cannot be read.
        OptionError: an option is impossible.
    """
    options = options or Options()
    if mask is not None:
        options = replace(options, mask=mask)
    pipeline = Pipeline(options)
    if isinstance(source, str | Path):
        return pipeline.restore(Photo.open(source), progress)
    return pipeline.restore(Photo.from_array(source), progress)
