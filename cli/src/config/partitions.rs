//! Streams that partition records by their source, as Firehose does with dynamic partitioning:
//! records must name their source, and the number of sources is limited.

use windlass_connectors::yaml::YamlError;

use super::files::ConfigFile;
use super::resolved::Resolved;

/// Maximum number of open partitions of one source: after the turn of an hour, that of the previous
/// hour is also open.
const PARTITIONS_PER_SOURCE: u32 = 2;

/// Checks the sources of streams that partition records by their source.
pub(super) fn check(files: &[ConfigFile], resolved: &Resolved) -> Result<(), YamlError> {
    for (sink, config) in &resolved.sinks {
        let Some(partitions) = config.partitions() else {
            continue;
        };
        let mut count = 0_u32;
        for source in resolved.sources.values() {
            if source.definition.sink != *sink {
                continue;
            }
            count = count.saturating_add(1);
            if !source.definition.metadata {
                let problem = format!(
                    "the stream of sink `{sink}` partitions records by `_windlass.source`, which \
                     records without metadata lack; remove `metadata: false`, or choose a sink \
                     without `partitions`"
                );
                let text = &files[source.place.file].text;
                return Err(source.place.invalid(text, "metadata", problem));
            }
        }
        let room = partitions / PARTITIONS_PER_SOURCE;
        if count > room {
            let problem = format!(
                "{partitions} partitions are enough for {room} sources with up to \
                 {PARTITIONS_PER_SOURCE} open ones each, and {count} sources deliver to sink \
                 `{sink}`; move some to another sink, or raise the stream's quota of active \
                 partitions at AWS and write it here"
            );
            let file = &files[resolved.sink_files[sink]];
            return Err(file.invalid(
                &format!("sinks.{sink}.{}.partitions", config.kind()),
                problem,
            ));
        }
    }
    Ok(())
}
