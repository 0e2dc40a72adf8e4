//! The files of the page, compiled into the program.

/// Its type and text, by name; the page itself has the empty name.
pub(crate) fn file(name: &str) -> Option<(&'static str, &'static str)> {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    Some(match name {
        "" => (
            "text/html; charset=utf-8",
            include_str!("../page/page.html"),
        ),
        "style.css" => ("text/css; charset=utf-8", include_str!("../page/style.css")),
        "icon.svg" => ("image/svg+xml", include_str!("../page/icon.svg")),
        "draw.js" => (SCRIPT, include_str!("../page/draw.js")),
        "view.js" => (SCRIPT, include_str!("../page/view.js")),
        "save.js" => (SCRIPT, include_str!("../page/save.js")),
        "list.js" => (SCRIPT, include_str!("../page/list.js")),
        "input.js" => (SCRIPT, include_str!("../page/input.js")),
        "ask.js" => (SCRIPT, include_str!("../page/ask.js")),
        "hand.js" => (SCRIPT, include_str!("../page/hand.js")),
        "keys.js" => (SCRIPT, include_str!("../page/keys.js")),
        "contrast.js" => (SCRIPT, include_str!("../page/contrast.js")),
        "marks.js" => (SCRIPT, include_str!("../page/marks.js")),
        "clock.js" => (SCRIPT, include_str!("../page/clock.js")),
        "main.js" => (SCRIPT, include_str!("../page/main.js")),
        _ => return None,
    })
}
