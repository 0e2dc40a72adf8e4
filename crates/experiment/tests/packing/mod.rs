//! Tests the records of a folder as one compressed file.

use super::*;
use slicewise_experiment::packed::{Packed, pack, unpack};

const STRATEGIES: [&str; 3] = ["first", "full", "random"];

/// Executes some runs and returns the bytes of their ledgers.
fn ledgers(folder: &ResultsFolder) -> Vec<Vec<u8>> {
    for strategy in STRATEGIES {
        run(folder, strategy, &mut Fake::new(1)).unwrap();
    }
    bytes(folder)
}

fn bytes(folder: &ResultsFolder) -> Vec<Vec<u8>> {
    let paths = STRATEGIES.map(|strategy| folder.records(&run_of(strategy)));
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn ledgers_are_the_same_after_packing_and_unpacking() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let plain = ledgers(&folder);
    let done = pack(&folder).unwrap();
    assert_eq!(done.ledgers, STRATEGIES.len());
    assert_eq!(
        done.plain_bytes,
        plain.iter().map(|text| text.len() as u64).sum::<u64>()
    );
    assert!(done.packed_bytes < done.plain_bytes / 3);
    assert!(folder.packed_records().exists() && !scratch.path().join("records").exists());
    assert_eq!(
        pack(&folder).unwrap(),
        Packed::default(),
        "nothing is left to pack"
    );
    unpack(&folder).unwrap();
    assert_eq!(bytes(&folder), plain);
    assert!(!folder.packed_records().exists());
    unpack(&folder).unwrap();
    // The packed bytes do not depend on when or where.
    let first = {
        pack(&folder).unwrap();
        fs::read(folder.packed_records()).unwrap()
    };
    unpack(&folder).unwrap();
    pack(&folder).unwrap();
    assert_eq!(fs::read(folder.packed_records()).unwrap(), first);
}

/// A kill between the two leaves the packed file beside ledgers, of which some may be missing.
#[test]
fn a_packed_file_beside_some_ledgers_counts() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let plain = ledgers(&folder);
    pack(&folder).unwrap();
    let path = folder.records(&run_of("full"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "").unwrap();
    unpack(&folder).unwrap();
    assert_eq!(bytes(&folder), plain);
}

#[test]
fn a_damaged_packed_file_says_what_to_do() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    ledgers(&folder);
    pack(&folder).unwrap();
    let whole = fs::read(folder.packed_records()).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() / 2], &flipped[..], b"no zstd"] {
        fs::write(folder.packed_records(), damaged).unwrap();
        let message = unpack(&folder).unwrap_err().to_string();
        assert!(
            message.contains("records.jsonl.zst: expected records compressed by `slicewise pack`")
                && message.contains("run the sweep again"),
            "{message}"
        );
        assert!(folder.packed_records().exists());
    }
}

#[test]
fn a_folder_at_work_is_not_packed() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = ResultsFolder::new(scratch.path());
    let plain = ledgers(&folder);
    let held = Holder::take(&folder.holder(&run_of("full"))).unwrap();
    assert!(matches!(pack(&folder), Err(ExperimentError::InUse { .. })));
    drop(held);
    assert_eq!(bytes(&folder), plain);
}
