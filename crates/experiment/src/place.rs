//! Where a process runs, so that a later one can tell whether it still does.
//!
//! Linux says it in `/proc`. Elsewhere no process is known to live or to be gone, and a holder counts as
//! dead once it is not renewed ([`crate::holder`]).

use serde::{Deserialize, Serialize};
use std::fs;
use std::sync::OnceLock;

/// A process, and where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Name of the host.
    pub host: String,
    /// What tells this host's processes from those of others, and of containers on it: the identity of
    /// the running system and of its space of process numbers. Empty where it is not known.
    space: String,
    /// Number of the process.
    pub process: u32,
    /// When the process started, in the system's ticks: numbers of processes are given again.
    started: u64,
}

/// Returns this process.
pub fn here() -> &'static Place {
    static HERE: OnceLock<Place> = OnceLock::new();
    HERE.get_or_init(|| {
        let process = std::process::id();
        let host = read("/proc/sys/kernel/hostname").or_else(|| std::env::var("HOSTNAME").ok());
        Place {
            host: host.unwrap_or_else(|| "this host".to_owned()),
            space: space().unwrap_or_default(),
            process,
            started: started(process).unwrap_or_default(),
        }
    })
}

impl Place {
    /// Returns whether the process lives; `None` if its processes are not seen from here.
    pub fn is_alive(&self) -> Option<bool> {
        let seen = !self.space.is_empty() && self.space == here().space;
        seen.then(|| started(self.process) == Some(self.started))
    }
}

impl std::fmt::Display for Place {
    /// Such as `process 12 on HOST`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.process, self.host)
    }
}

fn read(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn space() -> Option<String> {
    let boot = read("/proc/sys/kernel/random/boot_id")?;
    let processes = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{boot} {}", processes.display()))
}

/// Returns when a process started; `None` if there is none, or it has ended and is only remembered.
fn started(process: u32) -> Option<u64> {
    let text = read(&format!("/proc/{process}/stat"))?;
    // The second field is the program's name in brackets, which may hold blanks and brackets.
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // The state is the third field of `proc(5)`, the start the 22nd.
    fields.nth(22 - 4)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_lives_until_it_ends_and_its_number_alone_is_not_it() {
        assert_eq!(here().is_alive(), Some(true));
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let of_child = Place {
            process: child.id(),
            started: started(child.id()).unwrap(),
            ..here().clone()
        };
        assert_eq!(of_child.is_alive(), Some(true));
        let later = Place {
            started: of_child.started + 1,
            ..of_child.clone()
        };
        assert_eq!(later.is_alive(), Some(false));
        child.kill().unwrap();
        // Killed, and not yet waited for.
        let gone = || of_child.is_alive() == Some(false);
        while !gone() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(gone());
        let elsewhere = Place {
            space: "another".to_owned(),
            ..of_child
        };
        assert_eq!(elsewhere.is_alive(), None);
    }
}
