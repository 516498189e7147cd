//! Invariants of one window that the types of its phases do not enforce.

use super::{Consistent, Violation, broken};
use crate::window::Window;

/// INV-1 and INV-14.
impl Consistent for Window {
    fn check(&self) -> Result<(), Violation> {
        if self.id().from >= self.to() {
            return broken("INV-1", format!("{} ends at {}", self.id(), self.to()));
        }
        let problem = self.misfit();
        problem.map_or(Ok(()), |problem| {
            broken("INV-14", format!("{}: {problem}", self.id()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{HOUR_MS, Timestamp};

    #[test]
    fn new_and_done_windows_are_consistent() {
        let now = Timestamp::from_ms(1_767_225_600_000);
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z".parse();
        let window = Window::new(id.unwrap(), now.plus_ms(HOUR_MS), now).unwrap();
        assert_eq!(window.check(), Ok(()));
        let done = Window::done(window.id().clone(), window.to(), 1, now).unwrap();
        assert_eq!(done.check(), Ok(()));
    }
}
