//! The order in which a page becomes durable, as a machine without I/O.
//!
//! | page | steps, in order |
//! | --- | --- |
//! | not the last of its window | write, flush, remember, checkpoint |
//! | the last of its window | write, sync, finish, remember, complete |
//!
//! [`first_step`] returns the first step. The caller performs it and passes the result to the step,
//! which is consumed and returns the next one. The order of the calls therefore proves two things:
//!
//! - A remembered page has been acknowledged.
//! - A [`Checkpoint`] exists only after every step that it relies on: only a [`Commit`] makes one.
//!
//! A failed step ends the page: without its result there is no next step.
//!
//! Two steps are skipped where they have nothing to do: the flush of a sink that buffers nothing,
//! and the sync before output without a final name. A file with a final name thus always belongs to
//! a window that the state knows.

#[cfg(feature = "breaks")]
mod wrong_order;

use crate::checkpoint::{Checkpoint, Cursor, PageMove, PageTotals};
use crate::source::Order;
use crate::time::Timestamp;
use crate::window::Window;

/// The state of a batch that a sink's writer has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Every line and every reject of the batch is durable, and all earlier ones. With the position
    /// for the checkpoint; `None` from a sink without positions.
    Durable(Option<String>),
    /// The writer buffers the batch and would lose it with the process: a checkpoint waits for the
    /// writer's flush or finish.
    Held,
}

/// The next step of a page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// The sink accepts the current piece of the page.
    Write(Write),
    /// The sink makes its buffered output durable.
    Flush(Flush),
    /// The state makes its stored writes durable.
    Sync(Sync),
    /// The sink makes the output of the window final.
    Finish(Finish),
    /// The state stores the ids of the page for sweeps.
    Remember(Remember),
    /// The state moves the window past the page.
    Checkpoint(Commit),
    /// The state moves the window past its last page, which completes it.
    Complete(Commit),
    /// The page is complete.
    Done,
}

/// The right to write a piece of a page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Write(Machine);

/// The right to flush buffered output.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Flush(Machine);

/// The right to sync the state before output becomes final.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sync(Machine);

/// The right to make output final.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Finish(Machine);

/// The right to store the ids of a page that the sink has acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Remember(Machine);

/// The right to move a window past a page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Commit(Machine);

/// Facts of a delivered page that its checkpoint stores beside the results of the steps.
#[derive(Debug, Clone)]
pub struct PageFacts<'a> {
    /// The window before the page.
    pub window: &'a Window,
    /// The order that the vendor documents; `None` if it documents none.
    pub strict_order: Option<Order>,
    /// The next page; `None` after the last one.
    pub cursor: Option<Cursor>,
    /// Counts and times of its records.
    pub totals: PageTotals,
    /// True if its records came in the order that the manifest declares.
    pub in_order: bool,
    /// True if a record has no time.
    pub timeless: bool,
    /// Duration of fetch and delivery, in milliseconds.
    pub page_ms: i64,
    /// The instant of the move.
    pub now: Timestamp,
}

/// The first step of a page; `is_last` if the vendor returns none after it.
pub fn first_step(is_last: bool) -> Step {
    let machine = Machine {
        left: order(is_last),
        holds: false,
        makes_final: false,
        position: None,
        remembered: false,
    };
    machine.next()
}

fn order(is_last: bool) -> &'static [Act] {
    #[cfg(feature = "breaks")]
    if let Some(wrong) = wrong_order::order(is_last) {
        return wrong;
    }
    if is_last {
        &[
            Act::Write,
            Act::Sync,
            Act::Finish,
            Act::Remember,
            Act::Complete,
        ]
    } else {
        &[Act::Write, Act::Flush, Act::Remember, Act::Checkpoint]
    }
}

/// A kind of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Act {
    Write,
    Flush,
    Sync,
    Finish,
    Remember,
    Checkpoint,
    Complete,
}

/// The remaining steps, and the results so far.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Machine {
    left: &'static [Act],
    /// True if the sink buffers output that is not durable.
    holds: bool,
    /// True if the sink's finish gives output its final name.
    makes_final: bool,
    position: Option<String>,
    remembered: bool,
}

impl Machine {
    fn next(mut self) -> Step {
        while let Some((act, left)) = self.left.split_first() {
            self.left = left;
            return match act {
                Act::Flush if !self.holds => continue,
                Act::Sync if !self.makes_final => continue,
                Act::Write => Step::Write(Write(self)),
                Act::Flush => Step::Flush(Flush(self)),
                Act::Sync => Step::Sync(Sync(self)),
                Act::Finish => Step::Finish(Finish(self)),
                Act::Remember => Step::Remember(Remember(self)),
                Act::Checkpoint => Step::Checkpoint(Commit(self)),
                Act::Complete => Step::Complete(Commit(self)),
            };
        }
        Step::Done
    }
}

impl Write {
    /// The sink accepted the piece, and the page has another one.
    pub fn piece_written(self) -> Step {
        Step::Write(self)
    }

    /// The sink accepted the last piece of the page. `makes_final` is true if its finish gives
    /// output its final name.
    pub fn page_written(mut self, written: Written, makes_final: bool) -> Step {
        self.0.makes_final = makes_final;
        match written {
            Written::Durable(position) => self.0.position = position,
            Written::Held => self.0.holds = true,
        }
        self.0.next()
    }
}

impl Flush {
    /// All buffered output of the sink is durable, up to `position`.
    pub fn flushed(mut self, position: Option<String>) -> Step {
        self.0.holds = false;
        self.0.position = position;
        self.0.next()
    }
}

impl Sync {
    /// The state is durable.
    pub fn synced(self) -> Step {
        self.0.next()
    }
}

impl Finish {
    /// The output is durable and final. Buffered output then needs no position.
    pub fn finished(mut self) -> Step {
        self.0.holds = false;
        self.0.next()
    }
}

impl Remember {
    /// The state has the ids that a sweep needs; `whole` if it has those of every record.
    pub fn remembered(mut self, whole: bool) -> Step {
        self.0.remembered = whole;
        self.0.next()
    }
}

impl Commit {
    /// The move of the window past the page.
    pub fn checkpoint(&self, facts: PageFacts<'_>) -> Checkpoint {
        let follows = |order| {
            !facts.timeless
                && facts
                    .totals
                    .follows(facts.window.oldest(), facts.window.newest(), order)
        };
        Checkpoint::of(PageMove {
            from: facts.window.page(),
            cursor: facts.cursor,
            totals: facts.totals,
            ordered: facts.in_order && facts.strict_order.is_none_or(follows),
            remembered: self.0.remembered,
            sink_position: self.0.position.clone(),
            page_ms: facts.page_ms,
            now: facts.now,
        })
    }

    /// The state has made the move.
    pub fn committed(self) -> Step {
        self.0.next()
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
