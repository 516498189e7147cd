//! The windows of this process that wait for their vendor or their sink. Times are those of
//! [`Clock::steady_ms`](windlass_core::Clock::steady_ms): setting the machine's clock during a call
//! makes it neither longer nor shorter.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_core::ids::WindowId;
use windlass_core::limits;

/// The other side of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// The vendor of the window's source.
    Vendor,
    /// The sink of this name.
    Sink(String),
}

/// A window whose worker has made no progress for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stalled {
    /// Identity of the window.
    pub window: WindowId,
    /// The other side of the pending call.
    pub on: On,
    /// Milliseconds since a call of the window last began or returned.
    pub for_ms: i64,
}

/// The windows with a pending call.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<BTreeMap<WindowId, Calls>>);

/// The pending calls of one window: a page can be delivered while the next one is fetched.
#[derive(Debug)]
struct Calls {
    open: Vec<On>,
    moved_ms: i64,
}

/// A pending call; dropping it ends the call without progress.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    waits: &'a Waits,
    window: WindowId,
    on: On,
    /// Instant of the return; `None` while pending.
    ended_ms: Option<i64>,
}

impl Waits {
    /// Registers a call of `window` `on` its vendor or its sink at `now_ms`.
    pub(crate) fn begin(&self, window: &WindowId, on: On, now_ms: i64) -> Waiting<'_> {
        let mut windows = self.windows();
        let calls = windows.entry(window.clone()).or_insert_with(|| Calls {
            open: Vec::new(),
            moved_ms: now_ms,
        });
        calls.open.push(on.clone());
        calls.moved_ms = now_ms;
        Waiting {
            waits: self,
            window: window.clone(),
            on,
            ended_ms: None,
        }
    }

    /// The windows of which no call has begun or returned within [`limits::STALL_MS`].
    pub(crate) fn stalled(&self, now_ms: i64) -> Vec<Stalled> {
        let windows = self.windows();
        let stalled = windows.iter().filter_map(|(window, calls)| {
            let for_ms = now_ms.saturating_sub(calls.moved_ms);
            let is_stalled = for_ms >= limits::STALL_MS;
            Some(Stalled {
                window: window.clone(),
                on: calls.open.first().filter(|_| is_stalled)?.clone(),
                for_ms,
            })
        });
        stalled.collect()
    }

    fn windows(&self) -> MutexGuard<'_, BTreeMap<WindowId, Calls>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting<'_> {
    /// Ends the call, with progress at `now_ms`.
    pub(crate) fn end(mut self, now_ms: i64) {
        self.ended_ms = Some(now_ms);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut windows = self.waits.windows();
        let Some(calls) = windows.get_mut(&self.window) else {
            return;
        };
        if let Some(at) = calls.open.iter().position(|on| *on == self.on) {
            calls.open.remove(at);
        }
        calls.moved_ms = self.ended_ms.unwrap_or(calls.moved_ms);
        if calls.open.is_empty() {
            windows.remove(&self.window);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_without_moving_calls_is_stalled() {
        let waits = Waits::default();
        let window: WindowId = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
            .parse()
            .unwrap();
        let delivery = waits.begin(&window, On::Sink("siem".to_owned()), 0);
        let prefetch = waits.begin(&window, On::Vendor, 10);
        assert_eq!(waits.stalled(9 + limits::STALL_MS), []);
        let stalled = |on, for_ms| Stalled {
            window: window.clone(),
            on,
            for_ms,
        };
        let sink = On::Sink("siem".to_owned());
        assert_eq!(
            waits.stalled(10 + limits::STALL_MS),
            [stalled(sink, limits::STALL_MS)]
        );
        delivery.end(6_000);
        assert_eq!(waits.stalled(5_999 + limits::STALL_MS), []);
        assert_eq!(
            waits.stalled(6_000 + limits::STALL_MS),
            [stalled(On::Vendor, limits::STALL_MS)]
        );
        drop(prefetch);
        assert_eq!(waits.stalled(i64::MAX), []);
        assert!(waits.windows().is_empty(), "nothing is kept of a window");
    }
}
