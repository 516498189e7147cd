//! Rules for one window by itself.

use super::{Consistent, Violation, broken};
use crate::window::{Delivered, Status, Window};

/// INV-1, INV-7, INV-8 and INV-14.
impl Consistent for Window {
    fn check(&self) -> Result<(), Violation> {
        if self.id.from >= self.to {
            return broken("INV-1", format!("{} ends at {}", self.id, self.to));
        }
        self.check_holder()?;
        self.check_done()?;
        let problem = self.misfit();
        problem.map_or(Ok(()), |problem| {
            broken("INV-14", format!("{}: {problem}", self.id))
        })
    }
}

impl Window {
    /// INV-7.
    fn check_holder(&self) -> Result<(), Violation> {
        let running = self.status == Status::Running;
        let leased = running || self.status == Status::Dispatched;
        if running == self.owner.is_some() && leased == self.lease_until.is_some() {
            return Ok(());
        }
        let has = |it: bool| if it { "has an" } else { "has no" };
        broken(
            "INV-7",
            format!(
                "{} is {}, {} `owner` and {} instant `lease_until`",
                self.id,
                self.status,
                has(self.owner.is_some()),
                has(self.lease_until.is_some())
            ),
        )
    }

    /// INV-8.
    fn check_done(&self) -> Result<(), Violation> {
        let done = self.status == Status::Done;
        let times = [self.done_at, self.expires_at];
        let timed = times.iter().all(|time| done == time.is_some());
        let goes_on = self.cursor.is_some() || self.not_before.is_some() || self.split_at.is_some();
        if timed && !(done && goes_on) {
            return Ok(());
        }
        broken(
            "INV-8",
            format!(
                "{} is {}, which contradicts `done_at`, `expires_at`, `cursor`, `not_before` or `split_at`",
                self.id, self.status
            ),
        )
    }

    /// The attributes that contradict each other, for INV-14.
    fn misfit(&self) -> Option<&'static str> {
        let splittable = matches!(self.status, Status::Ready | Status::Parked);
        let inside = |at| self.id.from < at && at < self.to;
        let rules = [
            (self.epoch > 0, "`epoch` is 0"),
            (self.attempts <= self.runs, "more `attempts` than `runs`"),
            (self.overruns <= self.runs, "more `overruns` than `runs`"),
            (
                self.restarts_forgiven <= self.restarts,
                "more `restarts_forgiven` than `restarts`",
            ),
            (
                self.cursor.is_none() || self.page > 0,
                "a `cursor` before the first `page`",
            ),
            (
                (self.unsent_after).is_none_or(|run| run <= self.runs && self.cursor.is_some()),
                "`unsent_after` without a `cursor`, or of a run to come",
            ),
            (
                self.split_at.is_none_or(inside),
                "`split_at` is not inside the window",
            ),
            (
                self.split_at.is_none() || splittable,
                "`split_at` in a window that is neither ready nor parked",
            ),
            (
                self.split_at.is_none() || self.is_splittable(),
                "`split_at` in the window of a sweep",
            ),
            (
                self.split_at.is_some() || self.split_delivered == Delivered::Nothing,
                "`split_delivered` without `split_at`",
            ),
            (
                (self.oldest.zip(self.newest)).is_none_or(|(oldest, newest)| oldest <= newest),
                "`oldest` is after `newest`",
            ),
            (self.slowest_page_ms >= 0, "`slowest_page_ms` is negative"),
            (
                self.status != Status::Parked || self.last_error.is_some(),
                "parked without a reason in `last_error`",
            ),
        ];
        let broken = rules.into_iter().find(|(holds, _)| !holds);
        broken.map(|(_, problem)| problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Cursor;
    use crate::ids::{Lane, Owner};
    use crate::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_ms(1_767_225_600_000);

    fn ready() -> Window {
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z".parse();
        Window::new(id.unwrap(), NOW.plus_ms(3_600_000), NOW).unwrap()
    }

    fn broken_by(edit: impl Fn(&mut Window)) -> &'static str {
        let mut window = ready();
        edit(&mut window);
        window.check().unwrap_err().id
    }

    fn cursor() -> Cursor {
        Cursor {
            token: "t".to_owned(),
            request: "r".to_owned(),
        }
    }

    #[test]
    fn window_that_is_new_running_or_done_is_consistent() {
        let window = ready();
        assert_eq!(window.check(), Ok(()));
        let done = Window::done(window.id.clone(), window.to, 1, NOW).unwrap();
        assert_eq!(done.check(), Ok(()));
        let running = Window {
            status: Status::Running,
            owner: Some(Owner::from_random(1)),
            lease_until: Some(NOW),
            runs: 1,
            attempts: 1,
            ..window
        };
        assert_eq!(running.check(), Ok(()));
    }

    #[test]
    fn lease_and_owner_that_contradict_the_status_are_noticed() {
        let owned = |it: &mut Window| it.owner = Some(Owner::from_random(1));
        assert_eq!(broken_by(|it| it.status = Status::Running), "INV-7");
        assert_eq!(broken_by(|it| it.status = Status::Dispatched), "INV-7");
        assert_eq!(broken_by(|it| it.lease_until = Some(NOW)), "INV-7");
        assert_eq!(broken_by(owned), "INV-7");
    }

    #[test]
    fn times_and_leftovers_that_contradict_done_are_noticed() {
        assert_eq!(broken_by(|it| it.done_at = Some(NOW)), "INV-8");
        assert_eq!(broken_by(|it| it.expires_at = Some(NOW)), "INV-8");
        let done = |it: &mut Window| *it = Window::done(it.id.clone(), it.to, 1, NOW).unwrap();
        for leftover in [
            (|it| it.cursor = Some(cursor())) as fn(&mut Window),
            |it| it.not_before = Some(NOW),
            |it| it.split_at = Some(NOW.plus_ms(1)),
            |it| it.expires_at = None,
        ] {
            let both = |it: &mut Window| {
                done(it);
                leftover(it);
            };
            assert_eq!(broken_by(both), "INV-8");
        }
    }

    #[test]
    fn counts_cursor_and_split_that_contradict_each_other_are_noticed() {
        for edit in [
            (|it| it.epoch = 0) as fn(&mut Window),
            |it| it.attempts = 1,
            |it| it.overruns = 1,
            |it| it.restarts_forgiven = 1,
            |it| it.cursor = Some(cursor()),
            |it| it.unsent_after = Some(0),
            |it| it.split_at = Some(it.id.from),
            |it| it.split_at = Some(it.to),
            |it| it.split_delivered = Delivered::Before,
            |it| {
                it.split_at = Some(it.id.from.plus_ms(1));
                it.id.timeline.lane = Lane::Sweep(1);
            },
            |it| (it.oldest, it.newest) = (Some(it.to), Some(it.id.from)),
            |it| it.slowest_page_ms = -1,
            |it| it.status = Status::Parked,
        ] {
            assert_eq!(broken_by(edit), "INV-14");
        }
    }
}
