//! The fuzzing loop: mutate, write, read, judge, keep what is new. It also handles what is found.
//!
//! Environment variables control it: `SLICEWISE_FUZZ_EXECUTIONS` is the number of executions over
//! all targets, `SLICEWISE_FUZZ_SEED` the seed of the first round, and `SLICEWISE_FUZZ_INPUT` a
//! single file to read instead. `./just fuzz` sets them.

use crate::mutation::mutate;
use crate::target::Target;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Number of executions from one seed. The next round begins with the valid inputs and the next
/// seed, so a long run is resumed by giving the seed that it had reached.
pub const ROUND: u64 = 50_000;

/// Executions over all targets if the environment does not say: a few seconds, for `cargo test`.
const BRIEF: u64 = 100_000;

/// An execution that takes longer than this counts as hanging. Executions take microseconds; the
/// limit allows for a machine that is busy with other things.
const HANG: Duration = Duration::from_secs(60);

/// The most inputs with new messages that a round keeps.
const KEPT: usize = 500;

/// Returns the folder of failing inputs.
fn failures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz-failures")
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    match text.replace('_', "").parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{variable}: expected a whole number, got {text:?}"),
    }
}

/// Feeds `read` with broken inputs. `read` returns the error of an input that it refuses, and
/// asserts what must hold of one that it accepts.
///
/// # Panics
/// At the first input that breaks a rule of the crate's documentation. The input is kept in
/// `fuzz-failures/`.
pub fn fuzz(target: &Target, read: impl Fn(&Path) -> Result<(), String>) {
    let folder = scratch();
    for (name, bytes) in &target.companions {
        let beside = folder.path().join(name);
        fs::create_dir_all(beside.parent().unwrap_or(&beside)).expect("scratch folder");
        fs::write(beside, bytes).expect("scratch folder");
    }
    let path = folder.path().join(target.file);
    fs::create_dir_all(path.parent().unwrap_or(&path)).expect("scratch folder");
    for input in &target.corpus {
        fs::write(&path, (target.encode)(input.clone(), &mut generator(0))).expect("scratch");
        if let Err(message) = read(&path) {
            panic!("{}: a valid input is refused: {message}", target.name);
        }
    }
    if let Some(given) = std::env::var_os("SLICEWISE_FUZZ_INPUT") {
        let bytes = fs::read(&given).unwrap_or_else(|error| panic!("{given:?}: {error}"));
        let mut state = State::new(target, path);
        match state.execute(&bytes, &read) {
            Ok(message) => println!("{}: dealt with: {message:?}", target.name),
            Err(wrong) => panic!("{}: {wrong}", target.name),
        }
        return;
    }

    let asked = number("SLICEWISE_FUZZ_EXECUTIONS");
    let executions = (asked.unwrap_or(BRIEF) * target.share / 1000).max(1);
    let first_seed = number("SLICEWISE_FUZZ_SEED").unwrap_or(0);
    let mut state = State::new(target, path);
    let watchdog = Watchdog::start(target, &state.path, asked.is_some().then_some(executions));
    let mut seed = first_seed;
    while watchdog.executions() < executions {
        let in_round = ROUND.min(executions - watchdog.executions());
        state.round(seed, in_round, &read, &watchdog);
        seed += 1;
    }
    println!(
        "{}: {executions} executions of seeds {first_seed} to {}, {:.0} a second, {} accepted, \
         {} different messages, at most {} KiB held and {:.0} % of what is allowed, the slowest {:.1} ms",
        target.name,
        seed - 1,
        executions as f64 / watchdog.started.elapsed().as_secs_f64(),
        state.accepted,
        state.messages.len(),
        state.most_held >> 10,
        state.largest_share * 100.0,
        state.slowest.as_secs_f64() * 1e3,
    );
}

fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Makes a folder, in memory if possible, since every execution writes a file and reads it. If the
/// process dies (an abort, a stack overflow), the folder stays, with the input that caused it.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix("slicewise-fuzz-");
    builder.tempdir_in(parent).expect("a folder for inputs")
}

/// Calls `run`. Returns its result and the most bytes that it held at once on this thread.
pub fn most_held<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let mut outcome = None;
    let memory = allocation_counter::measure(|| outcome = Some(run()));
    (outcome.expect("measure runs it"), memory.bytes_max)
}

struct State<'a> {
    target: &'a Target<'a>,
    path: PathBuf,
    folder: String,
    messages: HashSet<String>,
    accepted: u64,
    most_held: u64,
    largest_share: f64,
    slowest: Duration,
}

impl<'a> State<'a> {
    fn new(target: &'a Target<'a>, path: PathBuf) -> Self {
        let folder = path.parent().unwrap_or(&path).display().to_string();
        Self {
            target,
            path,
            folder,
            messages: HashSet::new(),
            accepted: 0,
            most_held: 0,
            largest_share: 0.0,
            slowest: Duration::ZERO,
        }
    }

    fn round(
        &mut self,
        seed: u64,
        executions: u64,
        read: &impl Fn(&Path) -> Result<(), String>,
        watchdog: &Watchdog,
    ) {
        let mut rng = generator(seed);
        let mut pool = self.target.corpus.clone();
        let mut seen = HashSet::new();
        for _ in 0..executions {
            // Every other time a valid input is used, because the kept inputs soon outnumber the
            // valid ones.
            let valid = self.target.corpus.len();
            let bases = if rng.random() { valid } else { pool.len() };
            let mut body = pool[rng.random_range(0..bases)].clone();
            mutate(&mut body, &pool, self.target, &mut rng);
            let bytes = (self.target.encode)(body.clone(), &mut rng);
            let message = match self.execute(&bytes, read) {
                Ok(message) => message,
                Err(wrong) => self.fail(seed, &bytes, &wrong),
            };
            watchdog.count();
            if let Some(message) = message
                && seen.len() < KEPT
                && seen.insert(outline(&message))
            {
                self.messages.insert(outline(&message));
                pool.push(body);
            }
        }
    }

    /// Reads one input. Returns its error message if it was refused and `None` if it was accepted;
    /// `Err` says which rule it broke.
    fn execute(
        &mut self,
        bytes: &[u8],
        read: &impl Fn(&Path) -> Result<(), String>,
    ) -> Result<Option<String>, String> {
        fs::write(&self.path, bytes).expect("scratch folder");
        let started = Instant::now();
        let (outcome, held) = most_held(|| catch_unwind(AssertUnwindSafe(|| read(&self.path))));
        self.slowest = self.slowest.max(started.elapsed());
        let allowed = (self.target.allowance)(bytes);
        self.most_held = self.most_held.max(held);
        self.largest_share = self.largest_share.max(held as f64 / allowed as f64);
        // A panic's own message takes memory too, so memory is only judged without a panic.
        if outcome.is_ok() && held > allowed {
            return Err(format!(
                "held {held} bytes at once for an input of {}, at most {allowed} are allowed",
                bytes.len()
            ));
        }
        match outcome {
            Ok(Ok(())) => {
                self.accepted += 1;
                Ok(None)
            }
            Ok(Err(message)) if message.chars().any(char::is_control) => {
                Err(format!("expected an error of one line, got {message:?}"))
            }
            // The scratch folder has a random name, but a round must depend on its seed alone.
            Ok(Err(message)) => Ok(Some(message.replace(&self.folder, ""))),
            Err(_) => Err("panicked".to_owned()),
        }
    }

    fn fail(&self, seed: u64, bytes: &[u8], wrong: &str) -> ! {
        let Target { name, file, .. } = self.target;
        let kept = keep(name, &format!("seed{seed}-{file}"), bytes);
        panic!("{name}: {wrong}\n{kept}");
    }
}

/// Keeps a failing input. Returns how to read it again.
fn keep(name: &str, what: &str, bytes: &[u8]) -> String {
    let folder = failures();
    let path = folder.join(format!("{name}-{what}").replace('/', "-"));
    let saved = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, bytes));
    saved.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    format!(
        "the input is kept; to read it again:\n\
         SLICEWISE_FUZZ_INPUT={} cargo test --release -p {} {}",
        path.canonicalize().unwrap_or(path).display(),
        std::env::var("CARGO_PKG_NAME").unwrap_or_default(),
        name.replace('-', "_"),
    )
}

/// Removes from a message what it quotes and counts. Two inputs with the same outline came equally
/// far.
fn outline(message: &str) -> String {
    let mut quote = None;
    let mut outline = String::new();
    for character in message.chars() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if "\"`'".contains(character) => quote = Some(character),
            None if character.is_ascii_alphabetic() => outline.push(character),
            None => {}
        }
        if outline.len() >= 100 {
            break;
        }
    }
    outline
}

/// Counts executions. A thread of its own notices if the count stands still, and prints how far a
/// long run is.
struct Watchdog {
    count: Arc<AtomicU64>,
    started: Instant,
}

impl Watchdog {
    fn start(target: &Target, input: &Path, shown: Option<u64>) -> Self {
        let count = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let watched = Arc::downgrade(&count);
        let (name, file, input) = (target.name, target.file, input.to_owned());
        std::thread::spawn(move || {
            let (mut before, mut since) = (0, Instant::now());
            for seconds in 1u64.. {
                std::thread::sleep(Duration::from_secs(1));
                let Some(count) = watched.upgrade() else {
                    return;
                };
                let count = count.load(Ordering::Relaxed);
                if count != before {
                    (before, since) = (count, Instant::now());
                } else if since.elapsed() > HANG {
                    let bytes = fs::read(&input).unwrap_or_default();
                    eprintln!(
                        "{name}: hangs\n{}",
                        keep(name, &format!("hang-{file}"), &bytes)
                    );
                    // Nothing else can end a loop in the code under test.
                    std::process::abort();
                }
                if let Some(executions) = shown
                    && seconds % 5 == 0
                {
                    let rate = count as f64 / started.elapsed().as_secs_f64();
                    let left = (executions - count) as f64 / rate.max(1.0);
                    eprintln!(
                        "{name}: {count} of {executions}, {rate:.0} a second, about {:.1} min left",
                        left / 60.0
                    );
                }
            }
        });
        Self { count, started }
    }

    fn count(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn executions(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}
