//! The output of a scenario: its figures as an aligned table, a picture where there is one, or all
//! figures as one JSON object.

use serde_json::{Map, Value, json};

use crate::terminal::grouped;

/// The figures of one scenario: a row for each figure, a column for each variant of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figures {
    /// The scenario's name.
    pub(crate) name: &'static str,
    /// The names of the variants.
    pub(crate) variants: Vec<&'static str>,
    /// The label of each row, and its figure for each variant.
    pub(crate) rows: Vec<(&'static str, Vec<Value>)>,
    /// Lines of text below the table.
    pub(crate) picture: Vec<String>,
}

impl Figures {
    /// Puts the variants' own figures side by side; all have the same rows.
    pub(crate) fn beside(name: &'static str, variants: Vec<(&'static str, Vec<Row>)>) -> Self {
        let (names, columns): (Vec<_>, Vec<_>) = variants.into_iter().unzip();
        let mut rows: Vec<(&'static str, Vec<Value>)> = Vec::new();
        for (label, value) in columns.into_iter().flatten() {
            match rows.iter_mut().find(|(known, _)| *known == label) {
                Some((_, values)) => values.push(value),
                None => rows.push((label, vec![value])),
            }
        }
        Self {
            name,
            variants: names,
            rows,
            picture: Vec::new(),
        }
    }

    /// One JSON object: by variant, then by figure.
    pub(crate) fn as_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("scenario".to_owned(), json!(self.name));
        for (number, variant) in self.variants.iter().enumerate() {
            let of_variant = |(label, values): &(&str, Vec<Value>)| {
                let value = values.get(number).cloned().unwrap_or_default();
                ((*label).to_owned(), value)
            };
            let figures: Map<String, Value> = self.rows.iter().map(of_variant).collect();
            object.insert((*variant).to_owned(), Value::Object(figures));
        }
        Value::Object(object)
    }

    /// The table for a terminal: columns that do not fit a line form a table of their own below.
    pub(crate) fn as_table(&self) -> String {
        let label_width = self.rows.iter().map(|(label, _)| label.len()).max();
        let label_width = label_width.unwrap_or(0).max(self.name.len());
        let column_widths: Vec<usize> = (0..self.variants.len())
            .map(|number| {
                let cells = self
                    .rows
                    .iter()
                    .filter_map(|(_, values)| values.get(number));
                let widest = cells.map(|value| text(value).len()).max();
                GAP + widest.unwrap_or(0).max(self.variants[number].len())
            })
            .collect();
        let mut tables = Vec::new();
        let mut from = 0;
        while from < column_widths.len() {
            let mut width = label_width;
            let fits = |column: &&usize| {
                width += **column;
                width <= LINE_CHARS
            };
            let fitting = column_widths[from..].iter().take_while(fits).count();
            let upto = from + fitting.max(1);
            tables.push(self.table(from, label_width, &column_widths[from..upto]));
            from = upto;
        }
        if !self.picture.is_empty() {
            tables.push(self.picture.join("\n") + "\n");
        }
        tables.join("\n")
    }

    /// The columns from `first` on, as many as there are widths.
    fn table(&self, first: usize, label_width: usize, widths: &[usize]) -> String {
        let line = |label: &str, cells: &[String]| {
            let mut line = format!("{label:<label_width$}");
            for (cell, width) in cells.iter().zip(widths) {
                line.push_str(&format!("{cell:>width$}"));
            }
            line.push('\n');
            line
        };
        let columns = first..first + widths.len();
        let head: Vec<_> = self.variants[columns]
            .iter()
            .map(ToString::to_string)
            .collect();
        let mut table = line(self.name, &head);
        for (label, values) in &self.rows {
            let cells: Vec<_> = values.iter().skip(first).map(text).collect();
            table.push_str(&line(label, &cells));
        }
        table
    }
}

/// Characters of a line.
const LINE_CHARS: usize = 80;
/// Spaces between two columns.
const GAP: usize = 2;

/// One figure of a variant.
pub(crate) type Row = (&'static str, Value);

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.as_u64().map_or_else(|| other.to_string(), grouped),
    }
}

/// The ratio of `part` to `whole`, with one decimal.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shown with a digit or two")]
    let ratio = part as f64 / whole.max(1) as f64;
    (ratio * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figure_stands_below_its_variant() {
        let figures = Figures::beside(
            "race",
            vec![
                ("first", vec![("seconds", json!(7))]),
                ("second", vec![("seconds", json!(12.5))]),
            ],
        );
        assert_eq!(
            figures.as_table(),
            "race     first  second\nseconds      7    12.5\n"
        );
        assert_eq!(figures.as_json()["second"]["seconds"], 12.5);
    }

    #[test]
    fn excess_columns_wrap_below() {
        let wide = |name| (name, vec![("requests that were made", json!(1_234_567))]);
        let names = [
            "twenty workers",
            "three workers",
            "one worker",
            "no worker at all",
        ];
        let figures = Figures::beside("crowd", names.map(wide).into());
        let table = figures.as_table();
        assert!(
            table.lines().all(|line| line.len() <= LINE_CHARS),
            "{table}"
        );
        assert_eq!(table.matches("1,234,567").count(), names.len(), "{table}");
        assert_eq!(table.matches("crowd").count(), 2, "{table}");
        assert!(table.contains("\n\ncrowd"), "{table}");
    }
}
