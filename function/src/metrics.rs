//! Metrics, as lines in the function's log.

use std::io::{self, Write};

use windlass_core::clock::Clock;
use windlass_core::metric::{Metric, MetricLine};
use windlass_core::system::SystemClock;

/// Writes the metrics of a function, for one deployment.
#[derive(Debug)]
pub struct MetricLog {
    deployment: String,
}

impl MetricLog {
    /// A log of metrics for `deployment`.
    pub const fn new(deployment: String) -> Self {
        Self { deployment }
    }

    /// Writes `values` as one line. A failed write is logged and does not fail an invocation.
    pub fn write(&self, values: Vec<(Metric, u64)>) {
        if let Err(error) = self.write_to(&mut io::stdout(), values) {
            tracing::warn!(%error, "metrics not written");
        }
    }

    fn write_to(&self, to: &mut impl Write, values: Vec<(Metric, u64)>) -> io::Result<()> {
        let line = MetricLine {
            deployment: &self.deployment,
            now: SystemClock.now(),
            values,
        };
        // In one piece: lines of several threads must not mix.
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        to.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::metric;

    use super::*;

    #[test]
    fn metrics_form_one_line_of_deployment() {
        let mut written = Vec::new();
        let log = MetricLog::new("prod".to_owned());
        log.write_to(&mut written, vec![(metric::PAGES, 3)])
            .unwrap();
        let written = String::from_utf8(written).unwrap();
        assert_eq!(written.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(
            (&line["Deployment"], &line["Pages"]),
            (&"prod".into(), &3.into())
        );
    }
}
