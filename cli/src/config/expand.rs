//! Lists of parameters: one entry of a configuration that expands to several sources.

use std::collections::BTreeMap;

use super::raw::{self, Param};

/// One source of an expanded entry.
#[derive(Debug, Clone)]
pub(super) struct Expanded {
    /// The entry's name, followed by the value of each list.
    pub(super) name: String,
    /// Every parameter with a single value.
    pub(super) params: BTreeMap<String, String>,
    /// The index of the chosen value, for each parameter with a list.
    pub(super) chosen: BTreeMap<String, usize>,
}

/// An entry that cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The name of the field in the configuration.
    pub(super) field: String,
    /// The problem of the field.
    pub(super) problem: String,
}

/// The sources of `entry`: one per combination of the values of its lists, in the order of the
/// parameters' names, at most `most`.
pub(super) fn expand(
    entry: &str,
    source: &raw::Source,
    most: usize,
) -> Result<Vec<Expanded>, Wrong> {
    let mut expanded = vec![Expanded {
        name: entry.to_owned(),
        params: BTreeMap::new(),
        chosen: BTreeMap::new(),
    }];
    for (name, param) in &source.params {
        let field = format!("params.{name}");
        let values = match param {
            Param::One(value) => {
                for source in &mut expanded {
                    source.params.insert(name.clone(), value.clone());
                }
                continue;
            }
            Param::Each(values) => values,
        };
        if values.is_empty() {
            let problem = "is an empty list; add a value, or remove the entry";
            return Err(Wrong {
                field,
                problem: problem.to_owned(),
            });
        }
        if expanded.len().saturating_mul(values.len()) > most {
            let problem = format!("creates more sources than the limit allows ({most} left)");
            return Err(Wrong { field, problem });
        }
        let with = |source: &Expanded, index: usize, value: &String| {
            let mut source = source.clone();
            source.name = format!("{}-{}", source.name, part_of_name(value));
            source.params.insert(name.clone(), value.clone());
            source.chosen.insert(name.clone(), index);
            source
        };
        expanded = expanded
            .iter()
            .flat_map(|source| {
                (0..)
                    .zip(values)
                    .map(move |(index, it)| with(source, index, it))
            })
            .collect();
    }
    Ok(expanded)
}

/// `value` in the characters of a source's name: lower case, with `-` for each run of other
/// characters.
fn part_of_name(value: &str) -> String {
    let mut part = String::new();
    for letter in value.chars().map(|letter| letter.to_ascii_lowercase()) {
        if letter.is_ascii_lowercase() || letter.is_ascii_digit() {
            part.push(letter);
        } else if !part.is_empty() && !part.ends_with('-') {
            part.push('-');
        }
    }
    part.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(params: &[(&str, &[&str])]) -> raw::Source {
        let param = |values: &[&str]| match values {
            [one] => Param::One((*one).to_owned()),
            many => Param::Each(many.iter().map(ToString::to_string).collect()),
        };
        raw::Source {
            params: params
                .iter()
                .map(|(name, values)| ((*name).to_owned(), param(values)))
                .collect(),
            ..raw::Source::default()
        }
    }

    fn names(params: &[(&str, &[&str])]) -> Vec<String> {
        let expanded = expand("g", &source(params), 100).unwrap();
        expanded.into_iter().map(|it| it.name).collect()
    }

    #[test]
    fn lists_combine_in_parameter_order() {
        assert_eq!(names(&[("a", &["x"])]), ["g"]);
        assert_eq!(names(&[("a", &["x", "y"])]), ["g-x", "g-y"]);
        assert_eq!(
            names(&[("b", &["1", "2"]), ("a", &["x", "y"]), ("c", &["z"])]),
            ["g-x-1", "g-x-2", "g-y-1", "g-y-2"]
        );
        let expanded = expand("g", &source(&[("a", &["x", "y"])]), 100).unwrap();
        assert_eq!(
            (&*expanded[1].params["a"], expanded[1].chosen["a"]),
            ("y", 1)
        );
    }

    #[test]
    fn value_becomes_lower_case_name_part() {
        assert_eq!(part_of_name("Login"), "login");
        assert_eq!(part_of_name("https://a.example/b?"), "https-a-example-b");
        assert_eq!(part_of_name("ä"), "");
    }

    #[test]
    fn product_of_lists_is_bounded_before_expansion() {
        let many: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let edge = expand("g", &source(&[("a", &many)]), many.len());
        assert_eq!(edge.unwrap().len(), many.len());
        assert!(expand("g", &source(&[("a", &many)]), many.len() - 1).is_err());
        let params = ["a", "b", "c", "d", "e", "f", "g"].map(|name| (name, &many[..]));
        let wrong = expand("g", &source(&params), 20_000).unwrap_err();
        assert_eq!(wrong.field, "params.b");
        let wrong = expand("g", &source(&[("a", &[])]), 20_000).unwrap_err();
        assert!(wrong.problem.contains("is an empty list"), "{wrong:?}");
    }
}
