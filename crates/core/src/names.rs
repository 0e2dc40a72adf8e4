//! Things that a configuration names: their registries, and the name that a misspelt one was
//! meant to be.

/// Declares a registry: one file and one line an entry.
///
/// An entry `file::ITEM` stands for `src/file.rs` beside the registry and a constant or unit struct
/// in it. The macro declares the modules inside `files`, with the visibility given there, and lists a
/// reference to each item, so nothing else has to be touched.
///
/// ```ignore
/// slicewise_core::registry! {
///     pub mod files;
///     /// Every strategy, in the order of tables and listings.
///     pub const STRATEGIES: dyn QueryStrategy = [
///         random::Random,
///         equal_interval::EqualInterval,
///     ];
/// }
/// ```
#[macro_export]
macro_rules! registry {
    (
        $files:vis mod files;
        $(#[$attribute:meta])*
        $visibility:vis const $name:ident: $entry:ty = [$($file:ident::$item:ident),+ $(,)?];
    ) => {
        /// The entries' files.
        // "." because modules of an inline module would otherwise lie in a folder of its name.
        #[path = "."]
        $files mod files {
            $($files mod $file;)+
        }

        $(#[$attribute])*
        $visibility const $name: &[&$entry] = &[$(&files::$file::$item),+];
    };
}

/// The entry of `registry` called `name`; `name_of` says what an entry is called, `kind` what was
/// looked for.
///
/// # Errors
/// No entry has that name.
pub fn find<'a, T: ?Sized>(
    kind: &'static str,
    registry: &[&'a T],
    name_of: impl Fn(&'a T) -> &'static str,
    name: &str,
) -> Result<&'a T, UnknownName> {
    let found = registry.iter().find(|entry| name_of(entry) == name);
    let known = registry.iter().map(|entry| name_of(entry));
    found
        .copied()
        .ok_or_else(|| UnknownName::new(kind, name, known))
}

/// An error lists at most so many names.
const FEW: usize = 12;

/// A name that nothing has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {name:?}{hint}")]
pub struct UnknownName {
    /// What was looked for: `strategy`, `architecture`.
    pub kind: &'static str,
    /// The name as given.
    pub name: String,
    /// The name most like it, or all that there are if they are few; it begins with a semicolon,
    /// or is empty.
    pub hint: String,
}

impl UnknownName {
    /// The error for `name`, which none of `known` is.
    pub fn new<'a>(
        kind: &'static str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(nearest) => format!("; did you mean {nearest:?}?"),
            None if known.len() <= FEW => format!("; known are {}", known.join(", ")),
            None => String::new(),
        };
        Self {
            kind,
            name: name.to_owned(),
            hint,
        }
    }
}

/// The candidate most like `name`, if at most a third of its letters are wrong, missing, too many
/// or swapped with their neighbour; the first in the alphabet of several equals.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(errors, candidate)| errors * 3 <= name.len().max(candidate.len()))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = [
            "random",
            "equal-interval",
            "uncertainty",
            "attention-guided",
        ];
        for (slip, meant) in [
            ("attention_guided", "attention-guided"),
            ("equalinterval", "equal-interval"),
            ("uncertanty", "uncertainty"),
            ("Random", "random"),
        ] {
            assert_eq!(nearest(slip, names), Some(meant));
        }
        assert_eq!(nearest("xyz", names), None);
        assert_eq!(nearest("random", []), None);
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_or_the_list() {
        let message = |name| UnknownName::new("network", name, ["unet", "v-net"]).to_string();
        assert_eq!(
            message("unnet"),
            "unknown network \"unnet\"; did you mean \"unet\"?"
        );
        assert_eq!(
            message("zzz"),
            "unknown network \"zzz\"; known are unet, v-net"
        );
    }
}
