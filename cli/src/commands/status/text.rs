//! The status of all sources as text: a table, followed by remarks.

use comfy_table::ColumnConstraint;
use windlass_core::limits;

use super::standing::{Standing, contention};
use crate::output::{Paint, duration, grouped, lines, table, wrapped};

/// Columns that a narrow terminal drops, in this order: `--json` has all.
const DISPENSABLE: [usize; 3] = [4, 6, 3];
/// Indent of a continuation line.
const INDENT: &str = "  ";

/// The table, followed by remarks, imminent losses first. Fits `columns`, if the width of the
/// terminal is known, except for long words and rows.
pub(super) fn text(standings: &[Standing], paint: Paint, columns: Option<usize>) -> String {
    let fitted = |line: &str| match columns {
        Some(columns) => hanging(line, columns),
        None => format!("{line}\n"),
    };
    let mut text = rows(standings, columns);
    for danger in standings.iter().filter_map(Standing::danger) {
        for line in fitted(&danger).lines() {
            text.push_str(&format!("{}\n", paint.marked('-', line)));
        }
    }
    for remark in standings.iter().flat_map(Standing::remarks) {
        for line in remark.lines() {
            text.push_str(&fitted(line));
        }
    }
    if let Some(contention) = contention(standings) {
        text.push_str(&fitted(&contention.describe()));
    }
    if let Some(note) = inexact(standings) {
        text.push_str(&fitted(&note));
    }
    text
}

/// The note about sources whose windows were not read; `None` if all were.
fn inexact(standings: &[Standing]) -> Option<String> {
    let count = standings.iter().filter(|it| !it.is_exact).count();
    let sources = match count {
        0 => return None,
        1 => "1 source is".to_owned(),
        _ => format!("{} sources are", grouped(count.try_into().ok()?)),
    };
    let age = duration(limits::SUMMARY_AGE_MS);
    Some(format!(
        "{sources} shown as of the last tick, with window counts up to {age} old; `windlass \
         status SOURCE` reads the exact ones"
    ))
}

fn rows(standings: &[Standing], columns: Option<usize>) -> String {
    let mut table = table([
        "source",
        "state",
        "complete through",
        "lag",
        "rec/h",
        "open",
        "running",
        "holes",
    ]);
    for standing in standings {
        table.add_row(standing.cells());
    }
    let mut text = lines(&table);
    for index in DISPENSABLE {
        let widest = text.lines().map(|line| line.chars().count()).max();
        if columns.is_none_or(|columns| widest.is_none_or(|widest| widest <= columns)) {
            break;
        }
        if let Some(column) = table.column_mut(index) {
            column.set_constraint(ColumnConstraint::Hidden);
        }
        text = lines(&table);
    }
    text
}

/// `line` broken between words, with continuation lines indented. An indented line keeps its
/// indent.
fn hanging(line: &str, columns: usize) -> String {
    let indent = if line.starts_with(INDENT) { INDENT } else { "" };
    let text = wrapped(line, INDENT, columns);
    match (indent, text.strip_prefix(INDENT)) {
        ("", Some(first)) => first.to_owned(),
        _ => text,
    }
}
