//! A visit, from the side of one source and from that of its rate group.

use windlass_core::view::SourceView;

use crate::known::Known;
use crate::outbox::Outbox;
use crate::report::SourceReport;

/// A source in a visit: as its plans leave it, and the report on them.
pub(crate) struct SourceRun<'a> {
    pub(crate) view: &'a mut SourceView,
    pub(crate) report: &'a mut SourceReport,
}

/// The rate group of a visit: its stored state, and where the tasks of its sources go.
pub(crate) struct GroupRun<'a, D> {
    pub(crate) known: &'a Known,
    pub(crate) outbox: &'a Outbox<'a, D>,
}
