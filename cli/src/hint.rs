//! Suggestions for unknown names.

use std::collections::BTreeSet;

use windlass_connectors::yaml;

/// Maximum number of names in a message.
const NAMES_SHOWN_MAX: usize = 20;
/// Maximum number of suggestions: more would be a list.
const MEANT_MAX: usize = 3;

/// A suggestion for `name`, or the known names.
pub(crate) fn hint(name: &str, known: &BTreeSet<&str>) -> String {
    if let Some(hint) = did_you_mean(name, known) {
        return hint;
    }
    match known.len() {
        0 => "there are no sources".to_owned(),
        1..=NAMES_SHOWN_MAX => {
            let names: Vec<_> = known.iter().copied().collect();
            format!("known sources: {}", names.join(", "))
        }
        many => format!("`windlass status` lists all {many}"),
    }
}

/// A suggestion for `name`: a similar name of `known`, or those that begin with it; `None` without
/// any.
pub(crate) fn did_you_mean(name: &str, known: &BTreeSet<&str>) -> Option<String> {
    if let Some(word) = yaml::did_you_mean(name, known.iter().copied()) {
        return Some(format!("did you mean `{word}`?"));
    }
    let longer = known.iter().filter(|word| word.starts_with(name));
    let longer: Vec<_> = longer.map(|word| format!("`{word}`")).collect();
    let few = (1..=MEANT_MAX).contains(&longer.len()) && !name.is_empty();
    few.then(|| format!("did you mean {}?", longer.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_of_name_suggests_it() {
        let hint = |name: &str| hint(name, &BTreeSet::from(["okta_log", "nvd_cves", "nvd_cpes"]));
        assert_eq!(hint("okta"), "did you mean `okta_log`?");
        assert_eq!(hint("nvd"), "did you mean `nvd_cpes` or `nvd_cves`?");
        assert_eq!(hint("nvd_cve"), "did you mean `nvd_cves`?");
        assert_eq!(hint(""), "known sources: nvd_cpes, nvd_cves, okta_log");
        assert_eq!(hint("log"), "known sources: nvd_cpes, nvd_cves, okta_log");
    }
}
