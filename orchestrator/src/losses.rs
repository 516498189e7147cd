//! Log lines about sources that are about to lose records, one per change: the plans of a process come
//! every second while clocks disagree or a vendor is down.

use std::collections::BTreeMap;

use windlass_core::duration::Rounded;
use windlass_core::ids::SourceName;

use crate::report::SourceReport;

/// The stage that each endangered source was last logged in.
#[derive(Debug, Default)]
pub(crate) struct Losses(BTreeMap<SourceName, Stage>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The vendor still keeps everything that is not delivered.
    Near,
    /// The vendor drops records that are not delivered.
    Begun,
}

impl Losses {
    /// Logs that the source of `report` will lose records, or does, unless the line has been written
    /// since the source entered that stage. A source that could not be planned keeps its stage.
    pub(crate) fn log(&mut self, report: &SourceReport) {
        if report.error.is_some() {
            return;
        }
        let source = &report.source;
        let Some(left_ms) = report.retention_left_ms.filter(|_| report.is_endangered) else {
            self.0.remove(source);
            return;
        };
        let stage = if left_ms > 0 {
            Stage::Near
        } else {
            Stage::Begun
        };
        if self.0.insert(source.clone(), stage) == Some(stage) {
            return;
        }
        match stage {
            Stage::Near => {
                let left = Rounded(left_ms);
                tracing::warn!(
                    %source,
                    %left,
                    "the vendor's retention ends soon for undelivered records"
                );
            }
            Stage::Begun => {
                let past = Rounded(left_ms.saturating_abs());
                tracing::warn!(%source, %past, "the vendor is dropping undelivered records");
            }
        }
    }

    /// Forgets a source that is no longer planned.
    pub(crate) fn forget(&mut self, source: &SourceName) {
        self.0.remove(source);
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::Timestamp;
    use windlass_core::time::HOUR_MS;
    use windlass_function::testing::LogLines;

    use super::*;

    /// The messages about a source that has `left` hours until records are lost, one after the other.
    fn messages(left: &[Option<i64>]) -> Vec<String> {
        let (lines, mut losses) = (LogLines::default(), Losses::default());
        let log = lines.start("warn");
        for hours in left {
            losses.log(&SourceReport {
                retention_left_ms: hours.map(|hours| hours * HOUR_MS),
                is_endangered: hours.is_some(),
                ..SourceReport::of(&"okta".parse().unwrap(), Timestamp::from_ms(0))
            });
        }
        drop(log);
        let lines = lines.take();
        let messages = lines.iter().filter_map(|line| line["message"].as_str());
        messages.map(str::to_owned).collect()
    }

    #[test]
    fn danger_is_logged_once_per_change() {
        const NEAR: &str = "the vendor's retention ends soon for undelivered records";
        const BEGUN: &str = "the vendor is dropping undelivered records";
        assert_eq!(messages(&[None, None]), [""; 0]);
        assert_eq!(messages(&[Some(3), Some(2), Some(1)]), [NEAR]);
        assert_eq!(messages(&[Some(1), Some(0), Some(-1)]), [NEAR, BEGUN]);
        assert_eq!(messages(&[Some(1), None, Some(1)]), [NEAR, NEAR]);
        assert_eq!(
            messages(&[Some(-1), Some(1), Some(-1)]),
            [BEGUN, NEAR, BEGUN]
        );
    }

    #[test]
    fn source_that_cannot_be_planned_keeps_its_stage() {
        let (lines, mut losses) = (LogLines::default(), Losses::default());
        let log = lines.start("warn");
        let endangered = SourceReport {
            retention_left_ms: Some(HOUR_MS),
            is_endangered: true,
            ..SourceReport::of(&"okta".parse().unwrap(), Timestamp::from_ms(0))
        };
        let failed = SourceReport {
            error: Some("the state cannot be read".to_owned()),
            ..SourceReport::of(&endangered.source, Timestamp::from_ms(0))
        };
        for report in [&endangered, &failed, &endangered] {
            losses.log(report);
        }
        drop(log);
        assert_eq!(lines.take().len(), 1);
    }
}
