//! Changes of the sources' manifests since they were applied.

use std::collections::BTreeMap;

use windlass_connectors::manifest::Manifest;
use windlass_connectors::registry;
use windlass_core::manifest_change::ManifestChange;
use windlass_core::source::SourceDefinition;

use crate::config::Config;

/// The manifests of this program, and of the configuration, if one was read.
#[derive(Debug, Default)]
pub(super) struct Manifests<'a> {
    config: Option<&'a Config>,
    built_in: BTreeMap<&'static str, Manifest>,
}

impl<'a> Manifests<'a> {
    /// The built-in manifests, and those that `config` names.
    pub(super) fn with(config: Option<&'a Config>) -> Self {
        let find = |name| Some((name, registry::find(name).ok()?));
        Self {
            config,
            built_in: registry::names().filter_map(find).collect(),
        }
    }

    /// The change of the manifest since `definition` was applied. Manifest files are compared only
    /// if the configuration names the source.
    pub(super) fn change_since(&self, definition: &SourceDefinition) -> ManifestChange {
        let sources = self.config.map(|config| &config.sources);
        let configured = sources.and_then(|sources| sources.get(definition.name.as_str()));
        if let Some(configured) = configured {
            let now = configured.connector.defaults();
            return ManifestChange::since(definition, &now.manifest_hash, now.strict_order);
        }
        let built_in = self.built_in.get(definition.connector.as_str());
        built_in.map_or(ManifestChange::Nothing, |it| it.change_since(definition))
    }
}
