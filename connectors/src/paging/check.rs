//! Rules between the fields of the `page` section. Each style adds its own.

use super::{EndTest, Page, Target};
use crate::manifest::fault::{Fault, fault};

/// Fails on a `page` section that contradicts itself.
pub(crate) fn check(page: &Page) -> Result<(), Fault> {
    if page.end.is_empty() {
        let hint = "write `end: [token_absent]`, or the end that the vendor documents";
        return Err(fault("page.end", "has no end test", hint));
    }
    if page.end.contains(&EndTest::PageShort) && page.size.is_none() {
        let problem = "`page_short` needs `page.size`";
        return Err(fault("page.end", problem, "add `size:` under page"));
    }
    if page.size == Some(0) {
        return Err(fault("page.size", "must be at least 1", ""));
    }
    let pager = page.pager();
    let own = pager.end();
    for test in page.end.iter().filter(|test| own.as_ref() != Some(test)) {
        if let Some((style, example)) = test.style() {
            let problem = format!("`{}` needs {style}", test.word());
            return Err(fault("page.end", problem, &format!("write `{example}`")));
        }
    }
    pager.check(page)
}

/// Fails on a vendor's token without a target.
pub(super) fn needs_target(page: &Page) -> Result<(), Fault> {
    if page.to.is_some() {
        return Ok(());
    }
    let hint = "add `to: { query: NAME }`, or `to: url` for a next link";
    Err(fault(
        "page",
        "has a token without a place in the request",
        hint,
    ))
}

/// Fails unless a token counted here goes into a query parameter; `not_url` is the problem with a
/// URL.
pub(super) fn is_counted(page: &Page, not_url: &str) -> Result<(), Fault> {
    needs_target(page)?;
    if page.to == Some(Target::Url) {
        return Err(fault("page.to", not_url, "write `to: { query: NAME }`"));
    }
    Ok(())
}
