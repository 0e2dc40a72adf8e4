//! One request of a connection, within limits of size and time.
//!
//! A connection carries one request. On one machine a new connection costs nothing, and nothing
//! has to be kept between two requests.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Bytes of a request's first line and headers.
const MOST_HEAD: usize = 16 << 10;
/// Bytes of a body: the labels of 4096 × 4096 pixels and their header.
pub(crate) const MOST_BODY: usize = (16 << 20) + (64 << 10);
/// Time for a whole request, and for its answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// First line and headers of a request, and where its body begins.
pub(crate) struct Head {
    pub(crate) method: String,
    /// Path and query, undecoded.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    /// What was read of the body already.
    begun: Vec<u8>,
}

/// Status and one line that says why a request is not answered.
pub(crate) struct Refusal(pub(crate) u16, pub(crate) String);

/// What is sent back.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
}

/// A connection with a deadline.
pub(crate) struct Connection {
    stream: TcpStream,
    deadline: Instant,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let deadline = Instant::now() + PATIENCE;
        Self { stream, deadline }
    }

    /// Reads at most as much as fits; 0 at the end, an error after the deadline.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }

    /// Reads the head of the request; `None` if the client went away or was too slow.
    pub(crate) fn head(&mut self) -> Result<Option<Head>, Refusal> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if let Some(end) = find(&bytes, b"\r\n\r\n") {
                let begun = bytes.split_off(end + 4);
                return parse(&bytes[..end], begun).map(Some);
            }
            if bytes.len() > MOST_HEAD {
                let line = format!("expected headers of at most {MOST_HEAD} bytes");
                return Err(Refusal(431, line));
            }
            match self.read(&mut buffer) {
                Ok(0) | Err(_) => return Ok(None),
                Ok(count) => bytes.extend(&buffer[..count]),
            }
        }
    }

    /// Reads the body.
    pub(crate) fn body(&mut self, head: &Head) -> Result<Vec<u8>, Refusal> {
        if head.header("transfer-encoding").is_some() {
            let line = "expected a body with Content-Length, got Transfer-Encoding";
            return Err(Refusal(411, line.into()));
        }
        let length = head
            .header("content-length")
            .ok_or_else(|| Refusal(411, "expected Content-Length".into()))?;
        let length: usize = length.parse().map_err(|_| {
            Refusal(
                400,
                format!("expected a number of bytes in Content-Length, got {length:?}"),
            )
        })?;
        if length > MOST_BODY {
            let line = format!("expected a body of at most {MOST_BODY} bytes, got {length}");
            return Err(Refusal(413, line));
        }
        // Grows with what arrives, so that a claim alone costs no memory.
        let mut body = head.begun.clone();
        let mut buffer = [0; 16 << 10];
        while body.len() < length {
            match self.read(&mut buffer) {
                Ok(0) | Err(_) => {
                    let got = body.len();
                    let line = format!("expected a body of {length} bytes, got {got} in time");
                    return Err(Refusal(408, line));
                }
                Ok(count) => body.extend(&buffer[..count]),
            }
        }
        body.truncate(length);
        Ok(body)
    }

    /// Answers and closes. A client that went away meanwhile is no error.
    pub(crate) fn answer(mut self, response: &Response) {
        let _ = self.send(response);
        let _ = self.stream.shutdown(Shutdown::Write);
        // Bytes left unread would make the system reset the connection before the answer is read.
        self.deadline = Instant::now() + Duration::from_millis(500);
        let mut buffer = [0; 16 << 10];
        let mut left = 1_usize << 20;
        while let Ok(count) = self.read(&mut buffer) {
            left = left.saturating_sub(count);
            if count == 0 || left == 0 {
                break;
            }
        }
    }

    fn send(&mut self, response: &Response) -> io::Result<()> {
        let Response { status, kind, body } = response;
        let allow = if *status == 405 {
            "Allow: GET, POST\r\n"
        } else {
            ""
        };
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}\
             Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'\r\n\
             X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\
             Referrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n\
             Connection: close\r\n\r\n",
            reason = reason(*status),
            length = body.len(),
        );
        self.stream.set_write_timeout(Some(PATIENCE))?;
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(body)?;
        self.stream.flush()
    }
}

impl Head {
    /// The value of a header, by its name in lower case. One that is given twice counts as none,
    /// because two readers could take it for different values.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Whether a header is there at all, by its name in lower case.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(key, _)| key == name)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

fn parse(head: &[u8], begun: Vec<u8>) -> Result<Head, Refusal> {
    let malformed = || Refusal(400, "expected a request of HTTP/1.1".into());
    let text = str::from_utf8(head).map_err(|_| malformed())?;
    let mut lines = text.split("\r\n");
    let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, "HTTP/1.1" | "HTTP/1.0"] = first[..] else {
        return Err(malformed());
    };
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(malformed)?;
            Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect::<Result<_, Refusal>>()?;
    Ok(Head {
        method: method.into(),
        target: target.into(),
        headers,
        begun,
    })
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}
