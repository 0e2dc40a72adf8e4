//! Who works on something that one process at a time may write: a results folder, the ledger of a run,
//! a project. The holder is a file that all hosts which share the folder see.
//!
//! The file says which process holds it, and is renewed every 10 seconds ([`RENEWAL`]). It appears whole
//! and only where there is none, so of two processes one gets it. A holder is dead if its process is
//! gone from this host, or if it is of another host and was not renewed for 60 seconds ([`TAKEOVER`]);
//! whoever comes next takes its place. Ages are differences between times that the file system gave to
//! two files, so clocks of hosts may differ.
//!
//! No lock of the system is used: on a shared file system, one host's kernel may not know of another's.

use crate::error::ExperimentError;
use crate::place::{self, Place};
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use slicewise_core::write::temporary_beside;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};
use tempfile::NamedTempFile;

/// Time between two renewals of a holder's file.
pub const RENEWAL: Duration = Duration::from_secs(10);

/// A holder on another host that was not renewed for this long is dead.
pub const TAKEOVER: Duration = Duration::from_secs(60);

/// Time between two looks at a holder of another host that may be dead.
const LOOK: Duration = Duration::from_millis(500);

/// What a holder's file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Host, process, and what tells the process from later ones of the same number.
    #[serde(flatten)]
    pub place: Place,
    /// Counts the holders of one process, from 0.
    serial: usize,
    /// Since when, in seconds of 1970.
    pub since: i64,
    /// Training steps that the run had done when it was taken, and has done at the last renewal; `None`
    /// before its first step, and where what is held is no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<(usize, usize)>,
}

impl Holding {
    /// Whether both are the same holder, at two times.
    fn is(&self, other: &Self) -> bool {
        self.place == other.place && self.serial == other.serial && self.since == other.since
    }
}

impl std::fmt::Display for Holding {
    /// Such as `process 12 on HOST, since 2026-11-25 02:40:12 UTC`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since = DateTime::from_timestamp(self.since, 0).unwrap_or_default();
        write!(f, "{}, since {}", self.place, since.format("%F %T UTC"))
    }
}

/// A holder's file as somebody else finds it.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it says; `None` if an older version wrote it, or nothing that can be read.
    pub holding: Option<Holding>,
    /// Its text.
    text: String,
    /// Time of its last renewal, as the file system gave it.
    pub renewed: SystemTime,
}

impl Found {
    /// Reads the holder's file at `path`; `None` if there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let read = || -> io::Result<Self> {
            // Opening asks a file server anew; what is known of a path alone may be a minute old.
            let mut file = File::open(path)?;
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            let renewed = file.metadata()?.modified()?;
            let holding = serde_json::from_str(&text).ok();
            Ok(Self {
                holding,
                text,
                renewed,
            })
        };
        match read() {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the holder lives, as far as can be known at the file system's time `now`.
    pub fn lives(&self, now: SystemTime) -> bool {
        let here = self.holding.as_ref().and_then(|held| held.place.is_alive());
        here.unwrap_or_else(|| {
            let age = now.duration_since(self.renewed).unwrap_or_default();
            age <= TAKEOVER
        })
    }

    /// Whether the holder is of a host whose processes are not seen from here.
    fn is_elsewhere(&self) -> bool {
        let holding = self.holding.as_ref();
        holding.is_none_or(|held| held.place.is_alive().is_none())
    }

    /// Which process it is, in words.
    pub fn name(&self) -> String {
        let text = || self.text.trim().to_owned();
        self.holding.as_ref().map_or_else(text, Holding::to_string)
    }

    fn same(&self, other: &Self) -> bool {
        match (&self.holding, &other.holding) {
            (Some(one), Some(other)) => one.is(other),
            _ => self.text == other.text,
        }
    }
}

/// Returns the live holder that the file at `path` names, if any. It only reads, so it compares the
/// file's time with this host's clock.
pub fn live(path: &Path) -> Option<Found> {
    let found = Found::read(path).ok().flatten()?;
    found.lives(SystemTime::now()).then_some(found)
}

/// Result of [`Holder::take`].
#[derive(Debug)]
pub enum Taken {
    /// It is ours, until the holder is dropped.
    Ours {
        /// Ours.
        holder: Holder,
        /// The name of the dead holder in whose place we are.
        before: Option<String>,
    },
    /// Another process holds it: its name.
    Theirs(String),
}

/// Holds what a file stands for, until it is dropped.
#[derive(Debug)]
pub struct Holder {
    shared: Arc<Shared>,
    renewing: Option<(Sender<()>, JoinHandle<()>)>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    holding: Holding,
    begun: OnceLock<usize>,
    done: AtomicUsize,
    lost: AtomicBool,
}

impl Holder {
    /// Takes the file at `path`, in a folder that exists. If one on another host holds it and may be
    /// dead, waits until it is renewed or is [`TAKEOVER`] old.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn take(path: &Path) -> Result<Taken, ExperimentError> {
        Self::try_take(path).map_err(ExperimentError::io(path))
    }

    fn try_take(path: &Path) -> io::Result<Taken> {
        static SERIAL: AtomicUsize = AtomicUsize::new(0);
        let holding = Holding {
            place: place::here().clone(),
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            since: seconds(SystemTime::now()),
            steps: None,
        };
        let mut first_seen: Option<Found> = None;
        loop {
            let new = written(path, &holding)?;
            let Some(found) = Found::read(path)? else {
                match new.persist_noclobber(path) {
                    Ok(_) => return Ok(Self::ours(path, holding, None)),
                    // Somebody was faster.
                    Err(error) if error.error.kind() == ErrorKind::AlreadyExists => continue,
                    Err(error) => return Err(error.error),
                }
            };
            let now = new.as_file().metadata()?.modified()?;
            if !found.lives(now) {
                if replace_dead(path, new, &found)? {
                    return Ok(Self::ours(path, holding, Some(found.name())));
                }
                thread::sleep(LOOK);
                continue;
            }
            let seen = first_seen.get_or_insert_with(|| found.clone());
            if !found.is_elsewhere() || !seen.same(&found) || seen.renewed != found.renewed {
                return Ok(Taken::Theirs(found.name()));
            }
            thread::sleep(LOOK);
        }
    }

    fn ours(path: &Path, holding: Holding, before: Option<String>) -> Taken {
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            holding,
            begun: OnceLock::new(),
            done: AtomicUsize::new(0),
            lost: AtomicBool::new(false),
        });
        let (end, ended) = mpsc::channel();
        let renewed = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let mut last = Instant::now();
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if last.elapsed() >= RENEWAL {
                    renewed.renew();
                    last = Instant::now();
                }
            }
        });
        let holder = Self {
            shared,
            renewing: Some((end, thread)),
        };
        Taken::Ours { holder, before }
    }

    /// Notes that the run that is held has done `done` training steps, for whoever looks. 0 is none: steps
    /// that are trained again because a checkpoint was lost.
    pub fn note_steps(&self, done: usize) {
        if done == 0 {
            return;
        }
        self.shared.begun.get_or_init(|| done);
        self.shared.done.store(done, Ordering::Relaxed);
    }

    /// Whether somebody else took it over, because it was not renewed for long: this host stood still, or
    /// did not reach the file system.
    pub fn is_lost(&self) -> bool {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Fails if the file is no longer ours. Whoever is about to write what it stands for asks first.
    ///
    /// # Errors
    /// Somebody else holds it.
    pub fn check(&self) -> Result<(), ExperimentError> {
        self.shared.look();
        if self.is_lost() {
            let path = self.shared.path.clone();
            return Err(ExperimentError::TakenOver { path });
        }
        Ok(())
    }
}

impl Shared {
    /// Notes whether the file is still ours.
    fn look(&self) {
        // Where it cannot be read, the next look may tell.
        if let Ok(found) = Found::read(&self.path) {
            let held = found.and_then(|found| found.holding);
            if !held.is_some_and(|held| held.is(&self.holding)) {
                self.lost.store(true, Ordering::Relaxed);
            }
        }
    }

    fn renew(&self) {
        self.look();
        if self.lost.load(Ordering::Relaxed) {
            return;
        }
        let done = self.done.load(Ordering::Relaxed);
        let steps = self.begun.get().map(|&begun| (begun, done));
        let holding = Holding {
            steps,
            ..self.holding.clone()
        };
        // What fails now may succeed at the next renewal.
        if let Ok(file) = written(&self.path, &holding) {
            let _ = file.persist(&self.path);
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.renewing.take() {
            drop(end);
            let _ = thread.join();
        }
        if self.check().is_ok() {
            // If it cannot be removed, the next process sees that ours is gone.
            let _ = fs::remove_file(&self.shared.path);
        }
    }
}

/// Returns a time in seconds of 1970.
pub fn seconds(time: SystemTime) -> i64 {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH);
    since_1970.map_or(0, |age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
}

/// Writes a holder's text beside `path`.
fn written(path: &Path, holding: &Holding) -> io::Result<NamedTempFile> {
    let file = temporary_beside(path, ".partial")?;
    let text = serde_json::to_string(holding)? + "\n";
    file.as_file().write_all(text.as_bytes())?;
    Ok(file)
}

/// Puts `new` in place of the file at `path` if `dead` is still in it. A second file, which only one
/// process can make, keeps others from doing so at the same time.
fn replace_dead(path: &Path, new: NamedTempFile, dead: &Found) -> io::Result<bool> {
    let mut turn = path.as_os_str().to_owned();
    turn.push(".takeover");
    let turn = PathBuf::from(turn);
    match File::create_new(&turn) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // Whoever made it may have been killed since.
            let now = new.as_file().metadata()?.modified()?;
            let made = fs::metadata(&turn).and_then(|made| made.modified());
            if made.is_ok_and(|made| now.duration_since(made).unwrap_or_default() > TAKEOVER) {
                let _ = fs::remove_file(&turn);
            }
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    let replaced = match Found::read(path) {
        Ok(Some(found)) if found.same(dead) => {
            new.persist(path).map(|_| true).map_err(|error| error.error)
        }
        Ok(_) => Ok(false),
        Err(error) => Err(error),
    };
    fs::remove_file(&turn)?;
    replaced
}

#[cfg(test)]
mod tests;
