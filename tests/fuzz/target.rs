//! The targets, and their shares of the inputs.

use crate::draw::Draw;
use crate::input::Input;
use crate::meter::Meter;
use crate::{
    configuration, items, links, manifests, names, pages, responses, times, tokens, waits,
};

/// One parser of foreign data.
pub(crate) trait Target {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Its share of the inputs of a run over all targets, relative to the others: less where one
    /// input takes longer.
    fn share(&self) -> u64;

    /// Makes an input.
    fn input(&self, draw: &mut Draw) -> Input;

    /// Feeds the input. The error is a violated property; panics count separately.
    fn check(&self, input: &Input, meter: &mut Meter) -> Result<(), String>;
}

/// The names of all targets, for the command line.
pub(crate) const NAMES: [&str; 10] = [
    "page_splitter",
    "response_judge",
    "next_token",
    "link_header",
    "retry_after",
    "time_formats",
    "names",
    "state_items",
    "manifest",
    "configuration",
];

/// All targets, in the order of their names.
pub(crate) fn all() -> Vec<Box<dyn Target>> {
    vec![
        Box::new(pages::PageSplitter::new()),
        Box::new(responses::ResponseJudge::new()),
        Box::new(tokens::NextToken::new()),
        Box::new(links::LinkHeader::new()),
        Box::new(waits::RetryAfter::new()),
        Box::new(times::TimeFormats::new()),
        Box::new(names::Names::new()),
        Box::new(items::StateItems::new()),
        Box::new(manifests::Manifests::new()),
        Box::new(configuration::Configuration::new()),
    ]
}

/// Fails with `problem` unless `holds`.
pub(crate) fn expect(holds: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem()) }
}
