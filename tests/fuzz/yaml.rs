//! The shared property of both YAML readers: an error has a place in its text.

use windlass_connectors::yaml::YamlError;

use crate::target::expect;

/// YAML that is small and expands, nests, or is read differently by different readers.
pub(crate) const EDGES: [&str; 10] = [
    "",
    "---\n",
    "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n\
     c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\n\
     e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]\n",
    "a: &a { b: *a }\n",
    "<<: { a: 1 }\n? [complex]\n: key\n",
    "%YAML 1.1\n---\na: yes\n...\n---\nb: no\n",
    "a: |\n  text\n b: >-\n  more\n",
    "\u{feff}a: \"\\u0000\\x00\"\n",
    "a: !!binary aGVsbG8=\nb: !include /etc/passwd\n",
    "\t- a\n\t- b\n",
];

/// Fails unless the place of `error` is in `text`.
pub(crate) fn is_placed(text: &str, error: &YamlError) -> Result<(), String> {
    expect(!error.problem.is_empty(), || {
        "refused without a word".to_owned()
    })?;
    // An empty file has no place; a missing part has the line after the last.
    let lines = text
        .split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
        .count()
        + 1;
    let within = usize::try_from(error.line).is_ok_and(|line| line <= lines);
    let is_comment = |line: &str| line.is_empty() || line.starts_with('#');
    let is_empty = text.lines().all(|line| is_comment(line.trim()));
    let placed = error.line > 0 && error.column > 0 || is_empty;
    expect(within && placed, || {
        format!("an error without a place: {error}")
    })
}
