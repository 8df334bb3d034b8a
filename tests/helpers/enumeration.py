"""Bits, symbols and distributions of one frame, written out independently of the simulator."""

from linksim.verification.enumeration import bits_of_frame, enumerate_frame, labels_of_frame

__all__ = ["bits_of_frame", "enumerate_frame", "labels_of_frame"]
