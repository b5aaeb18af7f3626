"""Where people are in a photo, as XMP says: it has to follow the pixels.

References: Metadata Working Group, "Guidelines for Handling Image Metadata" 2.0 (mwg-rs; regions
are of the picture as stored, whatever its orientation); Microsoft, "People Tagging" (MP).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from resilver.photofile.orientation import Turn

_MWG = "http://www.metadataworkinggroup.com/schemas/regions/"
_AREA = "http://ns.adobe.com/xmp/sType/Area#"
_DIMENSIONS = "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
_RECTANGLE = "{http://ns.microsoft.com/photo/1.2/t/Region#}Rectangle"
_CENTRE, _SIDES, _ROUND = ("x", "y"), ("w", "h"), ("d",)


def turn_regions(rdf: ET.Element, turn: Turn, size: tuple[int, int]) -> None:
    """Turn the regions as the pixels were turned.

    Args:
        rdf: the rdf:RDF element.
        size: (height, width) of the picture as stored.
    """
    for area in _inside(rdf, f"{{{_MWG}}}Area"):
        whole = (1.0, 1.0) if _is_share(area) else (float(size[1]), float(size[0]))
        centre, sides = _numbers(area, _AREA, _CENTRE), _numbers(area, _AREA, _SIDES)
        if len(centre) == 2:
            _write(area, _AREA, _CENTRE, turn.point((centre[0], centre[1]), whole))
        if len(sides) == 2:
            _write(area, _AREA, _SIDES, turn.size((sides[0], sides[1])))
    for holder, key in _rectangles(rdf):
        numbers = _split(holder, key)
        if len(numbers) == 4:
            left, top, width, height = numbers
            corners = ((left, top), (left + width, top + height))
            (x0, y0), (x1, y1) = (turn.point(corner, (1.0, 1.0)) for corner in corners)
            box = (min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0))
            _put(holder, key, ", ".join(f"{number:.6g}" for number in box))


def enlarge_regions(rdf: ET.Element, factor: int) -> None:
    """Regions that are given in pixels, of a picture `factor` times as large."""
    for area in _inside(rdf, f"{{{_MWG}}}Area"):
        if not _is_share(area):
            for names in (_CENTRE, _SIDES, _ROUND):
                numbers = _numbers(area, _AREA, names)
                if len(numbers) == len(names):
                    _write(area, _AREA, names, tuple(factor * number for number in numbers))


def fit_regions(rdf: ET.Element, size: tuple[int, int]) -> None:
    """Name the picture (height, width) that the regions are of."""
    for dimensions in _inside(rdf, f"{{{_MWG}}}AppliedToDimensions"):
        if len(_numbers(dimensions, _DIMENSIONS, _SIDES)) == 2:
            _write(dimensions, _DIMENSIONS, _SIDES, (float(size[1]), float(size[0])))


def _inside(rdf: ET.Element, tag: str) -> Iterator[ET.Element]:
    """Each element of a name and what is in it: RDF has a structure's fields in either."""
    for element in rdf.iter(tag):
        yield from element.iter()


def _is_share(area: ET.Element) -> bool:
    return _get(area, f"{{{_AREA}}}unit") != "pixel"


def _rectangles(rdf: ET.Element) -> Iterator[tuple[ET.Element, str | None]]:
    """What holds a Microsoft rectangle: an attribute of that name, or the element's own text."""
    for element in rdf.iter():
        if _RECTANGLE in element.attrib:
            yield element, _RECTANGLE
        elif element.tag == _RECTANGLE:
            yield element, None


def _split(holder: ET.Element, key: str | None) -> tuple[float, ...]:
    text = (holder.text if key is None else holder.get(key)) or ""
    return _floats(text.split(","))


def _put(holder: ET.Element, key: str | None, text: str) -> None:
    if key is None:
        holder.text = text
    else:
        holder.set(key, text)


def _get(element: ET.Element, name: str) -> str | None:
    """A field as attribute or as element."""
    return element.get(name, element.findtext(name))


def _numbers(element: ET.Element, space: str, names: tuple[str, ...]) -> tuple[float, ...]:
    """The fields of an element that are there and numbers."""
    texts = (_get(element, f"{{{space}}}{name}") for name in names)
    return _floats([text for text in texts if text is not None])


def _floats(texts: list[str]) -> tuple[float, ...]:
    try:
        return tuple(float(text) for text in texts)
    except ValueError:
        return ()


def _write(
    element: ET.Element, space: str, names: tuple[str, ...], values: tuple[float, ...]
) -> None:
    for name, value in zip(names, values, strict=True):
        key, text = f"{{{space}}}{name}", f"{value:.9g}"
        if key in element.attrib:
            element.set(key, text)
        for child in element.findall(key):
            child.text = text
