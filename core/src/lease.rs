//! The right to work on a window, as a value that only a successful claim returns.

use crate::ids::Owner;
use crate::transition::IllegalMove;
use crate::window::{Status, Window};

/// The right to move one running window, from claim to complete or release.
///
/// The window is the one that the claim returned, advanced by every checkpoint: the worker does not
/// use the invocation's payload again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    window: Window,
    owner: Owner,
}

impl Lease {
    /// The lease that `window` grants to `owner`; `None` if nothing or another owner holds it.
    pub fn held(window: Window, owner: &Owner) -> Option<Self> {
        let ours = window.owner() == Some(owner);
        (window.status() == Status::Running && ours).then(|| Self {
            window,
            owner: owner.clone(),
        })
    }

    /// The window as last written.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// The nonce of the claim.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Returns whether `current` shows that this lease's own move to `page` was applied, after a
    /// write whose response was lost.
    pub fn confirms_page(&self, current: &Window, page: u64) -> bool {
        self.still_holds(current) && current.page() == page
    }

    /// Returns whether this lease still holds `current`.
    pub fn still_holds(&self, current: &Window) -> bool {
        current.status() == Status::Running
            && current.epoch() == self.window.epoch()
            && current.owner() == Some(&self.owner)
    }
}

/// The condition that every store puts on a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// A claim: the window is dispatched, or ready and due, at this epoch.
    Claim {
        /// The epoch in the task, or as read.
        epoch: u64,
    },
    /// The lease holder: the window is running, at this epoch and page.
    Holder {
        /// The epoch of the claim.
        epoch: u64,
        /// The page of the last checkpoint.
        page: u64,
    },
    /// The tick or an operator: the window is as it was read.
    Planner {
        /// The epoch as read.
        epoch: u64,
        /// The status as read.
        status: Status,
    },
}

impl Guard {
    /// The guard of a lease's next write.
    pub fn holder(lease: &Lease) -> Self {
        Self::Holder {
            epoch: lease.window.epoch(),
            page: lease.window.page(),
        }
    }

    /// The guard of a planner's write to a window as it was read.
    pub fn planner(seen: &Window) -> Self {
        Self::Planner {
            epoch: seen.epoch(),
            status: seen.status(),
        }
    }

    /// Checks `current` against the condition.
    pub fn check(&self, current: &Window) -> Result<(), IllegalMove> {
        let (given, status) = match *self {
            Self::Claim { epoch } => (epoch, None),
            Self::Holder { epoch, .. } => (epoch, Some(Status::Running)),
            Self::Planner { epoch, status } => (epoch, Some(status)),
        };
        if given != current.epoch() || status.is_some_and(|status| status != current.status()) {
            return Err(IllegalMove::Epoch {
                given,
                current: current.epoch(),
            });
        }
        match *self {
            Self::Holder { page, .. } if page != current.page() => Err(IllegalMove::Page {
                given: page,
                current: current.page(),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use crate::transition::{Claim, Event};

    fn running(owner: &Owner) -> Window {
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
            .parse()
            .unwrap();
        let now = Timestamp::from_ms(0);
        let window = Window::new(id, Timestamp::MAX, now).unwrap();
        let claim = Claim {
            epoch: 1,
            owner: owner.clone(),
            lease_until: now.plus_ms(100_000),
            now,
        };
        window.apply(&Event::Claim(claim)).unwrap()
    }

    #[test]
    fn only_stored_owner_holds_lease() {
        let (mine, other) = (Owner::from_random(1), Owner::from_random(2));
        assert!(Lease::held(running(&mine), &mine).is_some());
        assert!(Lease::held(running(&mine), &other).is_none());
    }

    #[test]
    fn lost_response_is_confirmed_by_epoch_and_page() {
        let owner = Owner::from_random(1);
        let lease = Lease::held(running(&owner), &owner).unwrap();
        let mut current = lease.window().clone();
        assert!(lease.confirms_page(&current, 0));
        assert!(!lease.confirms_page(&current, 1));
        current.edit(|form| form.epoch += 1);
        assert!(!lease.confirms_page(&current, 0));
    }

    #[test]
    fn holder_guard_rejects_other_epoch_page_status() {
        let owner = Owner::from_random(1);
        let lease = Lease::held(running(&owner), &owner).unwrap();
        let guard = Guard::holder(&lease);
        let window = lease.window().clone();
        assert_eq!(guard.check(&window), Ok(()));
        assert!(
            guard
                .check(&window.clone().with(|form| form.epoch = 9))
                .is_err()
        );
        assert!(
            guard
                .check(&window.clone().with(|form| form.page = 9))
                .is_err()
        );
        assert!(
            guard
                .check(&window.with(|form| form.status = Status::Parked))
                .is_err()
        );
    }
}
