use std::fmt::Write as _;

use windlass_core::time::HOUR_MS;

use super::*;

const GOOD: &str = "\
state: { sqlite: ./windlass.db }
sinks:
  lake: { ndjson: { dir: ./out } }
sources:
  okta-acme:
    connector: okta_system_log
    params: { domain: acme.okta.com }
    secret: file:okta.token
    start: 2026-01-01T00:00:00Z
";

fn load(text: &str) -> anyhow::Result<Config> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("windlass.yaml");
    std::fs::write(&path, text)?;
    Config::load(&path, None)
}

/// The error for `text`, without the folder.
fn error(text: &str) -> String {
    let error = load(text).unwrap_err();
    assert_eq!(
        crate::exit_code::ExitCode::of(&error),
        crate::exit_code::ExitCode::Usage
    );
    let text = format!("{error:#}");
    text.split_once("windlass.yaml")
        .map_or(text.clone(), |(_, rest)| format!("windlass.yaml{rest}"))
}

#[test]
fn every_example_is_valid_configuration() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut loaded = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            Config::load(&path, None).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            loaded += 1;
        }
    }
    assert!(loaded >= 4);
}

#[test]
fn manifest_defaults_apply_and_paths_follow_file() {
    let config = load(GOOD).unwrap();
    let source = &config.sources["okta-acme"].definition;
    assert_eq!(source.sink, "lake");
    assert!(source.metadata && !source.paused);
    assert!(source.policy.settle_ms > 0);
    assert!(source.secret.as_ref().unwrap().starts_with("file:/"));
    assert!(matches!(config.state, StateAddress::Sqlite(path) if path.is_absolute()));
}

#[test]
fn each_mistake_is_one_error_with_cure() {
    let cases = [
        ("a typo in a field", GOOD.replace("connector:", "conector:")),
        (
            "an unknown connector",
            GOOD.replace("okta_system_log", "okta_system_logs"),
        ),
        ("an unknown parameter", GOOD.replace("domain:", "domian:")),
        (
            "a missing parameter",
            GOOD.replace("    params: { domain: acme.okta.com }\n", ""),
        ),
        (
            "an end before the start",
            format!("{GOOD}    end: 2025-01-01T00:00:00Z\n"),
        ),
        (
            "a time without a zone",
            GOOD.replace("00:00:00Z", "00:00:00"),
        ),
        ("a bad duration", format!("{GOOD}    every: soon\n")),
        (
            "a settle below the vendor's",
            format!("{GOOD}    settle: 1s\n"),
        ),
        (
            "widths out of order",
            format!("{GOOD}    window: {{ min: 2h, max: 1h }}\n"),
        ),
        (
            "plain http to another host",
            format!("{GOOD}    base_url: http://acme.okta.com\n"),
        ),
        (
            "a sink that is not there",
            format!("{GOOD}    sink: lakes\n"),
        ),
        (
            "a secret pasted in",
            GOOD.replace("file:okta.token", "00abcDEFsecret"),
        ),
        (
            "a name that is none",
            GOOD.replace("okta-acme:", "Okta Acme:"),
        ),
        (
            "a sink of an unknown kind",
            GOOD.replace("ndjson:", "ndjsn:"),
        ),
        ("too many workers", format!("{GOOD}    max_in_flight: 65\n")),
        ("not YAML", "state: {".to_owned()),
    ];
    let mut report = String::new();
    for (name, text) in cases {
        writeln!(report, "{name}\n    {}", error(&text)).unwrap();
    }
    insta::assert_snapshot!(report);
}

const ON_LAMBDA: &str = "\
state: { dynamodb: { table: windlass } }
sinks:
  lake:
    firehose: { stream: audit, rejects: 's3://acme-audit/rejects' }
sources:
  okta-acme:
    connector: okta_system_log
    params: { domain: acme.okta.com }
    secret: secretsmanager:windlass/acme#okta_token
    start: 2026-01-01T00:00:00Z
";

#[test]
fn unusable_lambda_settings_are_errors_with_cure() {
    let lambda = |old: &str, new: &str| {
        assert!(ON_LAMBDA.contains(old), "{old}");
        ON_LAMBDA.replace(old, new)
    };
    let state = "state: { dynamodb: { table: windlass } }\n";
    let stream = "firehose: { stream: audit, rejects: 's3://acme-audit/rejects' }";
    let secret = "secretsmanager:windlass/acme#okta_token";
    let role = "stream: audit, role_arn: 'arn:aws:iam::1:role/x'";
    let cases = [
        ("a table that is none", lambda("windlass }", "a b }")),
        ("no table", lambda("{ table: windlass }", "{}")),
        (
            "two states",
            lambda("{ dynamodb:", "{ sqlite: w, dynamodb:"),
        ),
        ("another kind of state", lambda("dynamodb:", "dynamo:")),
        ("no state", lambda(state, "")),
        ("a folder as sink", lambda(stream, "ndjson: { dir: out }")),
        ("standard output as sink", lambda(stream, "stdout: {}")),
        ("a secret in the environment", lambda(secret, "env:OKTA")),
        ("a secret in a file", lambda(secret, "file:okta.token")),
        (
            "no rejects",
            lambda(", rejects: 's3://acme-audit/rejects'", ""),
        ),
        ("rejects nowhere", lambda("s3://acme-audit/rejects", "acme")),
        ("no stream's name", lambda("stream: audit", "stream: 'a b'")),
        (
            "an external id alone",
            lambda("stream: audit", "stream: audit, external_id: abc"),
        ),
        ("a role that is none", lambda("stream: audit", role)),
        ("an unknown field", lambda("stream: audit", "steam: audit")),
    ];
    let mut report = String::new();
    for (name, text) in cases {
        writeln!(report, "{name}\n    {}", error(&text)).unwrap();
    }
    insta::assert_snapshot!(report);
}

#[test]
fn stream_is_stored_with_source() {
    let on_lambda = load(ON_LAMBDA).unwrap();
    assert_eq!(on_lambda.state.to_string(), "dynamodb:windlass");
    let destination = &on_lambda.sources["okta-acme"].definition.destination;
    let stored = destination
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    assert_eq!(
        stored.collect::<Vec<_>>(),
        [
            "kind=firehose",
            "packed=true",
            "rejects=s3://acme-audit/rejects",
            "stream=audit"
        ]
    );
    let local = load(GOOD).unwrap();
    assert!(local.sources["okta-acme"].definition.destination.is_empty());
    // A run on one machine delivers to a stream, too.
    let state = "{ dynamodb: { table: windlass } }";
    let local = load(&ON_LAMBDA.replace(state, "{ sqlite: windlass.db }")).unwrap();
    assert_eq!(
        local.sources["okta-acme"].definition.destination,
        *destination
    );
}

#[test]
fn collector_is_stored_with_absolute_secret_path() {
    let http = "http: { url: 'https://siem.example/in', rejects: 'https://siem.example/no', \
                secret: SECRET }";
    let local = |secret: &str| {
        let http = http.replace("SECRET", secret);
        load(&GOOD.replace("ndjson: { dir: ./out }", &http))
    };
    let stored = local("'file:siem.token'").unwrap().sources["okta-acme"]
        .definition
        .destination
        .clone();
    let secret = &stored["secret"];
    assert!(
        secret.starts_with("file:/") && secret.ends_with("/siem.token"),
        "{secret}"
    );
    assert_eq!(
        (stored["kind"].as_str(), stored["scheme"].as_str()),
        ("http", "Bearer")
    );
    let pasted = local("00abcDEFsecret").unwrap_err().to_string();
    assert!(pasted.contains("`sinks.lake.http.secret`"), "{pasted}");
    assert!(!pasted.contains("00abcDEF"), "{pasted}");

    let stream = "firehose: { stream: audit, rejects: 's3://acme-audit/rejects' }";
    let lambda = |http: &str| load(&ON_LAMBDA.replace(stream, http));
    let stored_secret = http.replace("SECRET", "'ssm:/windlass/siem'");
    lambda(&stored_secret).unwrap();
    let refused = lambda(&http.replace("SECRET", "'env:SIEM'")).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("the secret of sink `lake` is on this machine")
    );
    let plain = lambda(&stored_secret.replace("https", "http")).unwrap_err();
    assert!(
        plain
            .to_string()
            .contains("`sinks.lake.http.url`: `url` is not https"),
        "{plain}"
    );
}

#[test]
fn command_line_state_overrides_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("windlass.yaml");
    let table: StateAddress = "dynamodb:other".parse().unwrap();
    let without = ON_LAMBDA.replace("state: { dynamodb: { table: windlass } }\n", "");
    for text in [ON_LAMBDA, &without] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(Config::load(&path, Some(&table)).unwrap().state, table);
    }
    // The restrictions of a state apply to the one that `--state` names.
    std::fs::write(&path, GOOD).unwrap();
    let refused = Config::load(&path, Some(&table)).unwrap_err().to_string();
    assert!(refused.contains("a worker on Lambda"), "{refused}");
}

#[test]
fn custom_manifest_is_stored_by_package_name() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = windlass_connectors::registry::source("nvd_cves").unwrap();
    for folder in ["manifests", "elsewhere"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
        std::fs::write(dir.path().join(folder).join("mine.yaml"), manifest).unwrap();
    }
    let path = dir.path().join("windlass.yaml");
    let load = |connector: &str| {
        let text = ON_LAMBDA
            .replace("okta_system_log", connector)
            .replace("    params: { domain: acme.okta.com }\n", "");
        std::fs::write(&path, text).unwrap();
        Config::load(&path, None)
    };
    for connector in ["manifests/mine.yaml", "./manifests/mine.yaml"] {
        let config = load(connector).unwrap();
        let definition = &config.sources["okta-acme"].definition;
        assert_eq!(definition.connector, "manifests/mine.yaml");
    }
    for connector in ["elsewhere/mine.yaml", "manifests/../elsewhere/mine.yaml"] {
        let refused = load(connector).unwrap_err().to_string();
        let hint = "move the file to `manifests/`";
        assert!(refused.contains(hint), "{refused}");
    }
}

#[test]
fn pasted_secret_is_not_quoted() {
    assert!(!error(&GOOD.replace("file:okta.token", "00abcDEFsecret")).contains("00abcDEF"));
}

#[test]
fn generation_follows_record_origin_alone() {
    let generation = |text: &str| {
        load(text).unwrap().sources["okta-acme"]
            .definition
            .generation
            .clone()
    };
    let same = generation(GOOD);
    assert_eq!(same, generation(&GOOD.replace("2026-01-01", "2025-01-01")));
    assert_eq!(same, generation(&format!("{GOOD}    every: 10m\n")));
    assert_ne!(
        same,
        generation(&GOOD.replace("acme.okta.com", "other.okta.com"))
    );
}

#[test]
fn missing_file_names_next_step() {
    let error = Config::load(Path::new("nowhere/windlass.yaml"), None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("name another file with --config"), "{error}");
}

#[test]
fn unknown_source_name_suggests_known_one() {
    let config = load(GOOD).unwrap();
    let error = config.source("okta-acmee").unwrap_err().to_string();
    assert!(error.contains("did you mean `okta-acme`?"), "{error}");
}

#[test]
fn manifest_sweeps_apply_where_they_fit() {
    let sweeps = |more: &str| {
        let config = load(&format!("{GOOD}{more}")).unwrap();
        let policy = &config.sources["okta-acme"].definition.policy;
        let hours = policy.sweeps_ms.iter().map(|ms| ms / HOUR_MS);
        hours.collect::<Vec<_>>()
    };
    assert_eq!(sweeps(""), [24, 72]);
    assert_eq!(sweeps("    sweeps: [2h]\n"), [2]);
    assert!(sweeps("    sweeps: []\n").is_empty());
    // Defaults that do not fit the settings are dropped, because the user did not set them.
    assert_eq!(sweeps("    settle: 36h\n"), [72]);
    assert_eq!(sweeps("    settle: 15d\n"), [0; 0]);
}

#[test]
fn unusable_sweeps_are_rejected_with_reason() {
    let wrong = |more: &str| error(&format!("{GOOD}{more}"));
    assert!(wrong("    sweeps: [72h, 24h]\n").contains("ascending"));
    assert!(wrong("    sweeps: [1m]\n").contains("longer than `settle`"));
    assert!(wrong("    sweeps: [60d]\n").contains("half of `history`"));
    assert!(wrong("    sweeps: [1h, 2h, 3h, 4h, 5h]\n").contains("at most 4"));
}

/// A configuration with a stream that partitions by source into `partitions`, and `sources`
/// sources.
fn partitioned(partitions: u32, sources: usize) -> String {
    let mut text = format!(
        "state: {{ dynamodb: {{ table: windlass }} }}\nsinks:\n  lake:\n    firehose:\n      \
         stream: audit\n      rejects: s3://rejects/here\n      partitions: {partitions}\nsources:\n"
    );
    for number in 0..sources {
        text.push_str(&format!(
            "  okta-{number}:\n    connector: okta_system_log\n    params: {{ domain: \
             a{number}.okta.com }}\n    secret: ssm:/windlass/okta\n    start: \
             2026-01-01T00:00:00Z\n"
        ));
    }
    text
}

#[test]
fn partitioned_stream_takes_half_as_many_sources() {
    assert_eq!(load(&partitioned(6, 3)).unwrap().sources.len(), 3);
    assert_eq!(
        error(&partitioned(7, 4)),
        "windlass.yaml:7:19: `sinks.lake.firehose.partitions`: 7 partitions are enough for 3 \
         sources with up to 2 open ones each, and 4 sources deliver to sink `lake`; move some to \
         another sink, or raise the stream's quota of active partitions at AWS and write it here"
    );
}

#[test]
fn partitioned_stream_requires_metadata() {
    let without = |text: String| format!("{text}    metadata: false\n");
    assert_eq!(
        error(&without(partitioned(500, 1))),
        "windlass.yaml:14:15: `sources.okta-0.metadata`: the stream of sink `lake` partitions \
         records by `_windlass.source`, which records without metadata lack; remove `metadata: \
         false`, or choose a sink without `partitions`"
    );
    let plain = partitioned(500, 1).replace("      partitions: 500\n", "");
    load(&without(plain)).unwrap();
}
