//! Tests that a sweep goes on whose `config.yaml` has keys under former names: `layout` of `data`, now
//! `dataset`, and `layout` of `training`, now `memory_format`.

use crate::program::{run, slicewise, succeed};
use crate::tiny::{RANDOM, TINY, undisturbed};
use slicewise_core::hash::sha256_hex;
use std::fs;

#[test]
fn a_sweep_begun_under_former_keys_goes_on_and_is_whole() {
    let scratch = tempfile::tempdir().unwrap();
    let out = undisturbed().copy(scratch.path());
    let (config, manifest) = (out.join("config.yaml"), out.join("manifest.json"));
    let today = fs::read_to_string(&config).unwrap();
    let before = today
        .replace("dataset: ", "layout: ")
        .replace("memory_format: ", "layout: ");
    assert_eq!(before.matches("layout: ").count(), 2, "{before}");
    fs::write(&config, &before).unwrap();
    let sha256 = |text: &str| sha256_hex(text.as_bytes());
    let provenance = fs::read_to_string(&manifest).unwrap();
    let formerly_known = provenance.replace(&sha256(&today), &sha256(&before));
    assert_ne!(formerly_known, provenance);
    fs::write(&manifest, formerly_known).unwrap();
    fs::remove_file(out.join(format!("records/{RANDOM}.jsonl"))).unwrap();

    let stderr = undisturbed().resumes(&out);
    assert!(stderr.contains("1 of 3 runs left"), "{stderr}");
    assert_eq!(fs::read_to_string(&config).unwrap(), before);
    succeed(slicewise(&["verify"]).arg(&out));

    // What differs is named, not a key that has another name now.
    let other = scratch.path().join("other.yaml");
    fs::write(
        &other,
        TINY.replace("checkpoint_every: 2", "checkpoint_every: 3"),
    )
    .unwrap();
    let (code, _, stderr) = run(slicewise(&["sweep"]).arg(&other).arg("--out").arg(&out));
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("`checkpoint_every: 2`, this experiment has `checkpoint_every: 3`"),
        "{stderr}"
    );
}
