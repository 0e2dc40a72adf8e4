//! The server, asked byte by byte over a socket.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod fake;

use fake::{FakeDesk, SHAPE};
use slicewise_browser::{
    Answer, AskedSlice, Class, Desk, DeskError, Options, Overview, Saved, Server, ServerError,
    SliceView, State,
};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TOKEN: &str = "00112233445566778899aabbccddeeff";

fn start(desk: impl Desk + 'static) -> Server {
    let options = Options {
        port: None,
        token: Some(TOKEN.into()),
    };
    Server::start(Arc::new(desk), options).unwrap()
}

fn folder() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = start(FakeDesk::new(folder.path()));
    (folder, server)
}

fn send(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// Status, headers in lower case, body.
fn answer(mut stream: TcpStream) -> (u16, String, Vec<u8>) {
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
fn request(server: &Server, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let port = server.port();
    let head =
        format!("{method} /{TOKEN}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn get(server: &Server, path: &str) -> (u16, String, Vec<u8>) {
    answer(send(server, &request(server, "GET", path, "", b"")))
}

fn post(server: &Server, body: &[u8]) -> (u16, serde_json::Value) {
    let length = format!("Content-Length: {}\r\n", body.len());
    let (status, _, body) = answer(send(
        server,
        &request(server, "POST", "answer", &length, body),
    ));
    (status, serde_json::from_slice(&body).unwrap())
}

fn frame(header: &str, labels: &[u8]) -> Vec<u8> {
    let length = u32::try_from(header.len()).unwrap().to_le_bytes();
    [&length, header.as_bytes(), labels].concat()
}

fn drawing(case: &str, version: u64, labels: &[u8]) -> Vec<u8> {
    let header = format!(
        r#"{{"case":"{case}","slice":12,"finished":false,"seconds":2.5,"version":{version},"who":"Ä"}}"#
    );
    frame(&header, labels)
}

fn line(body: &[u8]) -> String {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap();
    said["error"].as_str().unwrap().to_owned()
}

#[test]
fn the_page_and_its_files_are_there_and_locked_in() {
    let (_folder, server) = folder();
    assert_eq!(
        server.url(),
        format!("http://127.0.0.1:{}/{TOKEN}/", server.port())
    );
    for (path, kind) in [
        ("", "text/html"),
        ("main.js", "text/javascript"),
        ("style.css", "text/css"),
    ] {
        let (status, head, body) = get(&server, path);
        assert_eq!(status, 200, "{path}");
        assert!(!body.is_empty());
        for expected in [
            &format!("content-type: {kind}; charset=utf-8"),
            "content-security-policy: default-src 'self';",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "referrer-policy: no-referrer",
        ] {
            assert!(head.contains(expected), "{path}: {head}");
        }
    }
    // Every file that one of the others names.
    for name in [
        "ask", "clock", "contrast", "draw", "hand", "input", "keys", "list", "marks", "save",
        "view",
    ] {
        assert_eq!(get(&server, &format!("{name}.js")).0, 200, "{name}");
    }
}

#[test]
fn strangers_get_403() {
    let (_folder, server) = folder();
    let port = server.port();
    let other = TOKEN.replace('0', "1");
    let own = format!("127.0.0.1:{port}");
    let refused = [
        // Path, Host, other headers.
        ("/".to_owned(), own.clone(), String::new()),
        (format!("/{TOKEN}"), own.clone(), String::new()),
        (format!("/{other}/"), own.clone(), String::new()),
        (format!("/{}/", &TOKEN[1..]), own.clone(), String::new()),
        (format!("/x/../{TOKEN}/"), own.clone(), String::new()),
        (format!("/{TOKEN}/"), "example.org".into(), String::new()),
        (format!("/{TOKEN}/"), "127.0.0.1".into(), String::new()),
        (
            format!("/{TOKEN}/"),
            format!("127.0.0.1:{}", port ^ 1),
            String::new(),
        ),
        (
            format!("/{TOKEN}/"),
            format!("{own}\r\nHost: {own}"),
            String::new(),
        ),
        (
            format!("/{TOKEN}/"),
            own.clone(),
            "Origin: http://example.org\r\n".into(),
        ),
        (format!("/{TOKEN}/"), own.clone(), "Origin: null\r\n".into()),
        (
            format!("/{TOKEN}/"),
            own.clone(),
            format!("Origin: https://{own}\r\n"),
        ),
    ];
    for (path, host, headers) in refused {
        let bytes = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        let (status, _, body) = answer(send(&server, bytes.as_bytes()));
        assert_eq!(status, 403, "{bytes}");
        assert!(!line(&body).contains('\n'));
    }
    for host in [own, format!("localhost:{port}")] {
        let bytes =
            format!("GET /{TOKEN}/ HTTP/1.1\r\nHOST:{host}\r\nOrigin: http://{host}\r\n\r\n");
        assert_eq!(answer(send(&server, bytes.as_bytes())).0, 200);
    }
}

#[test]
fn requests_that_make_no_sense_get_one_line() {
    let (_folder, server) = folder();
    let refused = |bytes: &[u8], status: u16, words: &str| {
        let (got, _, body) = answer(send(&server, bytes));
        let shown = String::from_utf8_lossy(&body);
        assert_eq!(got, status, "{shown}");
        assert!(line(&body).contains(words), "{shown}");
    };
    let ask = |method, path, headers| request(&server, method, path, headers, b"");
    refused(&ask("GET", "nowhere", ""), 404, "\"nowhere\"");
    refused(&ask("GET", "../page.rs", ""), 404, "nothing is at");
    refused(&ask("POST", "overview", ""), 405, "expected GET, got POST");
    refused(&ask("GET", "answer", ""), 405, "expected POST, got GET");
    refused(
        &ask("GET", "slice?case=sub-01", ""),
        400,
        "expected case=NAME&slice=NUMBER",
    );
    refused(
        &ask("GET", "slice?case=nobody&slice=1", ""),
        400,
        "no such slice",
    );
    refused(&ask("POST", "answer", ""), 411, "Content-Length");
    refused(
        &ask("POST", "answer", "Transfer-Encoding: chunked\r\n"),
        411,
        "Transfer-Encoding",
    );
    refused(
        &ask("POST", "answer", "Content-Length: many\r\n"),
        400,
        "\"many\"",
    );
    // Larger than any machine's memory: the claim alone must cost nothing.
    refused(
        &ask("POST", "answer", "Content-Length: 9000000000000000000\r\n"),
        413,
        "at most",
    );
    refused(b"hello\r\n\r\n", 400, "HTTP/1.1");
    refused(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "HTTP/1.1");
    refused(&[b"GET /", &[b'a'; 20_000][..]].concat(), 431, "at most");
}

#[test]
fn a_slice_comes_whole() {
    let (_folder, server) = folder();
    let (status, _, body) = get(&server, "slice?case=sub-02%20(thick)&slice=5");
    assert_eq!(status, 200);
    let length = u32::from_le_bytes(body[..4].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&body[4..4 + length]).unwrap();
    assert_eq!(header["shape"], serde_json::json!(SHAPE));
    assert_eq!(header["spacing_mm"], serde_json::json!([1.5, 1.0]));
    assert_eq!(header["sides"], serde_json::json!(["L", "R", "A", "P"]));
    assert_eq!(
        (&header["labels"], &header["draft"]),
        (&false.into(), &true.into())
    );
    assert_eq!(header["outline"], 4);
    // Intensities of four bytes, then draft and outline of one.
    let pixels = SHAPE[0] * SHAPE[1];
    assert_eq!(body.len(), 4 + length + 6 * pixels);
    let draft = &body[4 + length + 4 * pixels..][..pixels];
    assert_eq!(draft, fake::tissue(4, 1.06));
}

#[test]
fn drawings_are_kept_and_conflicts_are_told() {
    let (folder, server) = folder();
    let mut labels = vec![0; SHAPE[0] * SHAPE[1]];
    labels[7] = 255;
    labels[100] = 3;
    assert_eq!(
        post(&server, &drawing("sub-01", 0, &labels)),
        (200, serde_json::json!({ "version": 1 }))
    );
    let kept = std::fs::read(folder.path().join("sub-01-12-1.labels")).unwrap();
    assert_eq!(kept, labels);
    // Another tab drew on version 0 too.
    let (status, said) = post(&server, &drawing("sub-01", 0, &labels));
    assert_eq!(
        (status, &said["kind"], &said["version"]),
        (409, &"conflict".into(), &1.into())
    );
    assert_eq!(post(&server, &drawing("sub-01", 1, &labels)).0, 200);
    let (_, _, body) = get(&server, "overview");
    let overview: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(overview["slices"][0]["state"], "begun");
    assert_eq!(overview["slices"][0]["who"], "Ä");
}

#[test]
fn drawings_that_make_no_sense_get_one_line() {
    let (folder, server) = folder();
    let labels = vec![0; SHAPE[0] * SHAPE[1]];
    let mut wrong = labels.clone();
    wrong[5] = 4;
    for (body, words) in [
        (Vec::new(), "expected the length of a header"),
        (
            vec![255, 255, 255, 255, b'{'],
            "expected the length of a header",
        ),
        (frame("{", &labels), "in JSON"),
        (frame(r#"{"case":"sub-01"}"#, &labels), "missing field"),
        (
            drawing("sub-01", 0, &labels[1..]),
            "expected 80 × 96 labels, got 7679",
        ),
        (
            drawing("sub-01", 0, &wrong),
            "expected labels below 4 or 255, got 4",
        ),
        (drawing("nobody", 0, &labels), "no such slice"),
    ] {
        let (status, said) = post(&server, &body);
        let said = said["error"].as_str().unwrap();
        assert_eq!(status, 400, "{said}");
        assert!(said.contains(words) && !said.contains('\n'), "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_stalled_request_holds_nobody_up() {
    let (_folder, server) = folder();
    let long = "Content-Length: 100000\r\n";
    let _stalled: Vec<TcpStream> = (0..24)
        .map(|i| match i % 3 {
            0 => send(&server, b""),
            1 => send(&server, b"GET / HTTP/1.1\r\nHost: 127"),
            _ => send(&server, &request(&server, "POST", "answer", long, b"half")),
        })
        .collect();
    let began = Instant::now();
    for _ in 0..5 {
        assert_eq!(get(&server, "overview").0, 200);
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    // Nor does it hold up the end.
    server.stop();
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn a_server_started_again_has_the_same_address() {
    let (folder, server) = folder();
    let url = server.url();
    let port = server.port();
    assert_eq!(get(&server, "overview").0, 200);
    server.stop();
    assert!(
        TcpStream::connect(("127.0.0.1", port)).is_err(),
        "it listens on"
    );
    let options = Options {
        port: Some(port),
        token: Some(TOKEN.into()),
    };
    let desk = Arc::new(FakeDesk::new(folder.path()));
    let server = Server::start(desk.clone(), options.clone()).unwrap();
    assert_eq!((server.url(), get(&server, "overview").0), (url, 200));
    // A second one on the same port says so.
    let problem = Server::start(desk, options).err().unwrap();
    assert!(matches!(problem, ServerError::Port { .. }), "{problem}");
    assert!(problem.to_string().contains(&port.to_string()));
}

#[test]
fn tokens_are_random_or_right() {
    let desk = || Arc::new(FakeDesk::new("unused"));
    let [first, second] = [(); 2].map(|()| Server::start(desk(), Options::default()).unwrap());
    assert_ne!(first.token(), second.token());
    assert_eq!(first.token().len(), 32);
    for wrong in ["", "short", &TOKEN.to_uppercase(), &format!("{TOKEN}0")] {
        let options = Options {
            port: None,
            token: Some(wrong.into()),
        };
        assert!(
            matches!(Server::start(desk(), options), Err(ServerError::Token(_))),
            "{wrong}"
        );
    }
}

/// A desk that does everything wrong.
struct Broken;

impl Desk for Broken {
    fn overview(&self) -> Result<Overview, DeskError> {
        panic!("a desk that panics, as this test wants it to");
    }

    fn slice(&self, _: &str, _: usize) -> Result<SliceView, DeskError> {
        Ok(SliceView {
            shape: [2, 2],
            spacing_mm: [1.0; 2],
            intensities: vec![0.0; 4],
            window: [0.0, 1.0],
            labels: Some(vec![0; 3]),
            draft: None,
            outline: None,
            version: 0,
            sides: Default::default(),
        })
    }

    fn save(&self, _: &Answer) -> Result<Saved, DeskError> {
        Err(DeskError::Failed("the disk is full".into()))
    }
}

#[test]
fn a_desk_that_fails_is_told_in_one_line() {
    let server = start(Broken);
    for (path, words) in [
        ("overview", "the program failed at this request"),
        (
            "slice?case=a&slice=0",
            "expected 2 × 2 values of labels, got 3",
        ),
    ] {
        let (status, _, body) = get(&server, path);
        assert_eq!((status, line(&body)), (500, words.into()));
    }
    let (status, said) = post(&server, &drawing("a", 0, &[]));
    assert_eq!(
        (status, &said["error"], &said["kind"]),
        (500, &"the disk is full".into(), &"failed".into())
    );
    // And it goes on.
    assert_eq!(get(&server, "").0, 200);
}

#[test]
fn states_and_classes_are_written_as_the_page_reads_them() {
    let asked = AskedSlice {
        case: "a".into(),
        slice: 0,
        of: 1,
        position_mm: 0.5,
        plane: "axial".into(),
        why: String::new(),
        state: State::Open,
        who: None,
    };
    let class = Class {
        name: "background".into(),
        colour: "#000000".into(),
    };
    let overview = Overview {
        title: "t".into(),
        classes: vec![class],
        slices: vec![asked],
    };
    assert_eq!(
        serde_json::to_string(&overview).unwrap(),
        r##"{"title":"t","classes":[{"name":"background","colour":"#000000"}],"slices":[{"case":"a","slice":0,"of":1,"position_mm":0.5,"plane":"axial","why":"","state":"open","who":null}]}"##
    );
}
