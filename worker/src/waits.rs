//! Calls that have not returned: which windows of this process wait for their vendor or their sink.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_core::ids::WindowId;
use windlass_core::limits;
use windlass_core::time::Timestamp;

/// The other side of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// The vendor of the window's source.
    Vendor,
    /// The sink of this name.
    Sink(String),
}

/// A window whose worker has made no progress since an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stalled {
    /// The window.
    pub window: WindowId,
    /// The other side of the call that it waits for.
    pub on: On,
    /// When a call of the window last began or returned.
    pub since: Timestamp,
}

/// The windows with a call that has not returned.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<BTreeMap<WindowId, Calls>>);

/// The calls of one window: a page can be delivered while the next one is fetched.
#[derive(Debug)]
struct Calls {
    open: Vec<On>,
    moved_at: Timestamp,
}

/// A call that has not returned; dropping it ends the call without progress.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    waits: &'a Waits,
    window: WindowId,
    on: On,
    /// When it returned.
    ended_at: Option<Timestamp>,
}

impl Waits {
    /// Notes that `window` makes a call `on` its vendor or its sink at `now`.
    pub(crate) fn begin(&self, window: &WindowId, on: On, now: Timestamp) -> Waiting<'_> {
        let mut windows = self.windows();
        let calls = windows.entry(window.clone()).or_insert_with(|| Calls {
            open: Vec::new(),
            moved_at: now,
        });
        calls.open.push(on.clone());
        calls.moved_at = now;
        Waiting {
            waits: self,
            window: window.clone(),
            on,
            ended_at: None,
        }
    }

    /// The windows none of whose calls has begun or returned within [`limits::STALL_MS`].
    pub(crate) fn stalled(&self, now: Timestamp) -> Vec<Stalled> {
        let windows = self.windows();
        let stalled = windows.iter().filter_map(|(window, calls)| {
            let is_stalled = now.ms_since(calls.moved_at) >= limits::STALL_MS;
            Some(Stalled {
                window: window.clone(),
                on: calls.open.first().filter(|_| is_stalled)?.clone(),
                since: calls.moved_at,
            })
        });
        stalled.collect()
    }

    fn windows(&self) -> MutexGuard<'_, BTreeMap<WindowId, Calls>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting<'_> {
    /// The call has returned.
    pub(crate) fn end(mut self, now: Timestamp) {
        self.ended_at = Some(now);
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
        calls.moved_at = self.ended_at.unwrap_or(calls.moved_at);
        if calls.open.is_empty() {
            windows.remove(&self.window);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    #[test]
    fn window_is_stalled_once_no_call_of_it_moves_for_the_limit() {
        let waits = Waits::default();
        let window: WindowId = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
            .parse()
            .unwrap();
        let delivery = waits.begin(&window, On::Sink("siem".to_owned()), at(0));
        let prefetch = waits.begin(&window, On::Vendor, at(10));
        assert_eq!(waits.stalled(at(9 + limits::STALL_MS)), []);
        let stalled = |on, since| Stalled {
            window: window.clone(),
            on,
            since: at(since),
        };
        let sink = On::Sink("siem".to_owned());
        assert_eq!(
            waits.stalled(at(10 + limits::STALL_MS)),
            [stalled(sink, 10)]
        );
        delivery.end(at(6_000));
        assert_eq!(waits.stalled(at(5_999 + limits::STALL_MS)), []);
        assert_eq!(
            waits.stalled(at(6_000 + limits::STALL_MS)),
            [stalled(On::Vendor, 6_000)]
        );
        drop(prefetch);
        assert_eq!(waits.stalled(Timestamp::MAX), []);
        assert!(waits.windows().is_empty(), "nothing is kept of a window");
    }
}
