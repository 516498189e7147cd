//! The checked configuration: a leaf module, so that its producers need not depend on each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_connectors::connector::Connector;
use windlass_core::source::SourceDefinition;
use windlass_sink::SinkConfig;

use super::place::Place;
use crate::state::StateAddress;

/// The checked content of a configuration.
pub(super) struct Resolved {
    pub(super) state: StateAddress,
    pub(super) sinks: BTreeMap<String, SinkConfig>,
    /// The index of the file of each sink.
    pub(super) sink_files: BTreeMap<String, usize>,
    pub(super) sources: BTreeMap<String, Source>,
}

/// A configured source.
#[derive(Debug)]
pub(crate) struct Source {
    /// The stored part.
    pub(crate) definition: SourceDefinition,
    /// Its compiled manifest.
    pub(crate) connector: Arc<Connector>,
    /// Its place in the configuration.
    pub(super) place: Place,
}
