"""A bit-true digital link simulator with a differentiable surrogate that mirrors it.

Names are imported when first used, so that parts which do not need PyTorch stay light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linksim.auditing.audit import AuditReport, audit
    from linksim.config import LinkConfig
    from linksim.frame import FrameLayout
    from linksim.link import Link
    from linksim.modem import Modem
    from linksim.modes.routed_link import RoutedLink
    from linksim.modes.routed_trace import RoutedTrace
    from linksim.signals import Draw, Trace

__version__ = "0.1.0"

_HOMES = {
    "AuditReport": "linksim.auditing.audit",
    "Draw": "linksim.signals",
    "FrameLayout": "linksim.frame",
    "Link": "linksim.link",
    "LinkConfig": "linksim.config",
    "Modem": "linksim.modem",
    "RoutedLink": "linksim.modes.routed_link",
    "RoutedTrace": "linksim.modes.routed_trace",
    "Trace": "linksim.signals",
    "audit": "linksim.auditing.audit",
}

__all__ = [
    "AuditReport",
    "Draw",
    "FrameLayout",
    "Link",
    "LinkConfig",
    "Modem",
    "RoutedLink",
    "RoutedTrace",
    "Trace",
    "audit",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'linksim' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
