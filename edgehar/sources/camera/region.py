"""The part of a camera's picture that is looked at; the rest is cut off before anything else sees it."""

from msgspec import Struct

from edgehar.errors import ConfigError
from edgehar.sources.camera.opencv import Picture


class Region(Struct, frozen=True):
    """A rectangle, in shares of the picture's width and height."""

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        """Refuse what lies not in the picture: ConfigError."""
        inside = min(self.left, self.top) >= 0 and self.width > 0 and self.height > 0
        # Thirds and the like need not add up to the last bit.
        if not (inside and self.left + self.width <= 1.000001 and self.top + self.height <= 1.000001):
            raise ConfigError(
                "expected left, top, width and height as shares of the picture, 0..1, that lie in it, "
                f"got {self.left:g}, {self.top:g}, {self.width:g}, {self.height:g}"
            )

    def cut(self, picture: Picture) -> Picture:
        """Return this part of a picture, at least one pixel of it; no copy."""
        rows, columns = picture.shape[:2]
        top, left = min(round(self.top * rows), rows - 1), min(round(self.left * columns), columns - 1)
        bottom, right = round((self.top + self.height) * rows), round((self.left + self.width) * columns)
        return picture[top : max(bottom, top + 1), left : max(right, left + 1)]


EVERYTHING = Region(0.0, 0.0, 1.0, 1.0)
