"""Whether tensors are those of the model that a specification describes, told before it is built.

A specification is a few numbers, and a model of those sizes may not fit into memory. Its networks are
therefore laid out on PyTorch's device "meta", which has shapes and no numbers, and compared with the tensors.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from linksim import LinkConfig, checks
from linksim.modes.header import MOST_MODES
from linksim.modes.router import HIDDEN
from linksim_training.build import sizes_of, untrained_networks

LINK = "transceiver_dig."


def check(spec: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Check the sizes that a specification names against the tensors of its model.

    Args:
        spec: as `build_from` takes it.
        weights: by the names of the model's `state_dict`; dense tensors of real numbers.

    Raises:
        LookupError, RuntimeError, TypeError, ValueError: naming what does not fit.
    """
    for name, tensor in weights.items():
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            raise TypeError(f"{checks.one_line(repr(name), 80)} must be a tensor of real numbers")
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name} holds NaN or infinite numbers")
    held = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in weights.values()
    }
    claimed = sum(tensor.nbytes for tensor in weights.values())
    if claimed > sum(held.values()):
        raise ValueError(f"its tensors share numbers: they claim {claimed} bytes of {sum(held.values())}")
    shape, classes, link, encoder = sizes_of(spec)
    sizes = {f"{LINK}{name}": size for name, size in _link_shapes(spec, link).items()}
    for name, size in sizes.items():
        _compare(name, size, weights)
    with torch.device("meta"):
        networks = untrained_networks(shape, classes, link, encoder)
    for part, network in zip(("encoder", "head"), networks, strict=True):
        _compare_network(part, network, weights)


def _link_shapes(spec: Mapping[str, Any], link: LinkConfig) -> dict[str, tuple[int, ...]]:
    """Shapes of the link's tensors that grow with its sizes, by name."""
    if "modes" not in spec:
        return {"codebook": (link.codebook_size, link.embedding_dim)}
    modes = [checks.whole("codebook_size of a mode", mode[0], 2) for mode in spec["modes"]]
    if len(modes) > MOST_MODES:
        raise ValueError(f"modes must be at most {MOST_MODES}, got {len(modes)}")
    shapes = {f"links.{number}.codebook": (size, link.embedding_dim) for number, size in enumerate(modes)}
    return {**shapes, "router.latent_weight": (HIDDEN, link.tokens * link.embedding_dim)}


def _compare_network(part: str, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    for name, tensor in network.state_dict().items():
        _compare(f"{part}.{name}", tuple(tensor.shape), weights)


def _compare(name: str, size: tuple[int, ...], weights: Mapping[str, Tensor]) -> None:
    if name not in weights:
        raise ValueError(f"there is no tensor {name}")
    if tuple(weights[name].shape) != size:
        raise ValueError(
            f"{name} must have shape {list(size)} by the specification, got {list(weights[name].shape)}"
        )
