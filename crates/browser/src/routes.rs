//! What each path answers, for requests that may ask.

use crate::desk::{Desk, DeskError};
use crate::frame;
use crate::http::{Connection, Head, Refusal, Response};
use crate::page;
use serde::Serialize;
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::RwLockReadGuard;

/// Answers a request whose path, without the token, is `path`. The desk is asked while what `working`
/// gives is held; it gives nothing once the server stops.
pub(crate) fn answer<'a>(
    desk: &dyn Desk,
    connection: &mut Connection,
    head: &Head,
    path: &str,
    working: &dyn Fn() -> Option<RwLockReadGuard<'a, ()>>,
) -> Response {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let posted = path == "answer";
    let file = page::file(path);
    if file.is_none() && !matches!(path, "answer" | "overview" | "slice") {
        return refuse(&Refusal(404, format!("nothing is at {path:?}")));
    }
    let expected = if posted { "POST" } else { "GET" };
    if head.method != expected {
        let line = format!("{path:?}: expected {expected}, got {}", head.method);
        return refuse(&Refusal(405, line));
    }
    if let Some((kind, text)) = file {
        return Response {
            status: 200,
            kind,
            body: text.into(),
        };
    }
    let body = match posted.then(|| connection.body(head)).transpose() {
        Ok(body) => body.unwrap_or_default(),
        Err(refusal) => return refuse(&refusal),
    };
    let Some(_working) = working() else {
        return refuse(&Refusal(503, "the program is about to end".into()));
    };
    // A desk that panics is a failure like others: the page goes on trying, other slices work.
    let asked = AssertUnwindSafe(|| match path {
        "overview" => desk.overview().and_then(|overview| in_json(&overview)),
        "slice" => {
            let (case, slice) = which(query)?;
            frame::of_slice(&desk.slice(&case, slice)?).map(|body| Response {
                status: 200,
                kind: "application/octet-stream",
                body,
            })
        }
        _ => desk
            .save(&frame::answer(&body)?)
            .and_then(|saved| in_json(&saved)),
    });
    match catch_unwind(asked) {
        Ok(Ok(response)) => response,
        Ok(Err(problem)) => failed(&problem),
        Err(_) => failed(&DeskError::Failed(
            "the program failed at this request".into(),
        )),
    }
}

/// One line that says why a request is not answered.
pub(crate) fn refuse(Refusal(status, line): &Refusal) -> Response {
    error(*status, &json!({ "error": line, "kind": "refused" }))
}

fn in_json(value: &impl Serialize) -> Result<Response, DeskError> {
    let body =
        serde_json::to_vec(value).map_err(|problem| DeskError::Failed(problem.to_string()))?;
    Ok(Response {
        status: 200,
        kind: "application/json",
        body,
    })
}

fn failed(problem: &DeskError) -> Response {
    let line = problem.to_string();
    match problem {
        DeskError::Conflict { version } => error(
            409,
            &json!({ "error": line, "kind": "conflict", "version": version }),
        ),
        DeskError::Input(_) => error(400, &json!({ "error": line, "kind": "input" })),
        DeskError::Failed(_) => error(500, &json!({ "error": line, "kind": "failed" })),
    }
}

fn error(status: u16, body: &serde_json::Value) -> Response {
    Response {
        status,
        kind: "application/json",
        body: body.to_string().into(),
    }
}

/// Case and slice of `case=NAME&slice=NUMBER`.
fn which(query: &str) -> Result<(String, usize), DeskError> {
    let value = |key: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|&(name, _)| name == key)
            .and_then(|(_, value)| decode(value))
    };
    let case = value("case");
    let slice = value("slice").and_then(|number| number.parse().ok());
    case.zip(slice)
        .ok_or_else(|| DeskError::Input(format!("expected case=NAME&slice=NUMBER, got {query:?}")))
}

/// Undoes `encodeURIComponent`; `None` if that cannot have made it.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%' {
            let digit = |&byte: &u8| char::from(byte).to_digit(16);
            let value = digit(rest.first()?)? * 16 + digit(rest.get(1)?)?;
            bytes.push(u8::try_from(value).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{decode, which};

    #[test]
    fn names_of_cases_come_back_from_a_query() {
        assert_eq!(decode("sub%2001%26%C3%A4"), Some("sub 01&ä".into()));
        assert_eq!(which("case=a%3Db&slice=7"), Ok(("a=b".into(), 7)));
        for broken in ["%", "%4", "%zz", "%ff", "%+1"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
        for broken in ["", "case=a", "slice=1", "case=a&slice=-1", "case=%&slice=1"] {
            assert!(which(broken).is_err(), "{broken}");
        }
    }
}
