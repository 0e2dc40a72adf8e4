//! Tests that a sweep that is killed or stopped ends with the same records.

use crate::program::succeed;
use crate::sweep::{records, smoke, sweep};
use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_killed_sweep_goes_on_to_the_same_records() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("killed");
    let mut child = sweep(&out, "2")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Killed once a few rounds are on disk, wherever it then is.
    wait_for(&mut child, || {
        let records = records(&out);
        records.values().filter(|bytes| !bytes.is_empty()).count() >= 4
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let before = records(&out);
    assert!(
        before != records(&smoke().join("smoke")),
        "it was whole already"
    );
    // Its workers end by themselves at their next step. The next sweep waits for that.
    succeed(&mut sweep(&out, "2"));
    let (expected, after) = (records(&smoke().join("smoke")), records(&out));
    for (name, bytes) in &expected {
        assert!(after.get(name) == Some(bytes), "{} differs", name.display());
    }
}

/// Waits until `ready`. A sweep that ends before, or four minutes, are waited for no longer.
fn wait_for(sweep: &mut Child, ready: impl Fn() -> bool) {
    let started = Instant::now();
    while !ready() {
        let ended = sweep.try_wait().unwrap();
        assert!(ended.is_none(), "the sweep has ended: {ended:?}");
        let waited = started.elapsed();
        assert!(waited < Duration::from_secs(240), "nothing in {waited:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
#[should_panic(expected = "the sweep has ended")]
fn a_sweep_that_dies_is_waited_for_no_longer() {
    let mut dead = Command::new("false").spawn().unwrap();
    wait_for(&mut dead, || false);
}

/// Returns how often the sweep is killed: 25 times, or `SLICEWISE_KILLS` in the long mode.
fn kills() -> usize {
    std::env::var("SLICEWISE_KILLS").map_or(25, |text| text.parse().unwrap())
}

/// Kills the sweep and its workers at once, as a power cut would.
fn kill_all(sweep: &mut Child) {
    let mut doomed = vec![sweep.id().to_string()];
    for entry in fs::read_dir("/proc").unwrap() {
        let Ok(stat) = fs::read_to_string(entry.unwrap().path().join("stat")) else {
            continue;
        };
        // The line is: pid (name) state parent …
        let parent = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1);
        if parent == Some(doomed[0].as_str()) {
            doomed.push(stat.split_whitespace().next().unwrap().to_owned());
        }
    }
    // A worker that ended in the meantime is no failure.
    let _ = Command::new("kill").arg("-9").args(&doomed).output();
    sweep.wait().unwrap();
}

#[test]
fn a_sweep_killed_at_random_moments_ends_with_the_same_records() {
    let expected = records(&smoke().join("smoke"));
    let scratch = tempfile::tempdir().unwrap();
    let mut generator = 20_261_124_u64;
    let (mut killed, mut whole) = (0, 0);
    let mut out = scratch.path().join("0");
    while killed < kills() || whole == 0 {
        generator = generator
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let delay = Duration::from_millis(50 + (generator >> 33) % 2500);
        let mut child = sweep(&out, "2")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let started = Instant::now();
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            let waited = started.elapsed();
            assert!(waited < Duration::from_secs(600), "no end in {waited:?}");
            if killed < kills() && waited > delay {
                kill_all(&mut child);
                killed += 1;
                break None;
            }
            thread::sleep(Duration::from_millis(5));
        };
        let Some(status) = ended else { continue };
        let mut stderr = String::new();
        child.stderr.unwrap().read_to_string(&mut stderr).unwrap();
        assert!(status.success(), "after {killed} kills: {stderr}");
        assert!(
            records(&out) == expected,
            "after {killed} kills: {}",
            out.display()
        );
        whole += 1;
        out = scratch.path().join(whole.to_string());
    }
}

#[test]
fn a_sweep_told_to_stop_saves_says_how_to_go_on_and_does() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("stopped");
    let mut child = sweep(&out, "2").stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&mut child, || !records(&out).is_empty());
    let pid = child.id().to_string();
    succeed(Command::new("kill").args(["-INT", &pid]));
    let status = child.wait().unwrap();
    let mut stderr = String::new();
    child.stderr.unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    let last = stderr.lines().last().unwrap();
    assert_eq!(
        last,
        format!(
            "slicewise: stopped; go on with: slicewise sweep experiments/smoke.yaml --device cpu --out {}",
            out.display()
        )
    );
    succeed(&mut sweep(&out, "2"));
    assert!(records(&out) == records(&smoke().join("smoke")));
}
