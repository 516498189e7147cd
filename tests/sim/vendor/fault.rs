//! The faults between a vendor and its client.

use std::collections::BTreeMap;

use windlass_core::Timestamp;

use super::spec::{Shape, VendorSpec};

/// One way in which a request fails, or takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// HTTP 429 with `Retry-After` in seconds, at times for longer than the longest wait that is
    /// kept.
    RetrySeconds,
    /// HTTP 429 with `Retry-After` as an HTTP date.
    RetryDate,
    /// HTTP 429 without a wait.
    RetryBare,
    /// The vendor's own error for a spent quota: HTTP 403, or an error inside a 200.
    Quota,
    /// HTTP 500, or an error inside a 200.
    Error500,
    /// HTTP 503, at times with `Retry-After`.
    Error503,
    /// No connection: the request does not reach the vendor.
    Connect,
    /// The connection breaks after the vendor has responded.
    Reset,
    /// No response within any timeout.
    Stall,
    /// A response after many seconds.
    Slow,
    /// A page with HTTP 200 that ends in the middle.
    Truncated,
    /// HTTP 200 with bytes that are not text.
    Garbage,
    /// HTTP 200 with an HTML page.
    Html,
    /// HTTP 200 with JSON of another shape.
    Stranger,
    /// A valid token is rejected.
    TokenRejected,
    /// The page returns the token of its own request.
    TokenStuck,
    /// The page returns a token of an earlier page.
    TokenCycle,
    /// The credentials are rejected. Occurs as an outage only, until it is over.
    Unauthorized,
}

impl Fault {
    /// All sporadic faults.
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
        Self::TokenCycle,
    ];

    /// The faults that a vendor of `shape` can have without data loss: where a page without its
    /// array is an empty one, JSON of another shape ends a window.
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
            Self::TokenCycle => "vendor_token_circle",
            Self::Unauthorized => "vendor_unauthorized",
        }
    }

    /// Returns true if it needs a token, and costs its window a restart.
    pub(crate) const fn is_about_tokens(self) -> bool {
        matches!(
            self,
            Self::TokenRejected | Self::TokenStuck | Self::TokenCycle
        )
    }
}

/// The randomness of faults, and their counts.
#[derive(Debug)]
pub(super) struct Faults {
    rng: fastrand::Rng,
    per_mille: u32,
    kinds: Vec<Fault>,
    about_tokens_max: u32,
    /// Number of token faults so far, by request.
    about_tokens: BTreeMap<u64, u32>,
    /// The fault of every request until an instant.
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

    /// Stops the faults.
    pub(super) fn stop(&mut self) {
        (self.per_mille, self.trouble) = (0, None);
    }

    /// Makes every request meet `fault` until `until`.
    pub(super) fn trouble(&mut self, fault: Fault, until: Timestamp) {
        self.trouble = Some((fault, until));
    }

    /// Draws the fault of a request that arrives `now` for the listing `of`, if it has one.
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

    /// The randomness for the details of a fault.
    pub(super) fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }
}
