//! The sinks of a configuration.

use std::collections::BTreeMap;

use windlass_connectors::yaml::YamlError;
use windlass_sink::SinkConfig;

use super::files::ConfigFile;

/// The sinks by name, and the index of the file of each.
type Sinks = (BTreeMap<String, SinkConfig>, BTreeMap<String, usize>);

/// The sinks of all files. Two files may define the same sink.
pub(super) fn sinks_of(files: &[ConfigFile]) -> Result<Sinks, YamlError> {
    let mut sinks: BTreeMap<String, SinkConfig> = BTreeMap::new();
    let mut sink_files: BTreeMap<String, usize> = BTreeMap::new();
    for (number, file) in files.iter().enumerate() {
        for (name, sink) in &file.raw.sinks {
            let sink = checked(file, name, sink.clone())?;
            if sinks.get(name).is_some_and(|first| *first != sink) {
                let problem = format!(
                    "differs from the sink of this name in {}; give it another name",
                    files[sink_files[name]].text.shown
                );
                return Err(file.invalid(&format!("sinks.{name}"), problem));
            }
            sinks.insert(name.clone(), sink);
            sink_files.entry(name.clone()).or_insert(number);
        }
    }
    Ok((sinks, sink_files))
}

/// `sink`, named `name` in `file`, with relative paths resolved against the folder of its file.
fn checked(file: &ConfigFile, name: &str, mut sink: SinkConfig) -> Result<SinkConfig, YamlError> {
    sink.check().map_err(|error| {
        let field = format!("sinks.{name}.{}.{}", sink.kind(), error.field);
        file.invalid(field.trim_end_matches('.'), error)
    })?;
    if let Some(folder) = sink.folder_mut()
        && let Some(path) = folder.to_str()
    {
        *folder = file.path_to(path);
    }
    let field = format!("sinks.{name}.{}.secret", sink.kind());
    if let Some(secret) = sink.secret_mut() {
        let absolute = file.secret(secret);
        *secret = absolute.map_err(|error| file.invalid(&field, error))?;
    }
    Ok(sink)
}
