//! A project whose commands are killed at any moment: its history is whole, and the same commands end in
//! the same state.

use crate::drawn::Stage;
use crate::program::{run, succeed};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Kills of each of four commands.
const ROUNDS: u64 = 13;

/// What the commands leave: every file that does not hold a time, by its name and SHA-256 or content.
fn state(stage: &Stage) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in [
        "heads/annotations",
        "heads/models",
        "heads/submitted",
        "heads/scans",
        "export",
    ] {
        collect(&stage.path(folder), folder, &mut found);
    }
    let status = succeed(&mut stage.command(&["status", "--json"]));
    found.insert("status".to_owned(), status.into_bytes());
    found
}

fn collect(folder: &Path, name: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{name}/{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            collect(&path, &name, found);
        } else if path.extension().is_some_and(|ending| ending == "jsonl") {
            // The losses of training are noted piece by piece; a piece that is done again is noted again.
        } else {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
}

/// Begins anew, with the drawings of `answered` in place.
fn ready(stage: &Stage) {
    for folder in ["heads", "export"] {
        let _ = fs::remove_dir_all(stage.path(folder));
    }
    fs::create_dir(stage.path("heads")).unwrap();
}

const INIT: &[&str] = &[
    "init",
    "../data/scans",
    "--classes",
    "one,two",
    "--name",
    "heads",
    "--steps",
    "12",
];

/// The settings that suit a test: a small network and one thread.
fn settle(stage: &Stage) {
    let path = stage.path("heads/slicewise.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().map(|line| match line.split_once(':') {
        Some(("model", _)) => "model: {architecture: unet, base_width: 4, levels: 2}",
        Some(("training", _)) => "training: {crop: [16, 16, 16], precision: float32}",
        Some(("threads", _)) => "threads: 1",
        Some(("device", _)) => "device: cpu",
        _ => line,
    });
    let lines: Vec<&str> = lines.collect();
    fs::write(&path, lines.join("\n")).unwrap();
}

/// Copies the drawings into the task that was handed out.
fn draw(stage: &Stage, drawings: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in drawings {
        fs::write(stage.path(&format!("heads/tasks/r01/{name}")), bytes).unwrap();
    }
}

#[test]
fn commands_that_are_killed_end_in_the_same_state() {
    let Some(stage) = Stage::new(2) else {
        return;
    };
    // Undisturbed, with the time that each command takes.
    let timed = |arguments: &[&str]| {
        let started = Instant::now();
        succeed(&mut stage.command(arguments));
        started.elapsed()
    };
    let ask = ["ask", "--at", "phantom-01:9,phantom-01:14,phantom-02:11"];
    let commands: [&[&str]; 4] = [
        INIT,
        &["import"],
        &["train"],
        &["export", "nnunet", "../export"],
    ];
    ready(&stage);
    let mut times = vec![timed(commands[0])];
    settle(&stage);
    succeed(&mut stage.command(&ask));
    stage.expert(&["answer", "heads/tasks/r01", "data/truth"]);
    let mut drawings = BTreeMap::new();
    for case in ["phantom-01", "phantom-02"] {
        for name in ["labels.nii.gz", "labels.seg.nrrd"] {
            let name = format!("{case}/{name}");
            if let Ok(bytes) = fs::read(stage.path(&format!("heads/tasks/r01/{name}"))) {
                drawings.insert(name, bytes);
            }
        }
    }
    times.extend(commands[1..].iter().map(|command| timed(command)));
    let expected = state(&stage);
    assert!(
        expected
            .keys()
            .any(|name| name.ends_with("/weights.safetensors"))
    );
    assert!(
        expected
            .keys()
            .any(|name| name.starts_with("export/labelsTr/"))
    );

    // Multiples of the golden ratio lie evenly, whatever their number.
    let moment = |kill: u64| (kill as f64 * 0.618_033_988_7).fract();
    let mut killed = 0;
    for round in 0..ROUNDS {
        ready(&stage);
        for (place, command) in commands.iter().enumerate() {
            let share = moment(round * 4 + place as u64 + 1);
            let delay = Duration::from_secs_f64(times[place].as_secs_f64() * share);
            let mut child = stage.command(command);
            child.stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = child.spawn().unwrap();
            std::thread::sleep(delay);
            killed += u32::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
            // The history is whole whenever there is one.
            if stage.path("heads/history.jsonl").exists() && place > 0 {
                succeed(&mut stage.command(&["log"]));
            }
            let (code, out, error) = run(&mut stage.command(command));
            assert_eq!(
                code, 0,
                "{command:?} after a kill at {delay:?}: {out}{error}"
            );
            if place == 0 {
                settle(&stage);
                succeed(&mut stage.command(&ask));
                draw(&stage, &drawings);
            }
        }
        let got = state(&stage);
        let names =
            |state: &BTreeMap<String, Vec<u8>>| -> Vec<String> { state.keys().cloned().collect() };
        assert_eq!(names(&got), names(&expected), "round {round}");
        for (name, bytes) in &expected {
            assert!(got[name] == *bytes, "round {round}: {name}");
        }
    }
    eprintln!("{killed} of {} commands were killed at work", 4 * ROUNDS);
    assert!(killed >= 26, "{killed}");
}
