//! Splits of windows: one transaction each, the engine's only one.
//!
//! DynamoDB isolates a transaction from single reads, but a concurrent query or batch may return
//! some items from before it and some from after it. A planner that reads such a mix finds a gap or
//! an overlap. Its writes lose: a window for the gap exists already, and its marks are of an older
//! version.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>

use windlass_core::shard::Shard;
use windlass_core::split::WindowSplit;
use windlass_core::window::Window;

use super::DynamoStore;
use super::attributes::{item, window_attributes};
use super::conditions;
use super::errors::Failed;
use super::expression::Placeholders;
use super::moves::difference;
use crate::apply::split;
use crate::error::SplitError;
use crate::item::{Key, Stored};

impl DynamoStore {
    pub(super) async fn split_window(
        &self,
        shard: Shard,
        asked: &WindowSplit,
    ) -> Result<Window, SplitError> {
        let seen = &asked.parent.seen;
        // The split as planned; the conditions check it against the stored items.
        let (kept, marks) = split(asked, Some(seen), Some(&asked.marks), |_| Ok(false))?;
        let mut p = Placeholders::default();
        let condition = conditions::has_version(&mut p, asked.marks.version);
        let key = Key::progress(shard, &marks.timeline);
        let marks = item(&key, marks.to_attributes());
        let mut actions = vec![self.table.putting(marks, Some((condition, p)))?];
        let mut p = Placeholders::default();
        let condition = conditions::is_as_seen(&mut p, seen);
        let parent = difference(seen, &kept, condition, p);
        actions.push(self.table.updating(parent)?);
        for part in &asked.parts {
            let mut p = Placeholders::default();
            let condition = conditions::is_absent(&mut p);
            let part = item(&Key::window(part.id()), window_attributes(part));
            actions.push(self.table.putting(part, Some((condition, p)))?);
        }
        let name = Key::window(seen.id()).to_string();
        match self.table.transact(&name, actions).await {
            Ok(()) => Ok(kept),
            Err(Failed::Condition(_)) => {
                let what = format!("window {}, one of its parts or the marks", seen.id());
                Err(SplitError::Conflict(what))
            }
            Err(Failed::State(error)) => Err(error.into()),
        }
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
