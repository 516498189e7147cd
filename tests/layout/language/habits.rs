//! Word patterns that make prose hard to read, and their highest frequencies.

use super::{Place, prose::Line, worst};

/// A pattern of words with its highest frequency.
#[derive(Debug)]
struct Habit {
    name: &'static str,
    /// A word that is the habit if one of `followers` follows it, or alone if there are none.
    words: &'static [&'static str],
    followers: &'static [&'static str],
    /// Maximum number of occurrences in 100,000 words.
    max: usize,
    instead: &'static str,
}

/// The habits. Twice the frequencies of janus, slatedb, crates.io and mountpoint-s3.
const HABITS: [Habit; 4] = [
    Habit {
        name: "\"what is ...\" as a noun",
        words: &["what"],
        followers: &[
            "is", "was", "are", "were", "it", "they", "he", "she", "we", "you", "one", "the", "a",
            "an", "this", "that", "its", "has", "had", "have", "can", "may", "might", "must",
            "should", "would", "will", "did", "does", "do", "came", "comes", "lies", "stands",
            "stood", "ran", "went", "goes", "happens", "happened", "remains", "remained",
            "follows", "followed", "belongs", "counts", "holds",
        ],
        max: 60,
        instead: "name the thing",
    },
    Habit {
        name: "says or told",
        words: &["say", "says", "said", "saying", "tell", "tells", "told"],
        followers: &[],
        max: 30,
        instead: "use the verb of the field: states, returns, reports, requests",
    },
    Habit {
        name: "nobody or somebody",
        words: &["nobody", "somebody", "anybody", "everybody", "whoever"],
        followers: &[],
        max: 12,
        instead: "name the part that acts: the operator, another worker",
    },
    Habit {
        name: "answer",
        words: &["answer", "answers", "answered", "answering"],
        followers: &[],
        max: 16,
        instead: "write response or returned",
    },
];

/// A word of prose: ASCII letters and apostrophes.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_ascii_alphabetic() || c == '\''))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
}

/// The occurrences of each habit, and the number of words among which they were found.
#[derive(Debug, Default)]
pub(super) struct Count {
    words: usize,
    places: [Vec<Place>; HABITS.len()],
}

impl Count {
    /// Counts the prose of one file.
    pub(super) fn add(&mut self, file: &str, prose: &[Line]) {
        let words: Vec<_> = prose
            .iter()
            .flat_map(|line| words(&line.text).map(|word| (line.number, word)))
            .collect();
        self.words += words.len();
        for (at, (line, word)) in words.iter().enumerate() {
            let next = words.get(at + 1).map_or("", |(_, next)| next.as_str());
            for (habit, places) in HABITS.iter().zip(&mut self.places) {
                let followed = habit.followers.is_empty() || habit.followers.contains(&next);
                if habit.words.contains(&word.as_str()) && followed {
                    places.push((file.to_owned(), *line));
                }
            }
        }
    }

    /// The habits that are more frequent than allowed.
    pub(super) fn problems(&self) -> Vec<String> {
        let found = HABITS.iter().zip(&self.places);
        let frequent = found.filter(|(habit, it)| it.len() * 100_000 > habit.max * self.words);
        let problems = frequent.map(|(habit, places)| {
            let max = habit.max * self.words / 100_000;
            format!(
                "{}: {} in {} words, at most {max} allowed; {}{}",
                habit.name,
                places.len(),
                self.words,
                habit.instead,
                worst(places)
            )
        });
        problems.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of occurrences of each habit in lines of prose.
    fn found(lines: &[&str]) -> [usize; HABITS.len()] {
        let lines = lines.iter().enumerate();
        let prose: Vec<_> = lines.map(|(at, line)| Line::new(at + 1, line)).collect();
        let mut count = Count::default();
        count.add("a.md", &prose);
        count.places.map(|places| places.len())
    }

    #[test]
    fn each_habit_is_found() {
        assert_eq!(found(&["It holds what is left."]), [1, 0, 0, 0]);
        assert_eq!(found(&["Nobody told it; it says so."]), [0, 2, 1, 0]);
        assert_eq!(found(&["The vendor answered."]), [0, 0, 0, 1]);
    }

    #[test]
    fn habit_across_lines_is_found() {
        assert_eq!(found(&["It holds what", "was left."]), [1, 0, 0, 0]);
    }

    #[test]
    fn other_words_are_not_habits() {
        let text = "It decides what to do; a foretold essay, the storyteller, any body.";
        assert_eq!(found(&[text]), [0; HABITS.len()]);
    }

    #[test]
    fn frequency_above_limit_is_problem() {
        let prose = |words: usize| {
            let text = format!("answer {}", "word ".repeat(words - 1));
            [Line::new(7, &text)]
        };
        let mut count = Count::default();
        count.add("a.md", &prose(100_000 / 16));
        assert_eq!(count.problems(), [""; 0]);
        let mut count = Count::default();
        count.add("a.md", &prose(100_000 / 16 - 1));
        let problems = count.problems();
        assert!(
            problems[0].contains("answer: 1 in 6249 words"),
            "{problems:?}"
        );
        assert!(problems[0].ends_with("\n  a.md:7"), "{problems:?}");
    }
}
