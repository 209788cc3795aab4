"""The exposure bias over the first quarter of the horizon (exposure_stretch.py)."""

from dataclasses import dataclass, replace

from exposure_stretch import SIGNS, exposure, known, quarter, scale, unit

from freerun.measurement.metrics import Comparison, Quantity


@dataclass(kw_only=True)
class ExposureEarly(Comparison):
    """The one-step error at own prefixes or states beside that at true ones, over the first quarter of the horizon."""

    per = "rollout"
    quantity = Quantity(
        label="Exposure bias, first quarter", unit="total variation", better="neither", part="diagnostic",
        account="exposure bias", signs=SIGNS,
    )  # fmt: skip

    def quantity_of(self, observed):
        return replace(self.quantity, unit=unit(observed), scale=scale(observed))

    def applies(self, observed):
        return known(observed)

    def measure(self, observed):
        return exposure(observed, slice(None, quarter(observed)))
