//! Rules for the numbers and times of one window that the types of its phases do not enforce.

use super::Window;

impl Window {
    /// The first attributes that contradict each other, by their names; `None` without a
    /// contradiction.
    pub(crate) fn misfit(&self) -> Option<&'static str> {
        let inside = |at| self.id.from < at && at < self.to;
        let times = self.oldest().zip(self.newest());
        let rules = [
            (self.id.from < self.to, "it does not end after it starts"),
            (self.epoch > 0, "`epoch` is 0"),
            (
                self.attempts() <= self.runs(),
                "more `attempts` than `runs`",
            ),
            (
                self.overruns() <= self.runs(),
                "more `overruns` than `runs`",
            ),
            (
                self.restarts_forgiven() <= self.restarts(),
                "more `restarts_forgiven` than `restarts`",
            ),
            (
                self.cursor().is_none() || self.page() > 0,
                "a `cursor` before the first `page`",
            ),
            (
                self.unsent_after().is_none_or(|run| run <= self.runs()),
                "`unsent_after` is of a later run",
            ),
            (
                self.split().is_none_or(|split| inside(split.at)),
                "`split_at` is not inside the window",
            ),
            (
                self.split().is_none() || self.is_splittable(),
                "`split_at` in the window of a sweep",
            ),
            (
                times.is_none_or(|(oldest, newest)| oldest <= newest),
                "`oldest` is after `newest`",
            ),
            (self.slowest_page_ms() >= 0, "`slowest_page_ms` is negative"),
        ];
        let broken = rules.into_iter().find(|(holds, _)| !holds);
        broken.map(|(_, problem)| problem)
    }
}
