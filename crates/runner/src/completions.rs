//! `slicewise completions`: what a shell needs to complete the program's command line.

use crate::command::Program;
use crate::failure::Outcome;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

/// Prints the completion script of `shell`.
pub(crate) fn run(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(), "slicewise", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}

/// The command line without what is hidden, which clap's generators would show.
fn visible() -> Command {
    let whole = Program::command();
    let shown = whole.get_subcommands().filter(|at| !at.is_hide_set());
    Command::new("slicewise")
        .version(env!("CARGO_PKG_VERSION"))
        .args(whole.get_arguments().cloned())
        .subcommands(shown.cloned())
}
