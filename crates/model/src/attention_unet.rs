//! The attention-guided 3D U-Net (Zhang et al. 2019, section 2.1).
//!
//! It is a 3D U-Net that recalibrates its features at each level by channel attention (CAM) in
//! parallel with spatial attention (SAM). At full resolution this gives the final attention map,
//! with one channel per class. Its argmax is a second segmentation (SR2) for the query strategy.

use crate::architecture::{Architecture, Network, NetworkOutput};
use crate::attention::AttentionHead;
use crate::backbone::Backbone;
use crate::config::ModelConfig;
use crate::layers::Scope;
use crate::slices::Slices;
use tch::Tensor;

/// Entry in the registry of networks.
pub(crate) const ARCHITECTURE: Architecture = Architecture {
    name: "attention-unet",
    summary: "3D U-Net with channel and spatial attention (Zhang et al. 2019)",
    has_attention: true,
    build: |scope, config, classes| Box::new(AttentionUNet::new(scope, config, classes)),
};

struct AttentionUNet {
    backbone: Backbone,
    head: AttentionHead,
}

impl AttentionUNet {
    fn new(scope: &Scope, config: &ModelConfig, classes: i64) -> Self {
        Self {
            backbone: Backbone::new(scope, config, true),
            head: AttentionHead::new(
                &scope.sub("head"),
                config.base_width as i64,
                classes,
                config.head,
            ),
        }
    }
}

impl Network for AttentionUNet {
    fn features(&self, images: &Tensor) -> Tensor {
        self.backbone.forward(images)
    }

    fn head(&self, features: &Tensor, slices: &Slices) -> NetworkOutput {
        self.head.forward(features, slices)
    }
}
