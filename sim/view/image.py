"""What happens to a picture between the lens and the one who looks: blur, exposure, noise, contrast, compression.

Everything is batched over pictures, each with settings of its own; settings that leave a picture as it is do so to the bit,
since values are rounded to whole numbers at the end.
"""

from __future__ import annotations

import io
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ashore.configs.entries.camera import CameraParameter

COLUMN = {kind: i for i, kind in enumerate(CameraParameter.kinds)}
GAMMA = 2.2  # of a display, about: light is a pixel's value to this power (IEC 61966-2-1 is close to it)
LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue in the grey that an eye sees (ITU-R BT.601)
GREY = 127.5
STAGES = frozenset({"blur", "exposure", "red_gain", "blue_gain", "noise", "contrast", "saturation", "jpeg"})


def develop(pictures: Tensor, settings: Tensor, driven: set[str], normals: Tensor | None) -> Tensor:
    """uint8 [k, H, W, 3] as rendered -> as a camera gives them.

    settings: [k, kinds] of `CameraParameter`; driven: the kinds in which any world differs; normals: standard normal numbers
    in the pictures' shape where noise is driven.
    """
    if not driven & STAGES:
        return pictures
    value = {kind: settings[:, COLUMN[kind], None, None, None] for kind in driven & STAGES}
    x = pictures.float()
    if "blur" in value:
        x = _blurred(x, settings[:, COLUMN["blur"]])
    for gain, channels in (("exposure", slice(0, 3)), ("red_gain", slice(0, 1)), ("blue_gain", slice(2, 3))):
        if gain in value:
            x[..., channels] *= value[gain] ** (1 / GAMMA)
    if normals is not None:
        x = x.clip(0.0, 255.0) + 255.0 * value["noise"] * normals
    if "contrast" in value:
        x = GREY + value["contrast"] * (x - GREY)
    if "saturation" in value:
        grey = (x * torch.tensor(LUMA)).sum(-1, keepdim=True)
        x = grey + value["saturation"] * (x - grey)
    done = x.round_().clip_(0.0, 255.0).to(torch.uint8)
    return _compressed(done, settings[:, COLUMN["jpeg"]]) if "jpeg" in value else done


def _blurred(x: Tensor, sigma: Tensor) -> Tensor:
    """Each picture of [k, H, W, 3] smoothed by a Gaussian of its own standard deviation, [k] pixels."""
    radius = min(math.ceil(3 * float(sigma.max())), min(x.shape[1:3]) - 1)
    if radius < 1:
        return x
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    weights = torch.exp(
        -0.5 * (offsets / sigma.clip(min=1e-3)[:, None]) ** 2
    )  # below a pixel's width: nothing but itself
    weights /= weights.sum(1, keepdim=True)
    k, height, width, _ = x.shape
    kernel = weights.repeat_interleave(3, 0)[:, None, None]  # [3 k, 1, 1, taps]
    planes = x.permute(0, 3, 1, 2).reshape(1, 3 * k, height, width)
    planes = F.conv2d(F.pad(planes, (radius, radius, 0, 0), "replicate"), kernel, groups=3 * k)
    planes = F.conv2d(F.pad(planes, (0, 0, radius, radius), "replicate"), kernel.transpose(2, 3), groups=3 * k)
    return planes.reshape(k, 3, height, width).permute(0, 2, 3, 1)


def _compressed(pictures: Tensor, loss: Tensor) -> Tensor:
    """Through a JPEG file of quality 100 - loss, where loss is above 0."""
    for i in (loss > 0).nonzero().squeeze(1).tolist():
        file = io.BytesIO()
        Image.fromarray(pictures[i].numpy()).save(file, "JPEG", quality=round(100 - float(loss[i])))
        pictures[i] = torch.from_numpy(np.array(Image.open(file)))
    return pictures
