//! What a configuration says, checked: a leaf, so that its makers need not know each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_connectors::connector::Connector;
use windlass_core::source::SourceDefinition;
use windlass_sink::SinkConfig;

use super::place::Place;
use crate::state::StateAddress;

/// Everything that a configuration says, checked.
pub(super) struct Resolved {
    pub(super) state: StateAddress,
    pub(super) sinks: BTreeMap<String, SinkConfig>,
    /// The number of the file that each sink is from.
    pub(super) sink_files: BTreeMap<String, usize>,
    pub(super) sources: BTreeMap<String, Source>,
}

/// A source as configured.
#[derive(Debug)]
pub(crate) struct Source {
    /// What is stored of it.
    pub(crate) definition: SourceDefinition,
    /// Its compiled manifest.
    pub(crate) connector: Arc<Connector>,
    /// Where the configuration says so.
    pub(super) place: Place,
}
