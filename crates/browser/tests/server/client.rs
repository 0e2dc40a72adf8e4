//! A client that writes its requests byte by byte.

use crate::fake::FakeDesk;
use slicewise_browser::{Desk, Options, Server};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const TOKEN: &str = "00112233445566778899aabbccddeeff";

pub(crate) fn start(desk: impl Desk + 'static) -> Server {
    let options = Options {
        port: None,
        token: Some(TOKEN.into()),
    };
    Server::start(Arc::new(desk), options).unwrap()
}

pub(crate) fn folder() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = start(FakeDesk::new(folder.path()));
    (folder, server)
}

pub(crate) fn send(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// Status, headers in lower case, body.
pub(crate) fn answer(mut stream: TcpStream) -> (u16, String, Vec<u8>) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), bytes[end + 4..].to_vec())
}

/// `method` and `path` with the right token and host, and these headers and body besides.
pub(crate) fn request(
    server: &Server,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Vec<u8> {
    let port = server.port();
    let head =
        format!("{method} /{TOKEN}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

pub(crate) fn get(server: &Server, path: &str) -> (u16, String, Vec<u8>) {
    answer(send(server, &request(server, "GET", path, "", b"")))
}

pub(crate) fn post(server: &Server, body: &[u8]) -> (u16, serde_json::Value) {
    let length = format!("Content-Length: {}\r\n", body.len());
    let (status, _, body) = answer(send(
        server,
        &request(server, "POST", "answer", &length, body),
    ));
    (status, serde_json::from_slice(&body).unwrap())
}

pub(crate) fn frame(header: &str, labels: &[u8]) -> Vec<u8> {
    let length = u32::try_from(header.len()).unwrap().to_le_bytes();
    [&length, header.as_bytes(), labels].concat()
}

pub(crate) fn drawing(case: &str, version: u64, labels: &[u8]) -> Vec<u8> {
    let header = format!(
        r#"{{"case":"{case}","slice":12,"finished":false,"seconds":2.5,"version":{version},"who":"Ä"}}"#
    );
    frame(&header, labels)
}

pub(crate) fn line(body: &[u8]) -> String {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap();
    said["error"].as_str().unwrap().to_owned()
}
