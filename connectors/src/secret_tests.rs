use std::fs;

use secrecy::ExposeSecret;

use super::*;

const CANARY: &str = "canary-5f1e9c02";

fn env(value: &'static str) -> impl FnOnce(&str) -> Option<OsString> {
    move |_| Some(value.into())
}

#[test]
fn references_print_as_they_are_written() {
    for text in [
        "env:GOOGLE_KEY",
        "env:_x9",
        "file:/run/secrets/okta",
        "file:a:b",
    ] {
        assert_eq!(text.parse::<SecretRef>().unwrap().to_string(), text);
    }
}

#[test]
fn a_pasted_secret_is_refused_and_not_repeated() {
    let pasted = [
        CANARY.to_owned(),
        format!("user:{CANARY}"),
        format!("env:{CANARY}"),
    ];
    for text in pasted
        .iter()
        .map(String::as_str)
        .chain(["", "env:", "env:9A", "file:"])
    {
        let error = text.parse::<SecretRef>().unwrap_err();
        assert!(matches!(error, SecretError::Malformed), "{text}");
        assert!(!format!("{error} {error:?}").contains(CANARY));
    }
}

#[test]
fn a_place_that_needs_another_build_is_named() {
    let error = "secretsmanager:okta".parse::<SecretRef>().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`secretsmanager:` secrets are not in this build")
    );
    assert!(matches!(
        "ssm:/okta".parse::<SecretRef>(),
        Err(SecretError::Unavailable("ssm"))
    ));
}

#[test]
fn a_variable_is_read_by_its_name() {
    let reference: SecretRef = "env:TOKEN".parse().unwrap();
    let secret = reference
        .resolve_with(|name| (name == "TOKEN").then(|| CANARY.into()))
        .unwrap();
    assert_eq!(secret.expose_secret(), CANARY);
    assert!(!format!("{secret:?}").contains(CANARY));
}

#[test]
fn a_missing_or_empty_variable_is_named_in_the_error() {
    let reference = SecretRef::Env("TOKEN".to_owned());
    let missing = reference.resolve_with(|_| None).unwrap_err();
    assert!(matches!(missing, SecretError::Missing(_)));
    assert!(missing.to_string().contains("`env:TOKEN`"));
    let empty = reference.resolve_with(env("\n")).unwrap_err();
    assert!(matches!(empty, SecretError::Empty(_)));
}

#[test]
fn a_file_loses_the_line_breaks_at_its_end_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, format!(" {CANARY}\nline two \r\n\n")).unwrap();
    let secret = SecretRef::File(path).resolve().unwrap();
    assert_eq!(secret.expose_secret(), format!(" {CANARY}\nline two "));
}

#[test]
fn a_file_that_is_absent_too_large_or_binary_is_an_error_without_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let absent = SecretRef::File(folder.path().join("absent"))
        .resolve()
        .unwrap_err();
    assert!(matches!(absent, SecretError::Unreadable { .. }));
    assert!(absent.to_string().contains("absent"));

    let large = folder.path().join("large");
    let bytes = usize::try_from(limits::FILE_BYTES_MAX).unwrap();
    fs::write(&large, "x".repeat(bytes + 1)).unwrap();
    assert!(matches!(
        SecretRef::File(large.clone()).resolve(),
        Err(SecretError::TooLarge(_))
    ));
    fs::write(&large, "x".repeat(bytes)).unwrap();
    assert!(SecretRef::File(large).resolve().is_ok());

    let binary = folder.path().join("binary");
    fs::write(&binary, [CANARY.as_bytes(), &[0xff]].concat()).unwrap();
    let error = SecretRef::File(binary).resolve().unwrap_err();
    assert!(matches!(error, SecretError::NotText(_)));
    assert!(!format!("{error} {error:?}").contains(CANARY));
}
