//! `slicewise annotate` from outside: what its page asks and hands in, without a browser. The page itself
//! is played in Chromium by the crate `browser`.

use crate::drawn::Stage;
use crate::program::succeed;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

/// The program that serves the page.
struct Served {
    child: Child,
    host: String,
    /// The path that holds the token, with slashes at both ends.
    base: String,
    said: String,
}

impl Served {
    fn start(stage: &Stage) -> Self {
        let mut command = stage.command(&["annotate"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        let url = said.trim().rsplit("http://").next().unwrap().to_owned();
        let (host, path) = url.split_once('/').unwrap();
        Self {
            child,
            host: host.to_owned(),
            base: format!("/{path}"),
            said,
        }
    }

    /// Returns status and body.
    fn request(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let head = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            self.base,
            self.host,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer[end + 4..].to_vec())
    }

    fn overview(&self) -> Value {
        let (status, body) = self.request("GET", "overview", &[]);
        assert_eq!(status, 200);
        serde_json::from_slice(&body).unwrap()
    }

    /// Returns the header of a slice, and what follows it.
    fn slice(&self, case: &str, slice: usize) -> (Value, Vec<u8>) {
        let (status, body) = self.request("GET", &format!("slice?case={case}&slice={slice}"), &[]);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let length = u32::from_le_bytes(body[..4].try_into().unwrap()) as usize;
        let header = serde_json::from_slice(&body[4..4 + length]).unwrap();
        (header, body[4 + length..].to_vec())
    }

    /// Hands in a drawing. Returns status and answer.
    fn save(&self, slice: usize, version: u64, finished: bool, labels: &[u8]) -> (u16, Value) {
        let header = json!({
            "case": "phantom-01", "slice": slice, "finished": finished, "seconds": 30.0,
            "version": version, "who": "anna",
        });
        let header = header.to_string();
        let mut body = (header.len() as u32).to_le_bytes().to_vec();
        body.extend(header.bytes());
        body.extend(labels);
        let (status, body) = self.request("POST", "answer", &body);
        (status, serde_json::from_slice(&body).unwrap())
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn slices_are_drawn_in_the_browser_and_nothing_is_lost() {
    let Some(stage) = Stage::new(2) else {
        return;
    };
    stage.do_(&[
        "init",
        "../data/scans",
        "--classes",
        "one,two",
        "--name",
        "heads",
    ]);
    stage.do_(&["ask", "--at", "phantom-01:10,phantom-01:12"]);
    let served = Served::start(&stage);
    assert!(
        served
            .said
            .starts_with("2 slice(s) wait; open http://127.0.0.1:"),
        "{}",
        served.said
    );
    let overview = served.overview();
    assert_eq!(overview["classes"][2]["name"], "two");
    let states = |overview: &Value| -> Vec<String> {
        let slices = overview["slices"].as_array().unwrap().iter();
        slices
            .map(|slice| slice["state"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(states(&overview), ["open", "open"]);
    let (header, arrays) = served.slice("phantom-01", 10);
    let pixels = header["shape"][0].as_u64().unwrap() * header["shape"][1].as_u64().unwrap();
    assert_eq!(arrays.len() as u64, 4 * pixels, "intensities alone");
    assert_eq!(
        (&header["version"], &header["sides"]),
        (&json!(0), &json!(["L", "R", "A", "P"]))
    );

    // A stroke is kept, but not yet drawn; another tab that has not seen it is told.
    let mut labels = vec![0; pixels as usize];
    labels[40..60].fill(1);
    assert_eq!(
        served.save(10, 0, false, &labels),
        (200, json!({"version": 1}))
    );
    let (status, answer) = served.save(10, 0, false, &vec![2; pixels as usize]);
    assert_eq!(
        (status, &answer["kind"], &answer["version"]),
        (409, &json!("conflict"), &json!(1))
    );
    assert_eq!(states(&served.overview()), ["begun", "open"]);
    // The program is killed, and comes back at the same address with what was drawn.
    let (host, base) = (served.host.clone(), served.base.clone());
    served.kill();
    let served = Served::start(&stage);
    assert_eq!((&served.host, &served.base), (&host, &base));
    let (header, arrays) = served.slice("phantom-01", 10);
    assert_eq!(header["version"], 1);
    assert_eq!(arrays[4 * pixels as usize..], labels);

    labels[70] = 255;
    assert_eq!(served.save(10, 1, true, &labels).0, 200);
    assert_eq!(states(&served.overview()), ["done", "open"]);
    let status = |name: &str| -> Value {
        let text = succeed(&mut stage.command(&["status", "--json"]));
        serde_json::from_str::<Value>(&text).unwrap()[name].clone()
    };
    assert_eq!(
        (status("drawn"), status("waiting")),
        (json!(1), json!({"r01": 1}))
    );
    assert_eq!(status("measured_minutes_per_slice"), json!(1.0));
    // The outline of the slice drawn before is shown on the next.
    let (header, _) = served.slice("phantom-01", 12);
    assert_eq!(header["outline"], json!(10));
    // Wrong labels and slices are refused in one line.
    let (status, answer) = served.save(12, 0, false, &[1, 2, 3]);
    assert_eq!((status, &answer["kind"]), (400, &json!("input")));
    assert_eq!(served.save(13, 0, false, &labels).0, 400);
    // An empty slice is an answer.
    assert_eq!(served.save(12, 0, true, &vec![0; pixels as usize]).0, 200);
    served.kill();
    let said = stage.do_(&["import"]);
    assert!(said.contains("0 wait"), "{said}");
    // What is taken back does not come again by itself.
    stage.do_(&["retract", "phantom-01:10"]);
    let said = stage.do_(&["import"]);
    assert!(said.contains("1 wait"), "{said}");
}
