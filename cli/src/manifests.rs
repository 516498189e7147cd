//! Lookup of manifests by the name that a user gives.

use windlass_connectors::manifest::Manifest;
use windlass_connectors::registry::{self, RegistryError};

use crate::hint::did_you_mean;

/// The built-in manifest `connector`, or the one in the file of that path.
///
/// # Errors
/// Those of [`registry::find`]; for an unknown name, with a suggestion.
pub(crate) fn find(connector: &str) -> Result<Manifest, RegistryError> {
    registry::find(connector).map_err(|error| match error {
        RegistryError::Unknown { name, hint } => {
            let hint = did_you_mean(&name, &registry::names().collect()).unwrap_or(hint);
            RegistryError::Unknown { name, hint }
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendor_name_alone_suggests_its_connectors() {
        let said = |name: &str| find(name).unwrap_err().to_string();
        assert_eq!(
            said("okta"),
            "unknown connector `okta`; did you mean `okta_system_log`?"
        );
        assert_eq!(
            said("github"),
            "unknown connector `github`; did you mean `github_advisories` or `github_audit_log`?"
        );
        assert_eq!(
            said("slack_audit_log"),
            "unknown connector `slack_audit_log`; did you mean `slack_audit_logs`?"
        );
        assert!(said("acme").contains("files that end in .yaml"));
    }
}
