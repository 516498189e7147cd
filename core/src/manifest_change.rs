//! A connector's manifest, compared with an applied definition.

use crate::ids::ManifestHash;
use crate::source::{Order, SourceDefinition};

/// The change of a manifest since a definition was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestChange {
    /// No relevant change.
    Nothing,
    /// Another order or settle. The stored policy remains valid.
    Policy,
    /// Another unit, other bounds, ids or clock, or an order that is no longer documented: the
    /// manifest cannot read the windows of the definition.
    Facts,
}

impl ManifestChange {
    /// The change of the manifest since `definition` was applied. `hash` and `order` are those of
    /// the present manifest. A definition that an earlier version applied has no known change.
    pub fn since(definition: &SourceDefinition, hash: &ManifestHash, order: Option<Order>) -> Self {
        let applied = definition.manifest_hash.as_ref();
        let Some(applied) = applied.filter(|applied| *applied != hash) else {
            return Self::Nothing;
        };
        // A window that cannot finish is split at its frontier, which that order determines.
        let stored = definition.policy.strict_order;
        let keeps_order = stored.is_none() || stored == order;
        if applied.has_facts_of(hash) && keeps_order {
            Self::Policy
        } else {
            Self::Facts
        }
    }

    /// The change of the manifest of `connector` in words; `None` without a change.
    pub fn describe(self, connector: &str) -> Option<String> {
        let changed = match self {
            Self::Nothing => return None,
            Self::Policy => "order or settle",
            Self::Facts => "unit, bounds, ids, clock or order",
        };
        Some(format!(
            "the manifest of connector `{connector}` has changed its {changed} since `windlass \
             apply`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    fn definition(hash: Option<&ManifestHash>, strict_order: Option<Order>) -> SourceDefinition {
        let mut definition = source::tests::definition("okta");
        definition.manifest_hash = hash.cloned();
        definition.policy.strict_order = strict_order;
        definition
    }

    fn hash(facts: &str, policy: &str) -> ManifestHash {
        ManifestHash::of(&[facts.to_owned()], &[policy.to_owned()])
    }

    #[test]
    fn facts_change_exceeds_stored_policy() {
        let (applied, order) = (hash("1s", "10m"), Some(Order::OldestFirst));
        let change = |stored_order, hash: &ManifestHash, order| {
            ManifestChange::since(&definition(Some(&applied), stored_order), hash, order)
        };
        assert_eq!(change(order, &applied, order), ManifestChange::Nothing);
        let settle = hash("1s", "20m");
        assert_eq!(change(order, &settle, order), ManifestChange::Policy);
        assert_eq!(change(None, &settle, order), ManifestChange::Policy);
        assert_eq!(change(order, &settle, None), ManifestChange::Facts);
        assert_eq!(
            change(order, &hash("1m", "10m"), order),
            ManifestChange::Facts
        );
    }

    #[test]
    fn older_definition_has_no_known_change() {
        let change = ManifestChange::since(&definition(None, None), &hash("1s", "10m"), None);
        assert_eq!(change, ManifestChange::Nothing);
        assert_eq!(change.describe("okta_system_log"), None);
    }

    #[test]
    fn manifest_hash_parses_only_own_form() {
        let hash = hash("1s", "10m");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in [
            "",
            "0123456789ab",
            "0123456789ab.",
            "0123456789ab.0123456789AB",
        ] {
            assert!(bad.parse::<ManifestHash>().is_err(), "{bad}");
        }
    }
}
