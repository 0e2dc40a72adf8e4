//! The page with phantoms, to try it out by hand and in Chromium: `desk FOLDER [PORT [TOKEN]]`.
//!
//! `cargo run --release --locked --workspace --example desk -- /tmp/drawings` prints the page's address.
//! Drawings are kept in FOLDER. Killed and started again with the same port and token, it goes on.

#[path = "../tests/fake/mod.rs"]
mod fake;

use slicewise_browser::{Options, Server};
use std::io::Read;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("expected: desk FOLDER [PORT [TOKEN]]")?;
    std::fs::create_dir_all(&folder)?;
    let port = arguments.next().map(|port| port.parse()).transpose()?;
    let token = arguments.next();
    let desk = Arc::new(fake::FakeDesk::new(folder));
    let server = Server::start(desk, Options { port, token })?;
    println!("{}", server.url());
    // Ends with whoever started it.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    server.stop();
    Ok(())
}
