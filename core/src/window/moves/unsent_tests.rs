//! One-time page tokens: the runs that may send a stored one.

use proptest::prelude::*;

use super::*;

/// A running window with its first page checkpointed since its claim.
fn advanced() -> Window {
    let claimed = window().apply(&claim(1)).unwrap();
    claimed.apply(&Event::Checkpoint(page(0))).unwrap()
}

/// The window after the next claim.
fn claimed(window: &Window) -> Window {
    window.apply(&claim(window.epoch())).unwrap()
}

#[test]
fn only_next_run_may_send_unsent_token() {
    let left = advanced().apply(&release(Cause::Yielded.unsent())).unwrap();
    assert_eq!(left.unsent_after(), Some(1));
    let next = claimed(&left);
    assert!(next.token_is_unsent());
    for stopped in [
        Event::Recover { now: at(40) },
        Event::Expire {
            split: None,
            now: at(40),
        },
        release(Cause::Outage),
        release(Cause::Failed),
    ] {
        let later = claimed(&next.apply(&stopped).unwrap());
        assert!(!later.token_is_unsent(), "{stopped:?}");
    }
    let again = next.apply(&release(Cause::Outage.unsent())).unwrap();
    assert!(claimed(&again).token_is_unsent());
}

#[test]
fn unreported_token_counts_as_sent() {
    for cause in [Cause::Yielded, Cause::Outage, Cause::Failed] {
        let left = advanced().apply(&release(cause)).unwrap();
        assert_eq!(left.unsent_after(), None);
        let next = claimed(&left);
        assert!(!next.token_is_unsent(), "{cause:?}");
        // That run cannot declare the token unsent either: it does not know.
        let left = next.apply(&release(Cause::Yielded.unsent())).unwrap();
        assert_eq!(left.unsent_after(), None);
    }
}

#[test]
fn window_without_token_has_none_unsent() {
    let first = window().apply(&claim(1)).unwrap();
    let left = first.apply(&release(Cause::Yielded.unsent())).unwrap();
    assert_eq!(left.unsent_after(), None);
    assert!(!claimed(&left).token_is_unsent());
    let restarted = advanced().apply(&release(Cause::Restart)).unwrap();
    assert!(!claimed(&restarted).token_is_unsent());
}

#[test]
fn token_use_does_not_change_counts() {
    let split = SplitPoint {
        at: at(500),
        delivered: Delivered::Before,
    };
    for cause in [
        Cause::Yielded,
        Cause::Outage,
        Cause::OutOfTime(None),
        Cause::OutOfTime(Some(split)),
    ] {
        let plain = advanced().apply(&release(cause)).unwrap();
        let unsent = advanced().apply(&release(cause.unsent())).unwrap();
        assert_eq!(unsent.unsent_after(), Some(1));
        assert_eq!(cause.unsent().plain(), cause);
        let forgotten = unsent.with(|form| form.unsent_after = None);
        assert_eq!(forgotten, plain, "{cause:?}");
    }
    for cause in [
        Cause::Restart,
        Cause::Failed,
        Cause::Split(at(5)),
        Cause::Halve(at(5)),
    ] {
        assert_eq!((cause.unsent(), cause.plain()), (cause, cause));
    }
}

#[test]
fn halving_forgives_earlier_restarts() {
    let worn = advanced().with(|form| {
        form.restarts = limits::RESTARTS_MAX;
        form.overruns = 1;
    });
    let halved = worn.apply(&release(Cause::Halve(at(500)))).unwrap();
    assert_eq!(halved.restarts(), limits::RESTARTS_MAX + 1);
    assert!(!halved.is_exhausted());
    assert_eq!(
        (halved.split().map(|split| split.at), &halved.cursor()),
        (Some(at(500)), &None)
    );
    assert_eq!(
        halved.split().map(|split| split.delivered),
        Some(Delivered::Nothing)
    );
    assert_eq!(
        (halved.records(), halved.page(), halved.attempts()),
        (0, 1, 0)
    );
    let shrink = Event::Shrink {
        to: at(500),
        now: at(50),
    };
    let left = halved.apply(&shrink).unwrap();
    assert_eq!((left.overruns(), left.restarts()), (0, worn.restarts() + 1));
    assert!(worn.apply(&release(Cause::Halve(at(0)))).is_err());
}

/// Events of a window whose vendor has one-time page tokens, and of its workers.
#[derive(Debug, Clone, Copy)]
enum Step {
    Claim,
    Dispatch,
    /// The worker sends the token, if it may, and gets a page.
    Page,
    /// The worker sends the token, if it may, and the response is lost.
    Send,
    /// The worker releases the window; true if the vendor has rejected the token.
    Release(Cause, bool),
    /// The worker is stopped and the window is taken back; the worker may resume later.
    Expire,
    Recover,
    /// A worker that has lost the window sends the token that it still holds.
    WakeUp,
    Shrink,
    ParkAndRetry,
}

fn step() -> impl Strategy<Value = Step> {
    let causes = vec![
        Cause::Yielded,
        Cause::OutOfTime(None),
        Cause::Outage,
        Cause::Failed,
        Cause::Restart,
        Cause::Halve(at(500)),
    ];
    prop_oneof![
        4 => Just(Step::Claim),
        1 => Just(Step::Dispatch),
        5 => Just(Step::Page),
        2 => Just(Step::Send),
        4 => (prop::sample::select(causes), any::<bool>())
            .prop_map(|(cause, refused)| Step::Release(cause, refused)),
        1 => Just(Step::Expire),
        1 => Just(Step::Recover),
        1 => Just(Step::WakeUp),
        1 => Just(Step::Shrink),
        1 => Just(Step::ParkAndRetry),
    ]
}

/// A window, its worker and the vendor.
struct World {
    window: Window,
    /// The token that this run has sent and the vendor has not rejected.
    sent: Option<String>,
    /// True if this run may send the window's token.
    may_send: bool,
    /// Tokens that stopped workers may still send.
    asleep: Vec<String>,
    /// The number of times that the vendor has served each token.
    served: std::collections::BTreeMap<String, u32>,
}

impl World {
    fn apply(&mut self, event: &Event) -> bool {
        let Ok(next) = self.window.apply(event) else {
            return false;
        };
        check_move(&self.window, &next).unwrap();
        self.window = next;
        true
    }

    fn token(&self) -> Option<String> {
        self.window.cursor().map(|it| it.token.clone())
    }

    /// Sends the window's token if that is allowed, and returns whether it did.
    fn send(&mut self) -> bool {
        let token = self.token();
        let running = self.window.status() == Status::Running;
        let spent = token.is_some() && (!self.may_send || self.sent == token);
        if !running || spent {
            return false;
        }
        if let Some(token) = &token {
            *self.served.entry(token.clone()).or_default() += 1;
        }
        self.sent = token;
        true
    }

    fn stopped(&mut self, event: &Event) {
        let may_send = self.may_send && self.window.status() == Status::Running;
        let token = self.token().filter(|_| may_send);
        let unsent = token.filter(|token| self.sent.as_ref() != Some(token));
        if self.apply(event) {
            self.asleep.extend(unsent);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Claim => {
                if self.apply(&claim(self.window.epoch())) {
                    self.sent = None;
                    self.may_send = self.window.token_is_unsent();
                }
            }
            Step::Dispatch => {
                let (until, now) = (at(100), at(10));
                self.apply(&Event::Dispatch { until, now });
            }
            Step::Page => {
                if self.send() {
                    let next = page(self.window.page());
                    self.may_send = self.apply(&Event::Checkpoint(next));
                }
            }
            Step::Send => {
                self.send();
            }
            Step::Release(cause, refused) => {
                if refused && let Some(token) = self.sent.take() {
                    // The vendor served no page for it.
                    self.served.insert(token, 0);
                }
                let may_be_kept = self.sent.is_none() || self.sent != self.token();
                let cause = if may_be_kept { cause.unsent() } else { cause };
                self.apply(&release(cause));
            }
            Step::Expire => self.stopped(&Event::Expire {
                split: None,
                now: at(40),
            }),
            Step::Recover => self.stopped(&Event::Recover { now: at(40) }),
            Step::WakeUp => {
                if let Some(token) = self.asleep.pop() {
                    *self.served.entry(token).or_default() += 1;
                }
            }
            Step::Shrink => {
                let split = self.window.split().map(|split| split.at);
                if let Some(to) = split {
                    self.apply(&Event::Shrink { to, now: at(50) });
                }
            }
            Step::ParkAndRetry => {
                let reason = "why".to_owned();
                let now = at(60);
                self.stopped(&Event::Park { reason, now });
                self.apply(&Event::Retry { now });
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_token_is_served_twice(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World {
            window: window(),
            sent: None,
            may_send: false,
            asleep: Vec::new(),
            served: std::collections::BTreeMap::new(),
        };
        for step in steps {
            world.step(step);
            prop_assert!(world.served.values().all(|times| *times < 2), "{step:?}: {:?}", world.served);
        }
    }
}
