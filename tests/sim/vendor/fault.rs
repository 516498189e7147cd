//! What goes wrong between a vendor and who asks it.

use std::collections::BTreeMap;

use windlass_core::Timestamp;

use super::spec::{Shape, VendorSpec};

/// One way in which a request fails, or takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// 429 with `Retry-After` in seconds, now and then for longer than any wait is honoured.
    RetrySeconds,
    /// 429 with `Retry-After` as an HTTP date.
    RetryDate,
    /// 429 that does not say for how long.
    RetryBare,
    /// The vendor's own way to say that a quota is spent: 403, or an error inside a 200.
    Quota,
    /// 500, or an error inside a 200.
    Error500,
    /// 503, now and then with `Retry-After`.
    Error503,
    /// No connection: the vendor does not hear of it.
    Connect,
    /// The connection breaks after the vendor has answered.
    Reset,
    /// Nothing comes for as long as anybody waits.
    Stall,
    /// The answer comes, after many seconds.
    Slow,
    /// A page with status 200 that ends in the middle.
    Truncated,
    /// A 200 with bytes that are no text.
    Garbage,
    /// A 200 with a page for people.
    Html,
    /// A 200 with JSON of another shape.
    Stranger,
    /// The token is not accepted, although nothing is wrong with it.
    TokenRejected,
    /// The page gives the token back that it was asked with.
    TokenStuck,
    /// The page gives a token of an earlier page.
    TokenCircle,
    /// The credentials are not accepted. Comes as an outage only, until it is over.
    Unauthorized,
}

impl Fault {
    /// All that strike now and then.
    pub(crate) const ALL: [Self; 17] = [
        Self::RetrySeconds,
        Self::RetryDate,
        Self::RetryBare,
        Self::Quota,
        Self::Error500,
        Self::Error503,
        Self::Connect,
        Self::Reset,
        Self::Stall,
        Self::Slow,
        Self::Truncated,
        Self::Garbage,
        Self::Html,
        Self::Stranger,
        Self::TokenRejected,
        Self::TokenStuck,
        Self::TokenCircle,
    ];

    /// Those that a vendor of `shape` can make without anything being lost: where a page without
    /// its array is an empty one, JSON of another shape ends a window.
    pub(crate) fn of(shape: Shape) -> Vec<Self> {
        let mut all = Self::ALL.to_vec();
        all.retain(|fault| shape != Shape::Google || *fault != Self::Stranger);
        all
    }

    /// Its name in counts.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RetrySeconds => "vendor_429_seconds",
            Self::RetryDate => "vendor_429_date",
            Self::RetryBare => "vendor_429_bare",
            Self::Quota => "vendor_quota",
            Self::Error500 => "vendor_500",
            Self::Error503 => "vendor_503",
            Self::Connect => "vendor_connect",
            Self::Reset => "vendor_reset",
            Self::Stall => "vendor_stall",
            Self::Slow => "vendor_slow",
            Self::Truncated => "vendor_truncated",
            Self::Garbage => "vendor_garbage",
            Self::Html => "vendor_html",
            Self::Stranger => "vendor_stranger",
            Self::TokenRejected => "vendor_token_rejected",
            Self::TokenStuck => "vendor_token_stuck",
            Self::TokenCircle => "vendor_token_circle",
            Self::Unauthorized => "vendor_unauthorized",
        }
    }

    /// Whether it needs a token, and costs its window a restart.
    pub(crate) const fn is_about_tokens(self) -> bool {
        matches!(
            self,
            Self::TokenRejected | Self::TokenStuck | Self::TokenCircle
        )
    }
}

/// The dice, and what they have shown.
#[derive(Debug)]
pub(super) struct Faults {
    rng: fastrand::Rng,
    per_mille: u32,
    kinds: Vec<Fault>,
    about_tokens_max: u32,
    /// Those about tokens so far, by what was asked for.
    about_tokens: BTreeMap<u64, u32>,
    /// What every request meets until an instant.
    trouble: Option<(Fault, Timestamp)>,
    struck: BTreeMap<&'static str, u64>,
}

impl Faults {
    pub(super) fn new(spec: &VendorSpec, seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            per_mille: spec.faults_per_mille,
            kinds: spec.kinds.clone(),
            about_tokens_max: spec.token_faults_max,
            about_tokens: BTreeMap::new(),
            trouble: None,
            struck: BTreeMap::new(),
        }
    }

    /// No more of them.
    pub(super) fn stop(&mut self) {
        (self.per_mille, self.trouble) = (0, None);
    }

    /// Lets every request meet `fault` until `until`.
    pub(super) fn trouble(&mut self, fault: Fault, until: Timestamp) {
        self.trouble = Some((fault, until));
    }

    /// What happens to a request that arrives `now` for the listing `of`, if anything.
    pub(super) fn draw(&mut self, now: Timestamp, of: u64, has_token: bool) -> Option<Fault> {
        let trouble = self.trouble.filter(|(_, until)| now < *until);
        let fault = if let Some((fault, _)) = trouble {
            fault
        } else if self.rng.u32(0..1_000) < self.per_mille {
            *self.rng.choice(&self.kinds)?
        } else {
            return None;
        };
        if fault.is_about_tokens() {
            let so_far = self.about_tokens.entry(of).or_default();
            if !has_token || *so_far >= self.about_tokens_max {
                return None;
            }
            *so_far += 1;
        }
        self.count(fault.name());
        Some(fault)
    }

    pub(super) fn count(&mut self, name: &'static str) {
        *self.struck.entry(name).or_default() += 1;
    }

    pub(super) fn struck(&self) -> &BTreeMap<&'static str, u64> {
        &self.struck
    }

    /// The dice, for what a fault needs beside its kind.
    pub(super) fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }
}
