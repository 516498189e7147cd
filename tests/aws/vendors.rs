//! Vendors as this suite wants them.

use std::ops::RangeInclusive;

use windlass_tests::timeline::{BOUND_MS, Timeline, TimelineSpec, recent_span};
use windlass_tests::vendor::{Settings, Shape, Vendor};

/// About what one record has in a vendor's audit log.
const RECORD_BYTES: usize = 850;

/// How much a vendor has and how fast it gives it.
#[derive(Debug, Clone)]
pub(crate) struct Stock {
    pub(crate) shape: Shape,
    pub(crate) seed: u64,
    /// Windows of ten minutes.
    pub(crate) windows: usize,
    /// Pages a window, on average.
    pub(crate) pages: usize,
    /// Records a page.
    pub(crate) page_cap: usize,
    /// About how many bytes a record has.
    pub(crate) record_bytes: usize,
    pub(crate) latency_ms: RangeInclusive<u64>,
}

impl Stock {
    /// In Google's shape, in pages of `page_cap` records that come at once.
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
