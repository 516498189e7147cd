//! The names that the templates of a manifest may use.

use super::Manifest;
use super::fault::{Fault, fault};
use super::text::Template;
use crate::yaml::did_you_mean;

/// Placeholders of the query that are not parameters: the bounds of the window and `page.size`.
pub(super) const OWN: [&str; 3] = ["from", "to", "page_size"];

/// Fails on placeholders that are neither parameters nor, in the query, in [`OWN`], and on a query
/// without both bounds.
pub(super) fn placeholders(manifest: &Manifest) -> Result<(), Fault> {
    let mut used = Vec::new();
    let mut check = |field: &str, template: &Template, in_query: bool| {
        for name in template.placeholders() {
            let is_own = OWN.contains(&name);
            if is_own && in_query {
                used.push(name.to_owned());
            } else if !manifest.params.contains_key(name) {
                let known = manifest.params.keys().map(String::as_str);
                let own = OWN.into_iter().filter(|_| in_query);
                let known = known.chain(own);
                let hint = match did_you_mean(name, known) {
                    _ if is_own => format!("`{{{name}}}` belongs in request.query"),
                    Some(word) => format!("did you mean `{{{word}}}`?"),
                    None => format!("declare `{name}` under params"),
                };
                return Err(fault(
                    field,
                    format!("unknown placeholder `{{{name}}}`"),
                    &hint,
                ));
            }
        }
        Ok(())
    };
    check("base_url", &manifest.base_url, false)?;
    check("request.path", &manifest.request.path, false)?;
    for (name, value) in &manifest.request.headers {
        check(&format!("request.headers.{name}"), value, false)?;
    }
    if let Some(group) = &manifest.rate.group {
        check("rate.group", group, false)?;
    }
    for (field, text) in manifest.auth.templates() {
        check(field, text, false)?;
    }
    for (name, values) in &manifest.request.query {
        for value in &values.0 {
            check(&format!("request.query.{name}"), value, true)?;
        }
    }
    if used.iter().any(|name| name == "page_size") && manifest.page.size.is_none() {
        let problem = "`{page_size}` needs `page.size`";
        return Err(fault("request.query", problem, "add `size:` under page"));
    }
    for bound in ["from", "to"] {
        if !used.iter().any(|name| name == bound) {
            let hint =
                format!("write `{{{bound}}}` into the query parameter that bounds the window");
            return Err(fault(
                "request.query",
                format!("no parameter uses `{{{bound}}}`"),
                &hint,
            ));
        }
    }
    Ok(())
}
