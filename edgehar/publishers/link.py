"""Where `daemon` finds `Tls`; the link itself is `edgehar.link`, for sources and publishers alike."""

from edgehar.link import Tls

__all__ = ["Tls"]
