"""`resilver diagnose`: what is wrong with photos, measured; nothing is written."""

from __future__ import annotations

from pathlib import Path

from resilver.batch import Naming, find_photos
from resilver.commands.planning import Diagnosis, plan_photo
from resilver.commands.screen import Screen
from resilver.commands.showing import others_ignored, plan_lines, results_skipped
from resilver.options import Options
from resilver.pipeline import Pipeline
from resilver.reporting.values import Json, diagnosis_values, dumps
from resilver.reporting.words import encodable


def diagnose_photos(
    paths: list[Path], options: Options, *, max_megapixels: float, as_json: bool
) -> int:
    """Prints the findings for everything under `paths`; returns the exit code: 0 or 1."""
    screen = Screen()
    found = find_photos(paths, Naming(suffix=""))
    if not as_json:
        results_skipped(screen, found.results)
    for refusal in found.refusals:
        screen.error(refusal.words)
    failed = bool(found.refusals)
    pipeline = Pipeline(options) if found.photos else None
    diagnoses: list[Json] = []
    with screen.progress() as advance:
        for index, (path, _) in enumerate(found.photos):
            assert pipeline is not None
            advance(index / len(found.photos), str(path))
            diagnosis = plan_photo(path, pipeline, max_megapixels)
            if isinstance(diagnosis, str):
                screen.error(diagnosis)
                failed = True
            elif as_json:
                diagnoses.append(_values(diagnosis))
            else:
                _show(screen, diagnosis)
    if found.ignored and not as_json:
        screen.line(others_ignored(found.ignored))
    if as_json:
        screen.text(dumps(diagnoses, ascii_only=True))
    return screen.code(1 if failed else 0)


def _show(screen: Screen, diagnosis: Diagnosis) -> None:
    height, width = diagnosis.size
    grey = ", grey" if diagnosis.grey else ""
    screen.line(
        f"{diagnosis.source}  {width} x {height}, {diagnosis.bit_depth} bit{grey}, "
        f"{diagnosis.format}"
    )
    for line in plan_lines(diagnosis.plan, deeds=False):
        screen.line(line)


def _values(diagnosis: Diagnosis) -> dict[str, Json]:
    plan = diagnosis.plan
    return {
        "source": encodable(str(diagnosis.source)),
        **diagnosis_values(
            diagnosis.size,
            diagnosis.bit_depth,
            diagnosis.grey,
            diagnosis.format,
            [stage.finding for stage in plan.stages],
            plan.faces,
            plan.notices,
        ),
    }
