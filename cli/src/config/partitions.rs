//! Streams that partition records by their source, as Firehose does with dynamic partitioning: records
//! must name their source, and there is room for so many sources.

use std::collections::BTreeMap;

use windlass_connectors::yaml::YamlError;

use super::resolve::File;
use super::{Source, raw};

/// Partitions that one source has open at most: at the turn of an hour, that of the hour before too.
const PARTITIONS_PER_SOURCE: u32 = 2;

/// A sink whose stream partitions by source.
pub(super) struct Partitioned {
    /// The key of its kind: `firehose` or `kinesis`.
    kind: &'static str,
    /// Partitions that may be open.
    partitions: u32,
}

/// The sinks whose streams partition by source, by name.
pub(super) fn of(sinks: &BTreeMap<String, raw::Sink>) -> BTreeMap<String, Partitioned> {
    let partitioned = |sink: &raw::Sink| {
        let (kind, on_aws) = match sink {
            raw::Sink::Firehose(on_aws) => ("firehose", on_aws),
            raw::Sink::Kinesis(on_aws) => ("kinesis", on_aws),
            raw::Sink::Ndjson(_) | raw::Sink::Stdout(_) => return None,
        };
        let partitions = on_aws.partitions?;
        Some(Partitioned { kind, partitions })
    };
    sinks
        .iter()
        .filter_map(|(name, sink)| Some((name.clone(), partitioned(sink)?)))
        .collect()
}

/// Checks the sources that deliver to the sinks in `partitioned`.
pub(super) fn check(
    file: &File<'_>,
    partitioned: &BTreeMap<String, Partitioned>,
    sources: &BTreeMap<String, Source>,
) -> Result<(), YamlError> {
    for (sink, Partitioned { kind, partitions }) in partitioned {
        let mut count = 0_u32;
        for (name, source) in sources {
            if source.definition.sink != *sink {
                continue;
            }
            count = count.saturating_add(1);
            if !source.definition.metadata {
                let problem = format!(
                    "the stream of sink `{sink}` partitions records by `_windlass.source`, and without \
                     metadata they have none: remove `metadata: false`, or choose a sink without `partitions`"
                );
                return Err(file.invalid(&format!("sources.{name}.metadata"), problem));
            }
        }
        let room = partitions / PARTITIONS_PER_SOURCE;
        if count > room {
            let problem = format!(
                "{partitions} partitions are room for {room} sources, because each has up to \
                 {PARTITIONS_PER_SOURCE} open, and {count} sources deliver to sink `{sink}`: move some to \
                 another sink, or ask AWS for more active partitions and write their number here"
            );
            return Err(file.invalid(&format!("sinks.{sink}.{kind}.partitions"), problem));
        }
    }
    Ok(())
}
