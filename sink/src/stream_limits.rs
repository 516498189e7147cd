//! The limits of one record and one call of a stream service, and the billing of a record.
//!
//! The figures leave a margin where AWS does not document how it counts, so that no call ever fails
//! for its size.

const KIB: usize = 1_024;
const MIB: usize = 1_024 * KIB;

/// Maximum length of a Kinesis partition key, in characters; windlass's keys are ASCII. Source:
/// Kinesis API reference, PutRecordsRequestEntry.
pub(crate) const KINESIS_KEY_BYTES_MAX: usize = 256;

/// The limits of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// Maximum bytes of a record with several lines.
    pub bytes_max: usize,
    /// Maximum lines of a record.
    pub lines_max: usize,
    /// Maximum bytes of a line in a record of its own; a longer line cannot be sent.
    pub line_bytes_max: usize,
}

/// The limits of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Maximum number of records.
    pub records_max: usize,
    /// Maximum total bytes of its records, before base64.
    pub bytes_max: usize,
}

/// The limits and the billing of one stream service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// The limits of one record.
    pub record: RecordLimits,
    /// The limits of one call.
    pub call: CallLimits,
    /// A record is billed in multiples of this number of bytes.
    pub billing_step_bytes: usize,
}

impl StreamLimits {
    /// Firehose, PutRecordBatch.
    ///
    /// - A record holds at most 1,000 KiB before base64 (Firehose developer guide, Quota).
    /// - Above 500 lines, a record is silently no longer de-aggregated (PutRecordBatch). Above
    ///   about 500 KiB, a larger record saves nothing measurable, while a single one would use up
    ///   one second of a stream with the smallest quota.
    /// - A call holds at most 500 records and 4 MiB. The guide does not state whether base64
    ///   counts, so the records of a call stay within 4 MiB as base64, the padding of each
    ///   included.
    /// - Each record is billed in steps of 5 KB (Firehose pricing; 5 KB are 5,120 bytes).
    pub const FIREHOSE: Self = Self {
        record: RecordLimits {
            bytes_max: 500 * KIB,
            lines_max: 500,
            line_bytes_max: 1_000 * KIB,
        },
        call: CallLimits {
            records_max: 500,
            bytes_max: 3 * MIB - 2 * 500,
        },
        billing_step_bytes: 5 * KIB,
    };

    /// Kinesis Data Streams, PutRecords.
    ///
    /// - A record holds at most 1 MiB together with its partition key unless the stream is
    ///   configured for more (PutRecordsRequestEntry; developer guide, Quotas and limits).
    /// - A packed record is at most ten payload units of 25 KB, the step in which PUTs are billed
    ///   (Kinesis pricing; only the data of a record counts). Ten units keep the unused part of the
    ///   last unit small, and a page still spreads over several shards.
    /// - The limit of a call was 500 records and 5 MiB with their keys for a long time (PutRecords;
    ///   10 MiB today). 4 MiB are within both and leave room for 500 keys.
    pub const KINESIS: Self = Self {
        record: RecordLimits {
            bytes_max: 10 * 25 * KIB,
            lines_max: 500,
            line_bytes_max: MIB - KINESIS_KEY_BYTES_MAX,
        },
        call: CallLimits {
            records_max: 500,
            bytes_max: 4 * MIB,
        },
        billing_step_bytes: 25 * KIB,
    };

    /// The same service with one line per record, for destinations that treat a record as a
    /// document.
    pub const fn unpacked(mut self) -> Self {
        self.record.lines_max = 1;
        self
    }

    /// The bytes billed for one record of `bytes`.
    pub const fn billed_bytes(&self, bytes: usize) -> usize {
        bytes.div_ceil(self.billing_step_bytes) * self.billing_step_bytes
    }
}

// A line in a record of its own always fits into a call.
const _: () = assert!(
    StreamLimits::FIREHOSE.record.line_bytes_max <= StreamLimits::FIREHOSE.call.bytes_max
        && StreamLimits::KINESIS.record.line_bytes_max <= StreamLimits::KINESIS.call.bytes_max
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::records;

    #[test]
    fn record_is_billed_in_whole_steps() {
        for (limits, step) in [
            (StreamLimits::FIREHOSE, 5_120),
            (StreamLimits::KINESIS, 25_600),
        ] {
            for (bytes, steps) in [(0, 0), (1, 1), (step, 1), (step + 1, 2), (10 * step, 10)] {
                assert_eq!(limits.billed_bytes(bytes), steps * step, "{bytes}");
            }
        }
    }

    /// Bytes sent and billed for a page of `count` lines of `bytes` each.
    fn sent_and_billed(limits: &StreamLimits, count: usize, bytes: usize) -> (usize, usize) {
        let ends: Vec<_> = (1..=count).map(|line| line * bytes).collect();
        let packed = records(&ends, &limits.record);
        let billed = packed.records.iter();
        let billed = billed.map(|record| limits.billed_bytes(record.bytes.len()));
        (count * bytes, billed.sum())
    }

    #[test]
    fn billed_bytes_exceed_sent_by_at_most_3_percent() {
        for limits in [StreamLimits::FIREHOSE, StreamLimits::KINESIS] {
            for count in [500, 1_000] {
                // Without and with the metadata of a record.
                for bytes in [1_000, 1_024, 1_250, 1_274] {
                    let (sent, billed) = sent_and_billed(&limits, count, bytes);
                    assert!(
                        sent <= billed && billed * 100 <= sent * 103,
                        "{count} x {bytes}: {billed} for {sent}, {limits:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn unpacked_page_is_billed_several_times() {
        let (sent, billed) = sent_and_billed(&StreamLimits::FIREHOSE.unpacked(), 500, 1_024);
        assert_eq!(billed, 5 * sent);
    }

    #[test]
    fn full_firehose_call_fits_4_mib_as_base64() {
        let call = StreamLimits::FIREHOSE.call;
        // Three bytes become four characters; a record is padded by up to two bytes.
        let encoded = (call.bytes_max + 2 * call.records_max).div_ceil(3) * 4;
        assert!(encoded <= 4 * MIB, "{encoded}");
    }
}
