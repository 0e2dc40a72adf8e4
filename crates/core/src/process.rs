//! A program of the user's own that answers lines with lines.

use crate::hash::hex;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// The longest answer that is read, in bytes: a score takes some 20, and no volume has a million
/// slices.
const LONGEST: u64 = 32 << 20;

/// A running program. It is ended when this is dropped.
pub struct Process {
    child: Child,
    /// `None` once the program has been told to end.
    input: Option<ChildStdin>,
    /// Lines of its standard output.
    answers: Receiver<std::io::Result<String>>,
    /// A folder for the files that questions name.
    folder: TempDir,
}

impl Process {
    /// Starts a program. Its standard error goes where ours goes.
    ///
    /// # Errors
    /// It cannot be started, or there is no room for files, in words.
    pub fn start(command: &[String]) -> Result<Self, String> {
        let words = command.join(" ");
        let folder = tempfile::Builder::new()
            .prefix("slicewise-")
            .tempdir()
            .map_err(|error| format!("a folder for files cannot be made: {error}"))?;
        let (program, arguments) = command.split_first().ok_or("there is no command")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("`{words}` cannot be started: {error}"))?;
        let (sender, answers) = channel();
        let input = child.stdin.take();
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || {
                let mut output = BufReader::new(output);
                loop {
                    let mut line = String::new();
                    let read = output.by_ref().take(LONGEST).read_line(&mut line);
                    let more = matches!(read, Ok(1..));
                    // An end of the output is the end of the channel.
                    if !matches!(read, Ok(0)) && sender.send(read.map(|_| line)).is_err() {
                        return;
                    }
                    if !more {
                        return;
                    }
                }
            });
        }
        Ok(Self {
            child,
            input,
            answers,
            folder,
        })
    }

    /// The folder for files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks a question, one line, and waits for the answer, one line. Returns it with the process, which
    /// can be asked again.
    ///
    /// # Errors
    /// The program ended, or gave no answer in time, in words. It is ended then.
    pub fn ask(mut self, question: &str, timeout: Duration) -> Result<(String, Self), String> {
        let written = match &mut self.input {
            Some(input) => writeln!(input, "{question}").and_then(|()| input.flush()),
            None => Ok(()),
        };
        // A program that has ended closes its input; how it ended is the better message.
        if written.is_err() {
            return Err(self.end());
        }
        match self.answers.recv_timeout(timeout) {
            Ok(Ok(line)) => Ok((line.trim().to_owned(), self)),
            Ok(Err(error)) => Err(format!("its answer cannot be read: {error}")),
            Err(RecvTimeoutError::Timeout) => Err(format!(
                "expected an answer within {} s, got none; the program was ended; if it needs longer, \
                 raise timeout_s",
                timeout.as_secs_f64()
            )),
            Err(RecvTimeoutError::Disconnected) => Err(self.end()),
        }
    }

    /// Waits for a program that has closed its output, and says how it ended.
    fn end(&mut self) -> String {
        self.input = None;
        // It may have closed its output and go on: it is not waited for longer than this.
        for _ in 0..50 {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    return format!(
                        "expected an answer, got none: the program ended with {status}; what it said is \
                         in the run's log"
                    );
                }
                Ok(None) => thread::sleep(Duration::from_millis(20)),
                Err(error) => return format!("the program is lost: {error}"),
            }
        }
        "expected an answer, got none: the program closed its output".to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // With its input closed a well-behaved program ends by itself; a hung one does not.
        self.input = None;
        for _ in 0..10 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the SHA-256, in hexadecimal, of a command's words and of each file that one of them names.
pub fn sha256_of(command: &[String]) -> String {
    let mut hasher = Sha256::new();
    for word in command {
        let file = fs::read(word).unwrap_or_default();
        for part in [word.as_bytes(), &file] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    hex(&hasher.finalize())
}

/// Endings of files that a command's words name, if they name any: programs that another one reads.
const SCRIPTS: [&str; 6] = ["py", "R", "r", "jl", "sh", "pl"];

/// Says what a command needs that is not there, so that this is known before hours of work and not
/// after: the program itself, or a script among its words. `None` if all is there.
pub fn missing(command: &[String]) -> Option<String> {
    let (program, words) = command.split_first()?;
    let is_path = program.contains('/');
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    if is_path && !Path::new(program).exists() {
        return Some(format!("{program}, which is not there"));
    }
    if !is_path && !folders.any(|folder| folder.join(program).exists()) {
        return Some(format!("{program}, which is in no folder of PATH"));
    }
    let is_script = |word: &&String| {
        let ending = Path::new(word)
            .extension()
            .and_then(|ending| ending.to_str());
        // Text with blanks is a script itself, as behind `sh -c`.
        let names_a_file = !word.starts_with('-') && !word.contains(char::is_whitespace);
        names_a_file && ending.is_some_and(|ending| SCRIPTS.contains(&ending))
    };
    let lost = words
        .iter()
        .filter(is_script)
        .find(|word| !Path::new(word).exists())?;
    Some(format!("{lost}, which is not there"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_lacks_is_known_before_it_is_started() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("mine.py");
        let missing = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            super::missing(&words)
        };
        let script_name = script.display().to_string();
        assert_eq!(
            missing(&["sh", &script_name]),
            Some(format!("{script_name}, which is not there"))
        );
        fs::write(&script, "").unwrap();
        assert_eq!(missing(&["sh", &script_name, "--model", "none"]), None);
        assert_eq!(missing(&["sh", "-c", "echo a.py"]), None);
        assert_eq!(
            missing(&["shh"]),
            Some("shh, which is in no folder of PATH".to_owned())
        );
        assert_eq!(
            missing(&["./no/such"]),
            Some("./no/such, which is not there".to_owned())
        );
    }
}
