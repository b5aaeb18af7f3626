"""How much alike two states of one face are to a network that tells people apart.

The face is cut from both photos at the same place, as in Deng et al., "ArcFace" (2019), and the
cosine of the two embeddings is taken. It says how far a restoration moved a face, in the eyes of
one small network; it says nothing about who the person is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resilver.imaging.alignment import IDENTITY_FRAME, cut, frame_of
from resilver.imaging.tiles import Pixels
from resilver.models.session import Network

# Below this the report warns that a face may look like another person.
WARN_BELOW = 0.5
SIDE_PX = 112  # of the frame that the network takes


def similarity_of(
    network: Network, before: Pixels, after: Pixels, points: NDArray[np.float32]
) -> float:
    """Cosine (-1..1) between a face before and after: 1 where nothing moved, about 0 for strangers.

    Args:
        network: the bundled `identity`.
        before: whole photo (H, W, 3), 8 or 16 bits.
        after: the same photo restored; of the same size, of either depth.
        points: (5, 2) x, y in px: eyes, nose and corners of the mouth (`resilver.imaging.faces`).
    """
    matrix = frame_of(points, IDENTITY_FRAME, SIDE_PX)
    faces = np.stack([cut(photo, matrix, SIDE_PX) for photo in (before, after)])
    (embeddings,) = network.run(np.ascontiguousarray(np.moveaxis(faces, -1, 1)))
    one, other = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return float(one @ other)
