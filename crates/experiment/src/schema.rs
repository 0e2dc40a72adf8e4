//! Results of older schemas, read as if they were of today's.
//!
//! Whoever changes the records raises [`SCHEMA`] by one and adds a step to [`STEPS`], which turns a
//! record of the schema before into one of the new schema. So no change makes results unreadable.
//! What is on disk is left as it is.

use crate::record::{RoundRecord, SCHEMA};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How a record of each schema, from the oldest on, becomes one of the next.
const STEPS: &[fn(&mut Map<String, Value>)] = &[from_1_to_2, from_2_to_3];

/// The oldest schema that can be read.
const OLDEST: u32 = SCHEMA - STEPS.len() as u32;

/// Schema 2 says SR2's Dice and the uncertainty of each case, and whether the stop rule fires. A
/// record of schema 1 does not know them: they are absent, or empty.
fn from_1_to_2(record: &mut Map<String, Value>) {
    record.entry("converged").or_insert(Value::Null);
    let cases = record.get_mut("cases").and_then(Value::as_array_mut);
    for case in cases.into_iter().flatten() {
        if let Some(case) = case.as_object_mut() {
            case.entry("sr2_mean_dice").or_insert(Value::Null);
            case.entry("uncertainty").or_insert(json!([]));
        }
    }
}

/// Schema 3 scores more of each case, and says whether a round was evaluated: until then all were.
fn from_2_to_3(record: &mut Map<String, Value>) {
    record.entry("evaluated").or_insert(json!(true));
    record.entry("annotated_contour_mm").or_insert(json!(0.0));
    let cases = record.get_mut("cases").and_then(Value::as_array_mut);
    for case in cases.into_iter().flatten() {
        if let Some(case) = case.as_object_mut() {
            for list in [
                "unannotated_dice",
                "hd95_mm",
                "foreground_entropy",
                "true_voxels",
                "predicted_voxels",
            ] {
                case.entry(list).or_insert(json!([]));
            }
            case.entry("own_grid").or_insert(Value::Null);
        }
    }
}

/// Reads one line of a ledger, of any schema that is known; `Err` says what is wrong with it.
pub(crate) fn read(line: &[u8]) -> Result<RoundRecord, String> {
    // Almost always it is of today's schema: then it is read once.
    let mut record = serde_json::from_slice::<RoundRecord>(line);
    let schema = match &record {
        Ok(record) => Some(record.schema),
        Err(_) => stated(line),
    };
    let schema = schema.unwrap_or(SCHEMA);
    if let Some(problem) = unknown(schema) {
        return Err(problem);
    }
    if schema < SCHEMA {
        record = raised(line, (SCHEMA - schema) as usize);
    }
    record.map_err(|error| {
        // serde counts lines within the line.
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        format!(
            "expected a record of a round, got: {reason}; delete this file and the run is trained again"
        )
    })
}

/// Reads a record that the last `steps` of [`STEPS`] bring to today's schema.
fn raised(line: &[u8], steps: usize) -> serde_json::Result<RoundRecord> {
    let mut record: Map<String, Value> = serde_json::from_slice(line)?;
    for step in &STEPS[STEPS.len() - steps..] {
        step(&mut record);
    }
    record.insert("schema".to_owned(), json!(SCHEMA));
    serde_json::from_value(Value::Object(record))
}

/// What is wrong with `schema`, if it is not one that can be read.
pub(crate) fn unknown(schema: u32) -> Option<String> {
    let known = (OLDEST..=SCHEMA).contains(&schema);
    (!known).then(|| format!("expected schema {OLDEST} to {SCHEMA}, got {schema}"))
}

/// The schema that a JSON object states; nothing where it is no object, or states none.
pub(crate) fn stated(object: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Stated {
        schema: u32,
    }
    let stated: Stated = serde_json::from_slice(object).ok()?;
    Some(stated.schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line as schema 1 had it (commit 4830f1c).
    const OF_SCHEMA_1: &str = r#"{"schema":1,"task":"tissue-segmentation","model":"unet","strategy":"random","seed":18446744073709551615,"round":1,"ratio":0.5,"annotated_slices":1,"total_slices":2,"annotated_foreground_voxels":3,"total_foreground_voxels":9,"steps":20,"loss":0.1,"mean_p":null,"queries":[{"case":"a","slices":[0],"scores":[0.1]}],"cases":[{"case":"a","part":"A","dice":[["csf",0.3]],"mean_dice":0.3,"p":null,"r":[0.5,0.25],"foreground":[true,false],"annotated":[true,false]}]}"#;

    #[test]
    fn a_record_of_schema_1_is_read_with_what_it_lacks_absent() {
        let record = read(OF_SCHEMA_1.as_bytes()).unwrap();
        assert_eq!((record.schema, record.seed), (SCHEMA, u64::MAX));
        assert_eq!(
            (record.loss, record.converged, record.evaluated),
            (0.1, None, true)
        );
        let case = &record.cases[0];
        assert_eq!((case.sr2_mean_dice, case.mean_dice), (None, Some(0.3)));
        assert_eq!(case.uncertainty, Vec::<f64>::new());
        // From there on it is a record like any other.
        let line = serde_json::to_vec(&record).unwrap();
        assert_eq!(read(&line).unwrap(), record);
    }

    #[test]
    fn every_schema_from_the_oldest_to_todays_is_known_and_no_other() {
        assert_eq!(OLDEST, 1);
        for schema in OLDEST..=SCHEMA {
            assert_eq!(unknown(schema), None);
        }
        for schema in [OLDEST - 1, SCHEMA + 1] {
            let line = OF_SCHEMA_1.replacen("1", &schema.to_string(), 1);
            let problem = read(line.as_bytes()).unwrap_err();
            assert_eq!(
                problem,
                format!("expected schema 1 to {SCHEMA}, got {schema}")
            );
        }
    }

    #[test]
    fn what_is_no_record_of_its_schema_is_refused() {
        for (from, to) in [
            (r#""round":1,"#, ""),
            (r#""ratio":0.5"#, r#""ratio":0.5,"new":1"#),
            (r#""cases":[{"#, r#""cases":[3,{"#),
        ] {
            let line = OF_SCHEMA_1.replacen(from, to, 1);
            assert_ne!(line, OF_SCHEMA_1);
            let problem = read(line.as_bytes()).unwrap_err();
            assert!(
                problem.starts_with("expected a record of a round, got: "),
                "{problem}"
            );
            assert!(
                problem.ends_with("and the run is trained again"),
                "{problem}"
            );
        }
        assert!(read(b"rubbish\n").is_err());
    }
}
