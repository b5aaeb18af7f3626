"""The words and figures that every form of a report shares: plain first, exact beside it."""

from __future__ import annotations

from dataclasses import dataclass

from resilver.report import Report, StageRecord
from resilver.stages.draft import Face, Mark, Measurement

FACES_ARE_GUESSES = (
    "Detail restored in a face is a plausible guess, and no evidence of who a person is."
)
COLOURS_ARE_GUESSES = (
    "Every colour is a guess, and changes nothing of how light and dark things are."
)
MADE_UP_COLOUR = "#e5007d"  # magenta: found in hardly any photograph


@dataclass(frozen=True)
class DamageKind:
    """One kind of damage, as a legend shows it."""

    key: str  # as in `Report.damage_share`
    mark: Mark
    words: str
    colour: str  # "#rrggbb"; after Okabe & Ito, told apart by colour-blind eyes too


DAMAGE_KINDS = (
    DamageKind("scratch", Mark.SCRATCH, "Scratches, creases and cracks", "#e69f00"),
    DamageKind("missing", Mark.MISSING, "Torn or missing parts", "#d55e00"),
    DamageKind("stain", Mark.STAIN, "Stains and mould", "#009e73"),
    DamageKind("dust", Mark.DUST, "Dust and dirt", "#56b4e9"),
    DamageKind("painted", Mark.PAINTED, "Marked by you", "#f0e442"),
)


@dataclass(frozen=True)
class StageWords:
    """How a stage is spoken of."""

    title: str
    deed: str  # completes "We ..."


_STAGES = {
    "repair": StageWords("Repair", "mended the damage"),
    "denoise": StageWords("Grain and noise", "took off grain and noise"),
    "tone": StageWords("Tone and colour", "put tones and colours right"),
    "colourise": StageWords("Colouring", "added colour"),
    "faces": StageWords("Faces", "brought out the faces"),
    "upscale": StageWords("Enlarging", "enlarged the picture"),
}

_FAITHFUL_ENLARGERS = {"upscale"}  # they add no detail that the scan does not bear out

_LICENCES = {
    "clean": "clean: free for any use",
    "research": "research: learned from data with limits on its use",
}


def stage_words(name: str) -> StageWords:
    """How the stage of this name is spoken of; a name of no table entry stands for itself."""
    return _STAGES.get(name, StageWords(name.capitalize(), f"ran the step {name}"))


def licence_words(licence: str) -> str:
    """A licence class in words; an unknown class stands for itself."""
    return _LICENCES.get(licence, licence)


def percent(share: float) -> str:
    """A share in [0, 1] as "2.4 %", exact enough to be honest and short enough to be read."""
    value = share * 100.0
    if value <= 0.0:
        return "0 %"
    if value < 0.01:
        return "under 0.01 %"
    if 99.95 <= value < 100.0:
        return "nearly 100 %"
    if value < 1.0:
        return f"{value:.2f} %"
    return f"{value:.1f} %" if value < 99.95 else "100 %"


def duration(seconds: float) -> str:
    """Seconds as "0.8 s", "42 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def figure(value: float) -> str:
    """A measured value with at most three digits that matter: 0.0421, 3.14, 128."""
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def quantity(value: float, unit: str) -> str:
    """A value and its unit; a bare number has no unit."""
    return f"{figure(value)} {unit}".rstrip()


def limit(measurement: Measurement) -> str:
    """From where on a stage acts: "acts from 2.5"; a figure without a threshold only informs."""
    if measurement.threshold is None:
        return "for information"
    return f"acts from {figure(measurement.threshold)}"


def telling(measurements: tuple[Measurement, ...]) -> list[Measurement]:
    """The measurements worth a line: what decides, and of what only informs what is not zero."""
    return [one for one in measurements if one.threshold is not None or one.value != 0.0]


def joined(parts: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def headline(report: Report) -> str:
    """What happened, in one or two sentences that a person reads first."""
    deeds = [stage_words(record.finding.stage).deed for record in report.stages if record.changed]
    undone = "".join(f" {words[0].upper()}{words[1:]}." for words in unmet(report))
    if not deeds and undone:
        return f"The photo comes back as it was.{undone}"
    if not deeds:
        if not report.stages:
            return "No step was run: the photo comes back as it was."
        if any(record.acted for record in report.stages):
            return "The steps that ran had nothing to change: the photo comes back as it was."
        if any(record.finding.act for record in report.stages):
            return "Something was found, but the steps for it were switched off: nothing changed."
        if report.left_out:
            return "The steps that ran found nothing to mend: the photo comes back as it was."
        return "Nothing was found that needed mending: the photo comes back as it was."
    return f"We {joined(deeds)}. {invention(report)}{undone}"


def unmet(report: Report) -> list[str]:
    """What was asked for and could not be done: "enlarging was not possible"."""
    words: list[str] = []
    for record in report.stages:
        if not record.finding.possible:
            words.append(f"{stage_words(record.finding.stage).title.lower()} was not possible")
        words += record.finding.unmet
    return words


def left_as_asked(report: Report) -> list[str]:
    """Stages that found their defect and were switched off by the person."""
    return [
        record.finding.stage
        for record in report.stages
        if record.finding.act and record.finding.possible and not record.acted
    ]


def invention(report: Report) -> str:
    """How much of the picture is made up, in one sentence."""
    coloured = report.coloured_share > 0.0
    if report.invented_share <= 0.0:
        return COLOURS_ARE_GUESSES if coloured else "No part of the picture was made up."
    share = percent(report.invented_share)
    made_up = f"{share[0].upper()}{share[1:]} of the picture is made up."
    if not coloured or report.invented_share >= 1.0:
        return made_up
    return f"{made_up} Elsewhere every colour is a guess; how light things are is not."


def deed(record: StageRecord) -> str:
    """What one stage did and how strongly, or why it did nothing."""
    if not record.acted:
        return f"Left alone: {record.why}."
    strength = "" if record.strength >= 1.0 else f" at {percent(record.strength)} strength"
    # That it acted because of what it found goes without saying; any other reason does not.
    why = "" if record.why.startswith("found") else f" ({record.why})"
    if not record.changed:
        return f"Ran, and nothing looks different{why}."
    words = stage_words(record.finding.stage).deed
    return f"{words[0].upper()}{words[1:]}{strength}{why}."


def drew_in_enlarging(report: Report) -> bool:
    """Whether a network that draws what may have been there made the picture larger."""
    return any(
        record.finding.stage == "upscale"
        and record.acted
        and not {name for name, _, _ in record.models} <= _FAITHFUL_ENLARGERS
        for record in report.stages
    )


def larger(report: Report) -> str:
    """ ", enlarged 4 times to 480 x 384 px"; "" for a photo that is as large as it came."""
    if report.enlarged == 1:
        return ""
    height, width = report.result_size
    return f", enlarged {report.enlarged} times to {width} x {height} px"


def effect(record: StageRecord) -> str:
    """How much of the picture one stage changed."""
    if not record.acted or record.changed_share <= 0.0:
        return "nothing changed"
    return (
        f"{percent(record.changed_share)} of the pixels, "
        f"by {figure(record.mean_change_255)} of 255 on average"
    )


def face_words(face: Face) -> str:
    """What was done to a face and why: "Restored: detail is lost ...", "Left alone: ..."."""
    return f"{'Restored' if face.restored else 'Left alone'}: {face.words}."


def identity_words(face: Face) -> str:
    """How far a restored face moved from the person it showed; "" for one that was left alone."""
    if not face.restored:
        return ""
    if face.similarity is None:
        return "Likeness before and after was not measured."
    return f"Likeness before and after {face.similarity:.2f} of 1."


def printable(text: str) -> str:
    """The text with everything a terminal or a browser would obey or choke on written out.

    A file name may hold line breaks, escape sequences, or bytes that are no text at all.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in encodable(text)
    )


def encodable(text: str) -> str:
    """The text with bytes that are no text written out; for programs, which escape the rest."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
