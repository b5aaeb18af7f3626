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
from resilver.errors import OptionError
from resilver.making import allowed, build_stages, makers_of, within_licence
from resilver.options import Options
from resilver.photo import Photo
from resilver.report import Report, StageRecord
from resilver.reporting.source_type import digital_source_type
from resilver.stages.colourise import ColouriseStage
from resilver.stages.draft import Draft, Face, Finding, Mark, Stage
from resilver.stages.faces import FacesStage
from resilver.stages.repair import FOUND_MARKS, GROW_PX, holes_and_veils, share_of
from resilver.stages.upscale import UpscaleStage
from resilver.version import SOFTWARE

PREVIEW_PX = 1600  # longest side of the pictures in a report
_REACH_PX = 2 * GROW_PX + 3  # side of the square that a marked pixel takes from the fills
WIDE_MASK = 0.5  # share of a photo: a mask that marks more may well be the wrong way round
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

    def acts(self, stage: str) -> bool:
        """Whether the stage of this name would."""
        return any(one.finding.stage == stage and one.strength > 0.0 for one in self.stages)


@dataclass(eq=False)
class _Work:
    """A photo amid the stages. Not frozen: it holds the one reference to the photo's pixels."""

    draft: Draft
    changes: ChangeMap
    before: NDArray[np.uint8]  # preview of the photo as it came
    grey: bool  # whether it came so
    started: float  # of `time.perf_counter`
    records: list[StageRecord] = field(default_factory=list)
    faces: tuple[Face, ...] | None = None  # of the photo as it came, once a stage has changed it

    @classmethod
    def on(cls, photo: Photo, notices: tuple[str, ...]) -> _Work:
        started = time.perf_counter()
        before = photo.preview(PREVIEW_PX)
        changes = ChangeMap.empty(photo.size, PREVIEW_PX)
        marks = np.zeros(photo.size, np.uint8)
        return cls(
            Draft(photo, marks, photo.notices + notices), changes, before, photo.grey, started
        )

    def copy(self, elapsed_s: float) -> _Work:
        """The same, to go on with in another way, after so long; the pixels are shared."""
        marks = None if self.draft.marks is None else self.draft.marks.copy()
        changes = ChangeMap(self.changes.size, self.changes.preview.copy())
        draft = self.draft.evolve(marks=marks)
        started = time.perf_counter() - elapsed_s
        records = list(self.records)
        return _Work(draft, changes, self.before, self.grey, started, records, self.faces)


class Pipeline:
    """The stages with one set of options; networks are loaded once and kept.

    Args:
        options: what the person asked for.

    Raises:
        OptionError: a mode for no mask, or a stage asked for whose networks the licence refuses.
        ModelError: a weight file is missing or does not verify.
    """

    def __init__(self, options: Options | None = None) -> None:
        options = _checked(options)
        if options.mask is None and options.mask_mode != "add":
            # Not of the options themselves: `restore` may be given the mask apart from them.
            raise OptionError(f"the mask mode {options.mask_mode!r} needs a mask")
        self.options, unsearched = within_licence(options)
        self.stages, refused = allowed(build_stages(self.options), self.options)
        self._notices = unsearched + refused
        running = {stage.name for stage in self.stages}
        self._left_out = tuple(name for name in makers_of(self.options) if name not in running)
        if self.options.mask is not None:
            if "repair" not in running:
                self._notices += ("the mask was not used: the stage repair was left out",)
            elif self.options.repair == 0.0:
                self._notices += ("the mask was not used: the stage repair is switched off",)

    def plan(self, photo: Photo, progress: Progress | None = None) -> Plan:
        """Measures, and changes nothing."""
        heard = self._hear_mask(photo)
        draft = Draft(photo)
        planned: list[PlannedStage] = []
        for index, stage in enumerate(self.stages):
            finding, draft = stage.diagnose(
                draft, _part(progress, stage.name, index, len(self.stages))
            )
            strength, why = decide(finding, self.options)
            planned.append(PlannedStage(finding, strength, why))
        notices = (*photo.notices, *self._notices, *heard)
        return Plan(tuple(planned), notices, draft.faces, draft.marks)

    def enlargement(self, photo: Photo) -> int:
        """How many times larger the result will be than the photo; measures nothing."""
        longest_px = max(photo.size)
        for stage in self.stages:
            if isinstance(stage, UpscaleStage):
                finding, _ = stage.diagnose(Draft(photo), lambda _share: None)
                if decide(finding, self.options)[0] > 0.0:
                    return stage.factor(longest_px)
        return 1

    def restore(self, photo: Photo, progress: Progress | None = None) -> tuple[Photo, Report]:
        """Restores a photo.

        The photo is let go of as soon as a stage has replaced it: a caller that keeps no reference
        of its own saves a whole copy of the pixels.

        Raises:
            OptionError: the mask's size is not the photo's, or it leaves nothing of it.
        """
        work = _Work.on(photo, self._notices + self._hear_mask(photo))
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
            OptionError: the mask's size is not the photo's, or it leaves nothing of it.
        """
        common = _Work.on(photo, self._notices + self._hear_mask(photo))
        del photo
        names = [stage.name for stage in self.stages]
        split = names.index("colourise") if "colourise" in names else len(names)
        self._go_on(common, self.stages[:split], progress)
        elapsed_s = time.perf_counter() - common.started
        for seed in seeds:
            stages = [
                replace(stage, seed=seed) if isinstance(stage, ColouriseStage) else stage
                for stage in self.stages[split:]
            ]
            work = common.copy(elapsed_s)
            self._go_on(work, stages, progress)
            coloured, report = self._done(work)
            yield coloured, report
            if report.coloured_share <= 0.0:
                return

    def _go_on(self, work: _Work, stages: Sequence[Stage], progress: Progress | None) -> None:
        """Takes the work through some of the stages."""
        for stage in stages:
            part = _part(progress, stage.name, len(work.records), len(self.stages))
            numbered = isinstance(stage, FacesStage)
            self._run_stage(replace(stage, first=work.faces) if numbered else stage, work, part)

    def _done(self, work: _Work) -> tuple[Photo, Report]:
        report = self._report(work)
        return _signed(work.draft.photo, report), report

    def _run_stage(self, stage: Stage, work: _Work, progress: Callable[[float], None]) -> None:
        started = time.perf_counter()
        finding, work.draft = stage.diagnose(work.draft, lambda share: progress(0.5 * share))
        strength, why = decide(finding, self.options)
        changed, mean_change = 0.0, 0.0
        if strength > 0.0:
            started += self._number_faces(work)
            before, old = work.draft, work.draft.photo
            work.draft = stage.apply(before, strength, lambda share: progress(0.5 + 0.5 * share))
            photo, marks = work.draft.photo, work.draft.marks
            assert marks is not None
            if photo.size != work.changes.size:
                factor = photo.size[0] // work.changes.size[0]
                work.changes = work.changes.enlarged(factor, PREVIEW_PX)
            changed, mean_change = work.changes.add(old.pixels, photo.pixels, marks)
            if changed == 0.0 and photo.size == old.size:
                # What nobody can see is no change: such a photo comes back to the bit, and nothing
                # of it was made up.
                work.draft = before
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
        work.records.append(record)

    def _number_faces(self, work: _Work) -> float:
        """Before anything is changed, if faces are to be restored: as a diagnosis numbers them.

        In a mended photo more of them may be found, or fewer, and a person names them by number.
        Returns the seconds that it took, which are not those of the stage that is about to act.
        """
        started = time.perf_counter()
        coming = self.stages[len(work.records) + 1 :]
        restores = next((stage for stage in coming if isinstance(stage, FacesStage)), None)
        if restores is not None and work.faces is None:
            work.faces = restores.look(work.draft, lambda _share: None)
        return time.perf_counter() - started

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
            grey=work.grey,
            format=photo.format,
            stages=tuple(work.records),
            left_out=self._left_out,
            notices=draft.notes,
            seconds=time.perf_counter() - work.started,
            changed_share=share_of(marks, Mark.CHANGED),
            invented_share=share_of(marks, Mark.INVENTED),
            coloured_share=share_of(marks, Mark.COLOURED),
            damage_share={
                (kind.name or "").lower(): share_of(marks, kind) for kind in draft.searched
            },
            software=SOFTWARE,
            before=before,
            after=after,
            changed=changes.preview,
            invented=changes.shrink_flag(marks, Mark.INVENTED),
            damage=changes.shrink_flags(marks, FOUND_MARKS),
            faces=draft.faces,
        )

    def _hear_mask(self, photo: Photo) -> tuple[str, ...]:
        """What a person should know about the mask given for a photo."""
        mask = self.options.mask
        if mask is None:
            return ()
        if mask.shape != photo.size:
            (mask_height, mask_width), (height, width) = mask.shape, photo.size
            raise OptionError(
                f"the mask is {mask_width} x {mask_height} pixels, the photo {width} x {height}"
            )
        share = float(np.count_nonzero(mask)) / mask.size
        if share == 0.0:
            return ("the mask marks nothing; white marks what is damaged, black what is not",)
        if self.options.mask_mode == "subtract" or share * _REACH_PX**2 < 1.0:
            return ()
        hole, _ = holes_and_veils(np.where(mask > 0, np.uint8(Mark.PAINTED), np.uint8(0)))
        # Fills do not trust what touches a hole.
        if cv2.dilate(hole, np.ones((3, 3))).all():
            reach = "marks the whole" if share >= WIDE_MASK else "touches every pixel of the"
            raise OptionError(f"the mask {reach} photo: nothing is left to fill it from")
        if share < WIDE_MASK:
            return ()
        whole = int(100 * share)
        return (f"the mask marks {whole} % of the photo; white marks what is damaged, not sound",)


def decide(finding: Finding, options: Options) -> tuple[float, str]:
    """(strength, why) for a finding under these options."""
    asked = options.strengths[finding.stage]
    if asked == 0.0:
        return 0.0, "switched off"
    if not finding.possible:
        return 0.0, "not possible"
    if finding.stage in options.force:
        return 1.0 if asked is None else asked, "forced"
    if finding.stage == "denoise" and asked is not None:
        return asked, "asked for"
    if not finding.act:
        return 0.0, "nothing to do"
    if finding.wanted:
        return 1.0, "asked for"
    return 1.0 if asked is None else asked, "found"


def _checked(options: object) -> Options:
    """The options given, or the default ones for None."""
    if options is None:
        return Options()
    if not isinstance(options, Options):
        raise OptionError(f"options are of the class Options, not {type(options).__name__}")
    return options


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
        PhotoError: the file cannot be read, or has more than the options' `max_megapixels`.
        ArrayError: the source is neither a path nor an array of such a shape and type.
        OptionError: an option is impossible.
        ModelError: a weight file is missing, or is not the network it is taken for.
    """
    options = _checked(options)
    if progress is not None and not callable(progress):
        raise OptionError(f"progress is told by a function, not {type(progress).__name__}")
    if mask is not None:
        options = replace(options, mask=mask)
    pipeline = Pipeline(options)
    if isinstance(source, str | Path):
        # Not bound to a name: the pipeline lets go of the pixels as soon as it can.
        return pipeline.restore(Photo.open(source, max_megapixels=options.max_megapixels), progress)
    return pipeline.restore(Photo.from_array(source), progress)
