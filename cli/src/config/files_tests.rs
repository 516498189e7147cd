use std::fmt::Write as _;

use super::*;
use crate::config::Config;
use crate::exit_code::ExitCode;

const ROOT: &str = "\
include: [teams]
state: { sqlite: windlass.db }
sinks:
  lake: { ndjson: { dir: out } }
";

const LOGINS: &str = "\
defaults:
  connector: google_reports
  params: { admin_email: admin@example.com }
  secret: file:key.json
  start: 2026-01-01T00:00:00Z
  every: 10m
sources:
  google:
    params: { application: [login, drive] }
  google-token:
    params: { application: token }
    every: 1h
";

const OKTA: &str = "\
sources:
  okta:
    connector: okta_system_log
    params: { domain: acme.okta.com }
    secret: file:../okta.token
    start: 2026-01-01T00:00:00Z
";

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn load(dir: &tempfile::TempDir) -> anyhow::Result<Config> {
    Config::load(&dir.path().join("windlass.yaml"), None)
}

/// The error, without the folder.
fn error(files: &[(&str, &str)]) -> String {
    let dir = folder(files);
    let error = load(&dir).unwrap_err();
    assert_eq!(ExitCode::of(&error), ExitCode::Usage);
    let text = format!("{error:#}");
    text.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn included_sources_use_their_files_defaults_and_paths() {
    let dir = folder(&[
        ("windlass.yaml", ROOT),
        ("teams/b.yaml", LOGINS),
        ("teams/a.yml", OKTA),
        ("teams/notes.txt", "no configuration"),
        ("teams/.b.yaml.swp.yaml", "{"),
    ]);
    let config = load(&dir).unwrap();
    let names: Vec<_> = config.sources.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["google-drive", "google-login", "google-token", "okta"]
    );
    let of = |name: &str| &config.sources[name].definition;
    let at = |path: &str| Some(format!("file:{}", dir.path().join(path).display()));
    assert_eq!(of("google-drive").params["application"], "drive");
    assert_eq!(
        of("google-drive").params["admin_email"],
        "admin@example.com"
    );
    assert_eq!(of("google-drive").policy.every_ms, 600_000);
    assert_eq!(of("google-token").policy.every_ms, 3_600_000);
    assert_eq!(of("okta").policy.every_ms, limits::EVERY_MS_DEFAULT);
    assert_eq!(of("google-login").secret, at("teams/key.json"));
    assert_eq!(of("okta").secret, at("okta.token"));
    assert_eq!(of("okta").file.as_deref(), Some("teams/a.yml"));
    assert_eq!(of("google-login").file.as_deref(), Some("teams/b.yaml"));
    assert!(
        config
            .sources
            .values()
            .all(|it| it.definition.sink == "lake")
    );
}

#[test]
fn definition_ignores_defining_file_and_list() {
    let one = "sources:\n  google-login:\n    connector: google_reports\n    params: { application: \
               login, admin_email: admin@example.com }\n    secret: file:teams/key.json\n    start: \
               2026-01-01T00:00:00Z\n    every: 10m\n";
    let alone = ROOT.replace("include: [teams]\n", "") + one;
    let dir = folder(&[("windlass.yaml", &alone)]);
    let apart = folder(&[("windlass.yaml", ROOT), ("teams/b.yaml", LOGINS)]);
    let of = |dir| {
        load(dir).unwrap().sources["google-login"]
            .definition
            .clone()
    };
    let (alone, mut listed) = (of(&dir), of(&apart));
    assert_eq!(alone.generation, listed.generation);
    listed.file = alone.file.clone();
    listed.secret = alone.secret.clone();
    assert_eq!(alone, listed);
}

#[test]
fn scope_covers_own_files_and_included_folders() {
    let dir = folder(&[
        (
            "windlass.yaml",
            &ROOT.replace("[teams]", "[teams, more/a.yaml]"),
        ),
        ("teams/a.yaml", OKTA),
        ("more/a.yaml", "name: another\nsources: {}\n"),
    ]);
    let scope = load(&dir).unwrap().scope;
    let covered = |file: &str| scope.covers(file);
    assert!(covered("windlass.yaml") && covered("teams/a.yaml") && covered("another"));
    assert!(covered("teams/deleted.yaml"));
    assert!(!covered("more/a.yaml") && !covered("more/b.yaml") && !covered("other.yaml"));
    assert!(!covered("teams/deeper/a.yaml"));
}

#[test]
fn configuration_name_prefixes_included_paths() {
    let dir = folder(&[
        ("windlass.yaml", &format!("name: acme\n{ROOT}")),
        ("teams/a.yaml", OKTA),
    ]);
    let config = load(&dir).unwrap();
    let file = config.sources["okta"].definition.file.as_deref();
    assert_eq!(file, Some("acme/teams/a.yaml"));
    assert!(config.scope.covers("acme/teams/b.yaml") && !config.scope.covers("teams/b.yaml"));
}

#[test]
fn team_file_works_alone_and_included() {
    let sinks = "state: { sqlite: ../windlass.db }\nsinks:\n  lake: { ndjson: { dir: ../out } }\n";
    let team = format!("name: team\n{sinks}{OKTA}");
    let dir = folder(&[("windlass.yaml", ROOT), ("teams/a.yaml", &team)]);
    let whole = load(&dir).unwrap();
    let alone = Config::load(&dir.path().join("teams/a.yaml"), None).unwrap();
    let of = |config: &Config| config.sources["okta"].definition.clone();
    assert_eq!(of(&whole).file.as_deref(), Some("team"));
    assert_eq!(of(&whole).generation, of(&alone).generation);
    assert_eq!(of(&whole).file, of(&alone).file);
    assert!(alone.scope.covers("team") && !alone.scope.covers("windlass.yaml"));
}

#[test]
fn each_mistake_names_file_line_and_column() {
    let okta = |old: &str, new: &str| {
        assert!(OKTA.contains(old), "{old}");
        OKTA.replace(old, new)
    };
    let logins = |old: &str, new: &str| {
        assert!(LOGINS.contains(old), "{old}");
        LOGINS.replace(old, new)
    };
    let chain: Vec<_> = (1..=limits::INCLUDE_DEPTH_MAX)
        .map(|at| {
            (
                format!("teams/{at}.yaml"),
                format!("include: [{}.yaml]\n", at + 1),
            )
        })
        .collect();
    let in_teams =
        |name: &'static str, text: String| (name, vec![("teams/a.yaml".to_owned(), text)]);
    let mut cases = vec![
        in_teams(
            "a typo in an included file",
            okta("connector:", "conector:"),
        ),
        in_teams("no YAML", "sources: {".to_owned()),
        in_teams(
            "a value of a list that is none",
            okta("acme.okta.com", "[acme.okta.com, 'a b']"),
        ),
        in_teams("a list without values", logins("[login, drive]", "[]")),
        in_teams(
            "two values of one name",
            logins("[login, drive]", "[login, LOGIN]"),
        ),
        in_teams(
            "a name that a list makes too",
            logins("[login, drive]", "[login, token]"),
        ),
        in_teams("a number that is text", logins("[login, drive]", "1.10")),
        in_teams("a wrong default", logins("every: 10m", "settle: 1s")),
        in_teams(
            "a wrong default parameter",
            logins("admin_email", "admin_mail"),
        ),
        in_teams("no connector", logins("  connector: google_reports\n", "")),
        in_teams("no start", okta("    start: 2026-01-01T00:00:00Z\n", "")),
        in_teams("a default that no source has", logins("every:", "evry:")),
        in_teams(
            "another state",
            format!("state: {{ sqlite: other.db }}\n{OKTA}"),
        ),
        in_teams(
            "another sink of the same name",
            format!("sinks: {{ lake: {{ stdout: {{}} }} }}\n{OKTA}"),
        ),
        in_teams("a file that is not there", "include: [b.yaml]\n".to_owned()),
        in_teams(
            "an absolute path",
            "include: [/etc/windlass.yaml]\n".to_owned(),
        ),
        in_teams("the file itself", "include: [a.yaml]\n".to_owned()),
        in_teams(
            "the file that includes it",
            "include: [../windlass.yaml]\n".to_owned(),
        ),
        in_teams("its own folder", "include: [.]\n".to_owned()),
        in_teams(
            "a folder without files",
            "include: [..//empty]\n".to_owned(),
        ),
        in_teams("a name that is no name", "name: ''\n".to_owned()),
    ];
    let two = |name: &'static str, a: &str, b: &str| {
        let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        (name, vec![file("teams/a.yaml", a), file("teams/b.yaml", b)])
    };
    cases.push(two("a file twice", "include: [b.yaml]\n", OKTA));
    cases.push(two("a source twice", OKTA, OKTA));
    cases.push(two("a name twice", "name: x\n", "name: x\n"));
    cases.push(("too deep", chain));
    let mut report = String::new();
    for (name, files) in cases {
        let mut all = vec![("windlass.yaml", ROOT), ("empty/notes.txt", "")];
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (&**path, &**text))
            .collect();
        // The folder would find each file of the chain by itself.
        let root = ROOT.replace("[teams]", "[teams/1.yaml]");
        if name == "too deep" {
            all[0].1 = &root;
        }
        all.extend(files);
        writeln!(report, "{name}\n    {}", error(&all)).unwrap();
    }
    insta::assert_snapshot!(report);
}

#[test]
fn include_depth_is_bounded() {
    let depth = limits::INCLUDE_DEPTH_MAX - 1;
    let mut files = vec![(
        "windlass.yaml".to_owned(),
        ROOT.replace("[teams]", "[1.yaml]"),
    )];
    for at in 1..depth {
        files.push((
            format!("{at}.yaml"),
            format!("include: [{}.yaml]\n", at + 1),
        ));
    }
    files.push((format!("{depth}.yaml"), OKTA.to_owned()));
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    assert_eq!(load(&folder(&files)).unwrap().sources.len(), 1);
}

#[test]
fn total_size_of_files_is_bounded() {
    let half = "#".repeat(usize::try_from(limits::CONFIG_BYTES_MAX / 2).unwrap());
    let (a, b) = (format!("{OKTA}{half}"), format!("sources: {{}}\n{half}"));
    let said = error(&[
        ("windlass.yaml", ROOT),
        ("teams/a.yaml", &a),
        ("teams/b.yaml", &b),
    ]);
    assert!(
        said.contains("teams/b.yaml: makes the configuration larger than 16777216 bytes"),
        "{said}"
    );
    assert!(
        said.starts_with("windlass.yaml:1:11: `include[0]`"),
        "{said}"
    );
}
