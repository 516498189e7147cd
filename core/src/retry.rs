//! Failure classes, and the worker's response to each. The connector turns every error of a vendor,
//! from a connection reset to a body that is not JSON, into one of these classes.

use serde::Deserialize;

use crate::limits;
use crate::time::Timestamp;
use crate::window::Window;

/// Failures by their remedy; manifests name them in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The vendor or the network is unavailable: 5xx, timeouts, resets, truncated bodies.
    Outage,
    /// The vendor asks to slow down.
    Rate,
    /// A response arrived and cannot be used: not JSON, an error inside a 200, a body over the
    /// limit.
    Page,
    /// The vendor rejected or repeated its own page token.
    Restart,
    /// The vendor cannot return so much in one request.
    Split,
    /// Credentials, permissions or the configuration are wrong: an operator has to act.
    Block,
}

/// Returns whether the runs of `window` have met an often transient rejection so many times that
/// its source is blocked.
pub fn refusal_stands(window: &Window) -> bool {
    window.setbacks() >= limits::REFUSALS_BEFORE_BLOCK
}

/// The next step of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Request the same page again.
    Retry {
        /// The delay before the request, in milliseconds.
        after_ms: i64,
    },
    /// Release the window without a failure; it waits until `not_before`.
    Leave {
        /// Earliest next claim.
        not_before: Timestamp,
        /// True if the whole rate group waits.
        cooldown: bool,
    },
    /// Release the window as failed.
    Fail {
        /// Earliest next claim.
        not_before: Timestamp,
    },
    /// Restart at page one.
    Restart {
        /// Earliest next claim.
        not_before: Timestamp,
    },
    /// Split the window.
    Split,
    /// Block the source.
    Block,
}

/// The facts that decide about a failed page.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The window of the page.
    pub window: &'a Window,
    /// The delay before another attempt; `None` when the retry limit is reached.
    pub delay_ms: Option<i64>,
    /// The wait that the vendor asks for; `None` without one.
    pub wait_ms: Option<i64>,
    /// Time left in this run, in milliseconds.
    pub left_ms: i64,
    /// Randomness for the stored wait.
    pub random: u64,
    /// The instant of the failure.
    pub now: Timestamp,
}

/// Decides the next step after a failure of `class`.
///
/// A wait that the vendor asks for replaces the worker's own delay. Up to
/// [`limits::RETRY_DELAY_MAX_MS`] the worker sleeps through it; a longer one, or one that does not
/// fit the time left, is stored, up to [`limits::WAIT_MS_MAX`].
pub fn decide(class: FailureClass, attempt: &Attempt<'_>) -> Disposition {
    let backoff = attempt.now.plus_ms(half_jitter(
        stored_backoff_ms(attempt.window.setbacks()),
        attempt.random,
    ));
    match class {
        FailureClass::Block => Disposition::Block,
        FailureClass::Split => Disposition::Split,
        FailureClass::Restart => {
            let wait_ms = restart_wait_ms(attempt.window.restarts());
            Disposition::Restart {
                not_before: attempt.now.plus_ms(half_jitter(wait_ms, attempt.random)),
            }
        }
        FailureClass::Outage | FailureClass::Rate | FailureClass::Page => {
            let cooldown = class == FailureClass::Rate;
            match (attempt.wait_ms, attempt.delay_ms) {
                (Some(wait), Some(_)) if is_short(wait, attempt) => Disposition::Retry {
                    after_ms: wait.max(0),
                },
                (Some(wait), _) => {
                    let wait = wait.clamp(0, limits::WAIT_MS_MAX);
                    Disposition::Leave {
                        not_before: attempt.now.plus_ms(wait),
                        cooldown,
                    }
                }
                (None, Some(delay)) if is_short(delay, attempt) => {
                    Disposition::Retry { after_ms: delay }
                }
                (None, _) if class == FailureClass::Page => Disposition::Fail {
                    not_before: backoff,
                },
                (None, _) => Disposition::Leave {
                    not_before: backoff,
                    cooldown,
                },
            }
        }
    }
}

fn is_short(wait_ms: i64, attempt: &Attempt<'_>) -> bool {
    wait_ms <= limits::RETRY_DELAY_MAX_MS && wait_ms < attempt.left_ms
}

/// The stored wait after `setbacks` failed runs in a row: doubles from [`limits::BACKOFF_MIN_MS`]
/// to [`limits::BACKOFF_MAX_MS`].
pub fn stored_backoff_ms(setbacks: u32) -> i64 {
    limits::BACKOFF_MIN_MS
        .checked_shl(setbacks.min(32))
        .unwrap_or(limits::BACKOFF_MAX_MS)
        .clamp(limits::BACKOFF_MIN_MS, limits::BACKOFF_MAX_MS)
}

/// The wait of a window that restarts after `restarts` earlier restarts, in milliseconds: none at
/// first, then as after failed runs.
pub fn restart_wait_ms(restarts: u32) -> i64 {
    restarts.checked_sub(1).map_or(0, stored_backoff_ms)
}

/// A delay between zero and `delay_ms`, chosen by `random`: full jitter, which best spreads workers
/// that failed together. Source:
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
pub fn full_jitter(delay_ms: i64, random: u64) -> i64 {
    let spread = delay_ms.max(0).unsigned_abs() + 1;
    i64::try_from(random % spread).unwrap_or(0)
}

/// A delay between half of `delay_ms` and all of it, chosen by `random`: spreads workers that wait
/// together, with a minimum wait.
pub fn half_jitter(delay_ms: i64, random: u64) -> i64 {
    let delay = delay_ms.max(0);
    let half = delay / 2;
    let spread = (delay - half).unsigned_abs() + 1;
    half + i64::try_from(random % spread).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
            .parse()
            .unwrap();
        Window::new(id, Timestamp::MAX, Timestamp::from_ms(0)).unwrap()
    }

    fn attempt(window: &Window) -> Attempt<'_> {
        Attempt {
            window,
            delay_ms: Some(500),
            wait_ms: None,
            left_ms: 60_000,
            random: 0,
            now: Timestamp::from_ms(1_000),
        }
    }

    #[test]
    fn short_vendor_wait_overrides_own_delay() {
        let window = window();
        let asked = Attempt {
            wait_ms: Some(2_000),
            ..attempt(&window)
        };
        assert_eq!(
            decide(FailureClass::Rate, &asked),
            Disposition::Retry { after_ms: 2_000 }
        );
        let at_edge = Attempt {
            wait_ms: Some(limits::RETRY_DELAY_MAX_MS),
            ..attempt(&window)
        };
        assert!(matches!(
            decide(FailureClass::Rate, &at_edge),
            Disposition::Retry { .. }
        ));
    }

    #[test]
    fn long_vendor_wait_becomes_capped_cooldown() {
        let window = window();
        let long = Attempt {
            wait_ms: Some(limits::RETRY_DELAY_MAX_MS + 1),
            ..attempt(&window)
        };
        assert!(matches!(
            decide(FailureClass::Rate, &long),
            Disposition::Leave { cooldown: true, .. }
        ));
        let absurd = Attempt {
            wait_ms: Some(i64::MAX),
            ..attempt(&window)
        };
        let not_before = Timestamp::from_ms(1_000 + limits::WAIT_MS_MAX);
        assert_eq!(
            decide(FailureClass::Rate, &absurd),
            Disposition::Leave {
                not_before,
                cooldown: true
            }
        );
    }

    #[test]
    fn wait_exceeding_deadline_is_stored() {
        let window = window();
        let late = Attempt {
            wait_ms: Some(2_000),
            left_ms: 1_000,
            ..attempt(&window)
        };
        assert!(matches!(
            decide(FailureClass::Rate, &late),
            Disposition::Leave { .. }
        ));
    }

    #[test]
    fn exhausted_tries_excuse_outage_but_fail_page() {
        let window = window();
        let last = Attempt {
            delay_ms: None,
            ..attempt(&window)
        };
        assert!(matches!(
            decide(FailureClass::Outage, &last),
            Disposition::Leave {
                cooldown: false,
                ..
            }
        ));
        let not_before = last.now.plus_ms(limits::BACKOFF_MIN_MS / 2);
        assert_eq!(
            decide(FailureClass::Page, &last),
            Disposition::Fail { not_before }
        );
        assert!(matches!(
            decide(FailureClass::Page, &last),
            Disposition::Fail { .. }
        ));
    }

    #[test]
    fn first_restart_is_immediate_and_later_ones_wait() {
        let fresh = window();
        assert_eq!(
            decide(FailureClass::Restart, &attempt(&fresh)),
            Disposition::Restart {
                not_before: Timestamp::from_ms(1_000)
            }
        );
        let again = window().with(|form| form.restarts = 1);
        assert!(matches!(
            decide(FailureClass::Restart, &attempt(&again)),
            Disposition::Restart { not_before } if not_before > Timestamp::from_ms(1_000)
        ));
    }

    #[test]
    fn own_delay_exceeding_deadline_is_stored() {
        let window = window();
        for class in [FailureClass::Outage, FailureClass::Rate, FailureClass::Page] {
            let fits = attempt(&window);
            let retry = Disposition::Retry { after_ms: 500 };
            assert_eq!(decide(class, &fits), retry);
            let does_not = Attempt {
                left_ms: 500,
                ..fits
            };
            let not_before = fits.now.plus_ms(limits::BACKOFF_MIN_MS / 2);
            let stored = match class {
                FailureClass::Page => Disposition::Fail { not_before },
                _ => Disposition::Leave {
                    not_before,
                    cooldown: class == FailureClass::Rate,
                },
            };
            assert_eq!(decide(class, &does_not), stored);
        }
    }

    #[test]
    fn past_wait_means_no_wait() {
        let window = window();
        let over = Attempt {
            wait_ms: Some(-5),
            ..attempt(&window)
        };
        let at_once = Disposition::Retry { after_ms: 0 };
        assert_eq!(decide(FailureClass::Rate, &over), at_once);
        let last = Attempt {
            delay_ms: None,
            ..over
        };
        let leave = Disposition::Leave {
            not_before: over.now,
            cooldown: true,
        };
        assert_eq!(decide(FailureClass::Rate, &last), leave);
    }

    #[test]
    fn stored_backoff_doubles_up_to_limit() {
        assert_eq!(stored_backoff_ms(0), limits::BACKOFF_MIN_MS);
        assert_eq!(stored_backoff_ms(1), 2 * limits::BACKOFF_MIN_MS);
        assert_eq!(stored_backoff_ms(40), limits::BACKOFF_MAX_MS);
        assert_eq!(stored_backoff_ms(60), limits::BACKOFF_MAX_MS);
        assert_eq!(restart_wait_ms(0), 0);
        assert_eq!(restart_wait_ms(1), limits::BACKOFF_MIN_MS);
        assert_eq!(stored_backoff_ms(u32::MAX), limits::BACKOFF_MAX_MS);
    }

    #[test]
    fn half_jitter_stays_within_upper_half() {
        for random in [0, 1, 7, u64::MAX] {
            let delay = half_jitter(1_000, random);
            assert!((500..=1_000).contains(&delay));
        }
        assert_eq!(half_jitter(0, 5), 0);
        assert_eq!(half_jitter(-5, u64::MAX), 0);
    }

    #[test]
    fn full_jitter_spans_whole_delay() {
        assert_eq!(full_jitter(1_000, 0), 0);
        assert_eq!(full_jitter(1_000, 1_000), 1_000);
        assert_eq!(full_jitter(1_000, 1_001), 0);
        assert_eq!(full_jitter(-5, u64::MAX), 0);
    }
}
