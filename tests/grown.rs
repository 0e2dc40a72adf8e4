//! Tests that a sweep goes on with more strategies and seeds than it began with.

use crate::program::{run, slicewise, succeed};
use crate::tiny::{RANDOM, TINY, undisturbed};
use std::fs;

#[test]
fn a_finished_sweep_gets_a_strategy_and_a_seed_and_trains_those_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let out = undisturbed().copy(scratch.path());
    let path = format!("records/{RANDOM}.jsonl");
    let before = fs::read(out.join(&path)).unwrap();
    let more = scratch.path().join("tiny.yaml");
    let text = TINY.replace("seeds: [1]", "seeds: [1, 2]") + "      equal-interval: [0.25]\n";
    fs::write(&more, text).unwrap();
    let mut command = slicewise(&["sweep"]);
    let cache = scratch.path().join("cache");
    let (code, _, stderr) = run(command
        .arg(&more)
        .arg("--out")
        .arg(&out)
        .arg("--cache")
        .arg(cache));
    assert_eq!(code, 0, "{stderr}");
    let says = "8 runs in place of 3: this sweep goes on with more than it began with";
    assert!(stderr.contains(says), "{stderr}");
    assert!(stderr.contains("5 of 8 runs left"), "{stderr}");
    assert_eq!(fs::read(out.join(&path)).unwrap(), before);
    for name in [
        "random-seed2",
        "equal-interval-seed1",
        "equal-interval-seed2",
    ] {
        let path = out.join(format!("records/brain-extraction/unet/{name}.jsonl"));
        assert!(path.exists(), "{name}");
    }
    succeed(slicewise(&["verify"]).arg(&out));

    // Back to less, runs would be without a plan.
    let less = scratch.path().join("less.yaml");
    fs::write(&less, TINY).unwrap();
    let (code, _, stderr) = run(slicewise(&["sweep"]).arg(&less).arg("--out").arg(&out));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("holds another experiment"), "{stderr}");
}
