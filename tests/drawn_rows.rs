//! Each row of the table of what an import checks (docs/annotating.md), with the file that a tool would
//! write: the message, and that nothing is lost or taken twice.

use crate::drawn::Stage;
use crate::program::run;
use std::fs;

const CASE: &str = "phantom-01";

/// A project with a task of three slices of one case, and the labels as they were handed out.
struct Desk {
    stage: Stage,
    task: String,
    handed_out: Vec<u8>,
}

impl Desk {
    /// Begins with three slices drawn in a first round, and asks for three more.
    fn new() -> Option<Self> {
        let stage = Stage::new(2)?;
        stage.do_(&[
            "init",
            "../data/scans",
            "--classes",
            "one,two",
            "--name",
            "heads",
        ]);
        stage.do_(&["ask", "--at", "phantom-01:10,phantom-01:13,phantom-01:16"]);
        stage.expert(&["answer", "heads/tasks/r01", "data/truth"]);
        stage.do_(&["import"]);
        stage.do_(&["ask", "--at", "phantom-01:11,phantom-01:12,phantom-01:14"]);
        let task = "heads/tasks/r02".to_owned();
        let path = stage.path(&format!("{task}/{CASE}/labels.nii.gz"));
        let handed_out = fs::read(path).unwrap();
        Some(Self {
            stage,
            task,
            handed_out,
        })
    }

    fn history(&self) -> String {
        fs::read_to_string(self.stage.path("heads/history.jsonl")).unwrap()
    }

    /// Lets the expert answer with this row. Returns what it says.
    fn row(&self, row: &str) -> String {
        let folder = self.stage.path(&format!("{}/{CASE}", self.task));
        let _ = fs::remove_file(folder.join("labels.seg.nrrd"));
        fs::write(folder.join("labels.nii.gz"), &self.handed_out).unwrap();
        let said = self
            .stage
            .expert(&["row", row, &self.task, CASE, "data/truth"]);
        said.trim().to_owned()
    }

    /// Imports. Returns exit code, and all that was said.
    fn import(&self, more: &[&str]) -> (i32, String) {
        let (code, out, error) = run(self.stage.command(&["import", "tasks/r02"]).args(more));
        (code, out + &error)
    }

    /// The row is refused with these words, in one line; nothing is accepted, and the file is kept. Called
    /// again it is refused again, and written down once.
    fn refused(&self, row: &str, expected: &str) {
        let before = self.history();
        self.row(row);
        for _ in 0..2 {
            let (code, said) = self.import(&[]);
            assert_eq!(code, 2, "{row}: {said}");
            let line = said.lines().find(|line| line.contains("refused: "));
            let line = line.unwrap_or_else(|| panic!("{row}: {said}"));
            assert!(line.contains(expected), "{row}: {line}");
        }
        let after = self.history();
        let new = after.strip_prefix(&before).unwrap();
        let count = |event: &str| new.matches(&format!("\"event\":\"{event}\"")).count();
        assert_eq!(
            (count("submit"), count("refuse"), count("accept")),
            (1, 1, 0),
            "{row}: {new}"
        );
        let submit: serde_json::Value = serde_json::from_str(new.lines().next().unwrap()).unwrap();
        let sha256 = submit["sha256"].as_str().unwrap();
        let kept = fs::read_dir(self.stage.path("heads/submitted")).unwrap();
        let mut kept = kept.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(kept.any(|name| name.starts_with(sha256)), "{row}");
    }

    /// The row is accepted with so many slices and these words. Called again nothing is taken twice. Then
    /// all is taken back.
    fn accepted(&self, row: &str, more: &[&str], slices: &[usize], expected: &str) {
        self.row(row);
        self.taken(row, more, slices, expected);
    }

    fn taken(&self, row: &str, more: &[&str], slices: &[usize], expected: &str) {
        let (code, said) = self.import(more);
        assert_eq!(code, 0, "{row}: {said}");
        let list: Vec<String> = slices.iter().map(ToString::to_string).collect();
        if !slices.is_empty() {
            let line = format!("{CASE}: accepted {}\n", list.join(", "));
            assert!(said.contains(&line), "{row}: {said}");
        }
        assert!(
            said.contains(&format!("{} slice(s) accepted", slices.len())),
            "{row}: {said}"
        );
        assert!(said.contains(expected), "{row}: {said}");
        let history = self.history();
        let (code, said) = self.import(more);
        assert!(
            code == 0 && said.contains("0 slice(s) accepted"),
            "{row}: {said}"
        );
        assert_eq!(self.history(), history, "{row}: taken twice");
        for slice in slices.iter().filter(|slice| ![10, 13, 16].contains(*slice)) {
            self.stage.do_(&["retract", &format!("{CASE}:{slice}")]);
        }
    }
}

#[test]
fn each_row_of_the_table_of_imports() {
    let Some(desk) = Desk::new() else {
        return;
    };
    let all = [11, 12, 14];
    desk.accepted(
        "as it should be",
        &[],
        &all,
        "3 slice(s) accepted from 1 file(s)",
    );
    desk.refused(
        "another shape",
        "saved on another grid; export it with the image as reference volume",
    );
    desk.refused(
        "moved",
        "2.00 mm (0.40 voxels) away; draw on the image that was handed out",
    );
    desk.refused("no position", "import it with --by-index");
    desk.taken("no position", &["--by-index"], &all, "taken by its voxels");
    desk.refused(
        "unknown value",
        "got 9 in 3 voxels, the first on slice 11 (ITK-SNAP 12)",
    );
    desk.taken("unknown value", &["--map", "9=2"], &all, "");
    desk.refused(
        "renumbered",
        "look renumbered (1 lies on two, 2 lies on one)",
    );
    desk.taken("renumbered", &["--map", "1=2,2=1"], &all, "");
    desk.refused(
        "fractions",
        "smoothed or resampled; turn interpolation off when saving",
    );
    desk.refused("frames", "expected a 3D volume (or 4D with one frame), got");
    desk.accepted("one frame", &[], &all, "");
    desk.refused("a scan", "which looks like a scan; give the segmentation");
    desk.refused("overlap", "expected segments that do not overlap, got");
    desk.refused("unnamed segment", "got \"Segment_2\"; rename it");
    desk.accepted(
        "stray",
        &[],
        &all,
        "dropped a few voxels on slices that were not asked for: ",
    );
    let other = desk.row("not asked");
    desk.taken(
        "not asked",
        &[],
        &all,
        &format!("`slicewise import --also {other}` takes them in"),
    );
    let slice: usize = other.rsplit(':').next().unwrap().parse().unwrap();
    let mut with = all.to_vec();
    with.push(slice);
    with.sort_unstable();
    desk.taken("not asked", &["--also", &other], &with, "");
    let half = desk.row("half done");
    assert_eq!(half, "phantom-01:14");
    desk.taken(
        "half done",
        &[],
        &[11, 12],
        "slice 14 still waits: nothing is drawn on it",
    );
    desk.taken("half done", &["--empty", "phantom-01:14"], &all, "");
    desk.accepted(
        "missing class",
        &[],
        &all,
        "warning: slice 12 (ITK-SNAP 13) has no two, which slices",
    );

    // As it was handed out: nothing is written down.
    let before = desk.history();
    fs::write(
        desk.stage
            .path(&format!("{}/{CASE}/labels.nii.gz", desk.task)),
        &desk.handed_out,
    )
    .unwrap();
    let (code, said) = desk.import(&[]);
    assert!(
        code == 0 && said.contains("1 of which as handed out or known; 3 wait"),
        "{said}"
    );
    assert_eq!(desk.history(), before);

    // An answer of the first round that was changed is a new version of it.
    let task = desk.stage.path("heads/tasks/r01");
    let first = fs::read(task.join(CASE).join("labels.nii.gz")).unwrap();
    desk.stage
        .expert(&["row", "changed", "heads/tasks/r01", CASE, "data/truth"]);
    let said = desk.stage.do_(&["import", "tasks/r01"]);
    assert!(
        said.contains("slice 10 supersedes that of round 1"),
        "{said}"
    );
    assert_ne!(
        fs::read(task.join(CASE).join("labels.nii.gz")).unwrap(),
        first
    );

    // The scan changed since: the project's copy counts.
    let scan = desk.stage.path("data/scans/phantom-01.nii.gz");
    let other = fs::read(desk.stage.path("data/scans/phantom-02.nii.gz")).unwrap();
    fs::write(scan, other).unwrap();
    let (code, said) = desk.import(&[]);
    assert_eq!(code, 0, "{said}");
    let warning = "warning: the scan of phantom-01 has changed or is gone since it joined";
    assert!(said.contains(warning), "{said}");
}
