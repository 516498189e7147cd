//! Delivery of the records of one call until the service has accepted each: only failed records are
//! put again, in their order.

use std::future::Future;

use bytes::Bytes;
use windlass_core::Clock;

use crate::call::CallError;
use crate::retry_limit::RetryLimit;
use crate::uplink::Uplink;
use crate::usage::Usage;

/// Maximum number of timeouts in one write, although each call is half as large as the one before:
/// a service that never responds would hold its window for long.
const TIMEOUTS_MAX: u32 = 3;

/// One record of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its index among the records of its page.
    pub(super) number: usize,
    /// Number of its lines.
    pub(super) lines: usize,
    /// Billed size in bytes.
    pub(super) billed_bytes: usize,
    /// Its lines, as a slice of the page.
    pub(super) data: Bytes,
}

/// The service's verdict on one record; `Err` holds the reason of a failure.
pub(super) type Verdict = Result<(), String>;

/// The service's verdicts on all records of a call.
#[derive(Debug)]
pub(super) struct Verdicts {
    /// One verdict per record, in their order.
    pub(super) each: Vec<Verdict>,
    /// Number of failed records, by the service's own count.
    pub(super) failed: usize,
}

impl Verdicts {
    /// The verdicts, if they fit a call of `entries` records.
    fn fitting(self, entries: usize) -> Result<Vec<Verdict>, CallError> {
        let failed = self.each.iter().filter(|verdict| verdict.is_err()).count();
        if self.each.len() != entries {
            let verdicts = self.each.len();
            let problem = format!("the response to {entries} records has results for {verdicts}");
            return Err(CallError::Again(problem));
        }
        if failed == 0 && self.failed > 0 {
            let count = self.failed;
            let problem =
                format!("the response reports {count} failed records and does not identify them");
            return Err(CallError::Again(problem));
        }
        Ok(self.each)
    }
}

/// The call of a stream service that delivers records.
pub(super) trait Put: Sync {
    /// Puts `entries` once.
    fn put(&self, entries: &[&Entry]) -> impl Future<Output = Result<Verdicts, CallError>> + Send;

    /// The target of the records, for messages.
    fn what(&self) -> String;
}

/// The clock, the retry limit and the counters of puts.
pub(super) struct Means<'a> {
    pub(super) clock: &'a dyn Clock,
    pub(super) retry_limit: RetryLimit<'a>,
    pub(super) uplink: &'a Uplink,
    pub(super) usage: &'a Usage,
}

impl Means<'_> {
    /// Waits after an attempt that ended in `failure`. Returns false if there is no further
    /// attempt.
    pub(super) async fn wait_after(&mut self, failure: &CallError) -> bool {
        match failure {
            CallError::Denied(_) => self.retry_limit.wait_denied().await,
            _ => self.retry_limit.wait().await,
        }
    }
}

/// Puts `entries` until each is acknowledged, the retry limit of `by` is reached, or the service
/// denies access. A service that accepts some records each time gets more time: after an abort, all
/// of them would have to be put again. After a timeout, the next call carries half as many.
pub(super) async fn put_all(
    to: &impl Put,
    entries: &[Entry],
    mut by: Means<'_>,
) -> Result<(), CallError> {
    let mut pending: Vec<_> = entries.iter().collect();
    // Number of leading entries that have been put before.
    let mut were_put = 0;
    let mut timeouts = 0;
    while !pending.is_empty() {
        let allowance = by.uplink.allowance();
        let mut call = pending.clone();
        call.truncate(allowance.records(entries.len()));
        let bytes = call.iter().map(|entry| entry.data.len()).sum();
        by.usage.called(were_put.min(call.len()));
        by.retry_limit.requested();
        let put = by.uplink.in_time(allowance, bytes, by.clock, to.put(&call));
        let verdicts = put.await.and_then(|verdicts| verdicts.fitting(call.len()));
        let before = pending.len();
        let failure = match verdicts {
            Ok(verdicts) => {
                let reason = settle(&mut pending, verdicts, by.usage);
                CallError::Again(format!("{}: {reason}", to.what()))
            }
            Err(refused @ CallError::Refused(_)) => return Err(refused),
            Err(failure) => failure,
        };
        let taken = before - pending.len();
        were_put = were_put.max(call.len()) - taken;
        if taken == call.len() {
            continue;
        }
        let is_smaller = matches!(failure, CallError::Slow(_)) && timeouts < TIMEOUTS_MAX;
        if is_smaller {
            timeouts += 1;
            tracing::warn!(
                to = to.what(),
                problem = %failure,
                "call timed out; the next one carries half as many records"
            );
        }
        if taken > 0 || is_smaller {
            by.retry_limit.progressed();
        }
        if !is_smaller && !by.wait_after(&failure).await {
            let (spent, left, all) = (by.retry_limit.spent(), pending.len(), entries.len());
            return Err(failure.map(|problem| {
                format!("{left} of {all} records not accepted after {spent}: {problem}")
            }));
        }
    }
    Ok(())
}

/// Removes accepted entries from `pending`, and returns the reason of the last failure.
fn settle(pending: &mut Vec<&Entry>, verdicts: Vec<Verdict>, usage: &Usage) -> String {
    let mut problem = String::new();
    let mut verdicts = verdicts.into_iter();
    // One verdict per entry of the call, which are the first ones: `fitting` has compared the
    // counts.
    pending.retain(|entry| match verdicts.next() {
        Some(Ok(())) => {
            usage.sent(entry.lines, entry.data.len(), entry.billed_bytes);
            false
        }
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
