//! The changes of a manifest that its hash detects, by the half of the hash.

use super::*;
use crate::registry;

/// A manifest without sweeps, which need a clock of events.
fn text() -> String {
    let built_in = registry::source("google_reports").unwrap();
    built_in.replace("  sweeps: [24h, 72h]\n", "")
}

fn hash(text: &str, application: &str) -> ManifestHash {
    let manifest = Manifest::load("google_reports.yaml", text).unwrap();
    let params = [("application".to_owned(), application.to_owned())];
    manifest.hash(&params.into())
}

#[test]
fn manifest_hash_separates_facts_from_policy() {
    let (text, login) = (text(), "login");
    let applied = hash(&text, login);
    let changed = |old: &str, new: &str| {
        assert!(text.contains(old), "{old}");
        let changed = hash(&text.replacen(old, new, 1), login);
        (changed != applied, changed.has_facts_of(&applied))
    };
    for (old, new) in [
        ("unit: 1ms", "unit: 10ms"),
        ("start_bound: unknown", "start_bound: inclusive"),
        ("end_bound: unknown", "end_bound: exclusive"),
        ("format: rfc3339_ms", "format: epoch_ms"),
        ("clock: event", "clock: arrival"),
        ("  id: [", "  id: [etag, "),
    ] {
        assert_eq!(changed(old, new), (true, false), "{old}");
    }
    assert_eq!(changed("settle: 10m", "settle: 20m"), (true, true));
    assert_eq!(changed("initial: 1h", "initial: 2h"), (false, true));
    assert_eq!(changed("size: 1000", "size: 500"), (false, true));
}

#[test]
fn settle_override_affects_matching_sources_only() {
    let text = text();
    let later = text.replacen("settle: 3h", "settle: 4h", 1);
    assert_eq!(hash(&later, "login"), hash(&text, "login"));
    assert_ne!(hash(&later, "token"), hash(&text, "token"));
}

/// A different hash for the same manifest would make every source wait for an apply.
#[test]
fn manifest_hash_is_stable_across_versions() {
    let hash = hash(&text(), "login");
    assert_eq!(hash.to_string(), "1d018897f5d5.f1c6638d2da0");
}
