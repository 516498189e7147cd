//! The built-in manifests, and manifests from files: a new vendor needs no rebuild.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use windlass_core::limits;

use crate::auth::TokenUrl;
use crate::hosts::{AllowedHosts, HostRule};
use crate::manifest::Manifest;
use crate::yaml::{YamlError, did_you_mean};

/// Name and text of each built-in manifest, sorted by name.
const BUILT_IN: [(&str, &str); 6] = [
    (
        "github_advisories",
        include_str!("../manifests/github_advisories.yaml"),
    ),
    (
        "github_audit_log",
        include_str!("../manifests/github_audit_log.yaml"),
    ),
    (
        "google_reports",
        include_str!("../manifests/google_reports.yaml"),
    ),
    ("nvd_cves", include_str!("../manifests/nvd_cves.yaml")),
    (
        "okta_system_log",
        include_str!("../manifests/okta_system_log.yaml"),
    ),
    (
        "slack_audit_logs",
        include_str!("../manifests/slack_audit_logs.yaml"),
    ),
];

/// The connector cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No built-in manifest has this name.
    #[error("unknown connector `{name}`; {hint}")]
    Unknown {
        /// The requested name.
        name: String,
        /// The known names, or the probably intended one.
        hint: String,
    },
    /// The file cannot be read.
    #[error("cannot read the manifest {path}: {source}")]
    Read {
        /// Path of the file.
        path: String,
        /// The I/O error.
        source: io::Error,
    },
    /// The manifest is not valid.
    #[error(transparent)]
    Invalid(#[from] YamlError),
}

/// The names of the built-in connectors, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// The hosts of the built-in manifests, including their token endpoints.
pub fn allowed_hosts() -> AllowedHosts {
    // Tests show that each manifest is valid and that this list is complete.
    let manifests = names().flat_map(find);
    let hosts = manifests.flat_map(|manifest| hosts_of(&manifest));
    AllowedHosts::new(hosts.collect())
}

/// The hosts of a manifest's requests: its base URL unless it holds a parameter, the declared
/// hosts, and its token endpoint.
fn hosts_of(manifest: &Manifest) -> Vec<HostRule> {
    let base_url = manifest.base_url.fill(|_| None).ok();
    let token_url = manifest.auth.token_url().map(TokenUrl::as_str);
    let urls = base_url.as_deref().into_iter().chain(token_url);
    let fixed = urls.filter_map(|text| HostRule::of(&text.parse().ok()?));
    fixed.chain(manifest.hosts.iter().cloned()).collect()
}

/// The text of a built-in manifest, to display or to copy; `None` for an unknown name.
pub fn source(name: &str) -> Option<&'static str> {
    BUILT_IN
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// Returns true if `connector` names a manifest file rather than a built-in connector.
pub fn is_file(connector: &str) -> bool {
    let extension = Path::new(connector).extension();
    extension.is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The manifest for `connector` in a configuration: a built-in name, or the path of a file, which
/// ends in `.yaml` or `.yml`.
pub fn find(connector: &str) -> Result<Manifest, RegistryError> {
    if is_file(connector) {
        return from_file(Path::new(connector));
    }
    find_built_in(connector)
}

/// The manifest for `connector` in a stored definition, for a process without access to the
/// configuration's folder: a built-in name, or a file in `dir`, of which only the file name counts.
/// So a definition cannot make the process read another file.
pub fn find_in(dir: &Path, connector: &str) -> Result<Manifest, RegistryError> {
    match Path::new(connector).file_name() {
        Some(name) if is_file(connector) => from_file(&dir.join(name)),
        _ => find_built_in(connector),
    }
}

fn find_built_in(connector: &str) -> Result<Manifest, RegistryError> {
    if let Some(text) = source(connector) {
        return Ok(Manifest::load(&format!("{connector}.yaml"), text)?);
    }
    let hint = if let Some(word) = did_you_mean(connector, names()) {
        format!("did you mean `{word}`?")
    } else {
        let names: Vec<_> = names().collect();
        format!(
            "known connectors: {}, and files that end in .yaml",
            names.join(", ")
        )
    };
    Err(RegistryError::Unknown {
        name: connector.to_owned(),
        hint,
    })
}

fn from_file(path: &Path) -> Result<Manifest, RegistryError> {
    let shown = path.display().to_string();
    let failed = |source| RegistryError::Read {
        path: shown.clone(),
        source,
    };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(limits::FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > limits::FILE_BYTES_MAX) {
        let problem = format!("the file is larger than {} bytes", limits::FILE_BYTES_MAX);
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, problem)));
    }
    Ok(Manifest::load(&shown, &text)?)
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
