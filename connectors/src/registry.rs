//! The built-in manifests, and manifests from files: a vendor is added without a rebuild.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use windlass_core::limits;

use crate::manifest::Manifest;
use crate::yaml::{YamlError, did_you_mean};

/// Name and text of each built-in manifest, in the order of their names.
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

/// A connector that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No built-in manifest has this name.
    #[error("there is no connector `{name}`; {hint}")]
    Unknown {
        /// The name given.
        name: String,
        /// What there is instead.
        hint: String,
    },
    /// The file cannot be read.
    #[error("cannot read the manifest {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
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

/// The text of a built-in manifest, to show or to start another one from.
pub fn source(name: &str) -> Option<&'static str> {
    BUILT_IN
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// Whether `connector` names a manifest file rather than a built-in connector.
pub fn is_file(connector: &str) -> bool {
    let extension = Path::new(connector).extension();
    extension.is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The manifest a configuration means by `connector`: a built-in name, or the path of a file,
/// which ends in `.yaml` or `.yml`.
pub fn find(connector: &str) -> Result<Manifest, RegistryError> {
    if is_file(connector) {
        return from_file(connector);
    }
    if let Some(text) = source(connector) {
        return Ok(Manifest::load(&format!("{connector}.yaml"), text)?);
    }
    let hint = if let Some(word) = did_you_mean(connector, names()) {
        format!("did you mean `{word}`?")
    } else {
        let names: Vec<_> = names().collect();
        format!("there are {}, and files ending in .yaml", names.join(", "))
    };
    Err(RegistryError::Unknown {
        name: connector.to_owned(),
        hint,
    })
}

fn from_file(path: &str) -> Result<Manifest, RegistryError> {
    let failed = |source| RegistryError::Read {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(limits::FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > limits::FILE_BYTES_MAX) {
        let problem = format!("it is larger than {} bytes", limits::FILE_BYTES_MAX);
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, problem)));
    }
    Ok(Manifest::load(path, &text)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Write;

    use super::*;

    #[test]
    fn the_registry_and_the_folder_hold_the_same_manifests_with_fixtures() {
        let stems = |folder: &str| -> BTreeSet<String> {
            let path = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
            let entries = std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().path());
            entries
                .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
                .collect()
        };
        let known: BTreeSet<String> = names().map(str::to_owned).collect();
        assert_eq!(stems("manifests"), known);
        assert_eq!(stems("fixtures"), known);
        assert!(names().is_sorted());
    }

    #[test]
    fn every_built_in_manifest_is_valid_and_named_like_its_file() {
        for name in names() {
            let manifest = find(name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(manifest.connector, name);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_closest_one() {
        let error = find("google_report").unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no connector `google_report`; did you mean `google_reports`?"
        );
        assert!(find("x").unwrap_err().to_string().contains("nvd_cves"));
    }

    #[test]
    fn a_manifest_file_needs_no_rebuild_and_its_errors_name_it() {
        let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
        file.write_all(source("nvd_cves").unwrap().as_bytes())
            .unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        assert_eq!(find(&path).unwrap().connector, "nvd_cves");
        file.write_all(b"zzz: 1\n").unwrap();
        let error = find(&path).unwrap_err().to_string();
        assert!(
            error.starts_with(&path) && error.contains("unknown field `zzz`"),
            "{error}"
        );
        assert!(matches!(
            find("./absent.yaml"),
            Err(RegistryError::Read { .. })
        ));
    }

    #[test]
    fn a_file_too_large_is_refused() {
        let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
        let length = usize::try_from(limits::FILE_BYTES_MAX).unwrap() + 1;
        file.write_all(&vec![b'#'; length]).unwrap();
        let error = find(file.path().to_str().unwrap()).unwrap_err();
        assert!(error.to_string().contains("larger than"), "{error}");
    }
}
