"""What happens to a picture behind the lens, against hand arithmetic, statistics and Pillow itself."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ashore.configs.entries.camera import GAINS
from ashore.sim.view.image import COLUMN, STAGES, develop


def settings(count: int = 1, **values: float | list[float]) -> Tensor:
    """Nominal settings of so many pictures, but for these."""
    table = torch.tensor([float(kind in GAINS) for kind in COLUMN]).repeat(count, 1)
    for kind, value in values.items():
        table[:, COLUMN[kind]] = torch.tensor(value)
    return table


def flat(*rgb: int, count: int = 1, size: int = 64) -> Tensor:
    return torch.tensor(rgb, dtype=torch.uint8).expand(count, size, size, 3).clone()


def anything(count: int = 3) -> Tensor:
    return torch.randint(0, 256, (count, 24, 40, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_nominal_settings_change_no_bit() -> None:
    pictures = anything()
    assert torch.equal(develop(pictures.clone(), settings(3), set(STAGES), torch.randn(pictures.shape)), pictures)


@pytest.mark.parametrize("kind", sorted(STAGES))
def test_only_the_picture_that_asks_changes(kind: str) -> None:
    pictures = anything()
    values = [1.0, 1.5, 1.0] if kind in GAINS else [0.0, {"noise": 0.1, "jpeg": 50.0}.get(kind, 1.0), 0.0]
    normals = torch.randn(pictures.shape) if kind == "noise" else None
    done = develop(pictures.clone(), settings(3, **{kind: values}), {kind}, normals)
    assert torch.equal(done[[0, 2]], pictures[[0, 2]]) and not torch.equal(done[1], pictures[1])


def test_twice_the_light_is_a_display_value_2_to_the_1_over_gamma_times_as_high() -> None:
    done = develop(flat(100, 60, 200), settings(exposure=2.0), {"exposure"}, None)
    assert done[0, 0, 0].tolist() == [137, 82, 255]  # 100 * 2^(1/2.2) = 137.03; 82.2; 274 is more than white


def test_white_balance_leaves_green_alone() -> None:
    done = develop(flat(100, 100, 100), settings(red_gain=0.5, blue_gain=2.0), {"red_gain", "blue_gain"}, None)
    assert done[0, 5, 5].tolist() == [73, 100, 137]


def test_without_contrast_all_is_middle_grey_and_without_saturation_a_pixel_is_its_luma() -> None:
    assert develop(flat(1, 100, 250), settings(contrast=0.0), {"contrast"}, None).unique().tolist() == [128]
    done = develop(flat(200, 100, 50), settings(saturation=0.0), {"saturation"}, None)
    assert done.unique().tolist() == [124]  # 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2


def test_blur_spreads_a_point_with_the_variance_of_its_gaussian() -> None:
    picture = flat(0, 0, 0)
    picture[0, 32, 32] = 255
    done = develop(picture, settings(blur=1.0), {"blur"}, None)[0, :, :, 0].double()
    at = torch.arange(64) - 32.0
    assert done[32, 32] == round(255 / (2 * np.pi))  # the density of a two-dimensional Gaussian at its middle
    for axis in (0, 1):
        assert (done.sum(axis) * at**2).sum() / done.sum() == pytest.approx(1.0, rel=0.1)
    assert torch.equal(develop(flat(9, 90, 190), settings(blur=4.0), {"blur"}, None), flat(9, 90, 190)), "edges stay"


def test_noise_has_the_standard_deviation_that_is_asked_for() -> None:
    normals = torch.randn(2, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    done = develop(flat(128, 128, 128, count=2), settings(2, noise=[0.05, 0.1]), {"noise"}, normals).double()
    assert done.mean().item() == pytest.approx(128, abs=0.5)
    assert done.flatten(1).std(1).tolist() == pytest.approx([0.05 * 255, 0.1 * 255], rel=0.02)


def test_jpeg_is_what_pillow_writes_at_that_quality() -> None:
    pictures = anything(2)
    done = develop(pictures.clone(), settings(2, jpeg=[0.0, 70.0]), {"jpeg"}, None)
    file = io.BytesIO()
    Image.fromarray(pictures[1].numpy()).save(file, "JPEG", quality=30)
    assert torch.equal(done[0], pictures[0])
    assert torch.equal(done[1], torch.from_numpy(np.array(Image.open(file))))
