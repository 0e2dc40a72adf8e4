//! The vector instructions that slicewise's own loops may use on this machine.
//!
//! oneDNN's environment variable `ONEDNN_MAX_CPU_ISA` (older name: `DNNL_MAX_CPU_ISA`) limits the
//! instructions of our loops just as it limits those of oneDNN. So one machine can imitate a lesser
//! one. libtorch's own loops obey `ATEN_CPU_CAPABILITY` instead.

use serde::Serialize;
use std::sync::OnceLock;

/// A set of vector instructions. Each set includes all the sets before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstructionSet {
    /// No vector instructions that our loops can use. libtorch computes everything.
    Plain,
    /// AVX2 with FMA: registers of eight float32 values. Most laptops and desktops have it.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL): registers of 16 float32 values. Most servers have it.
    Avx512,
    /// AVX512-BF16: products of pairs of bf16 values, summed in float32. AMD has it since Zen 4,
    /// Intel servers since Cooper Lake.
    Avx512Bf16,
    /// AMX-BF16: products of whole tiles of bf16 values. Intel servers have it since Sapphire
    /// Rapids.
    AmxBf16,
}

impl InstructionSet {
    /// Returns the largest set that this processor has and that the environment variables allow.
    pub fn available() -> Self {
        static AVAILABLE: OnceLock<InstructionSet> = OnceLock::new();
        *AVAILABLE.get_or_init(|| {
            let allowed = ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"]
                .into_iter()
                .find_map(|name| std::env::var(name).ok());
            Self::detect().min(Self::allowed_by(allowed.as_deref().unwrap_or_default()))
        })
    }

    /// Returns the name for reports, such as `AVX-512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "no vector instructions known to slicewise",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
            Self::Avx512Bf16 => "AVX512-BF16",
            Self::AmxBf16 => "AMX-BF16",
        }
    }

    /// Whether this set has instructions that multiply bf16 values without converting them to
    /// float32 first.
    pub fn has_bf16(self) -> bool {
        self >= Self::Avx512Bf16
    }

    /// Whether this processor multiplies bf16 values faster than float32 values.
    ///
    /// It does with AMX, and on AMD with AVX512-BF16. Intel's processors take two cycles for one
    /// instruction of AVX512-BF16, but one cycle for two float32 instructions. An Emerald Rapids
    /// whose AMX is hidden multiplies matrices at 72 GFLOP/s in bf16 and at 136 in float32
    /// (`results/bench`).
    pub fn is_fast_in_bf16(self) -> bool {
        self == Self::AmxBf16 || (self == Self::Avx512Bf16 && !is_intel())
    }

    /// Returns the largest set that this processor has.
    #[cfg(target_arch = "x86_64")]
    fn detect() -> Self {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        let bf16 = is_x86_feature_detected!("avx512bf16");
        let amx = std::fs::read_to_string("/proc/cpuinfo")
            .is_ok_and(|text| text.split_whitespace().any(|flag| flag == "amx_bf16"));
        match (avx2, avx512, bf16, amx) {
            (true, true, true, true) => Self::AmxBf16,
            (true, true, true, false) => Self::Avx512Bf16,
            (true, true, false, _) => Self::Avx512,
            (true, false, ..) => Self::Avx2,
            (false, ..) => Self::Plain,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detect() -> Self {
        Self::Plain
    }

    /// Returns the largest set that `value` of `ONEDNN_MAX_CPU_ISA` allows. A value that oneDNN
    /// does not know allows everything, as it does in oneDNN.
    fn allowed_by(value: &str) -> Self {
        match value.to_ascii_uppercase().as_str() {
            "SSE41" | "AVX" => Self::Plain,
            "AVX2" | "AVX2_VNNI" | "AVX2_VNNI_2" => Self::Avx2,
            "AVX512_CORE" | "AVX512_CORE_VNNI" => Self::Avx512,
            "AVX512_CORE_BF16" | "AVX512_CORE_FP16" | "AVX10_1_512" => Self::Avx512Bf16,
            _ => Self::AmxBf16,
        }
    }
}

/// Whether the processor identifies itself as one of Intel's.
fn is_intel() -> bool {
    std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains("GenuineIntel"))
}

#[cfg(test)]
mod tests {
    use super::InstructionSet::*;
    use super::*;

    #[test]
    fn the_limits_of_onednn_apply_to_our_loops() {
        for (word, set) in [
            ("AVX2", Avx2),
            ("avx512_core", Avx512),
            ("AVX512_CORE_VNNI", Avx512),
            ("AVX512_CORE_BF16", Avx512Bf16),
            ("SSE41", Plain),
            ("", AmxBf16),
            ("ALL", AmxBf16),
            ("no such word", AmxBf16),
        ] {
            assert_eq!(InstructionSet::allowed_by(word), set, "{word}");
        }
        assert!(Avx512Bf16.has_bf16() && AmxBf16.has_bf16() && !Avx512.has_bf16());
        assert!(AmxBf16.is_fast_in_bf16() && !Avx512.is_fast_in_bf16());
        assert_eq!(Avx512Bf16.is_fast_in_bf16(), !is_intel());
    }
}
