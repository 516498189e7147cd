//! Which names the templates of a manifest may ask for.

use super::Manifest;
use super::check::{Fault, fault};
use super::text::Template;
use crate::yaml::did_you_mean;

/// Every placeholder is a parameter, or a window bound in the query; and both bounds are asked for.
pub(super) fn placeholders(manifest: &Manifest) -> Result<(), Fault> {
    let mut used = Vec::new();
    let mut check = |field: &str, template: &Template, bounds: bool| {
        for name in template.placeholders() {
            let is_bound = matches!(name, "from" | "to");
            if is_bound && bounds {
                used.push(name.to_owned());
            } else if !manifest.params.contains_key(name) {
                let known = manifest.params.keys().map(String::as_str);
                let known = known.chain(
                    if bounds {
                        ["from", "to"].as_slice()
                    } else {
                        &[]
                    }
                    .iter()
                    .copied(),
                );
                let hint = match did_you_mean(name, known) {
                    _ if is_bound => format!("`{{{name}}}` belongs in request.query"),
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
    for (field, text) in [
        ("auth.subject", &manifest.auth.subject),
        ("auth.audience", &manifest.auth.audience),
        ("auth.user", &manifest.auth.user),
    ] {
        if let Some(text) = text {
            let template = text
                .parse()
                .map_err(|problem: String| fault(field, problem, ""))?;
            check(field, &template, false)?;
        }
    }
    for (name, values) in &manifest.request.query {
        for value in &values.0 {
            check(&format!("request.query.{name}"), value, true)?;
        }
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
