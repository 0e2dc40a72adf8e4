//! The plain 3D U-Net (Çiçek et al. 2016, arXiv 1606.06650), which the paper compares with: the
//! backbone and one last convolution. `backbone.rs` lists the deviations from its source.

use crate::architecture::{Architecture, Network, NetworkOutput};
use crate::backbone::Backbone;
use crate::config::ModelConfig;
use crate::layers::{Convolution, Scope};
use crate::numerics::to_logits;
use crate::slices::Slices;
use tch::Tensor;

/// Entry in the registry of networks.
pub(crate) const ARCHITECTURE: Architecture = Architecture {
    name: "unet",
    summary: "3D U-Net (Çiçek et al. 2016): no attention, so no attention-guided query",
    has_attention: false,
    build: |scope, config, classes| Box::new(UNet::new(scope, config, classes)),
};

struct UNet {
    backbone: Backbone,
    maps: Convolution,
}

impl UNet {
    fn new(scope: &Scope, config: &ModelConfig, classes: i64) -> Self {
        Self {
            backbone: Backbone::new(scope, config, false),
            maps: scope
                .sub("maps")
                .convolution(config.base_width as i64, classes, 1),
        }
    }
}

impl Network for UNet {
    fn features(&self, images: &Tensor) -> Tensor {
        self.backbone.forward(images)
    }

    fn head(&self, features: &Tensor, slices: &Slices) -> NetworkOutput {
        NetworkOutput {
            maps: to_logits(&self.maps.forward(&slices.select(features))),
            attention: None,
        }
    }
}
