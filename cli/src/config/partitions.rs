//! Streams that partition records by their source, as Firehose does with dynamic partitioning: records
//! must name their source, and there is room for so many sources.

use std::collections::BTreeMap;

use windlass_connectors::yaml::YamlError;

use super::files::ConfigFile;
use super::raw;
use super::resolve::Resolved;

/// Partitions that one source has open at most: at the turn of an hour, that of the hour before too.
const PARTITIONS_PER_SOURCE: u32 = 2;

/// A sink whose stream partitions by source.
struct Partitioned {
    /// The key of its kind: `firehose` or `kinesis`.
    kind: &'static str,
    /// Partitions that may be open.
    partitions: u32,
}

/// The sinks whose streams partition by source, by name. Of a sink that several files state, the
/// fewest partitions count.
fn partitioned(files: &[ConfigFile]) -> BTreeMap<&str, Partitioned> {
    let mut found: BTreeMap<&str, Partitioned> = BTreeMap::new();
    for (name, sink) in files.iter().flat_map(|file| &file.raw.sinks) {
        let (kind, on_aws) = match sink {
            raw::Sink::Firehose(on_aws) => ("firehose", on_aws),
            raw::Sink::Kinesis(on_aws) => ("kinesis", on_aws),
            raw::Sink::Ndjson(_) | raw::Sink::Stdout(_) => continue,
        };
        let Some(mut partitions) = on_aws.partitions else {
            continue;
        };
        if let Some(known) = found.get(&**name) {
            partitions = partitions.min(known.partitions);
        }
        found.insert(name, Partitioned { kind, partitions });
    }
    found
}

/// Checks the sources that deliver to streams which partition records by their source.
pub(super) fn check(files: &[ConfigFile], resolved: &Resolved) -> Result<(), YamlError> {
    for (sink, Partitioned { kind, partitions }) in partitioned(files) {
        let mut count = 0_u32;
        for source in resolved.sources.values() {
            if source.definition.sink != sink {
                continue;
            }
            count = count.saturating_add(1);
            if !source.definition.metadata {
                let problem = format!(
                    "the stream of sink `{sink}` partitions records by `_windlass.source`, and without \
                     metadata they have none: remove `metadata: false`, or choose a sink without `partitions`"
                );
                let text = &files[source.place.file].text;
                return Err(source.place.invalid(text, "metadata", problem));
            }
        }
        let room = partitions / PARTITIONS_PER_SOURCE;
        if count > room {
            let problem = format!(
                "{partitions} partitions are room for {room} sources, because each has up to \
                 {PARTITIONS_PER_SOURCE} open, and {count} sources deliver to sink `{sink}`: move some to \
                 another sink, or ask AWS for more active partitions and write their number here"
            );
            let file = &files[resolved.sink_files[sink]];
            return Err(file.invalid(&format!("sinks.{sink}.{kind}.partitions"), problem));
        }
    }
    Ok(())
}
