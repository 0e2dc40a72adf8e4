//! The server, asked byte by byte over a socket.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod client;
mod drawings;
#[path = "../fake/mod.rs"]
mod fake;
mod gate;
