//! The state of a configuration.

use windlass_connectors::yaml::YamlError;

use super::files::{ConfigFile, SourceText};
use super::raw;
use crate::state::{InvalidAddress, StateAddress};

/// The state of the first file that names one. Other files may name the same one.
pub(super) fn state_of(files: &[ConfigFile]) -> Result<StateAddress, YamlError> {
    let mut found: Option<(StateAddress, &ConfigFile)> = None;
    for file in files {
        let address = match &file.raw.state {
            None => continue,
            Some(raw::State::Sqlite(path)) => StateAddress::Sqlite(file.path_to(path)),
            Some(raw::State::Dynamodb(raw::DynamoDb { table })) => table
                .parse()
                .map(StateAddress::DynamoDb)
                .map_err(|error: InvalidAddress| file.invalid("state.dynamodb.table", error))?,
        };
        match &found {
            Some((first, of)) if *first != address => {
                let shown = &of.text.shown;
                let problem = format!("is {address}, but {shown} names {first}; name one of them");
                return Err(file.invalid("state", problem));
            }
            Some(_) => {}
            None => found = Some((address, file)),
        }
    }
    match (found, files.first()) {
        (Some((address, _)), _) => Ok(address),
        (None, first) => {
            let nothing = SourceText::default();
            let text = first.map_or(&nothing, |first| &first.text);
            Err(text.invalid(
                "state",
                "is missing; write `state: { sqlite: ./windlass.db }` or `state: { dynamodb: { \
                 table: windlass } }`, or name one with --state",
            ))
        }
    }
}
