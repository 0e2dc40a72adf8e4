//! A page in the browser on which slices are drawn, and the small server behind it.
//!
//! The page asks a [`Desk`] for slices and gives it drawings. It knows no files, no project and no
//! model: whoever implements the desk decides what is asked and where a drawing is kept.
//!
//! # Why not NiiVue
//!
//! NiiVue shows whole volumes in three planes and needs WebGL2. Here one slice is drawn at a time. A
//! canvas of our own (2D context) needs no WebGL2, no 2.3 MB of other people's code in this
//! repository and no whole volume in the browser, and it posts exactly one slice. The page is plain
//! HTML, CSS and JavaScript in `page/`, compiled into the program: no framework and no build step.
//!
//! # Why no server crate
//!
//! `tiny_http` 0.12 allocates as many bytes as a request's `Content-Length` claims before anybody
//! can refuse it, so one line of text can end the program; it has no time limits and no bound on the
//! length of a header. Four paths and one kind of body need little: the reader of requests is one
//! file (`http.rs`).
//!
//! # Who may ask
//!
//! The server listens on 127.0.0.1 alone. Other programs on the machine and other pages in the
//! browser reach that address too, so every request must carry a secret of 128 bits in its path,
//! must be addressed to this host and port (against DNS rebinding), and must come from no other
//! origin. Everything else gets 403.
//!
//! # Arrays
//!
//! A slice is `[H, W]`, row by row. The page draws row 0 at the bottom and columns to the right: in
//! the memory order of an RAS volume that is the neurological display of an axial slice. The
//! radiological display is a mirror image on the screen and changes nothing in the data.

mod desk;
mod frame;
mod http;
mod page;
mod routes;
mod server;

pub use desk::{
    Answer, AskedSlice, COLOURS, Class, Desk, DeskError, Overview, Saved, SliceView, State, UNSURE,
};
pub use server::{Options, Server, ServerError};
