//! Faults of events and of their environments, drawn from a seed.

use std::ops::RangeInclusive;

/// A fault of an environment in the middle of an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// `SIGKILL`.
    Kill,
    /// `SIGSTOP`, until it is resumed. Lambda considers it dead and starts another.
    Freeze,
}

/// The moment of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// A number of milliseconds after the start of the invocation.
    AfterMs(RangeInclusive<u64>),
    /// After the environment has called `action`, such as `dynamodb:UpdateItem`, a number of times
    /// in the invocation: the service has received the call, and its response is pending.
    AfterCall {
        /// The action as IAM policies name it.
        action: String,
        /// The number of calls.
        times: RangeInclusive<usize>,
    },
}

/// A possible fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// The kind of fault.
    pub act: Act,
    /// The moment of the fault.
    pub moment: Moment,
}

/// The counts of injected faults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Accepted events.
    pub events: u32,
    /// Events delivered twice.
    pub doubled: u32,
    /// Events accepted and never delivered.
    pub lost: u32,
    /// Deliveries with a planned fault; some end before its moment.
    pub struck: u32,
    /// Deliveries with a dropped response.
    pub without_response: u32,
}

/// The fault plan of a function.
#[derive(Debug, Clone)]
pub struct Chaos {
    rng: fastrand::Rng,
    doubled_percent: u8,
    lost_percent: u8,
    without_response_percent: u8,
    struck_percent: u8,
    strikes: Vec<Strike>,
    struck_max: u32,
    delay_ms: RangeInclusive<u64>,
    tally: Tally,
}

impl Default for Chaos {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Chaos {
    /// A plan without faults; `seed` determines those that are added.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            doubled_percent: 0,
            lost_percent: 0,
            without_response_percent: 0,
            struck_percent: 0,
            strikes: Vec::new(),
            struck_max: 0,
            delay_ms: 0..=0,
            tally: Tally::default(),
        }
    }

    /// `percent` % of events are delivered twice.
    pub fn doubled(mut self, percent: u8) -> Self {
        self.doubled_percent = percent;
        self
    }

    /// `percent` % of events are accepted and never delivered.
    pub fn lost(mut self, percent: u8) -> Self {
        self.lost_percent = percent;
        self
    }

    /// `percent` % of the environments' responses are dropped.
    pub fn without_response(mut self, percent: u8) -> Self {
        self.without_response_percent = percent;
        self
    }

    /// Deliveries are delayed by this time, in milliseconds.
    pub fn delay_ms(mut self, delay_ms: RangeInclusive<u64>) -> Self {
        self.delay_ms = delay_ms;
        self
    }

    /// `percent` % of deliveries, at most `most`, suffer one of `strikes`.
    pub fn struck(mut self, percent: u8, most: u32, strikes: &[Strike]) -> Self {
        self.struck_percent = percent;
        self.struck_max = most;
        self.strikes = strikes.to_vec();
        self
    }

    /// The counts so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn happens(&mut self, percent: u8) -> bool {
        self.rng.u8(0..100) < percent
    }

    /// Draws the deliveries of one event: one fate for each.
    pub(super) fn draw(&mut self) -> Vec<Fate> {
        self.tally.events += 1;
        if self.happens(self.lost_percent) {
            self.tally.lost += 1;
            return Vec::new();
        }
        let doubled = self.happens(self.doubled_percent);
        self.tally.doubled += u32::from(doubled);
        (0..=u8::from(doubled))
            .map(|_| self.draw_delivery())
            .collect()
    }

    fn draw_delivery(&mut self) -> Fate {
        let delay_ms = self.rng.u64(self.delay_ms.clone());
        let without_response = self.happens(self.without_response_percent);
        self.tally.without_response += u32::from(without_response);
        let strikes = self.happens(self.struck_percent) && self.tally.struck < self.struck_max;
        let strike = strikes.then(|| self.draw_strike()).flatten();
        self.tally.struck += u32::from(strike.is_some());
        Fate {
            delay_ms,
            without_response,
            strike,
        }
    }

    fn draw_strike(&mut self) -> Option<(Act, When)> {
        let strike = self.rng.choice(&self.strikes)?;
        let when = match &strike.moment {
            Moment::AfterMs(range) => When::Ms(self.rng.u64(range.clone())),
            Moment::AfterCall { action, times } => {
                When::Call(action.clone(), self.rng.usize(times.clone()))
            }
        };
        Some((strike.act, when))
    }
}

/// The faults of one delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) delay_ms: u64,
    pub(super) without_response: bool,
    pub(super) strike: Option<(Act, When)>,
}

/// A drawn moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum When {
    Ms(u64),
    Call(String, usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chaos() -> Chaos {
        let strike = Strike {
            act: Act::Kill,
            moment: Moment::AfterMs(5..=9),
        };
        let chaos = Chaos::new(3).doubled(20).lost(10).without_response(5);
        chaos.delay_ms(0..=50).struck(30, 40, &[strike])
    }

    #[test]
    fn fates_follow_seed_and_requested_rates() {
        let run = || {
            let mut chaos = chaos();
            let fates: Vec<_> = (0..500).map(|_| chaos.draw()).collect();
            (fates, chaos.tally())
        };
        let (fates, tally) = run();
        assert_eq!((fates.clone(), tally), run());
        let deliveries = |count| fates.iter().filter(|fates| fates.len() == count).count();
        assert_eq!(deliveries(0), usize::try_from(tally.lost).unwrap());
        assert_eq!(deliveries(2), usize::try_from(tally.doubled).unwrap());
        assert!(
            (20..90).contains(&tally.lost) && (50..150).contains(&tally.doubled),
            "{tally:?}"
        );
        assert!(tally.without_response > 0);
        assert_eq!(tally.struck, 40, "there are no more strikes than allowed");
    }

    #[test]
    fn event_without_chaos_is_delivered_once() {
        let mut calm = Chaos::default();
        assert!((0..100).all(|_| calm.draw() == [Fate::default()]));
    }
}
