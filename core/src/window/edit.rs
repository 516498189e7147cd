//! Windows for tests: copies of a window with other attributes.

use super::{Status, Window, WindowForm};
use crate::checkpoint::Cursor;
use crate::ids::{Owner, WindowId};
use crate::time::Timestamp;

impl Window {
    /// This window with the attributes that `edit` sets. Missing attributes that the new status
    /// requires are filled in, and those that it excludes are removed.
    ///
    /// # Panics
    /// Panics if the attributes contradict each other.
    pub fn with(self, edit: impl FnOnce(&mut WindowForm)) -> Self {
        let mut form = WindowForm::from(self);
        edit(&mut form);
        form.complete();
        Self::try_from(form).unwrap_or_else(|error| panic!("a test's window: {error}"))
    }

    /// Sets attributes of this window as [`Window::with`] does.
    pub fn edit(&mut self, edit: impl FnOnce(&mut WindowForm)) {
        *self = self.clone().with(edit);
    }
}

impl WindowForm {
    /// Sets the id.
    pub fn set_id(&mut self, id: WindowId) {
        self.source = id.timeline.source;
        self.generation = id.timeline.generation;
        self.lane = id.timeline.lane;
        self.from = id.from;
    }

    /// Sets the cursor.
    pub fn set_cursor(&mut self, cursor: Option<Cursor>) {
        let parts = cursor.map(|cursor| (cursor.token, cursor.request));
        (self.cursor, self.cursor_for) = parts.unzip();
    }

    fn complete(&mut self) {
        let is = |status| self.status == status;
        let (running, dispatched) = (is(Status::Running), is(Status::Dispatched));
        let (ready, parked, done) = (is(Status::Ready), is(Status::Parked), is(Status::Done));
        keep_if(running, &mut self.owner, Owner::from_random(0));
        keep_if(running, &mut self.lease_until, Timestamp::MAX);
        keep_if(dispatched, &mut self.dispatched_until, Timestamp::MAX);
        keep_if(done, &mut self.done_at, self.updated_at);
        keep_if(done, &mut self.expires_at, Timestamp::MAX);
        if parked {
            self.last_error
                .get_or_insert_with(|| "no reason".to_owned());
        }
        if !ready && !parked {
            self.not_before = None;
            self.split_at = None;
        }
        if self.split_at.is_none() {
            self.split_delivered = super::Delivered::Nothing;
        }
        if done {
            self.cursor = None;
        }
        if self.cursor.is_none() {
            (self.cursor_for, self.unsent_after) = (None, None);
        } else {
            self.cursor_for.get_or_insert_with(|| "request".to_owned());
            self.page = self.page.max(1);
        }
        let unsent_after = self.unsent_after.unwrap_or_default();
        self.runs = self
            .runs
            .max(self.attempts)
            .max(self.overruns)
            .max(unsent_after);
    }
}

fn keep_if<T>(keeps: bool, attribute: &mut Option<T>, otherwise: T) {
    let filled = attribute.take().unwrap_or(otherwise);
    *attribute = keeps.then_some(filled);
}
