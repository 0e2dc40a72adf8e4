//! Who gets in, and what becomes of requests that make no sense or never end.

use crate::client::{TOKEN, answer, folder, get, line, request, send};
use crate::fake::FakeDesk;
use slicewise_browser::{Options, Server, ServerError};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
