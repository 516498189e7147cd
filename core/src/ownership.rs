//! Which state an output folder belongs to.
//!
//! Two states that deliver into one folder would replace each other's files, and so would an older
//! copy of one state. So a state has a random id and counts its runs, and each folder carries the
//! id and the run of the state that used it last. The state counts a run before any folder is
//! marked with it: a folder that is ahead of a state was marked by a later copy of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{InvalidId, StateId};

/// A state at one of its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// The state.
    pub state: StateId,
    /// Runs that the state has begun, this one included; 0 before its first run.
    pub run: u64,
}

/// The relation of a state to an output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The folder has no owner.
    Unowned,
    /// The state owns the folder and has seen every run that wrote there.
    Owner,
    /// Another state owns the folder.
    Foreign {
        /// The owner.
        owner: StateId,
    },
    /// A later copy of the state has written there.
    Outdated {
        /// The last run that wrote there.
        run: u64,
    },
}

impl Ownership {
    /// The state's relation to a folder that carries `marker`. `self` is the state as stored, before
    /// it counts the run that asks; asking changes nothing, so a refusal stays one however often it
    /// is tried.
    pub fn standing(&self, marker: Option<&Self>) -> Standing {
        match marker {
            None => Standing::Unowned,
            Some(marker) if marker.state != self.state => Standing::Foreign {
                owner: marker.state.clone(),
            },
            Some(marker) if marker.run > self.run => Standing::Outdated { run: marker.run },
            Some(_) => Standing::Owner,
        }
    }
}

impl fmt::Display for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "state {} run {}", self.state, self.run)
    }
}

impl FromStr for Ownership {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId {
            kind: "folder owner",
            expected: "state ID run NUMBER",
            text: text.chars().take(80).collect(),
        };
        let (state, run) = text
            .strip_prefix("state ")
            .and_then(|rest| rest.split_once(" run "))
            .ok_or_else(invalid)?;
        let parsed = Self {
            state: state.parse()?,
            run: run.parse().map_err(|_| invalid())?,
        };
        // Signs and leading zeros parse as numbers too.
        (parsed.to_string() == text)
            .then_some(parsed)
            .ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(state: u128, run: u64) -> Ownership {
        Ownership {
            state: StateId::from_random(state),
            run,
        }
    }

    #[test]
    fn another_state_never_owns_a_marked_folder() {
        let owner = at(1, 7).state;
        for run in [0, 7, u64::MAX] {
            let standing = at(2, run).standing(Some(&at(1, 7)));
            let owner = owner.clone();
            assert_eq!(standing, Standing::Foreign { owner });
        }
        assert_eq!(at(2, 0).standing(None), Standing::Unowned);
    }

    #[test]
    fn text_form_is_read_back_and_nothing_else_is() {
        let marker = at(1, 7);
        assert_eq!(marker.to_string().parse(), Ok(marker.clone()));
        for bad in [
            String::new(),
            "state 1 run 7".to_owned(),
            format!("{marker} "),
            format!("{marker}\n"),
            marker.to_string().replace("run 7", "run +7"),
            marker.to_string().replace("run 7", "run 07"),
        ] {
            assert!(bad.parse::<Ownership>().is_err(), "{bad:?}");
        }
    }

    /// What can happen to a state, a copy of it and their one folder.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Run,
        /// A run that ends after the state has counted it and before the folder is marked.
        RunCutShort,
        Copy,
        RunCopy,
    }

    proptest! {
        #[test]
        fn copy_is_refused_forever_once_its_original_ran_again(
            steps in prop::collection::vec(
                prop_oneof![Just(Step::Run), Just(Step::RunCutShort), Just(Step::Copy), Just(Step::RunCopy)],
                0..40,
            )
        ) {
            let (mut state, mut copy) = (at(1, 0), at(1, 0));
            let mut marker: Option<Ownership> = None;
            // Whether the folder was marked by the original since the copy was taken.
            let mut is_behind = false;
            for step in steps {
                let begin = |it: &mut Ownership, marker: &Option<Ownership>| {
                    let standing = it.standing(marker.as_ref());
                    let accepted = matches!(standing, Standing::Unowned | Standing::Owner);
                    it.run += u64::from(accepted);
                    accepted
                };
                match step {
                    Step::Run => {
                        if begin(&mut state, &marker) {
                            marker = Some(state.clone());
                            is_behind = true;
                        }
                    }
                    Step::RunCutShort => {
                        begin(&mut state, &marker);
                    }
                    Step::Copy => {
                        copy = state.clone();
                        is_behind = false;
                    }
                    Step::RunCopy => {
                        let before = copy.clone();
                        let accepted = begin(&mut copy, &marker);
                        prop_assert!(!(accepted && is_behind));
                        // The copy only asks here: it never marks, so its runs are undone.
                        copy = before;
                    }
                }
            }
        }
    }
}
