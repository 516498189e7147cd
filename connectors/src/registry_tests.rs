use std::collections::BTreeSet;
use std::io::Write;

use super::*;

#[test]
fn registry_matches_manifest_folder_and_fixtures() {
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
fn built_in_manifests_are_valid_and_match_file_names() {
    for name in names() {
        let manifest = find(name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(manifest.connector, name);
    }
}

#[test]
fn unknown_name_suggests_closest_one() {
    let error = find("google_report").unwrap_err().to_string();
    assert_eq!(
        error,
        "unknown connector `google_report`; did you mean `google_reports`?"
    );
    assert!(find("x").unwrap_err().to_string().contains("nvd_cves"));
}

#[test]
fn manifest_file_loads_and_errors_name_it() {
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
fn oversized_file_is_rejected() {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    let length = usize::try_from(limits::FILE_BYTES_MAX).unwrap() + 1;
    file.write_all(&vec![b'#'; length]).unwrap();
    let error = find(file.path().to_str().unwrap()).unwrap_err();
    assert!(error.to_string().contains("larger than"), "{error}");
}

#[test]
fn manifest_lookup_never_leaves_package_folder() {
    let package = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let text = source("nvd_cves").unwrap();
    let own = text.replace("connector: nvd_cves", "connector: packaged");
    std::fs::write(package.path().join("acme.yaml"), own).unwrap();
    let other = elsewhere.path().join("acme.yaml");
    std::fs::write(&other, text).unwrap();
    std::fs::write(elsewhere.path().join("secret.yaml"), text).unwrap();
    let folder = elsewhere.path().display();
    for named in [
        "acme.yaml",
        "./vendors/acme.yaml",
        "../../acme.yaml",
        "acme.yaml/",
        "acme.yaml/.",
        other.to_str().unwrap(),
    ] {
        let found = find_in(package.path(), named).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(found.connector, "packaged", "{named}");
    }
    for named in [
        format!("{folder}/secret.yaml"),
        format!(
            "../{}/secret.yaml",
            elsewhere.path().file_name().unwrap().display()
        ),
    ] {
        let error = find_in(package.path(), &named).unwrap_err();
        let missing = package.path().join("secret.yaml");
        let message = format!("cannot read the manifest {}: ", missing.display());
        assert!(error.to_string().starts_with(&message), "{error}");
    }
    for named in [
        "..",
        ".yaml",
        "/",
        "",
        "acme.yaml/..",
        "acme",
        "acme.yaml\0",
    ] {
        assert!(find_in(package.path(), named).is_err(), "{named:?}");
    }
    assert_eq!(
        find_in(package.path(), "nvd_cves").unwrap().connector,
        "nvd_cves"
    );
}

#[test]
fn built_in_hosts_cover_apis_and_token_endpoints() {
    let built_in = allowed_hosts();
    assert_eq!(
        built_in.to_string(),
        "admin.googleapis.com,api.github.com,api.slack.com,oauth2.googleapis.com,\
         services.nvd.nist.gov,*.okta-emea.com,*.okta-gov.com,*.okta.com,*.okta.mil,\
         *.oktapreview.com"
    );
    assert_eq!(built_in.to_string().parse(), Ok(built_in.clone()));
    assert!(built_in.allow(&"https://acme.okta.com/api/v1/logs".parse().unwrap()));
    assert!(!built_in.allow(&"https://evil.test/".parse().unwrap()));
}

#[test]
fn built_in_hosts_are_fixed_without_parameters() {
    for name in names() {
        let manifest = find(name).unwrap();
        let fixed = manifest.base_url.placeholders().next().is_none();
        assert!(fixed || !manifest.hosts.is_empty(), "{name}");
    }
}
