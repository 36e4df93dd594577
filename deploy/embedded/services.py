"""Which services an instance has, and the module that runs each of them; of others it is the one of their name."""

from __future__ import annotations

#: Service -> module, in the order in which they start.
MODULES = {
    "sampling": "services.sampling",
    "lab_results": "services.lab_results",
    "alerts": "services.alerts",
    "hotspots": "services.alerts.hotspots",
}
SERVICES = tuple(MODULES)
