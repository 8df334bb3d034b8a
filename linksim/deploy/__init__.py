"""Running a deployment bundle with NumPy and ONNX Runtime alone: no PyTorch, no Sionna."""

from linksim.deploy.bundle import Bundle, Decoded, Encoded, load
from linksim.deploy.vectors import SelfTest, self_test

__all__ = ["Bundle", "Decoded", "Encoded", "SelfTest", "load", "self_test"]
