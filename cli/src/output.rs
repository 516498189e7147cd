//! The only place that prints. A closed stream must not end a run: `eprintln!` would panic on it.

use std::io::{self, BufRead, ErrorKind, IsTerminal, Read, Write};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::MultiProgress;
use windlass_core::duration::Rounded;
use windlass_core::printable::is_printable;
use windlass_core::time::{SECOND_MS, Timestamp};

/// Maximum length of a confirmation.
const ANSWER_BYTES_MAX: u64 = 100;

/// The bars on standard error, while there are any: a line between them would tear them.
static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// The destination and the format of a command's result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    stream: Stream,
}

/// The stream for results.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Stdout,
    /// Standard output carries records.
    Stderr,
    /// Tests discard the output.
    #[cfg(test)]
    Nowhere,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self {
            json,
            stream: Stream::Stdout,
        }
    }

    /// An output that is discarded and never asks for confirmation.
    #[cfg(test)]
    pub(crate) const fn nowhere() -> Self {
        Self {
            json: true,
            stream: Stream::Nowhere,
        }
    }

    /// The same output for a command whose standard output carries only records.
    pub(crate) const fn aside(self) -> Self {
        Self {
            stream: Stream::Stderr,
            ..self
        }
    }

    /// Returns true if the result is one JSON document.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Prints `value` as JSON, or `text` without `--json`.
    ///
    /// # Errors
    /// The write fails, as on a full disk. A closed pipe (`| head`) is not an error.
    pub(crate) fn result(
        self,
        value: &serde_json::Value,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        let text = if self.json {
            format!("{value:#}\n")
        } else {
            text()
        };
        let written = match self.stream {
            Stream::Stdout => write_to(io::stdout(), &text),
            Stream::Stderr => write_to(io::stderr(), &text),
            #[cfg(test)]
            Stream::Nowhere => Ok(()),
        };
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(error).context("the result cannot be printed")
            }
            _ => Ok(()),
        }
    }

    /// Returns true if results are text on a terminal.
    pub(crate) fn is_terminal(self) -> bool {
        let stream = match self.stream {
            Stream::Stdout => io::stdout().is_terminal(),
            Stream::Stderr => io::stderr().is_terminal(),
            #[cfg(test)]
            Stream::Nowhere => false,
        };
        stream && !self.json
    }

    /// Prints a progress line for people; nothing with `--json`.
    pub(crate) fn note(self, line: &str) {
        if !self.json {
            say(line);
        }
    }

    /// Asks `question` on a terminal; only yes confirms. `None` without a terminal.
    pub(crate) fn confirmed(self, question: &str) -> Option<bool> {
        if self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let mut response = String::new();
        write_to(Stderr, &format!("{question} [y/N] ")).ok()?;
        let mut stdin = io::stdin().lock().take(ANSWER_BYTES_MAX);
        stdin.read_line(&mut response).ok()?;
        Some(matches!(response.trim(), "y" | "Y" | "yes"))
    }

    /// Prints an error to standard error.
    pub(crate) fn error(message: &str) {
        let label = if colors_on_stderr() {
            "\u{1b}[31merror:\u{1b}[0m"
        } else {
            "error:"
        };
        say(&format!("{label} {message}"));
    }
}

/// Prints a line to standard error. A failure has no place left to be reported.
fn say(line: &str) {
    if write_to(Stderr, &format!("{line}\n")).is_err() {}
}

/// Keeps lines on standard error clear of these bars from now on; `None` ends that.
pub(crate) fn keep_clear_of(bars: Option<MultiProgress>) {
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = bars;
}

/// Standard error, for whole lines; visible bars move out of the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = || io::stderr().write_all(bytes).map(|()| bytes.len());
        match &*BARS.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn write_to(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// Returns true if standard error is a terminal that shows colors: see <https://no-color.org>.
pub(crate) fn colors_on_stderr() -> bool {
    !colors_disabled() && io::stderr().is_terminal()
}

fn colors_disabled() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Colors on standard output, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// Output without colors.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { on: false };

    /// Colors if standard output is a terminal that shows them.
    pub(crate) fn of_stdout() -> Self {
        Self {
            on: !colors_disabled() && io::stdout().is_terminal(),
        }
    }

    /// `line` in the color of its `mark`: added, changed or removed.
    pub(crate) fn marked(self, mark: char, line: &str) -> String {
        let color = match mark {
            '+' => 32,
            '~' => 33,
            '-' => 31,
            _ => return line.to_owned(),
        };
        if self.on {
            format!("\u{1b}[{color}m{line}\u{1b}[0m")
        } else {
            line.to_owned()
        }
    }
}

/// The columns of the terminal on standard output; `None` without a terminal.
pub(crate) fn columns_of_stdout() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(usize::from(width.0))
}

/// A table without rules, each column as wide as its content.
pub(crate) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// The lines of `table`, without trailing spaces.
pub(crate) fn lines(table: &Table) -> String {
    format!("{}\n", table.trim_fmt())
}

/// `2026-01-01T00:00:00Z`, with milliseconds unless they are zero.
pub(crate) fn time(at: Timestamp) -> String {
    let text = at.to_string();
    if at.as_ms() % SECOND_MS == 0 {
        text.replace(".000Z", "Z")
    } else {
        text
    }
}

/// `2026-01-01T00:00:00Z`, truncated to the second: for waits and other imprecise times.
pub(crate) fn second(at: Timestamp) -> String {
    time(at.minus_ms(at.as_ms().rem_euclid(SECOND_MS)))
}

/// `text` in lines of at most `width` characters, `indent` included, broken between words. A longer
/// word has a line of its own.
pub(crate) fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let chars = word.chars().count();
        if length > 0 && length + 1 + chars <= width {
            lines.push(' ');
            length += 1 + chars;
        } else {
            if length > 0 {
                lines.push('\n');
            }
            lines.push_str(indent);
            length = indent.chars().count() + chars;
        }
        lines.push_str(word);
    }
    lines.push('\n');
    lines
}

/// `text`, quoted if it holds control or invisible characters.
pub(crate) fn printable(text: &str) -> String {
    if text.chars().all(is_printable) {
        text.to_owned()
    } else {
        format!("{text:?}")
    }
}

/// `text` on one line of at most `chars_max` characters.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(chars_max) {
        Some(_) => {
            let kept: String = line.chars().take(chars_max.saturating_sub(1)).collect();
            format!("{}…", kept.trim_end())
        }
        None => line,
    }
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A lag, a wait or an age of `ms` milliseconds, like `3d 4h`.
pub(crate) fn duration(ms: i64) -> String {
    Rounded(ms).to_string()
}

/// [`duration`] of an event that took time: `<1s` instead of `0s`.
pub(crate) fn span(ms: i64) -> String {
    if ms < SECOND_MS {
        "<1s".to_owned()
    } else {
        duration(ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let shown: Vec<_> = [0, 999, 1_000, 1_234_567].map(grouped).into();
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn time_omits_zero_milliseconds() {
        let shown: Vec<_> = [0, 1, -1_000].map(|ms| time(Timestamp::from_ms(ms))).into();
        assert_eq!(
            shown,
            [
                "1970-01-01T00:00:00Z",
                "1970-01-01T00:00:00.001Z",
                "1969-12-31T23:59:59Z"
            ]
        );
    }

    #[test]
    fn long_text_is_truncated_to_one_marked_line() {
        assert_eq!(shortened("a\n  b", 3), "a b");
        assert_eq!(shortened("äöü ß", 5), "äöü ß");
        assert_eq!(shortened("äöü ßß", 5), "äöü…");
    }

    #[test]
    fn table_lines_have_no_trailing_spaces() {
        let mut table = table(["a", "last"]);
        table.add_row(["1", ""]).add_row(["22", "x"]);
        assert_eq!(lines(&table), "a   last\n1\n22  x\n");
    }

    #[test]
    fn duration_is_never_shown_as_zero() {
        let shown: Vec<_> = [0, 999, 1_000].map(span).into();
        assert_eq!(shown, ["<1s", "<1s", "1s"]);
    }

    #[test]
    fn wait_is_shown_to_second() {
        let shown: Vec<_> = [0, 999, 1_001, -1]
            .map(|ms| second(Timestamp::from_ms(ms)))
            .into();
        assert_eq!(
            shown,
            [
                "1970-01-01T00:00:00Z",
                "1970-01-01T00:00:00Z",
                "1970-01-01T00:00:01Z",
                "1969-12-31T23:59:59Z"
            ]
        );
    }

    #[test]
    fn long_text_wraps_between_words() {
        assert_eq!(wrapped("a bc def", "  ", 6), "  a bc\n  def\n");
        assert_eq!(wrapped("a bcdefghi j", "", 4), "a\nbcdefghi\nj\n");
        assert_eq!(wrapped("ä\nö ü", "- ", 5), "- ä ö\n- ü\n");
    }
}
