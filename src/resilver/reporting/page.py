"""A Report as one self-contained HTML page for a person who is no engineer.

The page carries its style, script and pictures inside; a Content-Security-Policy with their hashes
keeps everything else out, so that nothing is loaded and no text of the report can run.
"""

from __future__ import annotations

from html import escape
from string import Template

from resilver.report import Report, StageRecord
from resilver.reporting.parts import part, policy
from resilver.reporting.pictures import HEAT_FULL_255, face_pictures, page_pictures
from resilver.reporting.words import (
    DAMAGE_KINDS,
    FACES_ARE_GUESSES,
    MADE_UP_COLOUR,
    deed,
    drew_in_enlarging,
    duration,
    effect,
    face_words,
    figure,
    headline,
    identity_words,
    invention,
    larger,
    licence_words,
    percent,
    printable,
    quantity,
    stage_words,
    telling,
)
from resilver.stages.draft import Face, Measurement


def to_html(report: Report) -> str:
    """The report as the text of one HTML page, under 1.5 MB, to be written as UTF-8."""
    style, script = part("page.css"), part("page.js")
    pictures = page_pictures(report)
    height, width = report.before.shape[:2]
    return Template(part("page.html")).substitute(
        policy=policy(style, script),
        style=style,
        script=script,
        width=width,
        height=height,
        before=pictures.before,
        after=pictures.after,
        damage=pictures.damage,
        changed=pictures.changed,
        invented=pictures.invented,
        source=_text(report.source),
        software=_text(report.software),
        headline=_text(headline(report)),
        facts=_facts(report),
        found=_found(report),
        deeds="\n".join(_deed(record) for record in report.stages),
        faces=_faces(report),
        madeup=_made_up(report),
        maps=_maps(report),
        notices=_notices(report),
        measurements="\n".join(_measurements(report)),
        machinery="\n".join(_machinery(record) for record in report.stages),
    )


def _text(words: str) -> str:
    """Escaped for HTML; a number keeps its unit on its line."""
    return escape(printable(words), quote=True).replace(" %", "&nbsp;%")


def _facts(report: Report) -> str:
    height, width = report.size
    facts = [
        f"{width} \N{MULTIPLICATION SIGN} {height} pixels "
        f"({height * width / 1e6:.1f} megapixels){larger(report)}",
        f"{report.bit_depth} bit {'grey' if report.grey else 'colour'}",
        report.format.upper(),
        f"restored in {duration(report.seconds)}",
    ]
    return " ".join(f"<span>{_text(fact)}</span>" for fact in facts)


def _found(report: Report) -> str:
    rows = [
        f"<li>{_swatch(kind.colour)}<span>{_text(kind.words)}</span>"
        f'<span class="number">{_text(percent(report.damage_share[kind.key]))}</span></li>'
        for kind in DAMAGE_KINDS
        if report.damage_share.get(kind.key, 0.0) > 0.0
    ]
    damage = f'<ul class="damage-list">{"".join(rows)}</ul>' if rows else ""
    words = "".join(f"<li>{_text(record.finding.words)}</li>" for record in report.stages)
    return f'<ul class="findings">{words}</ul>{damage}'


def _deed(record: StageRecord) -> str:
    title = _text(stage_words(record.finding.stage).title)
    if not record.acted:
        return (
            f'<li class="idle"><span class="name">{title}</span>'
            f"<span>{_text(deed(record))}</span></li>"
        )
    changed = f"Changed {effect(record)}; took" if record.changed_share > 0.0 else "Took"
    return (
        f'<li><span class="name">{title}</span><span>{_text(deed(record))}'
        f'<span class="effect">{_text(changed)} '
        f"{_text(duration(record.seconds))}.</span></span></li>"
    )


def _faces(report: Report) -> str:
    if not report.faces:
        return ""
    pictures = face_pictures(report.faces)
    items = "".join(_face(face, pictures.get(face.number)) for face in report.faces)
    restored = any(face.restored for face in report.faces)
    guess = f"<p>{_text(FACES_ARE_GUESSES)}</p>" if restored else ""
    order = "Numbered from left to right; those found only after mending come last."
    return (
        f'<section class="column"><h2>Faces</h2><p>{order}</p>'
        f'<ol class="faces">{items}</ol>{guess}</section>'
    )


def _face(face: Face, pictures: tuple[str, str] | None) -> str:
    shown = ""
    if pictures is not None:
        shown = "".join(
            f'<figure><img src="{uri}" width="96" height="96" alt="Face {face.number} {when}">'
            f"<figcaption>{when.capitalize()}</figcaption></figure>"
            for uri, when in zip(pictures, ("before", "after"), strict=True)
        )
    warning = f'<strong class="warning">{_text(face.warning)}</strong>' if face.warning else ""
    told = f"{_text(face_words(face))} {_text(identity_words(face))}".rstrip()
    return f'<li><span class="name">{face.number}</span><span>{told}{warning}</span>{shown}</li>'


_SEEN = "was computed from what the scan shows in that very place."


def _made_up(report: Report) -> str:
    details = (_guessed_colours(report), _made_up_parts(report))
    detail = " ".join(words for words in details if words) or _computed(report)
    share = percent(report.changed_share)
    changed = (
        f"In all, one step or another changed {share} of the pixels by more than a grey level."
    )
    return f"<p><strong>{_text(invention(report))}</strong> {detail} {_text(changed)}</p>"


def _computed(report: Report) -> str:
    words = f"Where the result differs from the scan, it {_SEEN}"
    if report.enlarged > 1:
        words += " What lies between the pixels of the scan is estimated from those around it."
    return words


def _guessed_colours(report: Report) -> str:
    if report.coloured_share <= 0.0:
        return ""
    return (
        "No scan in black and white tells what colours things had. These are what such things "
        "often have, learned from other photos, or what you said: they may look right and "
        "still be wrong."
    )


def _made_up_parts(report: Report) -> str:
    if report.invented_share <= 0.0:
        return ""
    shown: list[str] = []
    usual: list[str] = []
    drawn = any(face.restored for face in report.faces)
    filled = any(one.finding.stage == "repair" and one.changed for one in report.stages)
    enlarged = drew_in_enlarging(report)
    if filled or not (drawn or enlarged):
        shown.append("damage instead of the picture")
        usual.append("was filled in to match its surroundings")
    if drawn:
        shown.append("less of a face than you see now")
        usual.append("is what faces usually look like")
    if enlarged:
        shown.append("fewer pixels than you see now")
        usual.append("is what such detail usually looks like")
    rest = "Everything else" if report.coloured_share <= 0.0 else "Everything else but the colours"
    return (
        f"In those places the scan shows {', or '.join(shown)}. What you see there now "
        f"{', or '.join(usual)}: it may look right and still be wrong. {rest} {_SEEN}"
    )


def _maps(report: Report) -> str:
    damage = "".join(
        f"<li>{_swatch(kind.colour)}{_text(kind.words)}</li>"
        for kind in DAMAGE_KINDS
        if report.damage_share.get(kind.key, 0.0) > 0.0
    )
    ramp = (
        '<svg class="ramp" viewBox="0 0 80 10" preserveAspectRatio="none" aria-hidden="true"><defs>'
        '<linearGradient id="heat"><stop offset="0" stop-color="#fac43c" stop-opacity=".2"/>'
        '<stop offset="1" stop-color="#d62828" stop-opacity=".9"/></linearGradient></defs>'
        '<rect width="80" height="10" fill="url(#heat)"/></svg>'
    )
    heat = f"<li>2</li><li>{ramp}</li><li>{HEAT_FULL_255:.0f} or more grey levels of 255</li>"
    invented = ""
    if report.invented_share > 0.0:
        invented = f"<li>{_swatch(MADE_UP_COLOUR)}not seen in the scan</li>"
    if report.coloured_share > 0.0:
        invented += "<li>every colour</li>"
    return "\n".join(
        [
            _map("damage", "Damage found", damage or "<li>none</li>"),
            _map("changed", "What changed", heat),
            _map("invented", "What is made up", invented or "<li>nothing</li>"),
        ]
    ).replace("$size", f"0 0 {report.before.shape[1]} {report.before.shape[0]}")


def _map(name: str, title: str, legend: str) -> str:
    return (
        f'<figure><div class="thumb"><svg class="base" viewBox="$size" aria-hidden="true">'
        f'<use href="#picture-before"/></svg><svg class="top" viewBox="$size" role="img" '
        f'aria-label="Map: {title.lower()}"><use href="#map-{name}"/></svg></div>'
        f'<figcaption><strong>{title}</strong><ul class="legend">{legend}</ul></figcaption>'
        f"</figure>"
    )


def _notices(report: Report) -> str:
    if not report.notices:
        return ""
    items = "".join(f"<li>{_text(notice)}</li>" for notice in report.notices)
    return (
        f'<section class="column"><h2>Worth knowing</h2><ul class="findings">{items}</ul></section>'
    )


def _measurements(report: Report) -> list[str]:
    return [
        f"<tr><td>{_text(stage_words(record.finding.stage).title)}</td>"
        f"<td>{_text(measurement.name)}</td>"
        f'<td class="number">{_text(quantity(measurement.value, measurement.unit))}</td>'
        f'<td class="number">{_threshold(measurement)}</td>'
        f'<td class="drawn">{_bar(measurement)}</td></tr>'
        for record in report.stages
        for measurement in telling(record.finding.measurements)
    ]


def _threshold(measurement: Measurement) -> str:
    return "\N{EN DASH}" if measurement.threshold is None else figure(measurement.threshold)


def _bar(measurement: Measurement) -> str:
    """Value against threshold, the threshold at a third of the bar; longer than the bar is cut."""
    threshold = measurement.threshold
    if threshold is None or threshold <= 0.0:
        return ""
    reach = min(max(measurement.value / (3.0 * threshold), 0.0), 1.0) * 120.0
    kind = "over" if measurement.value >= threshold else "value"
    return (
        '<svg class="bar" viewBox="0 0 120 12" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" y="3" width="120" height="6"/>'
        f'<rect class="{kind}" y="3" width="{reach:.1f}" height="6"/>'
        '<rect class="mark" x="39" width="2" height="12"/></svg>'
    )


def _machinery(record: StageRecord) -> str:
    networks = "<br>".join(
        f"{_text(name)} <code>{_text(sha256)}</code>"
        f'<span class="licence">{_text(licence_words(licence))}</span>'
        for name, sha256, licence in record.models
    )
    return (
        f"<tr><td>{_text(stage_words(record.finding.stage).title)}</td>"
        f'<td class="number">{_text(duration(record.seconds))}</td>'
        f"<td>{networks or 'no network'}</td></tr>"
    )


def _swatch(colour: str) -> str:
    return (
        '<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect width="10" height="10" rx="2" fill="{colour}"/></svg>'
    )
