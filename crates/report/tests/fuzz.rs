//! Records that are well-formed and make no sense: making tables of them neither panics nor hangs.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

#[expect(dead_code, reason = "what other tests need of it")]
mod sample;

use slicewise_fuzz::{Target, fuzz, per_byte};
use std::path::Path;

const WORDS: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    ",",
    "\n",
    "\"p\":null",
    "\"p\":[]",
    "\"r\":[]",
    "\"dice\":[]",
    "\"cases\":[]",
    "\"queries\":[]",
    "\"part\":\"B\"",
    "\"part\":\"A\"",
    "first",
    "full",
    "random",
    "brain-extraction",
    "tissue-segmentation",
    "1e308",
    "-1e308",
    "1e-308",
    "18446744073709551615",
];

/// Two seeds of one task, two volumes of four slices.
fn small_sweep() -> (Vec<u8>, Vec<u8>) {
    let mut results = sample::sweep(&[1, 2]);
    results.records.retain(|record| {
        record.task == slicewise_data::Task::BRAIN_EXTRACTION
            && record.round <= 2
            && ["first", "full", "random", "attention-guided"].contains(&record.strategy.as_str())
    });
    let mut ledger = Vec::new();
    for record in &mut results.records {
        record.queries.truncate(1);
        for query in &mut record.queries {
            query.slices.truncate(2);
            query.scores.truncate(2);
        }
        let last = record.cases.pop().unwrap();
        record.cases.truncate(1);
        record.cases.push(last);
        for case in &mut record.cases {
            case.p.iter_mut().for_each(|p| p.truncate(4));
            case.r.truncate(4);
            case.uncertainty.truncate(4);
            case.foreground.truncate(4);
            case.annotated.truncate(4);
            let short = |value: &mut f64| *value = (*value * 1e3).round() / 1e3;
            case.p
                .iter_mut()
                .flatten()
                .chain(&mut case.r)
                .chain(&mut case.uncertainty)
                .for_each(short);
        }
        serde_json::to_writer(&mut ledger, record).unwrap();
        ledger.push(b'\n');
    }
    (serde_json::to_vec(&results.manifest).unwrap(), ledger)
}

#[test]
fn tables() {
    let (manifest, ledger) = small_sweep();
    assert!(ledger.len() < 16 << 10, "{} bytes", ledger.len());
    let read = |path: &Path| {
        let root = path.parent().and_then(Path::parent).unwrap();
        let verdict = slicewise_report::verify(root).map_err(|error| error.to_string())?;
        let lines = verdict.missing.join("; ");
        assert!(!lines.contains(char::is_control), "{lines:?}");
        Ok(())
    };
    fuzz(
        &Target {
            share: 3,
            companions: vec![
                ("manifest.json", manifest),
                ("config.yaml", b"name: small\n".to_vec()),
            ],
            // Tables are small whatever the records say; a record may be named in each of them.
            allowance: &|bytes| per_byte(bytes.len(), 4096),
            ..Target::text("tables", "records/all.jsonl", vec![ledger], WORDS)
        },
        read,
    );
}
