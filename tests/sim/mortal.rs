//! The stops of a simulated process: dropped at any await, or not polled for a while.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::wait_until;

/// Ends its own process from within, as an abort does. Clones belong to the same process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Abort(Arc<AtomicBool>);

impl Abort {
    /// Ends the process here: nothing after this runs.
    pub(crate) async fn now(&self) {
        self.0.store(true, Ordering::SeqCst);
        std::future::pending::<()>().await;
    }

    /// Returns true once the process has ended this way.
    pub(crate) fn is_called(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The faults of a process while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    /// Instant at which its host kills it.
    pub(crate) deadline: Instant,
    /// Number of the poll that is replaced by a kill, from 1.
    pub(crate) kill_at_poll: Option<u64>,
    /// Number of the poll at which it freezes, and the milliseconds of the freeze, which extend its
    /// deadline.
    pub(crate) pause: Option<(u64, u64)>,
}

/// The end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended<T> {
    /// It completed.
    With(T),
    /// Killed at the poll of its fate.
    Killed,
    /// Killed at its deadline.
    TimedOut,
}

/// Runs `process` under `fate`, for as long as it `lives`. A stopped process is dropped as it is.
pub(crate) async fn run<T>(
    fate: Fate,
    lives: impl Fn() -> bool + Unpin,
    process: impl Future<Output = T>,
) -> Ended<T> {
    let mut process = Box::pin(process);
    let mut polls = 0_u64;
    let mut frozen = None;
    let mut deadline_at = fate.deadline;
    let mut deadline = pin!(boxed_wait(deadline_at));
    poll_fn(move |context| {
        if !lives() {
            return Poll::Ready(Ended::Killed);
        }
        if let Some(thaw) = &mut frozen {
            let thaw: &mut std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = thaw;
            if thaw.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            frozen = None;
        } else if deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ended::TimedOut);
        }
        polls += 1;
        if fate.kill_at_poll == Some(polls) {
            return Poll::Ready(Ended::Killed);
        }
        if let Some((_, ms)) = fate.pause.filter(|(at, _)| *at == polls) {
            let pause = Duration::from_millis(ms);
            deadline_at += pause;
            deadline.set(boxed_wait(deadline_at));
            let mut thaw = boxed_wait(Instant::now() + pause);
            if thaw.as_mut().poll(context).is_pending() {
                frozen = Some(thaw);
                return Poll::Pending;
            }
        }
        let polled = process.as_mut().poll(context);
        if !lives() {
            return Poll::Ready(Ended::Killed);
        }
        polled.map(Ended::With)
    })
    .await
}

fn boxed_wait(until: Instant) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(wait_until(until))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::clock::wait_ms;

    fn fate() -> Fate {
        Fate {
            deadline: Instant::now() + Duration::from_mins(1),
            kill_at_poll: None,
            pause: None,
        }
    }

    async fn steps(count: &AtomicU64) {
        for _ in 0..10 {
            wait_ms(1_000).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn process_is_killed_between_steps() {
        let count = Arc::new(AtomicU64::new(0));
        let killed = Fate {
            kill_at_poll: Some(4),
            ..fate()
        };
        assert_eq!(run(killed, || true, steps(&count)).await, Ended::Killed);
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn process_without_power_stops() {
        let count = AtomicU64::new(0);
        let has_power = || count.load(Ordering::SeqCst) < 3;
        assert_eq!(run(fate(), has_power, steps(&count)).await, Ended::Killed);
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_process_is_killed_at_deadline() {
        let count = AtomicU64::new(0);
        let short = Fate {
            deadline: Instant::now() + Duration::from_millis(3_500),
            ..fate()
        };
        assert_eq!(run(short, || true, steps(&count)).await, Ended::TimedOut);
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn aborted_process_stops() {
        let (count, abort) = (AtomicU64::new(0), Abort::default());
        let aborts = async {
            steps(&count).await;
            abort.now().await;
            count.fetch_add(1, Ordering::SeqCst);
        };
        assert_eq!(
            run(fate(), || !abort.is_called(), aborts).await,
            Ended::Killed
        );
        assert_eq!(count.load(Ordering::SeqCst), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn frozen_process_resumes_with_shifted_deadline() {
        let (count, began) = (AtomicU64::new(0), Instant::now());
        let frozen = Fate {
            pause: Some((3, 600_000)),
            ..fate()
        };
        assert_eq!(run(frozen, || true, steps(&count)).await, Ended::With(()));
        assert_eq!(count.load(Ordering::SeqCst), 10);
        assert!(began.elapsed() >= Duration::from_mins(10));
    }
}
