"""A picture for people to see."""

from edgehar.sources.camera.opencv import Picture, load_opencv

WIDEST = 640
"""Pixels."""
_QUALITY = 80


def to_jpeg(picture: Picture) -> bytes:
    """Return a picture as JPEG, made smaller if it is wider than WIDEST."""
    cv2 = load_opencv()
    height, width = picture.shape[:2]
    if width > WIDEST:
        picture = cv2.resize(picture, (WIDEST, max(round(height * WIDEST / width), 1)))
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])
