//! Parts of documents that are generated from the code. `UPDATE_DOCS=1` writes them anew.

use crate::tree::{read, root};

/// The last line of every generated part.
const END: &str = "<!-- End of the generated part. -->\n";

/// The first line of the part that is generated from `source`.
fn begin(source: &str) -> String {
    format!(
        "<!-- Generated from {source}; UPDATE_DOCS=1 cargo test --workspace --test layout writes it. -->\n"
    )
}

/// `document` with `content` as the part that is generated from `source`; `None` without such a
/// part.
fn with_part(document: &str, source: &str, content: &str) -> Option<String> {
    let begin = begin(source);
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!(
        "{before}{begin}\n{}\n\n{END}{after}",
        content.trim()
    ))
}

/// Fails if the part of the document at `path` that is generated from `source` differs from
/// `content`.
pub(crate) fn assert_current(path: &str, source: &str, content: &str) {
    let file = root().join(path);
    let document = read(&file);
    let Some(current) = with_part(&document, source, content) else {
        panic!("{path} has no part between {:?} and {END:?}", begin(source));
    };
    if current != document && std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, current).expect("the document is writable");
        return;
    }
    assert_eq!(
        document, current,
        "{path} is out of date; run this test with UPDATE_DOCS=1"
    );
}

#[test]
fn only_generated_part_is_replaced() {
    let begin = begin("a.rs");
    let old = format!("# One\n{begin}\nold\n\n{END}two\n");
    let new = format!("# One\n{begin}\nnew\n\n{END}two\n");
    assert_eq!(with_part(&old, "a.rs", "new\n"), Some(new.clone()));
    assert_eq!(with_part(&new, "a.rs", "new"), Some(new));
    assert_eq!(with_part(&old, "b.rs", "new"), None);
}
