"""Accuracy metrics: classification, Pascal VOC and COCO detection."""
