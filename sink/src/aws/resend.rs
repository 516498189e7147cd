//! Putting the records of one call until the service has taken each of them: only those that failed
//! are put again, in their order.

use std::future::Future;

use bytes::Bytes;
use windlass_core::breaks::{Break, broken};

use super::error::CallError;
use super::patience::Patience;
use super::usage::Usage;

/// One record of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its number among the records of its page.
    pub(super) number: usize,
    /// How many lines it has.
    pub(super) lines: usize,
    /// What it is billed as.
    pub(super) billed_bytes: usize,
    /// Its lines: a slice of the page.
    pub(super) data: Bytes,
}

/// What a service says about one record: why it did not take it, if it did not.
pub(super) type Answer = Result<(), String>;

/// What a service says about all records of a call.
#[derive(Debug)]
pub(super) struct Answers {
    /// One for each record, in their order.
    pub(super) each: Vec<Answer>,
    /// How many failed, by the service's own count.
    pub(super) failed: usize,
}

impl Answers {
    /// The answers, if they can be those to a call of `entries` records.
    fn fitting(self, entries: usize) -> Result<Vec<Answer>, CallError> {
        let failed = self.each.iter().filter(|answer| answer.is_err()).count();
        if self.each.len() != entries {
            let answers = self.each.len();
            let problem = format!("the answer to {entries} records speaks of {answers}");
            return Err(CallError::Again(problem));
        }
        if failed == 0 && self.failed > 0 {
            let count = self.failed;
            let problem = format!("the answer says that {count} records failed and not which");
            return Err(CallError::Again(problem));
        }
        Ok(self.each)
    }
}

/// The one call that a stream service has for records.
pub(super) trait Put: Sync {
    /// Puts `entries` once.
    fn put(&self, entries: &[&Entry]) -> impl Future<Output = Result<Answers, CallError>> + Send;

    /// What a record is put to, for messages.
    fn what(&self) -> String;
}

/// Puts `entries` until each is acknowledged, or `patience` ends, or the service refuses. A service
/// that takes some of them each time is given longer: whoever gives up has to put all of them again.
pub(super) async fn put_all(
    to: &impl Put,
    entries: &[Entry],
    mut patience: Patience<'_>,
    usage: &Usage,
) -> Result<(), CallError> {
    let mut pending: Vec<_> = entries.iter().collect();
    let mut resent = 0;
    loop {
        usage.called(resent);
        let answers = to.put(&pending).await;
        let before = pending.len();
        let problem = match answers.and_then(|answers| answers.fitting(before)) {
            Ok(answers) => settle(&mut pending, answers, usage),
            Err(CallError::Again(problem)) => problem,
            Err(refused) => return Err(refused),
        };
        if pending.is_empty() {
            return Ok(());
        }
        if pending.len() < before {
            patience.progressed();
        }
        if !patience.wait().await {
            let (spent, what) = (patience.spent(), to.what());
            let (left, all) = (pending.len(), entries.len());
            return Err(CallError::Again(format!(
                "after {spent}, {what} has not taken {left} of {all} records: {problem}"
            )));
        }
        resent = pending.len();
    }
}

/// Keeps of `pending` what was not taken, and says why the last of it was not.
fn settle(pending: &mut Vec<&Entry>, answers: Vec<Answer>, usage: &Usage) -> String {
    let mut problem = String::new();
    let mut answers = answers.into_iter();
    // As many answers as entries: `fitting` has compared them.
    pending.retain(|entry| match answers.next() {
        Some(Ok(())) => {
            usage.sent(entry.lines, entry.data.len(), entry.billed_bytes);
            false
        }
        Some(Err(_)) if broken(Break::IgnoreRefusedRecords) => false,
        Some(Err(reason)) => {
            problem = reason;
            true
        }
        None => true,
    });
    problem
}

#[cfg(test)]
#[path = "resend_tests.rs"]
mod tests;
