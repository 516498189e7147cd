use std::fs;

use secrecy::ExposeSecret;

use std::sync::Arc;

use windlass_core::Timestamp;
use windlass_core::clock::{ManualClock, SeededEntropy};

use super::*;

const CANARY: &str = "canary-5f1e9c02";

fn env(value: &'static str) -> impl FnOnce(&str) -> Option<OsString> {
    move |_| Some(value.into())
}

#[test]
fn references_print_as_written() {
    for text in [
        "env:GOOGLE_KEY",
        "env:_X9",
        "file:/run/secrets/okta",
        "file:a:b",
    ] {
        assert_eq!(text.parse::<SecretRef>().unwrap().to_string(), text);
    }
}

#[test]
fn pasted_secret_is_rejected_unquoted() {
    let pasted = [
        CANARY.to_owned(),
        format!("user:{CANARY}"),
        format!("env:{CANARY}"),
        format!("env:ghp_{}", CANARY.replace('-', "_")),
        format!("env:ABCD{}", CANARY.replace('-', "").to_ascii_uppercase()),
        format!("file:ghp_{}", CANARY.replace('-', "_")),
        format!("file:{CANARY}-xyz"),
    ];
    for text in pasted
        .iter()
        .map(String::as_str)
        .chain(["", "env:", "env:9A", "file:"])
    {
        let error = text.parse::<SecretRef>().unwrap_err();
        assert!(matches!(error, SecretError::Malformed), "{text}");
        assert!(!format!("{error} {error:?}").contains(CANARY));
        assert!(!error.to_string().contains("5f1e9c02"), "{error}");
    }
    for named in [
        "env:OKTA_TOKEN_2026_PRODUCTION",
        "file:./ghp_canary5f1e9c02",
        "file:okta-token",
    ] {
        assert!(named.parse::<SecretRef>().is_ok(), "{named}");
    }
}

#[test]
fn aws_references_parse_without_aws_support() {
    for text in ["secretsmanager:okta", "ssm:/okta#token"] {
        let reference: SecretRef = text.parse().unwrap();
        let error = reference.resolve().unwrap_err();
        let scheme = text.split(':').next().unwrap();
        assert_eq!(
            error.to_string(),
            format!(
                "`{scheme}:` secrets are not supported by this build; use `env:NAME` or `file:PATH`"
            )
        );
        assert!(!error.may_pass());
    }
}

#[test]
fn stored_name_can_carry_field() {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:windlass/acme-AbCdEf";
    for (text, name, field) in [
        (
            "secretsmanager:windlass/acme".to_owned(),
            "windlass/acme",
            None,
        ),
        (
            format!("secretsmanager:{arn}#okta token"),
            arn,
            Some("okta token"),
        ),
        (
            "ssm:/windlass/acme:3#a#b".to_owned(),
            "/windlass/acme:3",
            Some("a#b"),
        ),
        ("ssm:x_y.z-1+2=@!".to_owned(), "x_y.z-1+2=@!", None),
    ] {
        let reference: SecretRef = text.parse().unwrap();
        let (SecretRef::SecretsManager(stored) | SecretRef::Ssm(stored)) = &reference else {
            panic!("{reference:?}")
        };
        assert_eq!((stored.name(), stored.field()), (name, field));
        assert_eq!(reference.to_string(), text);
    }
    let longest = |bytes: usize| format!("ssm:{}", "x".repeat(bytes)).parse::<SecretRef>();
    assert!(longest(NAME_BYTES_MAX).is_ok() && longest(NAME_BYTES_MAX + 1).is_err());
    let longest = |bytes: usize| format!("ssm:x#{}", "y".repeat(bytes)).parse::<SecretRef>();
    assert!(longest(FIELD_BYTES_MAX).is_ok() && longest(FIELD_BYTES_MAX + 1).is_err());
}

#[test]
fn impossible_store_names_are_rejected_unquoted() {
    for text in [
        "secretsmanager:",
        "secretsmanager:#a",
        "secretsmanager:a#",
        "secretsmanager:a#b\n",
        "ssm:a b",
        "ssm:é",
        "ssm:canary-5f1e9c02%",
        "SSM:a",
    ] {
        let error = text.parse::<SecretRef>().unwrap_err();
        assert!(matches!(error, SecretError::Malformed), "{text}");
        assert!(!format!("{error} {error:?}").contains(CANARY));
    }
}

#[test]
fn field_is_one_string_of_json_object() {
    let part = |reference: &str, secret: &str| {
        let reference: SecretRef = reference.parse().unwrap();
        let SecretRef::Ssm(stored) = &reference else {
            panic!("{reference}")
        };
        stored.part_of(&SecretString::from(secret), &reference)
    };
    let bundle = format!(r#"{{"okta":"{CANARY}","n":5,"empty":"","in":{{"okta":"x"}}}}"#);
    assert_eq!(part("ssm:a#okta", &bundle).unwrap().expose_secret(), CANARY);
    assert_eq!(part("ssm:a", &bundle).unwrap().expose_secret(), bundle);
    for field in ["absent", "n", "empty", "in", "in.okta", "Okta"] {
        let error = part(&format!("ssm:a#{field}"), &bundle).unwrap_err();
        assert!(matches!(error, SecretError::NoField(_)), "{field}: {error}");
        let expected =
            format!("`ssm:a#{field}`: the secret's JSON has no text in that field; add it");
        assert_eq!(error.to_string(), expected);
        assert!(!format!("{error:?}").contains(CANARY));
    }
    let list = format!(r#"["{CANARY}"]"#);
    let cut = bundle.split_at(30).0;
    for secret in [CANARY, list.as_str(), "5", "null", cut] {
        let error = part("ssm:a#okta", secret).unwrap_err();
        assert!(matches!(error, SecretError::NotJson(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
        assert!(!error.may_pass());
    }
}

#[test]
fn variable_is_read_by_name() {
    let reference: SecretRef = "env:TOKEN".parse().unwrap();
    let secret = reference
        .resolve_with(|name| (name == "TOKEN").then(|| CANARY.into()))
        .unwrap();
    assert_eq!(secret.expose_secret(), CANARY);
    assert!(!format!("{secret:?}").contains(CANARY));
}

#[test]
fn missing_or_empty_variable_is_named() {
    let reference = SecretRef::Env("TOKEN".to_owned());
    let missing = reference.resolve_with(|_| None).unwrap_err();
    assert!(matches!(missing, SecretError::Missing(_)));
    assert!(missing.to_string().contains("`env:TOKEN`"));
    let empty = reference.resolve_with(env("\n")).unwrap_err();
    assert!(matches!(empty, SecretError::Empty(_)));
}

#[test]
fn only_trailing_newlines_are_stripped_from_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, format!(" {CANARY}\nline two \r\n\n")).unwrap();
    let secret = SecretRef::File(path).resolve().unwrap();
    assert_eq!(secret.expose_secret(), format!(" {CANARY}\nline two "));
}

#[test]
fn unusable_file_is_rejected_unquoted() {
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

#[tokio::test]
async fn vault_without_stores_reads_local_secrets_only() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_ms(0)));
    let vault = Arc::new(Vault::new(clock, Arc::new(SeededEntropy::new(1))));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for value in ["one", "two"] {
        fs::write(&path, value).unwrap();
        let reference = SecretRef::File(path.clone());
        let secret = vault.fetch(&reference).await.unwrap();
        assert_eq!(secret.expose_secret(), value, "files are not cached");
        let source = VaultSecret::new(Arc::clone(&vault), reference);
        assert_eq!(source.read_again().await.unwrap().expose_secret(), value);
    }
    for text in ["secretsmanager:a", "ssm:a"] {
        let error = vault.fetch(&text.parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, SecretError::Unavailable(_)), "{error}");
    }
}
