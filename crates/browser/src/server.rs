//! The server: who may ask, threads, start and stop.

use crate::desk::Desk;
use crate::http::{Connection, Head, Refusal};
use crate::routes;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

/// Connections at one time, those that say nothing among them: a browser opens some in advance.
const MOST_CONNECTIONS: usize = 64;

/// Where the server listens and what a request must know.
///
/// A server that is started again with the port and token of the one before keeps open tabs working.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Port on 127.0.0.1; a free one if `None`.
    pub port: Option<u16>,
    /// 32 lower-case hexadecimal digits; random ones if `None`.
    pub token: Option<String>,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The port cannot be had.
    #[error(
        "cannot listen on 127.0.0.1, port {port}: {problem}; choose another port, or 0 for a free one"
    )]
    Port {
        /// The port that was asked for; 0 stands for any.
        port: u16,
        /// What the system says.
        problem: io::Error,
    },
    /// The token is none.
    #[error(
        "expected a token of 32 lower-case hexadecimal digits, got {0} bytes of something else"
    )]
    Token(usize),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for a token: {0}")]
    Random(String),
    /// The system gives no thread.
    #[error("cannot start the server's thread: {0}")]
    Thread(io::Error),
}

/// A running server; it stops when dropped.
pub struct Server {
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    desk: Arc<dyn Desk>,
    port: u16,
    token: String,
    closed: AtomicBool,
    connections: AtomicUsize,
    /// Held for reading while the desk works, so that a stop waits for a drawing that is being kept.
    working: RwLock<()>,
}

impl Server {
    /// Starts to listen on 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If the port is taken or the token is none.
    pub fn start(desk: Arc<dyn Desk>, options: Options) -> Result<Self, ServerError> {
        let token = match options.token {
            Some(token) if is_token(&token) => token,
            Some(token) => return Err(ServerError::Token(token.len())),
            None => random_token()?,
        };
        let port = options.port.unwrap_or(0);
        let cannot = |problem| ServerError::Port { port, problem };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(cannot)?;
        let port = listener.local_addr().map_err(cannot)?.port();
        let shared = Arc::new(Shared {
            desk,
            port,
            token,
            closed: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            working: RwLock::new(()),
        });
        let accepting = thread::Builder::new().name("browser".into()).spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        let accepting = Some(accepting.map_err(ServerError::Thread)?);
        Ok(Self { shared, accepting })
    }

    /// Address of the page, the token in it.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "http://127.0.0.1:{}/{}/",
            self.shared.port, self.shared.token
        )
    }

    /// The port on which it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.shared.port
    }

    /// The token, for a later server that open tabs are to find again.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// Stops to listen, after the drawings that are being kept.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        // A connection of our own wakes the thread that waits for one.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.shared.port));
        if let Some(thread) = self.accepting.take() {
            let _ = thread.join();
        }
        let working = &self.shared.working;
        drop(working.write().unwrap_or_else(PoisonError::into_inner));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.closed.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        // Beyond the most, a connection is closed unheard, and the page tries again.
        if shared.connections.fetch_add(1, Ordering::SeqCst) >= MOST_CONNECTIONS {
            shared.connections.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let counted = Counted(Arc::clone(shared));
        let _ = thread::Builder::new().spawn(move || serve(&counted.0, Connection::new(stream)));
    }
}

/// Counts a connection until it is closed, however its thread ends.
struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

fn serve(shared: &Shared, mut connection: Connection) {
    let response = match connection.head() {
        Ok(None) => return,
        Err(refusal) => routes::refuse(&refusal),
        Ok(Some(head)) => match shared.admit(&head) {
            Err(refusal) => routes::refuse(&refusal),
            Ok(path) => {
                let desk = || {
                    let working = shared
                        .working
                        .read()
                        .unwrap_or_else(PoisonError::into_inner);
                    (!shared.closed.load(Ordering::SeqCst)).then_some(working)
                };
                routes::answer(&*shared.desk, &mut connection, &head, path, &desk)
            }
        },
    };
    connection.answer(&response);
}

impl Shared {
    /// The path after the token, of a request that may ask.
    fn admit<'a>(&self, head: &'a Head) -> Result<&'a str, Refusal> {
        let refuse = |line: &str| Err(Refusal(403, line.into()));
        let hosts = ["127.0.0.1", "localhost"].map(|host| format!("{host}:{}", self.port));
        if !head
            .header("host")
            .is_some_and(|host| hosts.iter().any(|own| own == host))
        {
            return refuse("this server answers to its own host and port alone");
        }
        let is_own = |origin: &str| {
            let host = origin.strip_prefix("http://");
            host.is_some_and(|host| hosts.iter().any(|own| own == host))
        };
        if head.has("origin") && !head.header("origin").is_some_and(is_own) {
            return refuse("this server answers to its own page alone");
        }
        let path = head.target.strip_prefix('/').unwrap_or_default();
        match path.split_once('/') {
            Some((token, path)) if same(token, &self.token) => Ok(path),
            _ => refuse(
                "the token in the address is missing or wrong; open the address that the program printed last",
            ),
        }
    }
}

/// Compares in a time that does not depend on where the two differ.
fn same(given: &str, token: &str) -> bool {
    let pairs = given.bytes().zip(token.bytes());
    given.len() == token.len() && pairs.fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn is_token(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn random_token() -> Result<String, ServerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|problem| ServerError::Random(problem.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
