//! Loads thousands of broken checkpoints. None may be loaded in part, and each must be refused with
//! a message of one line.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use rand::Rng;
use slicewise_fuzz::{Target, fuzz, per_byte};
use slicewise_model::{Device, ModelConfig, TchSegmenter, TrainingConfig};
use std::cell::RefCell;
use std::path::Path;

/// Returns a segmenter of the smallest network.
fn smallest(seed: u64) -> TchSegmenter {
    let model = ModelConfig {
        architecture: "unet".into(),
        base_width: 1,
        levels: 1,
        ..ModelConfig::default()
    };
    let training = TrainingConfig {
        crop: [4, 4, 4],
        ..TrainingConfig::default()
    };
    TchSegmenter::new(&model, &training, 2, seed, Device::Cpu).unwrap()
}

/// Saves the segmenter to `path` and returns the bytes of the file.
fn saved(segmenter: &TchSegmenter, path: &Path) -> Vec<u8> {
    segmenter.save(path).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.safetensors");
    let whole = [1, 2].map(|seed| saved(&smallest(seed), &path)).to_vec();
    let header = u64::from_le_bytes(whole[0][..8].try_into().unwrap()) as usize;
    let values = whole[0].len() - 8 - header;

    let segmenter = RefCell::new(smallest(3));
    let fresh = saved(&smallest(3), &path);
    let read = |input: &Path| {
        let mut segmenter = segmenter.borrow_mut();
        match segmenter.load(input) {
            // An accepted file must give one of the two models, to the byte.
            Ok(()) => {
                let again = input.with_file_name("again.safetensors");
                assert!(whole.contains(&saved(&segmenter, &again)));
                *segmenter = smallest(3);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    };
    fuzz(
        &Target {
            share: 50,
            fields: &[(0, 8)],
            // The length of the header comes first in the file. It is corrected in most files, so
            // that the header is read.
            encode: &|mut bytes, rng| {
                if rng.random_ratio(3, 4) && bytes.len() > 8 + values {
                    let length = (bytes.len() - 8 - values) as u64;
                    bytes[..8].copy_from_slice(&length.to_le_bytes());
                }
                bytes
            },
            allowance: &|bytes| per_byte(bytes.len(), 32),
            ..Target::text(
                "checkpoint",
                "input.safetensors",
                whole.clone(),
                &[
                    "\"F32\"",
                    "\"F64\"",
                    "\"BOOL\"",
                    "\"dtype\"",
                    "\"shape\"",
                    "\"data_offsets\"",
                    "[]",
                    "[0]",
                    "[0,0]",
                    "[18446744073709551615]",
                    "{",
                    "}",
                    ",",
                    "\"__metadata__\"",
                    "\"slicewise\"",
                    "\\n",
                    "\"steps\"",
                    "last.",
                    "momentum.",
                ],
            )
        },
        read,
    );
    // None of the refused files has changed a weight.
    assert!(saved(&segmenter.borrow(), &path) == fresh);
}

/// The first runs of the fuzzer found this bug: a type with a line break in its name led to a
/// message of two lines.
#[test]
fn found_a_message_of_two_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let header = br#"{"steps":{"dtype":"F\n32","shape":[1],"data_offsets":[0,4]}}"#;
    let bytes = [&header.len().to_le_bytes()[..], header, &[0; 4]].concat();
    std::fs::write(&path, bytes).unwrap();
    let message = smallest(1).load(&path).unwrap_err().to_string();
    assert!(message.contains("unknown variant `F 32`"), "{message}");
    assert!(!message.contains(char::is_control), "{message:?}");
}
