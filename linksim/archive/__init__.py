"""Files that torch.save wrote, read as what they are: plain values and tensors, without unpickling."""

from linksim.archive.limits import Limits
from linksim.archive.operations import NotPlain
from linksim.archive.reader import read_archive

__all__ = ["Limits", "NotPlain", "read_archive"]
