//! The registry of strategies, with one line for each.
//!
//! An entry `file::Type` stands for `src/file.rs` and its unit struct. The macro declares the
//! module and lists the strategy, so no other file has to change. `tests/laws.rs` tests every
//! entry.

use crate::{QueryStrategy, nearest};

macro_rules! registry {
    ($($file:ident::$strategy:ident,)+) => {
        /// One module for each strategy.
        // Without this path, the files would have to lie in a folder named after this module.
        #[path = "."]
        pub mod files {
            $(pub mod $file;)+
        }

        /// Every strategy, in the order of tables and listings.
        pub const STRATEGIES: &[&dyn QueryStrategy] = &[$(&files::$file::$strategy),+];
    };
}

registry! {
    random::Random,
    equal_interval::EqualInterval,
    uncertainty::Uncertainty,
    attention_guided::AttentionGuided,
    spacing_aware::SpacingAware,
}

/// Error: no strategy has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown strategy \"{name}\"; {}", hint(*.nearest))]
pub struct UnknownStrategy {
    /// The unknown name.
    pub name: String,
    /// The strategy with the most similar name, if one is similar.
    pub nearest: Option<&'static str>,
}

fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("did you mean \"{nearest}\"?"),
        None => {
            let known: Vec<&str> = STRATEGIES.iter().map(|strategy| strategy.name()).collect();
            format!("known are {}", known.join(", "))
        }
    }
}

/// Returns the strategy called `name`.
///
/// # Errors
/// No strategy has that name. The error suggests the most similar one.
pub fn find(name: &str) -> Result<&'static dyn QueryStrategy, UnknownStrategy> {
    let known = STRATEGIES.iter().copied();
    known
        .clone()
        .find(|strategy| strategy.name() == name)
        .ok_or_else(|| UnknownStrategy {
            name: name.to_owned(),
            nearest: nearest(name, known.map(|strategy| strategy.name())),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_get_the_nearest_or_the_list() {
        let message = |name| find(name).err().map(|error| error.to_string());
        assert_eq!(
            message("attention-gided").as_deref(),
            Some("unknown strategy \"attention-gided\"; did you mean \"attention-guided\"?")
        );
        let list = message("zzz").unwrap();
        assert!(
            list.starts_with("unknown strategy \"zzz\"; known are random, "),
            "{list}"
        );
    }
}
