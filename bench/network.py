"""The attention U-Net of crates/model (unet.rs, attention.rs, layers.rs) as a PyTorch user writes it.

Parameters have the names of our checkpoints, but for the normalisation's (`parameter_name`).
"""

import torch
from torch import nn
from torch.nn import functional as F

SLOPE = 0.01
OPEN_GATE = 2.0


def normalisation(channels: int, norm: str) -> nn.Module:
    if norm == "instance":
        return nn.InstanceNorm3d(channels, affine=True)
    return GroupNorm(channels)


class GroupNorm(nn.GroupNorm):
    """Instance normalisation by the group-norm kernel, which wants contiguous features."""

    def __init__(self, channels: int):
        super().__init__(channels, channels)

    def forward(self, features):
        last = features.is_contiguous(memory_format=torch.channels_last_3d)
        normalised = super().forward(features.contiguous())
        return normalised.contiguous(memory_format=torch.channels_last_3d) if last else normalised


class DoubleConvolution(nn.Module):
    def __init__(self, inputs: int, outputs: int, norm: str):
        super().__init__()
        self.first = nn.Conv3d(inputs, outputs, 3, padding=1)
        self.first_norm = normalisation(outputs, norm)
        self.second = nn.Conv3d(outputs, outputs, 3, padding=1)
        self.second_norm = normalisation(outputs, norm)

    def forward(self, features):
        features = F.leaky_relu(self.first_norm(self.first(features)), SLOPE)
        return F.leaky_relu(self.second_norm(self.second(features)), SLOPE)


class Decoder(DoubleConvolution):
    def __init__(self, width: int, norm: str):
        super().__init__(2 * width, width, norm)
        self.upsampling = nn.ConvTranspose3d(2 * width, width, 2, stride=2, bias=False)

    def forward(self, features, skip):
        return super().forward(torch.cat([skip, self.upsampling(features)], 1))


class ChannelAttention(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.squeeze = nn.Conv3d(inputs, max(inputs // 2, 1), 1)
        self.excite = nn.Conv3d(max(inputs // 2, 1), outputs, 1)

    def forward(self, features):
        pooled = features.mean((2, 3, 4), keepdim=True)
        return self.excite(F.relu(self.squeeze(pooled)))


class Attention(nn.Module):
    """The logits of one attention map: channel path plus spatial path."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.channel = ChannelAttention(inputs, outputs)
        self.spatial = nn.Conv3d(inputs, outputs, 3, padding=1)
        nn.init.constant_(self.spatial.bias, OPEN_GATE)

    def forward(self, features):
        return self.spatial(features) + self.channel(features)


class Head(Attention):
    def __init__(self, width: int, classes: int):
        super().__init__(width, classes)
        self.maps = nn.Conv3d(width, classes, 1)

    def forward(self, features):
        """Recalibrated maps and the attention map's logits, both float32."""
        logits = super().forward(features.detach()).float()
        return self.maps(features).float() + F.logsigmoid(logits), logits


class AttentionUNet(nn.Module):
    def __init__(self, classes: int, width: int = 8, levels: int = 4, norm: str = "instance"):
        super().__init__()
        self.levels = levels
        for level in range(levels):
            inputs = width << (level - 1) if level else 1
            self.add_module(f"encoder{level}", DoubleConvolution(inputs, width << level, norm))
        for level in range(1, levels):
            self.add_module(f"attention{level}", Attention(width << level, width << level))
        for level in range(levels - 1):
            self.add_module(f"decoder{level}", Decoder(width << level, norm))
        self.head = Head(width, classes)

    def forward(self, images):
        skips = [self.encoder0(images)]
        for level in range(1, self.levels):
            skips.append(self.get_submodule(f"encoder{level}")(F.max_pool3d(skips[-1], 2)))
        features = skips.pop()
        for level in reversed(range(self.levels - 1)):
            attention = self.get_submodule(f"attention{level + 1}")
            features = features * torch.sigmoid(attention(features))
            features = self.get_submodule(f"decoder{level}")(features, skips.pop())
        return self.head(features)


def parameter_name(ours: str) -> str:
    """Our name of a parameter → its name here."""
    return ours.replace(".norm.scale", "_norm.weight").replace(".norm.shift", "_norm.bias")


def count_flops(network: AttentionUNet, shape: tuple[int, ...]) -> list[tuple[str, float]]:
    """Of one training step on images of `shape`, by convolution: 2 · kernel · inputs · outputs · voxels
    forward, times 3 (the backward pass convolves once for the features and once for the weights).
    Nothing else is counted: normalisation, attention's products, loss and optimiser do work that
    is none. The first convolution has no gradient to its input, nor has the head's attention."""
    rows = []

    def hook(name):
        def count(module, inputs, output):
            if isinstance(module, nn.ConvTranspose3d):
                # Kernel and stride are equal: each output voxel sees one input voxel.
                per_voxel = 2 * module.in_channels * module.out_channels
            else:
                kernel = module.kernel_size[0] ** 3
                per_voxel = 2 * kernel * module.in_channels * module.out_channels
            voxels = output.numel() / module.out_channels
            passes = 2 if name == "encoder0.first" or name == "head.spatial" else 3
            rows.append((name, passes * per_voxel * voxels))

        return count

    handles = [
        module.register_forward_hook(hook(name))
        for name, module in network.named_modules()
        if isinstance(module, (nn.Conv3d, nn.ConvTranspose3d))
    ]
    with torch.no_grad():
        network(torch.zeros(shape))
    for handle in handles:
        handle.remove()
    return rows
