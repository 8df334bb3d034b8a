"""The link as a Keras layer, on the TensorFlow backend.

Comes with `pip install 'linksim[tensorflow]'`; importing it raises ImportError where TensorFlow is missing or
Keras runs on another backend.
"""

from linksim.interop.keras.layer import LinkLayer
from linksim.interop.keras.schedule import TwoPhases

__all__ = ["LinkLayer", "TwoPhases"]
