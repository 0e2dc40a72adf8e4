//! Who chose the annotated slices of a run: a strategy, nobody yet, or nobody ever.
//!
//! Records and manifests name it by a string, which becomes an [`Arm`] where they are read; nothing
//! behind that compares strings. Its order is that of tables, legends and sentences.

use slicewise_experiment::ORACLE;
use slicewise_experiment::record::{FIRST, FULL};
use std::fmt::{self, Display, Formatter};

/// The strategy that the paper proposes.
pub(crate) const PROPOSED: &str = "attention-guided";

/// The strategy that annotates slices evenly: what effort is compared with.
pub(crate) const EVEN: &str = "equal-interval";

/// The paper's strategies, in the order of its Table 2.
const PAPER: [&str; 4] = ["random", EVEN, "uncertainty", PROPOSED];

/// One arm of an experiment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Arm {
    /// Every slice is annotated.
    Full,
    /// A few evenly spaced slices are annotated; every strategy forks from here.
    First,
    /// A strategy asked for the slices: its place in [`PAPER`], or behind all of them, and its name.
    Strategy(usize, String),
}

impl Arm {
    /// Reads the arm that records call `name`.
    pub(crate) fn of(name: &str) -> Self {
        match name {
            FULL => Self::Full,
            FIRST => Self::First,
            name => {
                let place = PAPER.iter().position(|papers| *papers == name);
                Self::Strategy(place.unwrap_or(PAPER.len()), name.to_owned())
            }
        }
    }

    /// Its name in records and tidy tables.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Full => FULL,
            Self::First => FIRST,
            Self::Strategy(_, name) => name,
        }
    }

    /// Its name where a person reads it.
    pub(crate) fn label(&self) -> &str {
        match self {
            Self::Full => "full annotation",
            Self::First => "first round (shared)",
            Self::Strategy(_, name) => name,
        }
    }

    /// Tells whether it is a strategy.
    pub(crate) fn is_strategy(&self) -> bool {
        matches!(self, Self::Strategy(..))
    }

    /// Tells whether it is a strategy that reads the ground truth, which its name says.
    pub(crate) fn is_oracle(&self) -> bool {
        self.is_strategy() && self.name().starts_with(ORACLE)
    }

    /// Tells whether it is a strategy that could be used.
    pub(crate) fn is_ordinary(&self) -> bool {
        self.is_strategy() && !self.is_oracle()
    }

    /// Tells whether it is the paper's own strategy.
    pub(crate) fn is_proposed(&self) -> bool {
        self.name() == PROPOSED
    }

    /// Tells whether it is the strategy that annotates slices evenly.
    pub(crate) fn is_even(&self) -> bool {
        self.name() == EVEN
    }

    /// How much it says where only one arm can be shown; the most is best.
    pub(crate) fn preference(&self) -> usize {
        match self {
            arm if arm.is_proposed() => 3,
            Self::Full => 2,
            Self::Strategy(..) => 1,
            Self::First => 0,
        }
    }

    /// The place among the paper's strategies, counted from 0; `None` for all others.
    pub(crate) fn place_in_paper(&self) -> Option<usize> {
        let Self::Strategy(place, _) = self else { return None };
        (*place < PAPER.len()).then_some(*place)
    }
}

/// Tells of an arm whether there is room for it where the models of one strategy say enough: the
/// paper's, or every one if that is not among `arms`.
pub(crate) fn shown<'a>(arms: impl IntoIterator<Item = &'a Arm>) -> impl Fn(&Arm) -> bool {
    let proposed = arms.into_iter().any(Arm::is_proposed);
    move |arm| !proposed || !arm.is_strategy() || arm.is_proposed()
}

impl Display for Arm {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_strategies_come_after_the_papers() {
        let names = "my-own uncertainty full attention-guided first random a";
        let mut arms: Vec<Arm> = names.split(' ').map(Arm::of).collect();
        arms.sort();
        let sorted: Vec<&str> = arms.iter().map(Arm::name).collect();
        let expected = "full first random uncertainty attention-guided a my-own";
        assert_eq!(sorted.join(" "), expected);
    }
}
