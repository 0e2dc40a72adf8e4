//! The `slicewise` program: reads the command line and connects the crates.
//!
//! Exit codes: 0 done; 1 a run failed; 2 bad input (command line, YAML, data), nothing was run; 141 nobody
//! reads the output any more.

mod begin;
mod cases;
mod check;
mod command;
mod completions;
mod config;
mod doctor;
mod early;
mod estimate;
mod failure;
mod failures;
mod held;
mod list;
mod notice;
mod pack;
mod phantom;
mod progress;
mod project;
mod provenance;
mod report;
mod resolve;
mod resources;
mod runs;
mod schedule;
mod schema;
mod segmenter;
mod slurm;
mod status;
mod sweep;
mod verify;
mod worker;

use clap::Parser;
use command::{Command, Program};
use std::process::ExitCode;

/// Exit code where whoever read our output wants no more of it, as `slicewise check | head` does: that
/// of a program that SIGPIPE ended. There is nothing to say then.
const CLOSED_PIPE: i32 = 141;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string().replace('\n', " ");
        if text.contains("failed printing to stdout: Broken pipe") {
            std::process::exit(CLOSED_PIPE);
        }
        eprintln!("slicewise: {text} (a defect of slicewise; please report it)");
    }));
    let program = Program::parse();
    if program.quiet {
        notice::be_quiet();
    }
    let result = match program.command {
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Runs(arguments) => runs::list(&arguments),
        Command::Run(arguments) => runs::run(&arguments),
        Command::Report { folder } => report::report(&folder),
        Command::Verify { folder } => verify::run(&folder),
        Command::Page { out, folders } => report::page(&out, &folders),
        Command::Pack { folders, undo } => pack::run(&folders, undo),
        Command::Check(arguments) => check::run(&arguments),
        Command::Phantom(arguments) => phantom::run(&arguments),
        Command::Doctor { device, json } => doctor::run(&device, json),
        Command::List { what } => {
            list::run(what);
            Ok(())
        }
        Command::Schema { markdown } => schema::run(markdown),
        Command::Completions { shell } => completions::run(shell),
        Command::Init(arguments) => project::init(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Ask(arguments) => project::ask(&arguments),
        Command::Annotate(arguments) => project::annotate(&arguments),
        Command::Import(arguments) => project::import(&arguments),
        Command::Train(arguments) => project::train(&arguments),
        Command::Predict(arguments) => project::predict(&arguments),
        Command::Next(arguments) => project::next(&arguments),
        Command::Retract(arguments) => project::retract(&arguments),
        Command::Log(arguments) => project::log(&arguments),
        Command::Export(arguments) => project::export(&arguments),
        Command::Worker(arguments) => worker::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::from(CLOSED_PIPE as u8),
        Err(failure) => {
            eprintln!("slicewise: {failure}");
            failure.exit_code()
        }
    }
}
