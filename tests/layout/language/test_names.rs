//! Lengths of the names of tests, in words between underscores.

use super::{Place, worst};

/// Maximum number of words of a name.
const WORDS_MAX: usize = 12;

/// Maximum of the median number of words.
const MEDIAN_MAX: usize = 7;

/// The names of the tests of a source file, each with its line.
fn names(source: &str) -> Vec<(usize, &str)> {
    let mut names = Vec::new();
    let mut attribute = false;
    for (at, line) in source.lines().enumerate() {
        let line = line.trim_start();
        attribute |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let function = line.split_once("fn ").map(|(_, rest)| rest);
        if let Some(function) = function.filter(|_| attribute) {
            let end = function.find(['(', '<']).unwrap_or(function.len());
            names.push((at + 1, &function[..end]));
            attribute = false;
        }
    }
    names
}

/// The names of tests.
#[derive(Debug, Default)]
pub(super) struct Count {
    lengths: Vec<usize>,
    long: Vec<Place>,
}

impl Count {
    /// Counts the tests of one file.
    pub(super) fn add(&mut self, file: &str, source: &str) {
        for (line, name) in names(source) {
            let length = name.split('_').count();
            self.lengths.push(length);
            if length > WORDS_MAX {
                self.long.push((file.to_owned(), line));
            }
        }
    }

    fn median(&self) -> usize {
        let mut lengths = self.lengths.clone();
        lengths.sort_unstable();
        lengths.get(lengths.len() / 2).copied().unwrap_or_default()
    }

    /// The broken rules.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.long.is_empty() {
            problems.push(format!(
                "{} names of tests have more than {WORDS_MAX} words{}",
                self.long.len(),
                worst(&self.long)
            ));
        }
        if self.median() > MEDIAN_MAX {
            problems.push(format!(
                "the median name of {} tests has {} words, more than {MEDIAN_MAX}",
                self.lengths.len(),
                self.median()
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source file with tests of these numbers of words.
    fn problems(lengths: &[usize]) -> Vec<String> {
        let test = |length: &usize| format!("#[test]\nfn a{}() {{}}\n", "_a".repeat(length - 1));
        let mut count = Count::default();
        count.add("a.rs", &lengths.iter().map(test).collect::<String>());
        count.problems()
    }

    #[test]
    fn only_names_of_tests_are_found() {
        let source = "fn one() {}\n#[test]\nfn two() {}\n    #[tokio::test(start_paused = true)]\n    \
                      async fn three() {}\n#[test]\n#[cfg(unix)]\nfn four(a in 0..9) {}\n";
        assert_eq!(names(source), [(3, "two"), (5, "three"), (8, "four")]);
    }

    #[test]
    fn long_name_is_problem() {
        assert_eq!(problems(&[1, 1, WORDS_MAX]), [""; 0]);
        let problems = problems(&[1, 1, WORDS_MAX + 1]);
        assert!(problems[0].ends_with("12 words\n  a.rs:6"), "{problems:?}");
    }

    #[test]
    fn high_median_is_problem() {
        assert_eq!(problems(&[1, MEDIAN_MAX, WORDS_MAX]), [""; 0]);
        assert_eq!(problems(&[1, MEDIAN_MAX + 1, WORDS_MAX]).len(), 1);
    }
}
