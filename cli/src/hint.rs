//! Which known name a wrong one probably means.

use std::collections::BTreeSet;

use windlass_connectors::yaml;

/// Most names that a message lists.
const NAMES_SHOWN_MAX: usize = 20;
/// Most names that are asked for: more would be a list.
const MEANT_MAX: usize = 3;

/// What might have been meant by `name`, or what there is.
pub(crate) fn hint(name: &str, known: &BTreeSet<&str>) -> String {
    if let Some(hint) = did_you_mean(name, known) {
        return hint;
    }
    match known.len() {
        0 => "there are none".to_owned(),
        1..=NAMES_SHOWN_MAX => {
            let names: Vec<_> = known.iter().copied().collect();
            format!("there are: {}", names.join(", "))
        }
        many => format!("`windlass status` lists the {many} that there are"),
    }
}

/// Which of `known` might have been meant by `name`, if any: one that differs by little, or those
/// that begin with it.
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
    fn the_beginning_of_a_name_is_enough_to_ask_for_it() {
        let hint = |name: &str| hint(name, &BTreeSet::from(["okta_log", "nvd_cves", "nvd_cpes"]));
        assert_eq!(hint("okta"), "did you mean `okta_log`?");
        assert_eq!(hint("nvd"), "did you mean `nvd_cpes` or `nvd_cves`?");
        assert_eq!(hint("nvd_cve"), "did you mean `nvd_cves`?");
        assert_eq!(hint(""), "there are: nvd_cpes, nvd_cves, okta_log");
        assert_eq!(hint("log"), "there are: nvd_cpes, nvd_cves, okta_log");
    }
}
