//! The vendors of this suite.

use std::ops::RangeInclusive;

use windlass_tests::timeline::{BOUND_MS, Timeline, TimelineSpec, recent_span};
use windlass_tests::vendor::{Settings, Shape, Vendor};

/// Approximate size of one record in a vendor's audit log.
const RECORD_BYTES: usize = 850;

/// The amount of a vendor's records, and its latency.
#[derive(Debug, Clone)]
pub(crate) struct Stock {
    pub(crate) shape: Shape,
    pub(crate) seed: u64,
    /// Number of windows of ten minutes.
    pub(crate) windows: usize,
    /// Average number of pages per window.
    pub(crate) pages: usize,
    /// Records per page.
    pub(crate) page_cap: usize,
    /// Approximate size of a record in bytes.
    pub(crate) record_bytes: usize,
    pub(crate) latency_ms: RangeInclusive<u64>,
}

impl Stock {
    /// A vendor in Google's shape, with pages of `page_cap` records and without latency.
    pub(crate) fn google(windows: usize, pages: usize, page_cap: usize) -> Self {
        Self {
            shape: Shape::Google,
            seed: 1,
            windows,
            pages,
            page_cap,
            record_bytes: RECORD_BYTES,
            latency_ms: 0..=0,
        }
    }

    pub(crate) fn latency_ms(self, latency_ms: RangeInclusive<u64>) -> Self {
        Self { latency_ms, ..self }
    }

    pub(crate) fn records(&self) -> usize {
        self.windows * self.pages * self.page_cap
    }

    /// Starts the vendor.
    pub(crate) async fn start(self) -> Vendor {
        let windows = i64::try_from(self.windows).unwrap_or(1);
        let timeline = Timeline::generate(&TimelineSpec {
            seed: self.seed,
            span: recent_span(windows * BOUND_MS),
            events: self.records(),
            record_bytes: self.record_bytes,
        });
        let settings = Settings {
            seed: self.seed,
            latency_ms: self.latency_ms,
            ..Settings::new(self.shape, self.page_cap)
        };
        Vendor::start(settings, timeline).await
    }
}
