"""Annotated images for detection: Pascal VOC, COCO, YOLO text labels, and images without annotations.

All readers give the same: `AnnotatedSplit`, whose boxes are ``xmin, ymin, xmax, ymax`` in continuous pixels of the
image, from 0 at the left (upper) edge of the first pixel to ``width`` (``height``) at the right (lower) edge of the
last. Pascal VOC counts pixels from 1 and includes both ends: its box ``1, 1, 10, 10`` is ``0, 0, 10, 10`` here.
"""

from ovlab.tasks.detection.annotations.base import AnnotatedImage, AnnotatedSplit
from ovlab.tasks.detection.annotations.coco import read_coco
from ovlab.tasks.detection.annotations.plain import read_plain
from ovlab.tasks.detection.annotations.voc import VOC_CLASSES, read_voc
from ovlab.tasks.detection.annotations.yolo import read_yolo

__all__ = ["VOC_CLASSES", "AnnotatedImage", "AnnotatedSplit", "read_coco", "read_plain", "read_voc", "read_yolo"]
