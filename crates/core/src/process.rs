//! A program of the user's own that answers lines with lines.

use crate::hash::hex;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// The longest answer that is read, in bytes: a score takes some 20, and no volume has a million
/// slices.
const LONGEST: u64 = 32 << 20;
/// So many characters of an answer are quoted in a message.
const QUOTED: usize = 60;

/// Seconds that a program may be given for an answer.
pub const TIMEOUTS_S: RangeInclusive<f64> = 1e-3..=1e6;
/// The same range in words.
pub const TIMEOUTS_IN_WORDS: &str = "0.001 to 1000000";

/// A running program. It is ended when this is dropped, and what it started with it.
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
    /// Starts a program, in a process group of its own. Its standard error goes where ours goes.
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
            .process_group(0)
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
    /// The program ended, gave no answer in time, or had answered before it was asked, in words. It is
    /// ended then.
    pub fn ask(mut self, question: &str, timeout: Duration) -> Result<(String, Self), String> {
        // Taken for the answer to this question, such a line would shift all later answers by one.
        if let Ok(Ok(line)) = self.answers.try_recv() {
            return Err(format!(
                "expected one line for each question, got {} before the question: the program answered \
                 twice or unasked; what is no answer belongs on standard error",
                quoted(line.trim())
            ));
        }
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
        // A wrapper's child would live on if the wrapper alone were killed. The program is not waited
        // for yet, so the number is still that of its group.
        let group = i32::try_from(self.child.id()).map(Pid::from_raw);
        if group.map(|group| killpg(group, Signal::SIGKILL)) != Ok(Ok(())) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Quotes the beginning of what a program wrote.
pub fn quoted(text: &str) -> String {
    let beginning: String = text.chars().take(QUOTED).collect();
    let ellipsis = match beginning.len() < text.len() {
        true => "…",
        false => "",
    };
    format!("`{beginning}{ellipsis}`")
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

/// Endings of files that a command's words name, if they name any, and the programs that read them.
const SCRIPTS: [(&str, &str); 6] = [
    ("py", "python3"),
    ("R", "Rscript"),
    ("r", "Rscript"),
    ("jl", "julia"),
    ("sh", "sh"),
    ("pl", "perl"),
];

/// Says what a command needs that is not there, so that this is known before hours of work and not
/// after: the program itself, its interpreter, or a script among its words. `None` if all is there.
pub fn missing(command: &[String]) -> Option<String> {
    let (program, words) = command.split_first()?;
    let is_script = |word: &&String| {
        // Text with blanks is a script itself, as behind `sh -c`.
        let names_a_file = !word.starts_with('-') && !word.contains(char::is_whitespace);
        names_a_file && reader_of(word).is_some()
    };
    let mut scripts = words.iter().filter(is_script);
    not_startable(program).or_else(|| scripts.find_map(|script| not_a_file(script)))
}

/// Returns the program that reads a script, as its ending says.
fn reader_of(script: &str) -> Option<&'static str> {
    let ending = Path::new(script).extension()?;
    let (_, reader) = SCRIPTS.iter().find(|(known, _)| ending == *known)?;
    Some(reader)
}

/// Says why a path is no file, if it is none.
fn not_a_file(path: &str) -> Option<String> {
    match fs::metadata(path) {
        Err(_) => Some(format!("{path}, which is not there")),
        Ok(found) if found.is_dir() => Some(format!("{path}, which is a folder")),
        Ok(_) => None,
    }
}

/// Says why a program cannot be started, and what mends it.
fn not_startable(program: &str) -> Option<String> {
    if !program.contains('/') {
        return match on_path(program) {
            Some(file) => without_interpreter(program, &file),
            None => Some(format!("{program}, which is in no folder of PATH")),
        };
    }
    if let Some(problem) = not_a_file(program) {
        return Some(problem);
    }
    if !is_executable(Path::new(program)) {
        let mended =
            format!("{program}, which is not executable; `chmod +x {program}` makes it so");
        return Some(mended + &or_named_reader(program));
    }
    without_interpreter(program, Path::new(program))
}

/// Says which interpreter the first line of a program names that is not there, and what mends it.
fn without_interpreter(program: &str, file: &Path) -> Option<String> {
    let mut start = Vec::new();
    let file = fs::File::open(file).ok()?;
    file.take(256).read_to_end(&mut start).ok()?;
    // Of a program that is no text, this is None.
    let line = start
        .strip_prefix(b"#!")?
        .split(|&byte| byte == b'\n')
        .next()?;
    let line = String::from_utf8_lossy(line);
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let interpreter = words.next()?;
    // `env` looks for the word behind its options and settings.
    let sought = words.find(|word| !word.starts_with('-') && !word.contains('='));
    let lost = match sought.filter(|_| interpreter.ends_with("/env")) {
        _ if !Path::new(interpreter).exists() => interpreter,
        Some(name) if !name.contains('/') && on_path(name).is_none() => name,
        _ => return None,
    };
    // A file with Windows' line ends asks for a name with a carriage return.
    let lost = lost.escape_debug();
    let mended =
        format!("{program}, whose first line asks for {lost}, which is not there; mend the line");
    Some(mended + &or_named_reader(program))
}

/// The other remedy for a script: to name the program that reads it.
fn or_named_reader(script: &str) -> String {
    let reader = reader_of(script);
    reader.map_or_else(String::new, |reader| {
        format!(", or write [{reader}, {script}]")
    })
}

/// Returns the file that is started by this name.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).map(|folder| folder.join(name));
    files.find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
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
        // A program that is there, and cannot be started.
        let folder_name = folder.path().display().to_string();
        assert_eq!(
            missing(&[&folder_name]),
            Some(format!("{folder_name}, which is a folder"))
        );
        assert_eq!(
            missing(&[&script_name]),
            Some(format!(
                "{script_name}, which is not executable; `chmod +x {script_name}` makes it so, or write \
                 [python3, {script_name}]"
            ))
        );
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(missing(&[&script_name]), None);
        for (line, lost) in [
            ("#!/bin/sh", None),
            ("#! /usr/bin/env -S A=1 sh -e", None),
            ("#!/no/such -u", Some("/no/such")),
            ("#!/bin/sh\r", Some("/bin/sh\\r")),
            ("#!/usr/bin/env no-such", Some("no-such")),
        ] {
            fs::write(&script, format!("{line}\n")).unwrap();
            let expected = lost.map(|lost| {
                format!(
                    "{script_name}, whose first line asks for {lost}, which is not there; mend the line, \
                     or write [python3, {script_name}]"
                )
            });
            assert_eq!(missing(&[&script_name]), expected, "{line}");
        }
    }

    /// Starts a shell script.
    fn shell(script: &str) -> Process {
        Process::start(&["sh", "-c", script].map(str::to_owned))
            .unwrap_or_else(|problem| panic!("{problem}"))
    }

    #[test]
    fn a_second_answer_is_not_taken_for_that_to_the_next_question() {
        let twice = shell("while read -r q; do echo \"$q\"; echo \"again $q\"; done");
        let (answer, twice) = twice.ask("one", Duration::from_secs(60)).unwrap();
        assert_eq!(answer, "one");
        thread::sleep(Duration::from_millis(300));
        let refused = twice.ask("two", Duration::from_secs(60)).err().unwrap();
        assert_eq!(
            refused,
            "expected one line for each question, got `again one` before the question: the program \
             answered twice or unasked; what is no answer belongs on standard error"
        );
    }

    #[test]
    fn what_a_program_started_is_ended_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alive");
        // The wrapper waits for its child, which does not answer.
        let child = format!("while echo x >> {}; do sleep 0.05; done", file.display());
        let wrapper = shell(&format!("{child} & wait"));
        let refused = wrapper.ask("one", Duration::from_secs(1)).err();
        assert!(refused.unwrap().contains("got none"));
        let before = fs::read(&file).unwrap().len();
        assert!(before > 0);
        thread::sleep(Duration::from_millis(500));
        assert_eq!(fs::read(&file).unwrap().len(), before);
    }

    #[test]
    fn only_the_beginning_of_a_long_text_is_quoted() {
        assert_eq!(quoted("é"), "`é`");
        assert_eq!(quoted(&"é".repeat(61)), format!("`{}…`", "é".repeat(60)));
    }
}
