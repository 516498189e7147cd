//! No test depends on the speed of the machine: tests count requests, writes and stored waits, and
//! measure no time.

use std::path::Path;

use crate::tree::{assert_none, files, read, relative};

/// Ways to measure time or to time out. In pieces, because this is a source file.
const MEASURES: [&str; 8] = [
    concat!("Instant", "::now("),
    concat!("SystemTime", "::now("),
    concat!(".elapsed", "("),
    concat!("timeout", "("),
    concat!("time::timeout", "("),
    concat!("timeout_at", "("),
    concat!("recv_timeout", "("),
    concat!("wait_timeout", "("),
];

/// Ways to sleep in real time.
const SLEEPS: [&str; 2] = [
    concat!("thread", "::sleep("),
    concat!("SystemClock", ".sleep("),
];

/// Part of the name of a limit that ends a hanging test and decides nothing else.
const GUARD: &str = "HANG_GUARD";

/// Part of the name of the interval between two polls.
const LOOK: &str = "LOOK_";

/// Folders and files that may measure real time, each with its reason.
const MEASURING: [(&str, &str); 4] = [
    ("tests/benches/", "a benchmark measures"),
    ("tests/sim/", "its time is simulated"),
    (
        "tests/src/aws/lambda/run.rs",
        "Lambda's own timeouts and bills",
    ),
    ("tests/src/aws/lambda/environment.rs", "Lambda's own bills"),
];

/// The part of a source file that only tests use, with the number of the line before it.
fn test_part<'a>(name: &str, text: &'a str) -> Option<(usize, &'a str)> {
    let all = name.starts_with("tests/") || name.ends_with("_tests.rs") || name.contains("/tests/");
    if all {
        return Some((0, text));
    }
    let at = text.find("#[cfg(test)]\nmod tests {")?;
    Some((text[..at].lines().count(), &text[at..]))
}

/// Returns true if `line` contains a word of `words` that is not the end of a longer name.
/// `timeout` after a dot or colons does not count: it is the setting of a client, or an error of
/// that name.
fn has(line: &str, words: &[&str]) -> bool {
    let stands_alone = |at: usize, word: &str| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| {
            c.is_alphanumeric() || c == '_' || (".:".contains(c) && word.starts_with("timeout"))
        })
    };
    words.iter().any(|word| {
        let mut places = line.match_indices(word);
        places.any(|(at, _)| word.starts_with('.') || stands_alone(at, word))
    })
}

/// The lines of one source file that make a test depend on the speed of the machine.
fn wrong(path: &Path, text: &str) -> Vec<String> {
    let name = relative(path);
    let may_measure = MEASURING.iter().any(|(place, _)| name.starts_with(place));
    // A paused clock advances only when every task waits for it.
    if may_measure || text.contains("start_paused") {
        return Vec::new();
    }
    let Some((before, tests)) = test_part(&name, text) else {
        return Vec::new();
    };
    // A fake service may sleep: it is as slow as configured.
    let may_sleep = name.starts_with("tests/src/");
    let wrong = |line: &str| {
        let measures = has(line, &MEASURES) && !line.contains(GUARD);
        let sleeps = has(line, &SLEEPS) && !line.contains(LOOK);
        measures || (sleeps && !may_sleep)
    };
    tests
        .lines()
        .enumerate()
        .filter(|(_, line)| wrong(line))
        .map(|(number, line)| format!("{name}:{}: {}", before + number + 1, line.trim()))
        .collect()
}

#[test]
fn no_test_measures_or_bounds_time() {
    let problems: Vec<_> = files("rs")
        .iter()
        .flat_map(|path| wrong(path, &read(path)))
        .collect();
    assert_none(&problems);
}

#[test]
fn time_measurement_is_found_in_tests_only() {
    let of = |path: &str, line: &str| wrong(Path::new(path), line).len();
    for line in [
        concat!("let began = Instant", "::now();"),
        concat!("assert!(began.elapsed", "() < limit);"),
        concat!("tokio::time::timeout", "(SECOND, wait).await;"),
        concat!("timeout", "(SECOND, wait).await;"),
        concat!("receiver.recv_timeout", "(SECOND)"),
        concat!("std::thread", "::sleep(SECOND);"),
        concat!("SystemClock", ".sleep(5).await;"),
    ] {
        assert_eq!(of("worker/src/run_tests.rs", line), 1, "{line}");
        assert_eq!(of("tests/e2e/kill.rs", line), 1, "{line}");
        assert_eq!(of("worker/src/run.rs", line), 0, "{line}");
        let inline = format!("fn run() {{}}\n#[cfg(test)]\nmod tests {{\n{line}\n}}\n");
        let found = wrong(Path::new("worker/src/run.rs"), &inline);
        assert!(
            found.len() == 1 && found[0].contains("run.rs:4:"),
            "{found:?}"
        );
    }
    for line in [
        concat!("timeout", "(HANG_GUARD, wait).await;"),
        concat!("SystemClock", ".sleep(LOOK_MS).await;"),
        ".connect_timeout(long)",
        "store.busy_timeout(Duration::ZERO)",
        "ConnectorError::timeout(reason)",
    ] {
        assert_eq!(of("tests/e2e/kill.rs", line), 0, "{line}");
    }
    let paused = concat!("#[tokio::test(start_paused = true)]\nInstant", "::now()");
    assert_eq!(of("worker/src/tests/together.rs", paused), 0);
}
