//! The state that owns an output folder.
//!
//! Two states that deliver into one folder would replace each other's files, and so would an older
//! copy of one state. A state therefore has a random id, and each run leaves a fresh random mark in
//! every folder that it delivers into. The state stores a mark before the folder carries it.
//!
//! - An unknown mark comes from a later copy of the state, or from an older copy of the folder, for
//!   any number of runs since.
//! - A folder without the mark that the state left at its path is empty, not mounted, or another
//!   one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{InvalidId, MarkId, StateId};

/// The content of a folder's marker file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The state that owns the folder.
    pub state: StateId,
    /// The run that left the mark, counted from 1; for messages only.
    pub run: u64,
    /// The mark of that run.
    pub mark: MarkId,
}

/// The state's record of one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFolder {
    /// The absolute path at which the state last used it.
    pub place: String,
    /// The mark that it carries; `None` while no run has left one.
    pub mark: Option<MarkId>,
    /// The mark that the latest run was about to leave. A crash may have come between.
    pub next: Option<MarkId>,
}

/// The identity of a state, and the folders that it has used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The id of the state.
    pub state: StateId,
    /// Number of runs that have left marks in folders; 0 before the first.
    pub run: u64,
    /// The used folders.
    pub folders: Vec<KnownFolder>,
}

/// A folder that a run is about to mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderTaken {
    /// The absolute path.
    pub place: String,
    /// The present mark; `None` in an unmarked folder.
    pub found: Option<MarkId>,
    /// The mark that the run leaves.
    pub next: MarkId,
}

/// The relation of a state to an output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The folder has no owner, and the state has never left a mark at its path.
    Unowned,
    /// The state owns the folder and left its mark there.
    Owner,
    /// Another state owns the folder.
    Foreign {
        /// The owning state.
        owner: StateId,
    },
    /// The mark is not the state's last one: the state or the folder is an older copy.
    Diverged {
        /// The run that left the mark.
        run: u64,
    },
    /// The folder has no owner, although the state has left a mark at its path.
    Emptied,
}

impl KnownFolder {
    fn has(&self, mark: &MarkId) -> bool {
        [&self.mark, &self.next]
            .into_iter()
            .flatten()
            .any(|it| it == mark)
    }
}

impl Ownership {
    /// The state's relation to the folder at `place` that carries `marker`. Pure, so the result
    /// stays the same for every attempt of a run.
    pub fn standing(&self, place: &str, marker: Option<&Marker>) -> Standing {
        let known = self.folders.iter().find(|folder| folder.place == place);
        match (marker, known) {
            (Some(marker), _) if marker.state != self.state => Standing::Foreign {
                owner: marker.state.clone(),
            },
            // The mark alone decides, at the same path or after a move.
            (Some(marker), _) if self.folders.iter().any(|it| it.has(&marker.mark)) => {
                Standing::Owner
            }
            (Some(marker), _) => Standing::Diverged { run: marker.run },
            (None, Some(known)) if known.mark.is_some() => Standing::Emptied,
            (None, _) => Standing::Unowned,
        }
    }

    /// The state with one more run, before that run marks the folders `taken`. Its number is higher
    /// than `after`. The caller stores the result before it marks the first folder.
    #[must_use]
    pub fn begin(mut self, after: u64, taken: &[FolderTaken]) -> Self {
        self.run = self.run.max(after) + 1;
        for folder in taken {
            // A moved folder no longer exists at its earlier path.
            self.folders.retain(|known| {
                let has_moved = folder.found.as_ref().is_some_and(|mark| known.has(mark));
                known.place != folder.place && !has_moved
            });
            self.folders.push(KnownFolder {
                place: folder.place.clone(),
                mark: folder.found.clone(),
                next: Some(folder.next.clone()),
            });
        }
        self
    }

    /// The state after the folders `taken` were marked: no earlier mark of theirs counts. A folder that
    /// an earlier run was stopped before marking keeps both of its marks.
    #[must_use]
    pub fn marked(mut self, taken: &[FolderTaken]) -> Self {
        for folder in &mut self.folders {
            if taken
                .iter()
                .any(|it| folder.next.as_ref() == Some(&it.next))
            {
                folder.mark = folder.next.take();
            }
        }
        self
    }

    /// The marker that the latest run leaves with `mark`.
    pub fn marker(&self, mark: &MarkId) -> Marker {
        Marker {
            state: self.state.clone(),
            run: self.run,
            mark: mark.clone(),
        }
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "state {} run {} mark {}",
            self.state, self.run, self.mark
        )
    }
}

impl FromStr for Marker {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId {
            kind: "folder owner",
            expected: "state ID run NUMBER mark ID",
            text: text.chars().take(120).collect(),
        };
        let (state, rest) = text
            .strip_prefix("state ")
            .and_then(|rest| rest.split_once(" run "))
            .ok_or_else(invalid)?;
        let (run, mark) = rest.split_once(" mark ").ok_or_else(invalid)?;
        let parsed = Self {
            state: state.parse()?,
            run: run.parse().map_err(|_| invalid())?,
            mark: mark.parse()?,
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

    const PLACE: &str = "/out";

    fn marker(state: u128, run: u64, mark: u128) -> Marker {
        Marker {
            state: StateId::from_random(state),
            run,
            mark: MarkId::from_random(mark),
        }
    }

    fn knows(state: u128, mark: Option<u128>, next: Option<u128>) -> Ownership {
        let folder = KnownFolder {
            place: PLACE.to_owned(),
            mark: mark.map(MarkId::from_random),
            next: next.map(MarkId::from_random),
        };
        Ownership {
            state: StateId::from_random(state),
            run: 1,
            folders: vec![folder],
        }
    }

    #[test]
    fn other_state_never_owns_marked_folder() {
        let marker = marker(1, 7, 5);
        let owner = marker.state.clone();
        for mark in [None, Some(5)] {
            let standing = knows(2, mark, None).standing(PLACE, Some(&marker));
            let owner = owner.clone();
            assert_eq!(standing, Standing::Foreign { owner });
        }
    }

    #[test]
    fn unmarked_folder_is_new_only_if_never_marked() {
        let marked = knows(1, Some(5), None);
        assert_eq!(marked.standing(PLACE, None), Standing::Emptied);
        assert_eq!(marked.standing("/other", None), Standing::Unowned);
        // The run that was about to leave the first mark was stopped.
        let stopped = knows(1, None, Some(5));
        assert_eq!(stopped.standing(PLACE, None), Standing::Unowned);
    }

    #[test]
    fn marks_around_interruption_are_known_after_move() {
        let state = knows(1, Some(5), Some(6));
        for place in [PLACE, "/moved"] {
            for (mark, expected) in [
                (5, Standing::Owner),
                (6, Standing::Owner),
                (4, Standing::Diverged { run: 1 }),
                (7, Standing::Diverged { run: 1 }),
            ] {
                let marker = marker(1, 1, mark);
                assert_eq!(state.standing(place, Some(&marker)), expected, "{mark}");
            }
        }
    }

    #[test]
    fn moved_folder_leaves_old_place_unowned() {
        let taken = FolderTaken {
            place: "/moved".to_owned(),
            found: Some(MarkId::from_random(5)),
            next: MarkId::from_random(6),
        };
        let begun = knows(1, Some(5), None).begin(7, std::slice::from_ref(&taken));
        assert_eq!(begun.run, 8);
        let of = |mark: u128| marker(1, 1, mark);
        assert_eq!(begun.standing("/moved", Some(&of(5))), Standing::Owner);
        let marked = begun.marked(std::slice::from_ref(&taken));
        assert_eq!(marked.standing("/moved", Some(&of(6))), Standing::Owner);
        let diverged = Standing::Diverged { run: 1 };
        assert_eq!(marked.standing("/moved", Some(&of(5))), diverged);
        assert_eq!(marked.standing(PLACE, None), Standing::Unowned);
    }

    #[test]
    fn unmarked_folder_keeps_both_marks() {
        let other = FolderTaken {
            place: "/other".to_owned(),
            found: None,
            next: MarkId::from_random(8),
        };
        let taken = std::slice::from_ref(&other);
        let state = knows(1, Some(5), Some(6)).begin(0, taken).marked(taken);
        for mark in [5, 6] {
            let standing = state.standing(PLACE, Some(&marker(1, 1, mark)));
            assert_eq!(standing, Standing::Owner, "{mark}");
        }
        let standing = state.standing("/other", Some(&marker(1, 2, 8)));
        assert_eq!(standing, Standing::Owner);
    }

    #[test]
    fn marker_parses_only_own_form() {
        let marker = marker(1, 7, 5);
        assert_eq!(marker.to_string().parse(), Ok(marker.clone()));
        for bad in [
            String::new(),
            "state 1 run 7".to_owned(),
            format!("{marker} "),
            format!("{marker}\n"),
            marker.to_string().replace("run 7", "run +7"),
            marker.to_string().replace("run 7", "run 07"),
        ] {
            assert!(bad.parse::<Marker>().is_err(), "{bad:?}");
        }
    }

    /// The events of a state, a copy of it and their one folder.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Run,
        /// A run that ends after the state has stored its mark and before the folder carries it.
        RunCutShort,
        Copy,
        /// A run of the copy that delivers into another folder.
        CopyRunsElsewhere,
        /// A run of the copy on the folder, undone afterwards.
        CopyAsks,
    }

    /// Runs `it` on the folder at `place`, and returns whether the folder was accepted.
    fn run(
        it: &mut Ownership,
        place: &str,
        marker: &mut Option<Marker>,
        mark: u128,
        is_cut_short: bool,
    ) -> bool {
        let standing = it.standing(place, marker.as_ref());
        if !matches!(standing, Standing::Unowned | Standing::Owner) {
            return false;
        }
        let taken = FolderTaken {
            place: place.to_owned(),
            found: marker.as_ref().map(|marker| marker.mark.clone()),
            next: MarkId::from_random(mark),
        };
        *it = it.clone().begin(0, std::slice::from_ref(&taken));
        if !is_cut_short {
            *marker = Some(it.marker(&taken.next));
            *it = it.clone().marked(std::slice::from_ref(&taken));
        }
        true
    }

    proptest! {
        #[test]
        fn copy_never_runs_after_original_reran(
            steps in prop::collection::vec(
                prop_oneof![
                    Just(Step::Run), Just(Step::RunCutShort), Just(Step::Copy),
                    Just(Step::CopyRunsElsewhere), Just(Step::CopyAsks),
                ],
                0..40,
            )
        ) {
            let mut state = Ownership { folders: Vec::new(), ..knows(1, None, None) };
            let mut copy = state.clone();
            let (mut marker, mut elsewhere) = (None, None);
            // True if the original has marked the folder since the copy was taken.
            let mut is_behind = false;
            for (mark, step) in (1_u128..).zip(steps) {
                match step {
                    Step::Run => is_behind |= run(&mut state, PLACE, &mut marker, mark, false),
                    Step::RunCutShort => {
                        run(&mut state, PLACE, &mut marker, mark, true);
                    }
                    Step::Copy => {
                        (copy, elsewhere) = (state.clone(), None);
                        is_behind = false;
                    }
                    Step::CopyRunsElsewhere => {
                        run(&mut copy, "/elsewhere", &mut elsewhere, mark, false);
                    }
                    Step::CopyAsks => {
                        let (mut asks, mut there) = (copy.clone(), marker.clone());
                        let accepted = run(&mut asks, PLACE, &mut there, mark, false);
                        prop_assert!(!(accepted && is_behind));
                    }
                }
            }
        }
    }
}
