//! The conditions of writes, each as one condition expression in a function of its name. They match
//! `windlass-core` ([`Guard::check`], [`Window::is_claimable`]); tests compare the two.
//!
//! Times compare as text: all have one length and sort like the instants. A comparison with a
//! missing attribute is false.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html>
//!
//! [`Guard::check`]: windlass_core::lease::Guard::check
//! [`Window::is_claimable`]: windlass_core::window::Window::is_claimable

use windlass_core::lease::Lease;
use windlass_core::source::Blocked;
use windlass_core::time::Timestamp;
use windlass_core::transition::Claim;
use windlass_core::wait::{self, Cooldown};
use windlass_core::window::{Status, Window};

use super::attributes::{Item, PK};
use super::expression::Placeholders;
use crate::item::ITEM_VERSION;

/// The key has no item.
pub(super) fn is_absent(p: &mut Placeholders) -> String {
    format!("attribute_not_exists({})", p.name(PK))
}

/// The key has an item.
pub(super) fn exists(p: &mut Placeholders) -> String {
    format!("attribute_exists({})", p.name(PK))
}

/// A worker may claim the window: dispatched, or ready and due, at the epoch of its task. A wait
/// that ends later than any stored one comes from a wrong clock and is ignored. A window of another
/// form is left unchanged: a claim is the only move without an earlier read.
pub(super) fn is_claimable(p: &mut Placeholders, claim: &Claim) -> String {
    let form = p.equals("v", ITEM_VERSION);
    let epoch = p.equals("epoch", claim.epoch);
    let dispatched = p.equals("status", Status::Dispatched.as_str());
    let ready = p.equals("status", Status::Ready.as_str());
    let (split_at, not_before) = (p.name("split_at"), p.name("not_before"));
    let now = p.value(claim.now.to_string());
    let latest = p.value(wait::latest(claim.now).to_string());
    format!(
        "{form} AND {epoch} AND ({dispatched} OR ({ready} AND attribute_not_exists({split_at}) AND \
         (attribute_not_exists({not_before}) OR {not_before} <= {now} OR {not_before} > {latest})))"
    )
}

/// The lease still holds the window, and the window is at the page of the last checkpoint.
pub(super) fn is_held(p: &mut Placeholders, lease: &Lease) -> String {
    let window = lease.window();
    [
        p.equals("status", Status::Running.as_str()),
        p.equals("epoch", window.epoch()),
        p.equals("page", window.page()),
        p.equals("owner", lease.owner().to_string()),
    ]
    .join(" AND ")
}

/// The window is as the planner read it: every move but a checkpoint raises the epoch, and a
/// checkpoint raises the page.
pub(super) fn is_as_seen(p: &mut Placeholders, seen: &Window) -> String {
    let mut rules = vec![
        p.equals("epoch", seen.epoch()),
        p.equals("status", seen.status().as_str()),
    ];
    if seen.status() == Status::Running {
        rules.push(p.equals("page", seen.page()));
    }
    rules.join(" AND ")
}

/// The progress is unchanged since it was read at `version`; 0 is before the first write.
pub(super) fn has_version(p: &mut Placeholders, version: u64) -> String {
    match version {
        0 => is_absent(p),
        _ => p.equals("version", version),
    }
}

/// The source's definition has this version.
pub(super) fn is_applied_at(p: &mut Placeholders, version: u64) -> String {
    p.equals("version", version)
}

/// The same condition as [`BlockChange::applies_to`] for a probe. Earlier versions stored blocks
/// without the next probe.
///
/// [`BlockChange::applies_to`]: windlass_core::block::BlockChange::applies_to
pub(super) fn has_free_probe(p: &mut Placeholders, seen: &Blocked) -> String {
    let since = p.equals("blocked_since", seen.since.to_string());
    let probe_at = p.name("probe_at");
    let as_seen = p.equals("probe_at", seen.probe_at.to_string());
    format!("{since} AND (attribute_not_exists({probe_at}) OR {as_seen})")
}

/// The cooldown of the rate group ends before that of `cooldown`, or later than is plausible at `now`.
pub(super) fn ends_later(p: &mut Placeholders, cooldown: &Cooldown, now: Timestamp) -> String {
    let absent = is_absent(p);
    let form = p.equals("v", ITEM_VERSION);
    let not_before = p.name("not_before");
    let later = p.value(cooldown.not_before.to_string());
    let latest = p.value(wait::latest(now).to_string());
    format!("{absent} OR ({form} AND ({not_before} < {later} OR {not_before} > {latest}))")
}

/// The key has no item, or one in the form that this program writes.
pub(super) fn is_absent_or_ours(p: &mut Placeholders) -> String {
    let absent = is_absent(p);
    format!("{absent} OR {}", p.equals("v", ITEM_VERSION))
}

/// The item still has the values of `read` in these attributes, or is still absent. Compares stored
/// values instead of their meaning, so that a corrupt item can be replaced.
pub(super) fn is_unchanged(p: &mut Placeholders, read: Option<&Item>, names: &[&str]) -> String {
    let Some(read) = read else {
        return is_absent(p);
    };
    let rules = names.iter().map(|name| {
        let alias = p.name(name);
        match read.get(*name) {
            Some(value) => format!("{alias} = {}", p.raw(value.clone())),
            None => format!("attribute_not_exists({alias})"),
        }
    });
    let rules: Vec<_> = rules.collect();
    format!("{} AND {}", exists(p), rules.join(" AND "))
}
