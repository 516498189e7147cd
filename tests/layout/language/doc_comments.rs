//! First words of doc comments.

use super::{Place, worst};

/// Opening words that announce a clause instead of a noun or a verb.
const OPENINGS: [&str; 4] = ["What", "Whether", "How", "When"];

/// Maximum share of doc comments with one of the `OPENINGS`, in percent.
const OPENINGS_MAX_PERCENT: usize = 10;

/// The doc comments of source files.
#[derive(Debug, Default)]
pub(super) struct Count {
    all: usize,
    openings: Vec<Place>,
    one_word: Vec<Place>,
}

impl Count {
    /// Counts the doc comments of one file.
    pub(super) fn add(&mut self, file: &str, source: &str) {
        let mut inside = false;
        for (at, line) in source.lines().enumerate() {
            let line = line.trim_start();
            let doc = line.strip_prefix("///").or(line.strip_prefix("//!"));
            if let Some(doc) = doc.filter(|_| !inside) {
                self.add_first_line(doc.trim(), (file.to_owned(), at + 1));
            }
            inside = doc.is_some();
        }
    }

    fn add_first_line(&mut self, line: &str, place: Place) {
        self.all += 1;
        let first = line.split(|c: char| !c.is_alphabetic()).next();
        if first.is_some_and(|first| OPENINGS.contains(&first)) {
            self.openings.push(place);
        } else if is_one_word(line) {
            self.one_word.push(place);
        }
    }

    /// The broken rules.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.openings.len() * 100 > OPENINGS_MAX_PERCENT * self.all {
            problems.push(format!(
                "{} of {} doc comments open with {}, more than {OPENINGS_MAX_PERCENT} %; begin \
                 with a noun, or a verb in the third person{}",
                self.openings.len(),
                self.all,
                OPENINGS.join(", "),
                worst(&self.openings)
            ));
        }
        if !self.one_word.is_empty() {
            problems.push(format!(
                "{} doc comments have one word; add the unit, the range or the invariant{}",
                self.one_word.len(),
                worst(&self.one_word)
            ));
        }
        problems
    }
}

/// Returns true if `line` is a single word. A link to another item is more than its word.
fn is_one_word(line: &str) -> bool {
    line.strip_suffix('.')
        .is_some_and(|word| word.chars().all(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(source: &str) -> Vec<String> {
        let mut count = Count::default();
        count.add("a.rs", source);
        count.problems()
    }

    #[test]
    fn opening_clauses_above_share_are_problem() {
        let other = "/// Number of pages.\n\n".repeat(9);
        assert_eq!(problems(&format!("{other}/// When it ended.\n")), [""; 0]);
        let problems = problems(&format!("{other}/// When it ended.\n\n//! How it ends.\n"));
        assert!(
            problems[0].starts_with("2 of 11 doc comments"),
            "{problems:?}"
        );
        assert!(problems[0].ends_with("\n  a.rs:19,21"), "{problems:?}");
    }

    #[test]
    fn only_first_line_opens_comment() {
        assert_eq!(
            problems("/// Time of the end.\n/// When it ended.\n"),
            [""; 0]
        );
        assert_eq!(
            problems("// When it ended.\n/// Whenever it ends.\n"),
            [""; 0]
        );
    }

    #[test]
    fn one_word_doc_comment_is_problem() {
        let problems = problems("/// Maximum.\n\n/// A maximum.\n\n/// [`Cause`].\n");
        assert!(problems[0].starts_with("1 doc comments"), "{problems:?}");
        assert!(problems[0].ends_with("\n  a.rs:1"), "{problems:?}");
    }
}
