//! The two kinds of failure and their exit codes.

use std::fmt;
use std::process::ExitCode;

/// Why the program ends with an exit code other than 0.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line, the YAML or the data are wrong. Nothing was run. Exit code 2.
    Input(anyhow::Error),
    /// Something that was run failed. Exit code 1.
    Run(anyhow::Error),
}

/// The result of every command.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// Wraps an error as bad input, for `map_err`.
    pub(crate) fn input(error: impl Into<anyhow::Error>) -> Self {
        Self::Input(error.into())
    }

    /// Whether it is only that nobody reads the output any more.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        let (Self::Input(error) | Self::Run(error)) = self;
        let system = error.downcast_ref::<std::io::Error>();
        system.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// Returns the exit code, 1 or 2.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Run(_) => 1,
            Self::Input(_) => 2,
        })
    }
}

impl fmt::Display for Failure {
    /// Writes the error and its causes on one line, without causes that the text already contains.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Input(error) | Self::Run(error)) = self;
        let mut text = error.to_string();
        for cause in error.chain().skip(1).map(ToString::to_string) {
            if !text.contains(&cause) {
                text = format!("{text}: {cause}");
            }
        }
        f.write_str(&text)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Run(error.into())
    }
}
