//! The facts of a manifest that a source's definition copies on apply and keeps until the next
//! apply. All other facts take effect with the next process.

use std::collections::BTreeMap;

use windlass_core::ids::ManifestHash;
use windlass_core::manifest_change::ManifestChange;
use windlass_core::source::SourceDefinition;

use super::Manifest;

impl Manifest {
    /// The hash of the unit, bounds, ids and clock, and of the order and `settle`, for a source
    /// with `params`.
    pub fn hash(&self, params: &BTreeMap<String, String>) -> ManifestHash {
        let (window, records) = (&self.window, &self.records);
        let ids: Vec<_> = records.id.iter().map(ToString::to_string).collect();
        let facts = [
            window.unit.0.to_string(),
            format!("{:?}", window.format),
            format!("{:?}", (window.start_bound, window.end_bound)),
            format!("{:?}", window.clock),
            format!("{ids:?}"),
        ];
        let param = |name: &str| {
            let default = self.params.get(name).and_then(|it| it.default.as_ref());
            params.get(name).or(default).map(String::as_str)
        };
        let settle = window.overridden(param, |it| it.settle);
        let policy = [
            format!("{:?}", records.strict_order()),
            settle.unwrap_or(window.settle).0.to_string(),
        ];
        ManifestHash::of(&facts, &policy)
    }

    /// The change of this manifest since `definition` was applied.
    pub fn change_since(&self, definition: &SourceDefinition) -> ManifestChange {
        let hash = self.hash(&definition.params);
        ManifestChange::since(definition, &hash, self.records.strict_order())
    }
}

#[cfg(test)]
#[path = "applied_tests.rs"]
mod tests;
