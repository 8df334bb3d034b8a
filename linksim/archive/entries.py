"""The members of an archive that torch.save wrote: stored as they are, each once, none overlapping."""

import zipfile
from pathlib import Path

from linksim.archive.limits import Limits

MOST_MEMBERS = 2**14
IN_DIRECTORY = b"PK\x01\x02"
"""Where an entry of the directory begins; in random numbers it hardly ever stands."""

AT_ONCE = 2**22
PICKLE_BYTES_PER_VALUE = 16


class Entries:
    """An open archive whose directory was checked; closed by its context.

    Args:
        path: of the file.
        limits: on its content.

    Attributes:
        total: bytes of all members together.

    Raises:
        ValueError: if it is no archive of this kind, or is truncated.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        size = path.stat().st_size
        if size > limits.file_bytes:
            raise ValueError(f"it is larger than the limit of {limits.file_bytes} bytes")
        _check_directory(path)
        try:
            self._archive = zipfile.ZipFile(path)
        except Exception as error:  # what a damaged directory makes the reader raise has no common class
            raise ValueError("it is no file of torch.save, or is truncated") from error
        try:
            self._members = self._checked(size)
            self.total = sum(one.file_size for one in self._members.values())
            pickled, most = self.size("data.pkl"), PICKLE_BYTES_PER_VALUE * limits.values
            if pickled > most:
                raise ValueError(f"what stands beside the tensors has {pickled} bytes, at most {most}")
        except BaseException:
            self._archive.close()
            raise

    def __enter__(self) -> "Entries":
        return self

    def __exit__(self, *_) -> None:
        self._archive.close()

    def _checked(self, size: int) -> dict[str, zipfile.ZipInfo]:
        """Members by their names without the folder that all of them lie in."""
        members = self._archive.infolist()
        if not members or len(members) > MOST_MEMBERS:
            raise ValueError(f"it has {len(members)} members, and needs from 1 to {MOST_MEMBERS}")
        if any(one.compress_type != zipfile.ZIP_STORED or one.flag_bits & 1 for one in members):
            raise ValueError("members are compressed or encrypted, which torch.save does not do")
        if any(one.file_size != one.compress_size for one in members):
            raise ValueError("it is damaged: a member is as long as stored, and its directory says otherwise")
        # Stored members that claim more than the file holds lie over each other.
        if sum(one.file_size for one in members) > size:
            raise ValueError(f"its members claim more bytes than its {size}")
        roots = {one.filename.split("/", 1)[0] for one in members}
        if len(roots) != 1 or not all("/" in one.filename for one in members):
            raise ValueError("it is no file of torch.save: its members lie in no common folder")
        found = {one.filename.split("/", 1)[1]: one for one in members}
        if len(found) != len(members):
            raise ValueError("it has two members of one name")
        return found

    def _member(self, name: str) -> zipfile.ZipInfo:
        if name not in self._members:
            raise ValueError(f"it is no file of torch.save, or is truncated: it has no {name}")
        return self._members[name]

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def size(self, name: str) -> int:
        """Bytes of a member.

        Raises:
            ValueError: if there is none of that name.
        """
        return self._member(name).file_size

    def read(self, name: str) -> bytearray:
        """Content of a member, its checksum checked.

        Raises:
            ValueError: if there is none of that name, or it is damaged.
        """
        member = self._member(name)
        content = bytearray()
        try:
            with self._archive.open(member) as stream:
                while part := stream.read(AT_ONCE):  # whose last part is followed by the checksum
                    content += part
        except Exception as error:  # likewise
            raise ValueError(f"it is damaged: {name} is not what was written") from error
        if len(content) != member.file_size:
            raise ValueError(f"it is damaged: {name} is shorter than its directory says")
        return content

    def check_the_rest(self) -> None:
        """Compare the checksums of all members.

        Raises:
            ValueError: if one is damaged.
        """
        try:
            broken = self._archive.testzip()
        except Exception as error:  # likewise
            raise ValueError("it is damaged: its content is not what was written") from error
        if broken is not None:
            raise ValueError("it is damaged: its content is not what was written")


def _check_directory(path: Path) -> None:
    """Refuse a directory whose entries, once they are objects, take many times the memory of the file."""
    found = 0
    with path.open("rb") as stream:
        while part := stream.read(AT_ONCE):
            found += part.count(IN_DIRECTORY)
            if found > 2 * MOST_MEMBERS:
                raise ValueError(f"it has more than {MOST_MEMBERS} members")
