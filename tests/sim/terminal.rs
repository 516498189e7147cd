//! The terminal: grouped numbers, progress, and Ctrl-C.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Exit code of an interrupted program: 128 plus the number of the signal.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// A number like `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count with its noun, like `1 run` or `1,234 runs`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(number))
}

/// Parses a count of at least one.
pub(crate) fn at_least_one(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("must be a whole number, at least 1".to_owned()),
    }
}

/// Parses a seed.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    let problem = || format!("must be a whole number from 0 to {}", u64::MAX);
    text.parse().map_err(|_| problem())
}

/// A progress line on a terminal; silent elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u64,
    noun: &'static str,
    /// Number of completed things between two lines.
    step: u64,
    is_watched: bool,
    is_shown: AtomicBool,
}

impl Progress {
    /// Progress through `total` things, shown every `step`.
    pub(crate) fn of(total: u64, noun: &'static str, step: u64) -> Self {
        Self {
            total,
            noun,
            step,
            is_watched: io::stderr().is_terminal(),
            is_shown: AtomicBool::new(false),
        }
    }

    /// Shows that so many are done.
    pub(crate) fn show(&self, done: u64) {
        if self.is_watched && (done.is_multiple_of(self.step) || done == self.total) {
            self.is_shown.store(true, Ordering::SeqCst);
            let (done, total) = (grouped(done), counted(self.total, self.noun));
            // A progress line that cannot be shown must not stop the work.
            drop(write!(io::stderr(), "\r{done} of {total}"));
        }
    }

    /// Ends the progress line.
    pub(crate) fn end(&self) {
        if self.is_shown.swap(false, Ordering::SeqCst) {
            drop(writeln!(io::stderr()));
        }
    }
}

/// The flag that Ctrl-C raises.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Registers the handler: the first Ctrl-C raises the flag, the second ends the program at
    /// once. Without a handler, the first one ends it.
    pub(crate) fn listen() -> Self {
        let interrupt = Self::default();
        let noted = Arc::clone(&interrupt.0);
        let listens = thread::Builder::new().spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let Ok(runtime) = runtime.enable_io().build() else {
                return;
            };
            runtime.block_on(async {
                if tokio::signal::ctrl_c().await.is_ok() {
                    noted.store(true, Ordering::SeqCst);
                    drop(tokio::signal::ctrl_c().await);
                    std::process::exit(i32::from(EXIT_INTERRUPTED));
                }
            });
        });
        drop(listens);
        interrupt
    }

    /// Returns true once Ctrl-C was pressed.
    pub(crate) fn came(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_one_is_singular() {
        let shown = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
        let shown = [0, 1, 2_000].map(|number| counted(number, "run"));
        assert_eq!(shown, ["0 runs", "1 run", "2,000 runs"]);
    }

    #[test]
    fn malformed_number_names_valid_form() {
        assert_eq!(at_least_one("7"), Ok(7));
        for wrong in ["0", "-1", "many", ""] {
            assert!(at_least_one(wrong).unwrap_err().contains("at least 1"));
        }
        assert_eq!(seed("0"), Ok(0));
        assert!(seed("-1").unwrap_err().contains("from 0"));
    }
}
