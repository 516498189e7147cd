//! What a scenario prints: its figures as an aligned table, a picture where there is one, or all
//! figures as one JSON object.

use serde_json::{Map, Value, json};

/// The figures of one scenario: a row for each figure, a column for each variant of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figures {
    /// The scenario's name.
    pub(crate) name: &'static str,
    /// The names of the variants.
    pub(crate) variants: Vec<&'static str>,
    /// What each row is, and its figure for each variant.
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

    /// For people.
    pub(crate) fn as_table(&self) -> String {
        let label_width = self.rows.iter().map(|(label, _)| label.len()).max();
        let label_width = label_width.unwrap_or(0).max(self.name.len());
        let widths: Vec<usize> = (0..self.variants.len())
            .map(|number| {
                let cells = self
                    .rows
                    .iter()
                    .filter_map(|(_, values)| values.get(number));
                let widest = cells.map(|value| text(value).len()).max();
                widest.unwrap_or(0).max(self.variants[number].len())
            })
            .collect();
        let line = |label: &str, cells: Vec<String>| {
            let mut line = format!("{label:<label_width$}");
            for (cell, width) in cells.iter().zip(&widths) {
                line.push_str(&format!("  {cell:>width$}"));
            }
            line.push('\n');
            line
        };
        let head = self.variants.iter().map(|it| (*it).to_owned()).collect();
        let mut table = line(self.name, head);
        for (label, values) in &self.rows {
            table.push_str(&line(label, values.iter().map(text).collect()));
        }
        for row in &self.picture {
            table.push_str(row);
            table.push('\n');
        }
        table
    }
}

/// One figure of a variant.
pub(crate) type Row = (&'static str, Value);

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// `part` of `whole` with one digit after the point.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shown with a digit or two")]
    let ratio = part as f64 / whole.max(1) as f64;
    (ratio * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_stands_below_its_variant() {
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
}
